package embedding

import (
	_ "embed"
	"encoding/binary"
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

// meanings reads vectors.bin: how many stems and dimensions there are; then, for each stem, its length, itself, its rarity, its vector.
var meanings = sync.OnceValue(func() map[string]meaning {
	file := vectorsFile
	count := binary.LittleEndian.Uint32([]byte(file[:4]))
	file = file[8:]
	known := make(map[string]meaning, count)
	for range count {
		end := 1 + int(file[0])
		known[file[1:end]] = meaning{int32(file[end]), file[end+1 : end+1+meaningDimensions]}
		file = file[end+1+meaningDimensions:]
	}
	return known
})
