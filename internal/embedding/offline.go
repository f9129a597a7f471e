package embedding

import (
	"context"
	"math"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// OfflineModel is the model that needs nothing. Its name changes when its vectors do: those in databases were made by it.
const OfflineModel = "dossier-384-v1"

// A vector of the offline model has two parts: how texts are written, by hashes of what they contain, and what they mean, by the sum
// of their words' meanings.
const (
	offlineDimensions = 384
	writtenDimensions = offlineDimensions - meaningDimensions
)

// blockDimensions is how many dimensions are mixed with one another, a power of two.
const blockDimensions = 128

// knownWordsMax is how many words one worker remembers the features of.
const knownWordsMax = 20_000

// weights says how much each kind of feature counts, as a share of the word's own.
type weights struct {
	gram, pair, group int64   // in 256ths
	meaning           float64 // the length of the part that is meant, where the other one has 1
	tender            int32   // of rarity, in percent, for the words that all tenders have
	rareMax           int32   // what rarity counts at most
}

// chosen are round numbers near the best of a coarse grid; figures hardly change around them.
var chosen = weights{gram: 25, pair: 60, group: 700, meaning: 0.8, tender: 60, rareMax: 180}

type offline struct {
	weights
	thesaurus *thesaurus
	meanings  *meanings
	workers   sync.Pool
}

var theOffline = sync.OnceValue(func() *offline { return newOffline(chosen, general()) })

// Offline is the model that needs no endpoint and no download. It gives the same vectors on all machines, and no error but that of a
// context that has ended. It knows English; of other languages it compares words by how they are written.
func Offline() Embedder { return theOffline() }

func newOffline(w weights, t *thesaurus) *offline {
	o := &offline{weights: w, thesaurus: t, meanings: knownMeanings()}
	o.workers.New = func() any {
		return &worker{offline: o, known: map[string]*word{}, stems: map[uint64]int{}, pairs: map[uint64]struct{}{}, groups: make([]int64, t.groups)}
	}
	return o
}

func (*offline) Model() string   { return OfflineModel }
func (*offline) Dimensions() int { return offlineDimensions }

func (o *offline) Query(ctx context.Context, text string) ([]float32, error) {
	vectors, err := o.Documents(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	return vectors[0], nil
}

func (o *offline) Documents(ctx context.Context, texts []string) ([][]float32, error) {
	w := o.workers.Get().(*worker)
	defer o.workers.Put(w)
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		vectors[i] = w.vector(cut(text))
	}
	return vectors, nil
}

// A word is what is known of a word of the texts.
type word struct {
	stop      bool
	stem      string
	hash      uint64 // of the stem, to go on from
	rarity    int64
	grams     []uint64
	groups    []uint16
	phrases   []phrase
	meaning   string
	ideograph bool
}

// A worker makes one vector at a time. All sums are of whole numbers: they come out the same in any order, on any machine.
type worker struct {
	*offline
	known  map[string]*word
	stems  map[uint64]int // of a text: where in terms
	pairs  map[uint64]struct{}
	words  []*word // of a text, in order, without stop words
	terms  []term
	groups []int64 // of a text: how often, in 256ths
	used   []uint16

	written [writtenDimensions]int64
	meant   [meaningDimensions]int64
}

type term struct {
	*word
	times int
}

func (w *worker) vector(text string) []float32 {
	w.read(text, false)
	if len(w.words) == 0 {
		w.read(text, true) // stop words are better than nothing
	}
	if len(w.words) == 0 {
		return blank(offlineDimensions)
	}
	clear(w.written[:])
	clear(w.meant[:])
	for _, t := range w.terms {
		w.addTerm(t)
	}
	w.addPairs()
	w.addGroups()
	return w.join()
}

// read finds the words of a text, and how often their stems are in it.
func (w *worker) read(text string, stopWordsToo bool) {
	clear(w.stems)
	w.words, w.terms = w.words[:0], w.terms[:0]
	eachWord(plain(text), func(written string) {
		one := w.learn(written)
		if one.stop && !stopWordsToo {
			return
		}
		w.words = append(w.words, one)
		at, ok := w.stems[one.hash]
		if !ok {
			at = len(w.terms)
			w.stems[one.hash] = at
			w.terms = append(w.terms, term{word: one})
		}
		w.terms[at].times++
	})
}

// learn gives what is known of a word.
func (w *worker) learn(written string) *word {
	if one, ok := w.known[written]; ok {
		return one
	}
	if len(w.known) >= knownWordsMax {
		clear(w.known)
	}
	written = strings.Clone(written) // not the whole text
	one := &word{stop: isStopWord(written), stem: stem(written), ideograph: ofIdeographs(written)}
	one.hash = hash(hashStart, one.stem)
	known, ok := w.meanings.of(one.stem)
	one.meaning = known.vector
	one.rarity = int64(min(known.rarity, w.rareMax))
	if first, _ := utf8.DecodeRuneInString(written); !ok {
		one.rarity = int64(w.rareMax)
		if unicode.IsNumber(first) || one.ideograph {
			one.rarity = int64(w.rareMax) / 2
		}
	}
	if _, ok := tenderWords[one.stem]; ok {
		one.rarity = one.rarity * int64(w.tender) / 100
	}
	one.rarity = max(one.rarity, 1)
	one.grams = grams(written)
	one.groups = w.thesaurus.words[one.stem]
	one.phrases = w.thesaurus.phrases[one.stem]
	w.known[written] = one
	return one
}

// manyTimes is 256 times 1 + ln(n), for n from 0 on: what is said often counts more, but not as often.
var manyTimes = [...]int64{0, 256, 433, 537, 611, 668, 715, 754, 788, 819, 845, 870, 892, 913, 932, 949, 966}

func timesWeight(n int) int64 { return manyTimes[min(n, len(manyTimes)-1)] }

func (w *worker) addTerm(t term) {
	weight := t.rarity * timesWeight(t.times)
	w.add(mix(t.hash), weight)
	if len(t.grams) > 0 {
		for _, gram := range t.grams {
			w.add(gram, weight*w.gram>>8)
		}
	}
	for i := range len(t.meaning) {
		w.meant[i] += int64(int8(t.meaning[i])) * weight
	}
	for _, group := range t.groups {
		w.addGroup(group, weight/int64(len(t.groups)+1)) // a word of many meanings has less of each
	}
}

// add counts a feature in two dimensions, for or against, as its hash says.
func (w *worker) add(h uint64, weight int64) {
	first, second := h&0xffffff*writtenDimensions>>24, h>>24&0xffffff*writtenDimensions>>24
	w.written[first] += weight * (1 - int64(h>>62&2))
	w.written[second] += weight * (1 - int64(h>>61&2))
}

// addPairs counts words that follow one another, as one: "sub-contractor" is "subcontractor" too, and "closing date" more than both.
func (w *worker) addPairs() {
	clear(w.pairs)
	for i := 1; i < len(w.words); i++ {
		a, b := w.words[i-1], w.words[i]
		pair := hash(a.hash, b.stem)
		if _, ok := w.pairs[pair]; ok {
			continue
		}
		w.pairs[pair] = struct{}{}
		weight := (a.rarity + b.rarity) / 2 * 256 * w.pair >> 8
		if a.ideograph && b.ideograph {
			weight = int64(w.rareMax) * 256
		}
		w.add(mix(pair), weight)
	}
}

func (w *worker) addGroup(group uint16, weight int64) {
	if w.groups[group] == 0 {
		w.used = append(w.used, group)
	}
	w.groups[group] = max(w.groups[group], weight)
}

// addGroups counts what the text says in any of several words.
func (w *worker) addGroups() {
	for i, first := range w.words {
		for _, p := range first.phrases {
			if rarity, ok := w.follows(p, i); ok {
				for _, group := range p.groups {
					w.addGroup(group, rarity*256)
				}
			}
		}
	}
	for _, group := range w.used {
		w.add(mix(hash(uint64(group)+1, "group")), w.groups[group]*w.group>>8)
		w.groups[group] = 0
	}
	w.used = w.used[:0]
}

// follows reports whether the rest of a phrase stands behind its first word, and how rare its rarest word is.
func (w *worker) follows(p phrase, at int) (rarity int64, ok bool) {
	if at+len(p.rest) >= len(w.words) {
		return 0, false
	}
	rarity = w.words[at].rarity
	for i, s := range p.rest {
		if w.words[at+1+i].stem != s {
			return 0, false
		}
		rarity = max(rarity, w.words[at+1+i].rarity)
	}
	return rarity, true
}

// join puts the two parts into one vector, and spreads it over all dimensions: so the signs alone, which a search looks at first, say
// as much as they can, also of a short text. Cosines remain.
func (w *worker) join() []float32 {
	var joined [offlineDimensions]float64
	put := func(part []int64, length float64, from int) {
		sum := 0.0
		for _, v := range part {
			sum += float64(float64(v) * float64(v))
		}
		if sum == 0 {
			return
		}
		scale := length / math.Sqrt(sum)
		for i, v := range part {
			joined[(from+i)*101%offlineDimensions] = float64(v) * scale // 101 and 384 have no divisor in common
		}
	}
	put(w.written[:], 1, 0)
	put(w.meant[:], w.meaning, writtenDimensions)
	for start := 0; start < offlineDimensions; start += blockDimensions {
		hadamard(joined[start : start+blockDimensions])
	}
	vector, ok := unit(joined[:])
	if !ok {
		return blank(offlineDimensions)
	}
	return vector
}

// hadamard rotates the values, of which there are a power of two: each becomes a sum of all, half of them negated.
func hadamard(values []float64) {
	for half := 1; half < len(values); half *= 2 {
		for start := 0; start < len(values); start += 2 * half {
			for i := start; i < start+half; i++ {
				values[i], values[i+half] = values[i]+values[i+half], values[i]-values[i+half]
			}
		}
	}
}
