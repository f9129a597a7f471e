package extract

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inProcess reads in this process, as the child does. It is for what is written in Go, and takes no time to start.
func inProcess(t testing.TB, contentType, name string, body []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	out := newSink(io.Discard, Limits{TextBytes: 1 << 20}.withDefaults())
	return read(file, request{ContentType: contentType, Name: name, Limits: out.limits}, out)
}

// damage cuts the file, or changes some of its bits.
func damage(random *rand.Rand, body []byte) []byte {
	damaged := bytes.Clone(body)
	if random.IntN(3) == 0 {
		return damaged[:random.IntN(len(damaged))]
	}
	for range 1 + random.IntN(20) {
		damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
	}
	return damaged
}

// damageWithin damages one part of an archive, and packs it anew: its checksums are right.
func damageWithin(t testing.TB, random *rand.Rand, body []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]func(io.Writer){}
	chosen := random.IntN(len(z.File))
	for i, part := range z.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if i == chosen && len(content) > 0 {
			content = damage(random, content)
		}
		parts[part.Name] = say(string(content))
	}
	return archiveOf(t, parts)
}

const (
	damagesOfEach = 40 // in this process
	damagesOfPDF  = 10 // in children
	damageSeed    = 20261126
)

// Whatever is wrong in a file, the answer is its text or why there is none.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(damageSeed, 0))
	for name, body := range map[string][]byte{
		"tender.docx": officeFile(t, "tender.docx"), "deck.pptx": officeFile(t, "deck.pptx"), "lots.xlsx": workbook(t),
		"a.html": []byte(tenderPage), "a.md": []byte("# A\n\n- b\n\n| c | d |\n|---|---|\n| e | f |\n"),
		"a.csv": []byte("a;b\n\"c\";d\n"), "a.txt": encodeUTF16("\ufeffsome text", false),
	} {
		read := 0
		for range damagesOfEach {
			damaged := damage(random, body)
			if strings.HasSuffix(name, "x") && random.IntN(2) == 0 {
				damaged = damageWithin(t, random, body)
			}
			err := inProcess(t, "", name, damaged)
			if err == nil {
				read++
			}
			if _, ok := asError(err); err != nil && !ok {
				t.Errorf("%s: %v", name, err)
			}
		}
		t.Logf("%s: %d of %d were read", name, read, damagesOfEach)
	}
}

func TestDamagedPDF(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(damageSeed, 1))
	printed := printPDF(t, tenderPage)
	e := extractor(t, "extract", Limits{})
	for range damagesOfPDF {
		damaged := damage(random, printed)
		_, err := e.Extract(t.Context(), "application/pdf", "a.pdf", bytes.NewReader(damaged))
		var reason *Error
		if err != nil && !errors.As(err, &reason) {
			t.Errorf("%v", err)
		}
	}
}

func FuzzOffice(f *testing.F) {
	f.Add([]byte(wordBody + `<w:p><w:pPr><w:pStyle w:val="x"/></w:pPr><w:r><w:t>a</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl></w:body></w:document>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		err := inProcess(t, "", "a.docx", docxOf(t, func(w io.Writer) { _, _ = w.Write(document) }))
		if _, ok := asError(err); err != nil && !ok {
			t.Error(err)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, name := range []string{"a.html", "a.md", "a.csv", "a.txt"} {
		f.Add(name, []byte("<p>a</p>\n# b\n\n- c;d"))
	}
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		err := inProcess(t, "", name, body)
		if _, ok := asError(err); err != nil && !ok {
			t.Error(err)
		}
	})
}
