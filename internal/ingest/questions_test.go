package ingest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"dossier/internal/extract"
)

// question is one of bench/quality/questions.json: a chunk that has the passage is the right answer.
type question struct {
	Question string `json:"question"`
	Document string `json:"document"` // a file name, of one of haystack
	Passage  string `json:"passage"`
	Kind     string `json:"kind"`
}

// haystack are the folders and files that the questions are asked about.
var haystack = []string{
	"../seed/pack/*", "../../bench/quality/documents/*", "../../README.md", "../../docs/integrating.md", "../../bench/README.md",
}

// Of the questions: how many there are at least, and of each kind.
const (
	questionsMin     = 120
	haystackMin      = 150 // chunks
	passageLengthMin = 20  // bytes
)

var questionKinds = map[string]int{"paraphrase": 55, "keywords": 28, "exact": 28}

func TestQuestionsHaveOneAnswer(t *testing.T) {
	t.Parallel()
	texts, chunks := map[string]string{}, map[string][]Chunk{}
	total := 0
	for name, blocks := range readHaystack(t) {
		texts[name], chunks[name] = mustSplit(t, blocks...)
		wantSound(t, texts[name], chunks[name])
		total += len(chunks[name])
		t.Logf("%-45s %4d chunks", name, len(chunks[name]))
	}
	if total < haystackMin {
		t.Errorf("the haystack has %d chunks", total)
	}
	content, err := os.ReadFile("../../bench/quality/questions.json")
	if err != nil {
		t.Fatal(err)
	}
	var questions []question
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&questions); err != nil {
		t.Fatal(err)
	}
	seen, kinds := map[string]bool{}, map[string]int{}
	for _, q := range questions {
		wantOneAnswer(t, q, texts, chunks)
		if seen[strings.ToLower(q.Question)] {
			t.Errorf("%q is asked twice", q.Question)
		}
		seen[strings.ToLower(q.Question)] = true
		kinds[q.Kind]++
	}
	for kind, least := range questionKinds {
		if kinds[kind] < least {
			t.Errorf("there are %d questions of kind %s", kinds[kind], kind)
		}
	}
	if len(questions) < questionsMin || len(kinds) != len(questionKinds) {
		t.Errorf("there are %d questions: %v", len(questions), kinds)
	}
	t.Logf("%d chunks; %d questions: %v", total, len(questions), kinds)
}

func wantOneAnswer(t *testing.T, q question, texts map[string]string, chunks map[string][]Chunk) {
	t.Helper()
	if len(q.Passage) < passageLengthMin || texts[q.Document] == "" {
		t.Errorf("%q is answered by %q of %q", q.Question, q.Passage, q.Document)
	}
	for name, text := range texts {
		want := 0
		if name == q.Document {
			want = 1
		}
		if n := strings.Count(text, q.Passage); n != want {
			t.Errorf("%q: %q is %d times in %s", q.Question, q.Passage, n, name)
		}
	}
	for _, c := range chunks[q.Document] {
		if strings.Contains(c.Text, q.Passage) {
			return
		}
	}
	t.Errorf("%q: no chunk has all of %q", q.Question, q.Passage)
}

// readHaystack reads the documents roughly, as the extraction of text does finely.
func readHaystack(t *testing.T) map[string][]extract.Block {
	t.Helper()
	all := map[string][]extract.Block{}
	for _, pattern := range haystack {
		paths, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimLeft(filepath.ToSlash(path), "./")
			if !strings.HasSuffix(name, "README.md") {
				name = filepath.Base(path)
			}
			all[name] = readRoughly(t, filepath.Ext(path), string(content))
		}
	}
	return all
}

func readRoughly(t *testing.T, extension, content string) []extract.Block {
	t.Helper()
	switch extension {
	case ".md":
		return readMarkdown(content)
	case ".html":
		return readHTML(content)
	case ".csv":
		records, err := csv.NewReader(strings.NewReader(content)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var blocks []extract.Block
		for _, record := range records {
			blocks = append(blocks, extract.Block{Kind: extract.Row, Text: strings.Join(record, " | ")})
		}
		return blocks
	default:
		var blocks []extract.Block
		for paragraph := range strings.SplitSeq(content, "\n\n") {
			blocks = append(blocks, extract.Block{Kind: extract.Paragraph, Text: strings.Join(strings.Fields(paragraph), " ")})
		}
		return blocks
	}
}

var (
	markdownHeading = regexp.MustCompile(`^(#{1,6}) (.*)`)
	markdownItem    = regexp.MustCompile(`^(?:[-*]|\d+\.) (.*)`)
	markdownMarks   = regexp.MustCompile("!?\\[([^]]*)\\]\\([^)]*\\)|[*`]")
)

func readMarkdown(content string) []extract.Block {
	var blocks []extract.Block
	code, open := false, false // whether a line is code, and whether it goes on with the last block
	add := func(block extract.Block) {
		blocks, open = append(blocks, block), block.Kind == extract.Paragraph || block.Kind == extract.Item
	}
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			code, open = !code, false
			continue
		}
		if !code {
			line = markdownMarks.ReplaceAllString(line, "$1")
		}
		heading, item := markdownHeading.FindStringSubmatch(line), markdownItem.FindStringSubmatch(line)
		switch {
		case line == "":
			open = false
		case open && item == nil:
			blocks[len(blocks)-1].Text += " " + line
		case heading != nil && !code:
			add(extract.Block{Kind: extract.Heading, Level: len(heading[1]), Text: heading[2]})
		case item != nil && !code:
			add(extract.Block{Kind: extract.Item, Text: item[1]})
		case strings.HasPrefix(line, "|"):
			add(extract.Block{Kind: extract.Row, Text: strings.Trim(line, "| ")})
		default:
			add(extract.Block{Kind: extract.Paragraph, Text: line})
		}
	}
	return blocks
}

func readHTML(content string) []extract.Block {
	var blocks []extract.Block
	var cells []string
	var text strings.Builder
	for tokens := html.NewTokenizer(strings.NewReader(content)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			return blocks
		case html.TextToken:
			text.WriteString(tokens.Token().Data)
		case html.StartTagToken:
			text.Reset()
		case html.EndTagToken:
			said := strings.Join(strings.Fields(text.String()), " ")
			text.Reset()
			switch name := tokens.Token().Data; name {
			case "h1", "h2", "h3", "h4":
				blocks = append(blocks, extract.Block{Kind: extract.Heading, Level: int(name[1] - '0'), Text: said})
			case "p":
				blocks = append(blocks, extract.Block{Kind: extract.Paragraph, Text: said})
			case "td", "th":
				cells = append(cells, said)
			case "tr":
				blocks = append(blocks, extract.Block{Kind: extract.Row, Text: strings.Join(cells, " | ")})
				cells = nil
			}
		}
	}
}
