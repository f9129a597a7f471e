package embedding

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A model is measured with questions on tenders, each with the passage that answers it. They are of three kinds:
// those with the passage's words, those with other forms of them or typing errors, and those in other words.
type asked struct{ kind, passage, text string }

func passages(t testing.TB) (names, texts []string) {
	t.Helper()
	for _, fields := range readFields(t, "testdata/passages.txt", 2) {
		names, texts = append(names, fields[0]), append(texts, fields[1])
	}
	return names, texts
}

func questions(t *testing.T) []asked {
	t.Helper()
	var all []asked
	for _, fields := range readFields(t, "testdata/questions.txt", 3) {
		all = append(all, asked{fields[0], fields[1], fields[2]})
	}
	return all
}

func readFields(t testing.TB, name string, count int) [][]string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != count {
			t.Fatalf("%s: %q", name, line)
		}
		all = append(all, fields)
	}
	return all
}

// measured says for how many of the questions the right passage comes first, or among the first five, and the mean of 1/its place.
type measured struct{ hit1, hit5, mrr float64 }

type vectorizer func(text string) []float32

// measure looks for passages, of which as many as told stand together in one text: those of a topic are neighbors.
func measure(t *testing.T, together int, vector vectorizer) map[string]measured {
	t.Helper()
	names, texts := passages(t)
	var vectors [][]float32
	index := map[string]int{}
	for chunk := range slices.Chunk(texts, together) {
		for range chunk {
			index[names[len(index)]] = len(vectors)
		}
		vectors = append(vectors, vector(strings.Join(chunk, "\n")))
	}
	sums, counts := map[string]measured{}, map[string]float64{}
	for _, question := range questions(t) {
		right, ok := index[question.passage]
		if !ok {
			t.Fatalf("there is no passage %s", question.passage)
		}
		asked, place := vector(question.text), 1
		for i := range vectors {
			if i != right && dot(asked, vectors[i]) >= dot(asked, vectors[right]) {
				place++
			}
		}
		for _, kind := range []string{question.kind, "all"} {
			sum := sums[kind]
			if place == 1 {
				sum.hit1++
			}
			if place <= 5 {
				sum.hit5++
			}
			sum.mrr += 1 / float64(place)
			sums[kind] = sum
			counts[kind]++
		}
	}
	for kind, sum := range sums {
		n := counts[kind]
		sums[kind] = measured{sum.hit1 / n, sum.hit5 / n, sum.mrr / n}
	}
	return sums
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// hashedWords is the least that a model can be: each word of a text adds one to the dimension that it is hashed to.
func hashedWords(text string) []float32 {
	values := make([]float64, offlineDimensions)
	eachWord(strings.ToLower(text), func(word string) {
		h := mix(hash(hashStart, word))
		values[h%offlineDimensions] += 1 - float64(h>>62&2)
	})
	vector, ok := unit(values)
	if !ok {
		return blank(offlineDimensions)
	}
	return vector
}

func vectorizerOf(t *testing.T, e Embedder) vectorizer {
	return func(text string) []float32 {
		vector, err := e.Query(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		return vector
	}
}

// margins are how much better than hashing single words the model must at least be, in hit@1, hit@5 and mean reciprocal rank: by how
// many passages are together in one text, and by the kind of questions.
var margins = map[int]map[string]measured{
	1: {"same": {0, 0, 0}, "form": {0.5, 0.3, 0.4}, "para": {0.2, 0.5, 0.3}, "all": {0.25, 0.3, 0.25}},
	5: {"same": {0.15, 0.1, 0.1}, "form": {0.45, 0.25, 0.35}, "para": {0.2, 0.45, 0.25}, "all": {0.3, 0.3, 0.25}},
}

// without are models that lack a part, so that it shows what each part is worth.
func without() map[string]weights {
	noThesaurus, noMeaning, neither := chosen, chosen, chosen
	noThesaurus.group, noMeaning.meaning, neither.group, neither.meaning = 0, 0, 0, 0
	return map[string]weights{"without thesaurus": noThesaurus, "without meanings": noMeaning, "without both": neither}
}

func TestTheModelBeatsHashedWords(t *testing.T) {
	t.Parallel()
	for together, kinds := range margins {
		least, got := measure(t, together, hashedWords), measure(t, together, vectorizerOf(t, Offline()))
		parts := map[string]map[string]measured{}
		for name, w := range without() {
			parts[name] = measure(t, together, vectorizerOf(t, newOffline(w, general())))
		}
		for kind, margin := range kinds {
			t.Logf("%d %s %-20s %.2f", together, kind, "hashed words", least[kind])
			for name, part := range parts {
				t.Logf("%d %s %-20s %.2f", together, kind, name, part[kind])
			}
			t.Logf("%d %s %-20s %.2f", together, kind, "the model", got[kind])
			if got[kind].hit1 < least[kind].hit1+margin.hit1 || got[kind].hit5 < least[kind].hit5+margin.hit5 || got[kind].mrr < least[kind].mrr+margin.mrr {
				t.Errorf("%s, %d together: %.2f is not better than %.2f by %.2f", kind, together, got[kind], least[kind], margin)
			}
		}
		if bare := parts["without thesaurus"]["para"]; got["para"].mrr < bare.mrr+0.05 {
			t.Errorf("%d together: the thesaurus brings questions in other words from %.2f to %.2f only", together, bare.mrr, got["para"].mrr)
		}
		if bare := parts["without meanings"]["para"]; got["para"].mrr < bare.mrr+0.03 {
			t.Errorf("%d together: meanings bring questions in other words from %.2f to %.2f only", together, bare.mrr, got["para"].mrr)
		}
	}
}

// Searches look at the signs of the numbers first (bit codes), which alone must find nearly the same.
func TestSignsFindNearlyTheSame(t *testing.T) {
	t.Parallel()
	full := vectorizerOf(t, Offline())
	signs := func(text string) []float32 {
		vector := full(text)
		for i, v := range vector {
			vector[i] = -1
			if v > 0 {
				vector[i] = 1
			}
		}
		return vector
	}
	exact, coarse := measure(t, 1, full)["all"], measure(t, 1, signs)["all"]
	t.Logf("exact %.2f, by signs %.2f", exact, coarse)
	if coarse.hit5 < exact.hit5-0.12 {
		t.Errorf("signs find %.2f, where vectors find %.2f", coarse, exact)
	}
}
