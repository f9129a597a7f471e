package embedding

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed thesaurus.txt
var thesaurusText string

// phraseWordsMax is how many words a term of the thesaurus has.
const phraseWordsMax = 4

// A phrase is a term of several words: what follows its first one, and the groups it is in.
type phrase struct {
	rest   []string
	groups []uint16
}

// thesaurus knows which stems stand for one another: they have a group in common.
type thesaurus struct {
	groups  int
	words   map[string][]uint16 // by the stem
	phrases map[string][]phrase // by the first stem
}

var general = sync.OnceValue(func() *thesaurus { return readThesaurus(thesaurusText) })

func readThesaurus(text string) *thesaurus {
	t := &thesaurus{words: map[string][]uint16{}, phrases: map[string][]phrase{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		for term := range strings.SplitSeq(line, ",") {
			t.add(term, uint16(t.groups))
		}
		t.groups++
	}
	return t
}

func (t *thesaurus) add(term string, group uint16) {
	var stems []string
	eachWord(plain(term), func(word string) {
		if !isStopWord(word) {
			stems = append(stems, stem(word))
		}
	})
	switch {
	case len(stems) == 0:
	case len(stems) == 1:
		if known := t.words[stems[0]]; !slices.Contains(known, group) {
			t.words[stems[0]] = append(known, group)
		}
	default:
		for i, p := range t.phrases[stems[0]] {
			if slices.Equal(p.rest, stems[1:]) {
				t.phrases[stems[0]][i].groups = append(p.groups, group)
				return
			}
		}
		t.phrases[stems[0]] = append(t.phrases[stems[0]], phrase{stems[1:], []uint16{group}})
	}
}
