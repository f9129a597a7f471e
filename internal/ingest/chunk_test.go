package ingest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/google/go-cmp/cmp"

	"dossier/internal/extract"
)

func heading(level int, text string) extract.Block {
	return extract.Block{Kind: extract.Heading, Level: level, Text: text}
}

func paragraph(words int) extract.Block {
	return extract.Block{Kind: extract.Paragraph, Text: prose(words)}
}

// prose is sentences of ten tokens, the full stop included, of which no two are the same.
func prose(tokens int) string {
	var text strings.Builder
	for i := range tokens / 10 {
		fmt.Fprintf(&text, "Word%d one two three four five six seven eight. ", i)
	}
	return strings.TrimSpace(text.String())
}

func mustSplit(t *testing.T, blocks ...extract.Block) (string, []Chunk) {
	t.Helper()
	text, chunks, err := Split(&extract.Text{Blocks: blocks})
	if err != nil {
		t.Fatal(err)
	}
	return text, chunks
}

type shown struct {
	heading string
	tokens  int
}

func show(chunks []Chunk) []shown {
	var all []shown
	for _, c := range chunks {
		all = append(all, shown{c.Heading, c.Tokens})
	}
	return all
}

func TestSplitFollowsHeadings(t *testing.T) {
	t.Parallel()
	_, chunks := mustSplit(t,
		paragraph(70),
		heading(1, "A"), heading(2, "B"), paragraph(100), paragraph(290),
		heading(2, "C"), paragraph(100),
		heading(4, "D"), paragraph(100),
		heading(1, "E"), heading(1, "F"), paragraph(100),
	)
	want := []shown{{"", 70}, {"A > B", 392}, {"A > C", 101}, {"A > C > D", 101}, {"E", 1}, {"F", 101}}
	if diff := cmp.Diff(want, show(chunks), cmp.AllowUnexported(shown{})); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(chunks[1].Text, "A\n\nB\n\nWord0 ") {
		t.Errorf("the headings are missing in %.40q", chunks[1].Text)
	}
}

func TestSmallSectionsOfOneParentStayTogether(t *testing.T) {
	t.Parallel()
	_, chunks := mustSplit(t,
		heading(1, "A"),
		heading(2, "B"), paragraph(20), heading(2, "C"), paragraph(20), heading(3, "D"), paragraph(30), // have enough together
		heading(2, "E"), paragraph(20), // alone between them and a large one
		heading(2, "F"), paragraph(80),
		heading(2, "G"), paragraph(20), // another parent follows
		heading(1, "H"), paragraph(20), heading(2, "I"), paragraph(20),
	)
	want := []shown{{"A", 74}, {"A > E", 21}, {"A > F", 81}, {"A > G", 21}, {"H", 42}}
	if diff := cmp.Diff(want, show(chunks), cmp.AllowUnexported(shown{})); diff != "" {
		t.Error(diff)
	}
}

func TestLongSectionsAreCutWithAnOverlap(t *testing.T) {
	t.Parallel()
	var blocks []extract.Block
	for range 10 {
		blocks = append(blocks, paragraph(110))
	}
	text, chunks := mustSplit(t, append([]extract.Block{heading(1, "A")}, blocks...)...)
	for i := 1; i < len(chunks); i++ {
		before, c := chunks[i-1], chunks[i]
		if c.Start >= before.End {
			t.Errorf("chunk %d repeats nothing", i)
		}
		overlap := string([]rune(text)[c.Start:before.End])
		if tokens, _ := measure(overlap); tokens != tokensOverlap || !strings.HasPrefix(overlap, "Word7 ") {
			t.Errorf("chunk %d repeats %q", i, overlap)
		}
		if !strings.HasSuffix(before.Text, "Word10 one two three four five six seven eight.") {
			t.Errorf("chunk %d is cut within a paragraph: …%q", i-1, before.Text[len(before.Text)-40:])
		}
	}
	// A paragraph that fits without an overlap stays whole, and a short end stays with what is before it.
	_, chunks = mustSplit(t, heading(1, "A"), paragraph(290), paragraph(380), paragraph(240), paragraph(50))
	want := []shown{{"A", 291}, {"A", 380}, {"A", 330}}
	if diff := cmp.Diff(want, show(chunks), cmp.AllowUnexported(shown{})); diff != "" {
		t.Error(diff)
	}
	// Rows and items are kept whole, and so is what is repeated of them.
	rows := []extract.Block{heading(1, "Prices")}
	for i := range 200 {
		rows = append(rows, extract.Block{Kind: extract.Row, Text: fmt.Sprintf("Row%d | portion | %d.50", i, i)})
	}
	text, chunks = mustSplit(t, rows...)
	if !strings.HasPrefix(text, "Prices\n\nRow0 | portion | 0.50\nRow1 |") {
		t.Errorf("the rows are joined as %.60q", text)
	}
	for i, c := range chunks[1:] {
		lines := strings.Split(c.Text, "\n")
		if !strings.HasPrefix(lines[0], "Row") || !strings.HasSuffix(chunks[i].Text, ".50") || !strings.Contains(chunks[i].Text, lines[0]) {
			t.Errorf("chunk %d begins with %q", i+1, lines[0])
		}
	}
}

func TestLongParagraphsAreCutBetweenSentencesThenWords(t *testing.T) {
	t.Parallel()
	_, chunks := mustSplit(t, heading(1, "A"), paragraph(2000))
	for _, c := range chunks {
		if !strings.HasSuffix(c.Text, "eight.") || c.Position > 0 && !strings.HasPrefix(c.Text, "Word") {
			t.Errorf("chunk %d is cut within a sentence: %.20q", c.Position, c.Text)
		}
	}
	_, chunks = mustSplit(t, extract.Block{Kind: extract.Paragraph, Text: strings.Repeat("seven words and no stop at all ", 200)})
	for _, c := range chunks {
		for _, word := range strings.Fields(c.Text) {
			if !strings.Contains(" seven words and no stop at all ", " "+word+" ") {
				t.Errorf("chunk %d has half a word: %q", c.Position, word)
			}
		}
	}
	family := "👨‍👩‍👧‍👦"
	_, chunks = mustSplit(t, extract.Block{Kind: extract.Paragraph, Text: strings.Repeat(family, 3000)})
	for _, c := range chunks {
		if strings.ReplaceAll(c.Text, family, "") != "" {
			t.Errorf("chunk %d is cut within a family", c.Position)
		}
	}
	if len(chunks) < 10 {
		t.Errorf("3,000 families are %d chunks", len(chunks))
	}
}

func TestOtherSectionsKeepTheirChunks(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	var blocks []extract.Block
	for i := range 40 {
		blocks = append(blocks, heading(1+random.IntN(3), fmt.Sprintf("Section %d", i)))
		for range 1 + random.IntN(6) {
			blocks = append(blocks, paragraph(60+random.IntN(200)))
		}
	}
	_, before := mustSplit(t, blocks...)
	at := slices.IndexFunc(blocks, func(b extract.Block) bool { return b.Text == "Section 20" })
	edited := slices.Insert(slices.Clone(blocks), at+1, extract.Block{Kind: extract.Paragraph, Text: "This is new. " + prose(90)})
	_, after := mustSplit(t, edited...)
	others := func(chunks []Chunk) []string {
		var all []string
		for _, c := range chunks {
			if !strings.HasSuffix(c.Heading, "Section 20") {
				all = append(all, c.Heading+": "+c.Text)
			}
		}
		return all
	}
	if diff := cmp.Diff(others(before), others(after)); diff != "" {
		t.Error(diff)
	}
	if reflect.DeepEqual(before, after) || len(before) < 60 {
		t.Errorf("nothing was tried: %d chunks", len(before))
	}
}

func TestTooManyChunks(t *testing.T) {
	t.Parallel()
	blocks := slices.Repeat([]extract.Block{heading(1, "A"), paragraph(tokensMin)}, chunksMax)
	if _, chunks, err := Split(&extract.Text{Blocks: blocks}); err != nil || len(chunks) != chunksMax {
		t.Errorf("%d chunks: %v", len(chunks), err)
	}
	blocks = append(blocks, heading(1, "A"))
	if _, _, err := Split(&extract.Text{Blocks: blocks}); !errors.Is(err, ErrTooManyChunks) {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsNoChunk(t *testing.T) {
	t.Parallel()
	if text, chunks := mustSplit(t); text != "" || len(chunks) != 0 {
		t.Errorf("got %q and %v", text, chunks)
	}
	if text, chunks := mustSplit(t, extract.Block{Kind: extract.Paragraph, Text: " "}, heading(1, "A")); text != "A" || len(chunks) != 1 {
		t.Errorf("got %q and %v", text, chunks)
	}
}

// alphabets are what random documents are made of.
var alphabets = []string{
	"the offer is due on 3.5 Dr. Smith's e.g. Nov. \"so\" (it) said! Really? a b c",
	"هذا نص عربي طويل، مع علامات؟ שלום עולם. זה טקסט",
	"合同条款。付款期限为三十天，逾期付款须支付利息！テスト文章です。カタカナ",
	"ภาษาไทยไม่มีช่องว่างคำน้ำกำ မြန်မာစာ္က क्षत्रिय हिन्दी। ক্ষ",
	"👨‍👩‍👧‍👦 🇩🇪🇫🇷🇯 👍🏽 e\u0301\u0302\u0303 \u0600 \u200d\u200b\ufeff \u00a0\u3000 \u0e33",
}

func randomText(random *rand.Rand) string {
	letters := []rune(alphabets[random.IntN(len(alphabets))])
	length := 1 + random.IntN(200)
	if random.IntN(8) == 0 {
		length = 1 + random.IntN(9000)
	}
	if random.IntN(20) == 0 {
		return strings.Repeat(string(letters[random.IntN(len(letters))]), length)
	}
	var text strings.Builder
	for text.Len() < length {
		if random.IntN(3) == 0 {
			text.WriteRune(letters[random.IntN(len(letters))])
			continue
		}
		from := random.IntN(len(letters))
		text.WriteString(string(letters[from:min(from+random.IntN(12), len(letters))]))
	}
	return text.String()
}

func randomBlocks(random *rand.Rand) []extract.Block {
	kinds := []extract.Kind{extract.Heading, extract.Paragraph, extract.Paragraph, extract.Item, extract.Item, extract.Row, extract.Row}
	blocks := make([]extract.Block, random.IntN(40))
	for i := range blocks {
		blocks[i] = extract.Block{Kind: kinds[random.IntN(len(kinds))], Level: random.IntN(9), Page: i / 4, Text: randomText(random)}
	}
	return blocks
}

func TestChunksOfRandomDocuments(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		blocks := randomBlocks(rand.New(rand.NewPCG(seed, 1)))
		text, chunks := mustSplit(t, blocks...)
		if _, again := mustSplit(t, blocks...); !reflect.DeepEqual(chunks, again) {
			t.Fatalf("document %d has other chunks the second time", seed)
		}
		wantSound(t, text, chunks)
		if t.Failed() {
			t.Fatalf("it was document %d", seed)
		}
	}
}

// wantSound checks what holds for all chunks of all documents.
func wantSound(t *testing.T, text string, chunks []Chunk) {
	t.Helper()
	characters, ends := []rune(text), clusterEnds(text)
	covered := 0
	for i, c := range chunks {
		if c.Position != i || c.Start < 0 || c.End > len(characters) || c.Start >= c.End || c.Text != string(characters[c.Start:c.End]) {
			t.Fatalf("chunk %d is not its place in the text: %d to %d, %q", i, c.Start, c.End, c.Text)
		}
		if tokens, _ := measure(c.Text); tokens != c.Tokens || tokens == 0 && strings.TrimSpace(c.Text) != "" {
			t.Errorf("chunk %d has %d tokens, not %d", i, tokens, c.Tokens)
		}
		// The parts are counted one by one: where they meet, a word or two more may be seen.
		if c.Tokens > tokensMax+5 || c.End-c.Start > tokensMax*charactersPerToken+100 {
			t.Errorf("chunk %d has %d tokens and %d characters: %.40q", i, c.Tokens, c.End-c.Start, c.Text)
		}
		if !ends[c.Start] || !ends[c.End] {
			t.Errorf("chunk %d is cut within a grapheme cluster: %.20q", i, c.Text)
		}
		if i > 0 && (c.Start <= chunks[i-1].Start || c.End <= chunks[i-1].End) {
			t.Errorf("chunk %d does not go on behind the one before", i)
		}
		for _, r := range characters[min(covered, c.Start):c.Start] {
			if !unicode.IsSpace(r) {
				t.Errorf("%q is in no chunk", r)
			}
		}
		covered = c.End
	}
	if rest := strings.TrimSpace(string(characters[covered:])); rest != "" {
		t.Errorf("%q is in no chunk", rest)
	}
}

// clusterEnds are the places between the grapheme clusters of a text, in code points. One that is too large may be cut anywhere.
func clusterEnds(text string) map[int]bool {
	ends, at := map[int]bool{0: true}, 0
	for clusters := graphemes.FromString(text); clusters.Next(); ends[at] = true {
		length := len([]rune(clusters.Value()))
		for i := range length {
			ends[at+i] = ends[at+i] || length > tokensMax/4
		}
		at += length
	}
	return ends
}

func TestGiantClustersAreCut(t *testing.T) {
	t.Parallel()
	text, chunks := mustSplit(t, extract.Block{Kind: extract.Paragraph, Text: "e" + strings.Repeat("\u0301", 20_000)})
	if len(chunks) < 5 || chunks[0].Start != 0 || chunks[len(chunks)-1].End != len([]rune(text)) {
		t.Errorf("a cluster of 20,001 characters is %d chunks", len(chunks))
	}
}

func BenchmarkSplit(b *testing.B) {
	var blocks []extract.Block
	for i := range 2000 {
		if i%8 == 0 {
			blocks = append(blocks, heading(1+i%3, fmt.Sprintf("Section %d", i)))
		}
		blocks = append(blocks, paragraph(100))
	}
	documents := map[string][]extract.Block{
		"sections":  blocks,
		"paragraph": {paragraph(200_000)},
		"sentence":  {{Kind: extract.Paragraph, Text: strings.Repeat("words and no stop ", 60_000)}},
		"word":      {{Kind: extract.Paragraph, Text: strings.Repeat("w", 1_000_000)}},
		"chinese":   {{Kind: extract.Paragraph, Text: strings.Repeat("付款期限为三十天，逾期付款须支付利息。", 20_000)}},
		"items":     slices.Repeat([]extract.Block{{Kind: extract.Item, Text: "x y"}}, 200_000),
	}
	for name, blocks := range documents {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				text, _, err := Split(&extract.Text{Blocks: blocks})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(text)))
			}
		})
	}
}
