package extract

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/xuri/excelize/v2"

	"dossier/internal/pgtest"
)

const officeFolder = "testdata/office"

var officeFiles struct {
	sync.Mutex
	made map[string][]byte
}

// officeFile gives a file that make.js writes, made once for a run.
func officeFile(t testing.TB, name string) []byte {
	t.Helper()
	npm := pgtest.Program(t, "there is no npm, so no office file of others was read: install Node.js 20 or later", "npm")
	officeFiles.Lock()
	defer officeFiles.Unlock()
	if officeFiles.made[name] != nil {
		return officeFiles.made[name]
	}
	folder := t.TempDir()
	for _, file := range []string{".npmrc", "package.json", "package-lock.json", "make.js"} {
		text, err := os.ReadFile(filepath.Join(officeFolder, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, file), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, arguments := range [][]string{{"ci", "--no-audit", "--no-fund"}, {"run", "make", "--", folder}} {
		cmd := exec.CommandContext(t.Context(), npm, arguments...)
		cmd.Dir = folder
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npm %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
	officeFiles.made = map[string][]byte{}
	for _, file := range []string{"tender.docx", "deck.pptx"} {
		made, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		officeFiles.made[file] = made
	}
	return officeFiles.made[name]
}

// The lock file does not say where packages were fetched from.
func TestOfficeLockfileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(officeFolder, "package-lock.json"))
	if err != nil || strings.Contains(string(text), `"resolved"`) {
		t.Errorf("the lock file says where packages were fetched from, or is not there: %v", err)
	}
}

func TestDOCX(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{openXML + "wordprocessingml.document", "application/octet-stream", "application/pdf"} {
		text := mustExtract(t, contentType, "tender.docx", officeFile(t, "tender.docx"))
		wantOnly(t, text,
			Block{Heading, 1, 1, "Invitation to tender"},
			Block{Heading, 2, 1, "Scope of the works"},
			Block{Paragraph, 0, 1, "The bridge costs a million or so, in Łódź."},
			Block{Paragraph, 0, 1, "In euros, without taxes."},
			Block{Item, 0, 1, "Steel"},
			Block{Paragraph, 0, 1, "Bids are due in April."},
			Block{Row, 0, 1, "Lot | Budget"},
			Block{Row, 0, 1, "Northern span | | 1,250,000"},
			Block{Paragraph, 0, 2, "On the second page."},
			Block{Heading, 1, 2, "Bewertung"},
			Block{Paragraph, 0, 2, "שלום עולם"},
		)
		if text.Pages != 2 {
			t.Errorf("there are %d pages", text.Pages)
		}
	}
}

func TestPPTX(t *testing.T) {
	t.Parallel()
	text := mustExtract(t, openXML+"presentationml.presentation", "deck.pptx", officeFile(t, "deck.pptx"))
	wantOnly(t, text,
		Block{Heading, 1, 1, "Our bid"},
		Block{Paragraph, 0, 1, "We have built 300 bridges in Łódź."},
		Block{Item, 0, 1, "On time"},
		Block{Item, 0, 1, "On budget"},
		Block{Paragraph, 0, 1, "Say this slowly."},
		Block{Heading, 1, 2, "Price"},
		Block{Row, 0, 2, "Lot | Price"},
		Block{Row, 0, 2, "Northern span | 1,200,000"},
	)
	_, err := extractor(t, "extract", Limits{Pages: 1}).Extract(t.Context(), "", "deck.pptx", bytes.NewReader(officeFile(t, "deck.pptx")))
	wantCode(t, err, TooLarge, "pages")
}

// workbook makes an XLSX.
func workbook(t testing.TB, options ...excelize.Options) []byte {
	t.Helper()
	book := excelize.NewFile()
	defer book.Close()
	for at, value := range map[string]any{"A1": "Lot", "B1": "Budget", "A2": "Northern span", "C2": 1250000.5, "A6": "Łódź\nover two lines"} {
		if err := book.SetCellValue("Sheet1", at, value); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{book.SetCellFormula("Sheet1", "D9", "A1&B1"), book.SetSheetName("Sheet1", "Lots")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := book.NewSheet("Questions"); err != nil {
		t.Fatal(err)
	}
	if err := book.SetCellValue("Questions", "A1", true); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := book.Write(&b, options...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestXLSX(t *testing.T) {
	t.Parallel()
	text := mustExtract(t, openXML+"spreadsheetml.sheet", "lots.xlsx", workbook(t))
	wantOnly(t, text,
		Block{Heading, 1, 1, "Lots"},
		Block{Row, 0, 1, "Lot | Budget"},
		Block{Row, 0, 1, "Northern span | | 1250000.5"},
		Block{Row, 0, 1, "Łódź over two lines"},
		Block{Heading, 1, 2, "Questions"},
		Block{Row, 0, 2, "TRUE"},
	)
	if text.Pages != 2 {
		t.Errorf("there are %d pages", text.Pages)
	}
}

func TestEncryptedOffice(t *testing.T) {
	t.Parallel()
	body := workbook(t, excelize.Options{Password: "secret"})
	_, err := extractor(t, "extract", Limits{}).Extract(t.Context(), openXML+"spreadsheetml.sheet", "lots.xlsx", bytes.NewReader(body))
	wantCode(t, err, Encrypted, "password")
	old := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 4096)...)
	_, err = extractor(t, "extract", Limits{}).Extract(t.Context(), "application/msword", "old.doc", bytes.NewReader(old))
	wantCode(t, err, UnsupportedType, "")
}
