// Package ingest makes of what a document says the passages that are searched.
package ingest

import (
	"errors"
	"strings"
	"unicode/utf8"

	"dossier/internal/extract"
)

// Chunk is a passage of a document's text.
type Chunk struct {
	Position   int    // from 0
	Page       int    // where it begins; 0 where the format has none
	Heading    string // the path of headings that it stands under, joined by " > "; empty for none
	Text       string // exactly text[Start:End], counted in code points
	Start, End int    // offsets into the document's text, in code points
	Tokens     int    // an estimate: its words by UAX #29 that are no space, punctuation marks too, of Chinese and Japanese the characters
}

// Sizes of chunks, in tokens; a part of charactersPerToken code points counts as one however few words it has.
const (
	tokensMin          = 60  // so much is enough for a chunk; less is put together with what is near where that is possible
	tokensTarget       = 300 // where a long section is cut
	tokensMax          = 400 // a section up to here stays whole
	tokensOverlap      = 40  // what two chunks of one section have in common, at most
	charactersPerToken = 10
)

const (
	chunksMax            = 20_000 // of a document
	headingTokensMax     = 40     // a longer heading may be cut, and parted from what follows, as a paragraph may
	headingCharactersMax = 200    // of each heading in a path
	levelMax             = 6      // of headings
)

// ErrTooManyChunks is a document of more than chunksMax chunks.
var ErrTooManyChunks = errors.New("the document has too much text")

// Split gives the document's text, its blocks joined by blank lines, rows and items by line breaks, and the chunks of it, in order.
//
// A section, a heading and what follows it, is a chunk. One with less than tokensMin is put together with such neighbors under the
// same parent: alone it says too little, and in a large one it would drown. One over tokensMax is cut between its paragraphs, rows
// and items, at tokensTarget; of one that is too long by itself, between sentences, then words. Nothing depends on other sections, so
// that after a change in one of them the others keep their chunks.
func Split(t *extract.Text) (text string, chunks []Chunk, err error) {
	text, spans := join(t.Blocks)
	s := splitter{text: text}
	for _, group := range together(sections(t.Blocks, spans)) {
		if err := s.section(strings.Join(group.path, " > "), group.spans(spans), group.size); err != nil {
			return "", nil, err
		}
	}
	return text, s.chunks, nil
}

// join gives the text, and where in it each block is. Blocks that say nothing have empty spans.
func join(blocks []extract.Block) (string, []span) {
	length := 0
	for _, block := range blocks {
		length += len(block.Text) + len("\n\n")
	}
	var text strings.Builder
	text.Grow(length)
	spans, characters, before := make([]span, len(blocks)), 0, extract.Kind("")
	for i, block := range blocks {
		if strings.TrimSpace(block.Text) == "" {
			continue
		}
		if text.Len() > 0 {
			between := "\n\n"
			if block.Kind == before && (before == extract.Row || before == extract.Item) {
				between = "\n"
			}
			text.WriteString(between)
			characters += len(between)
		}
		before = block.Kind
		s := span{start: text.Len(), end: text.Len() + len(block.Text), character: characters, page: block.Page}
		s.tokens, s.characters = measure(block.Text)
		s.heading = block.Kind == extract.Heading && s.size() <= headingTokensMax
		spans[i] = s
		text.WriteString(block.Text)
		characters += s.characters
	}
	return text.String(), spans
}

// section is a heading and what follows it, or several that are put together.
type section struct {
	first, behind int // of the document's blocks
	path          []string
	parent        []string // of the first heading in it
	size          int
}

func (s section) spans(all []span) []span { return all[s.first:s.behind] }

// sections parts a document at its headings. A heading right below another one belongs to its section: no chunk is to end with one.
func sections(blocks []extract.Block, spans []span) []section {
	type title struct {
		level int
		text  string
	}
	var all []section
	var above []title
	onlyTitles := false
	for i, block := range blocks {
		if spans[i].start == spans[i].end {
			continue
		}
		begins := len(all) == 0
		if block.Kind == extract.Heading {
			level := min(max(block.Level, 1), levelMax)
			begins = begins || !onlyTitles || above[len(above)-1].level >= level
			for len(above) > 0 && above[len(above)-1].level >= level {
				above = above[:len(above)-1]
			}
			above = append(above, title{level, shorten(block.Text)})
		}
		if begins {
			all = append(all, section{first: i})
		}
		onlyTitles = block.Kind == extract.Heading
		last := &all[len(all)-1]
		last.behind, last.size = i+1, last.size+spans[i].size()
		if onlyTitles {
			last.path = make([]string, len(above))
			for i, title := range above {
				last.path[i] = title.text
			}
			last.parent = last.path[:len(last.path)-1]
		}
	}
	return all
}

// shorten takes line breaks out of a heading, and the end of one that is very long.
func shorten(heading string) string {
	heading = strings.Join(strings.Fields(heading), " ")
	if utf8.RuneCountInString(heading) <= headingCharactersMax {
		return heading
	}
	return heading[:fit(heading, clustersOf(heading), headingCharactersMax/charactersPerToken, headingCharactersMax/charactersPerToken)] + "…"
}

// together puts small sections under one parent together, until they have enough. Sections that have it stay as they are.
func together(sections []section) []section {
	var all []section
	for _, s := range sections {
		if len(all) > 0 {
			if last := &all[len(all)-1]; last.size < tokensMin && s.size < tokensMin &&
				len(s.path) > len(last.parent) && common(s.path, last.parent) == len(last.parent) {
				last.behind, last.size = s.behind, last.size+s.size
				last.path = last.path[:common(last.path, s.path)]
				continue
			}
		}
		all = append(all, s)
	}
	return all
}

// common is how many headings two paths begin with alike.
func common(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
