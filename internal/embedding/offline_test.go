package embedding

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"dossier/internal/config"
)

func vectorOf(t *testing.T, text string) []float32 {
	t.Helper()
	return vectorizerOf(t, Offline())(text)
}

func similarity(t *testing.T, a, b string) float64 {
	t.Helper()
	return dot(vectorOf(t, a), vectorOf(t, b))
}

func checksum(vectors ...[]float32) string {
	all := sha256.New()
	for _, vector := range vectors {
		for _, v := range vector {
			_ = binary.Write(all, binary.LittleEndian, v)
		}
	}
	return hex.EncodeToString(all.Sum(nil)[:8])
}

// Vectors are kept in databases: another one for the same text needs another name of the model.
func TestVectorsAreAlwaysTheSame(t *testing.T) {
	t.Parallel()
	_, texts := passages(t)
	vectors, err := Offline().Documents(t.Context(), append(texts, "Ausschreibung für Gebäudereinigung", "公共采购招标", "Тендер на уборку", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := checksum(vectors...), "bf48763af1fb8912"; got != want {
		t.Errorf("the vectors of %s are %s, not %s", OfflineModel, got, want)
	}
	if OfflineModel != config.OfflineModel || offlineDimensions != config.OfflineDimensions {
		t.Error("the settings call it something else")
	}
}

// The vector of a text depends on nothing else: neither on what came before nor on who asks at the same time.
func TestVectorsAreIndependent(t *testing.T) {
	t.Parallel()
	_, texts := passages(t)
	want, err := Offline().Documents(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	for worker := range 4 {
		tasks.Go(func() {
			o := Offline()
			if worker%2 == 0 {
				o = newOffline(chosen, general())
			}
			for i := range texts {
				i = (i*(worker+2) + worker) % len(texts)
				if got, err := o.Query(t.Context(), texts[i]); err != nil || !slices.Equal(got, want[i]) {
					t.Errorf("%q has another vector: %v", texts[i], err)
					return
				}
			}
		})
	}
	tasks.Wait()
}

func TestVectorsHaveUnitLength(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("insurance of the contractor ", 50_000)
	for _, text := range []string{"", " \n\t", "—…", "the of", "a", "42", "price", long, "\xff\xfe broken", "e\u0301", strings.Repeat("x", 100_000), "价格", "🙂"} {
		vector := vectorOf(t, text)
		if length := dot(vector, vector); len(vector) != Offline().Dimensions() || math.Abs(length-1) > 1e-5 {
			t.Errorf("%.20q has %d numbers and the length %f", text, len(vector), length)
		}
	}
	if !slices.Equal(vectorOf(t, ""), blank(384)) || !slices.Equal(vectorOf(t, "…"), blank(384)) || slices.Equal(vectorOf(t, "the"), blank(384)) {
		t.Error("texts without words have the blank vector, and no other ones")
	}
	if found := similarity(t, "", "price of the insurance"); math.Abs(found) > 0.3 {
		t.Errorf("an empty text is near to others: %f", found)
	}
}

// Of a text without end only the beginning is read.
func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("Versicherung für Gebäude ", charactersMax)
	if short := cut(text); utf8.RuneCountInString(short) != charactersMax || !strings.HasPrefix(text, short) {
		t.Errorf("%d characters are left", utf8.RuneCountInString(short))
	}
	if !slices.Equal(vectorOf(t, text+"price"), vectorOf(t, text+"catering")) {
		t.Error("all of it is read")
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Contractor’s PLANT": "contractor's plant", "Straße": "strasse", "e\u0301t\u00e9": "ete", "ﬁt": "fit", "co\u00adoperate": "cooperate", "ΣΊΣΥΦΟΣ": "σισυφοσ",
		"が": "が", "한국": "한국", "plain": "plain",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q is plainly %q, not %q", text, got, want)
		}
	}
}

func TestDocumentsOfNoTexts(t *testing.T) {
	t.Parallel()
	if vectors, err := Offline().Documents(t.Context(), nil); err != nil || len(vectors) != 0 {
		t.Errorf("%v, %v", vectors, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Offline().Documents(ended, []string{"price"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Each pair is nearer than its first is to the third.
func TestWhatIsNear(t *testing.T) {
	t.Parallel()
	for _, test := range [][3]string{
		{"subcontractor", "sub-contractors", "subsidy"},
		{"résumé of the manager", "RESUME OF THE MANAGER", "results of the meeting"},
		{"ﬁre safety", "fire safety", "water safety"},                            // a ligature
		{"ＩＳＯ ２７００１", "iso 27001", "iso 9001"},                                   // full width
		{"contractor’s plant", "the plant of a contractor", "client's premises"}, // a curly apostrophe
		{"insurence certifcate", "insurance certificate", "insulation material"},
		{"closing date", "deadline", "opening hours"},
		{"How much does it cost?", "price schedule", "delivery schedule"},
		{"recruiting nurses", "hiring hospital staff", "hiring cranes"},
		{"cars and lorries", "fleet of vehicles", "fleet of laptops"},
		{"Gebäudereinigung", "Reinigung der Gebäude", "Beförderung von Schülern"},
		{"招标文件", "公共招标", "食品卫生"},
		{"уборка помещений", "уборки помещения", "перевозка школьников"},
		{"£1,000,000", "1000000", "2000000"},
	} {
		near, far := similarity(t, test[0], test[1]), similarity(t, test[0], test[2])
		if near < far+0.1 {
			t.Errorf("%q is as near to %q (%.2f) as to %q (%.2f)", test[0], test[1], near, test[2], far)
		}
	}
}

// Every line of the thesaurus has at least two terms that differ as the model reads them, and none of more words than it follows.
func TestThesaurus(t *testing.T) {
	t.Parallel()
	groups := 0
	for line := range strings.Lines(thesaurusText) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		groups++
		different := map[string]bool{}
		for term := range strings.SplitSeq(line, ",") {
			var stems []string
			eachWord(plain(term), func(word string) {
				if !isStopWord(word) {
					stems = append(stems, stem(word))
				}
			})
			if len(stems) > phraseWordsMax {
				t.Errorf("%q has more than %d words", term, phraseWordsMax)
			}
			different[strings.Join(stems, " ")] = true
		}
		if len(different) < 2 {
			t.Errorf("%q says the same", line)
		}
	}
	if got := general().groups; got != groups || got > math.MaxUint16 {
		t.Errorf("%d groups of %d lines", got, groups)
	}
}

func TestMeanings(t *testing.T) {
	t.Parallel()
	known := knownMeanings()
	for _, at := range known.at {
		s := known.stem(at)
		if m, ok := known.of(s); !ok || len(m.vector) != meaningDimensions || m.rarity <= 0 || !utf8.ValidString(s) {
			t.Fatalf("%q: %d numbers, rarity %d", s, len(m.vector), m.rarity)
		}
	}
	if license, err := os.ReadFile("WORDNET-LICENSE"); err != nil || len(license) < 1000 || !strings.HasSuffix(vectorsFile, string(license)) {
		t.Errorf("the vectors come without their license: %v", err)
	}
	law, _ := known.of("law")
	jurisprudence, ok := known.of("jurisprud")
	if len(known.at) < 10_000 || !ok || law.rarity >= jurisprudence.rarity {
		t.Errorf("%d stems, rarities %d and %d", len(known.at), law.rarity, jurisprudence.rarity)
	}
	for _, unknown := range []string{"", "lawx", "\xff", "zzzz"} {
		if m, ok := known.of(unknown); ok {
			t.Errorf("%q has a meaning: %v", unknown, m)
		}
	}
}

func FuzzOffline(f *testing.F) {
	f.Add("Price \u00adof café's 价格 1,000")
	f.Fuzz(func(t *testing.T, text string) {
		vector := vectorOf(t, text)
		if length := dot(vector, vector); !(math.Abs(length-1) < 1e-4) {
			t.Errorf("length %f", length)
		}
	})
}

func BenchmarkOffline(b *testing.B) {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "Paragraph %d: the Supplier shall maintain professional indemnity insurance and reports its performance monthly. ", i)
	}
	for _, one := range []struct {
		name string
		text func(*testing.B) []string
	}{
		{"ofTenders", func(b *testing.B) []string {
			_, texts := passages(b)
			var chunks []string
			for chunk := range slices.Chunk(texts, 8) {
				chunks = append(chunks, strings.Join(chunk, "\n"))
			}
			return chunks
		}},
		{"ofOneText", func(*testing.B) []string { return []string{text.String()} }},
	} {
		b.Run(one.name, func(b *testing.B) {
			texts, size := one.text(b), 0
			for _, text := range texts {
				size += len(text)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Offline().Documents(b.Context(), texts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
