// Package passages fills databases with passages to search, of which it knows what is to be found.
package passages

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"

	"dossier/internal/searchtest"
	"dossier/model"
)

// sentencesOfSource is how many sentences stand together in a text, as they did where they come from.
const sentencesOfSource = 3

// wordsMin is how short a sentence may be: shorter ones are headings and cells.
const wordsMin = 5

var (
	sentenceEnd = regexp.MustCompile(`[.!?]\s+|\n\s*\n|\n\s*[-*|] *`)
	markup      = regexp.MustCompile("<[^>]*>|[|*`#]+|\\[|\\]\\([^)]*\\)")
	digit       = regexp.MustCompile(`\d`)
)

// Texts makes as many texts as are wanted of the files that questions are asked about: some sentences of one place, some of another
// one, and other numbers in them.
type Texts struct{ files [][]string }

// ReadTexts reads the files; source is the folder of Dossier's source.
func ReadTexts(source string) (*Texts, error) {
	paths, err := searchtest.Files(source)
	if err != nil {
		return nil, err
	}
	t := &Texts{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var sentences []string
		for _, sentence := range sentenceEnd.Split(string(bytes.ToValidUTF8(content, nil)), -1) {
			words := strings.Fields(markup.ReplaceAllString(sentence, " "))
			if len(words) >= wordsMin {
				sentences = append(sentences, strings.Join(words, " "))
			}
		}
		if len(sentences) >= sentencesOfSource {
			t.files = append(t.files, sentences)
		}
	}
	return t, nil
}

// Text is the nth text, the same one in each run.
func (t *Texts) Text(n int) string {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	var text []string
	for range 2 {
		file := t.files[random.IntN(len(t.files))]
		at := random.IntN(len(file) - sentencesOfSource + 1)
		text = append(text, file[at:at+1+random.IntN(sentencesOfSource)]...)
	}
	return digit.ReplaceAllStringFunc(strings.Join(text, ". ")+".", func(string) string { return fmt.Sprint(random.IntN(10)) })
}

// Vectors of clusters are made in the place of texts': each is near the center of one of clusters, of which there are many.
const (
	dimensions     = 384
	chunksPerGroup = 100 // chunks of a cluster, about
	spread         = 0.8 // the length of what is added to a center, whose own length is 1
)

// Clustered is the nth vector of so many: a sum of two Gaussians, the first of which is its cluster's.
func Clustered(n, of int) model.Vector {
	random := rand.New(rand.NewPCG(uint64(n), 2))
	center := rand.New(rand.NewPCG(uint64(random.IntN(max(1, of/chunksPerGroup))), 3))
	vector := make(model.Vector, dimensions)
	for i := range vector {
		vector[i] = float32((center.NormFloat64() + spread*random.NormFloat64()) / math.Sqrt(dimensions))
	}
	unit, _ := vector.Unit()
	return unit
}
