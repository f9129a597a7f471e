package embedding

import (
	_ "embed"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
)

// vectors.bin is made by train_test.go from WordNet, whose license WORDNET-LICENSE is, and stands at its end.
//
//go:embed vectors.bin
var vectorsFile string

// meaningDimensions is how many numbers say what a word means.
const meaningDimensions = 100

// A meaning is what is known of a stem.
type meaning struct {
	rarity int32 // 20 times the logarithm of how many definitions there are for each with the word
	vector string
}

// meanings are what is known, by stem. They stay in the program's file: a map of them would be live memory of a server, which the
// collector lets grow by its multiple in garbage.
type meanings struct {
	file string
	at   []uint32 // where each begins in the file, in the order of their stems
}

// knownMeanings finds what is in vectors.bin: how many stems and dimensions there are; then, for each stem, its length, itself, its
// rarity, its vector.
var knownMeanings = sync.OnceValue(func() *meanings {
	const head = 8
	m := &meanings{file: vectorsFile, at: make([]uint32, binary.LittleEndian.Uint32([]byte(vectorsFile[:head])))}
	at := uint32(head)
	for i := range m.at {
		m.at[i] = at
		at += 1 + uint32(m.file[at]) + 1 + meaningDimensions
	}
	slices.SortFunc(m.at, func(a, b uint32) int { return strings.Compare(m.stem(a), m.stem(b)) })
	return m
})

func (m *meanings) stem(at uint32) string {
	return m.file[at+1:][:m.file[at]]
}

// of gives what is known of a stem.
func (m *meanings) of(stem string) (meaning, bool) {
	i, ok := slices.BinarySearchFunc(m.at, stem, func(at uint32, stem string) int { return strings.Compare(m.stem(at), stem) })
	if !ok {
		return meaning{}, false
	}
	known := m.file[int(m.at[i])+1+len(stem):]
	return meaning{int32(known[0]), known[1:][:meaningDimensions]}, true
}
