package embedding

import "unicode/utf8"

// FNV-1a's constants, of 64 bits.
const (
	hashStart = 14695981039346656037
	hashPrime = 1099511628211
)

// hash goes on from a hash with a text (FNV-1a): that of "ab" is that of "a" gone on with "b".
func hash(from uint64, text string) uint64 {
	for i := range len(text) {
		from = (from ^ uint64(text[i])) * hashPrime
	}
	return from
}

// mix makes all bits of a hash depend on all (MurmurHash3's end).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Lengths of the parts that words are compared by, in characters. A character of an Asian script says as much as two of an alphabet.
const (
	gramMin, gramMax           = 3, 5
	denseGramMin, denseGramMax = 2, 3
	firstDense                 = 0x0e00
)

// grams are the hashes of the parts of a word, its ends marked: words of one root, and those with a letter wrong, have some in common.
func grams(word string) []uint64 {
	shortest, longest := gramMin, gramMax
	if first, _ := utf8.DecodeRuneInString(word); first >= firstDense {
		shortest, longest = denseGramMin, denseGramMax
	}
	marked := "^" + word + "$"
	starts := make([]int, 0, len(marked)+1)
	for i := range marked {
		starts = append(starts, i)
	}
	starts = append(starts, len(marked))
	characters := len(starts) - 1
	if characters-2 < shortest {
		return nil // the word itself says it
	}
	var hashes []uint64
	for size := shortest; size <= longest; size++ {
		for i := 0; i+size <= characters; i++ {
			hashes = append(hashes, mix(hash(hashStart^0x67, marked[starts[i]:starts[i+size]])))
		}
	}
	return hashes
}
