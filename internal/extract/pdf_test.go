package extract

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"

	"dossier/internal/pgtest"
)

// printMax is how long Chromium may take on a busy machine.
const printMax = 2 * time.Minute

// printPDF has Chromium print a page.
func printPDF(t testing.TB, page string) []byte {
	t.Helper()
	compilePDFium(t)
	chromium := pgtest.Program(t, "there is no Chromium, so no PDF was read. On Debian: apt-get install chromium",
		"chromium", "chromium-browser", "google-chrome")
	folder := t.TempDir()
	source, target := filepath.Join(folder, "page.html"), filepath.Join(folder, "page.pdf")
	if err := os.WriteFile(source, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), printMax)
	defer cancel()
	arguments := []string{"--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer", "--user-data-dir=" + filepath.Join(folder, "profile"), "--print-to-pdf=" + target, "file://" + source}
	if os.Geteuid() == 0 {
		arguments = append([]string{"--no-sandbox"}, arguments...)
	}
	if output, err := exec.CommandContext(ctx, chromium, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("Chromium: %v\n%s", err, output)
	}
	printed, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	return printed
}

// compileMax is how long compiling the reader of PDF may take where all else is slow, too: with the race detector.
const compileMax = 15 * time.Minute

var compiled sync.Once

// compilePDFium has the reader of PDF compiled into the cache once, so that no test's time counts it.
func compilePDFium(t testing.TB) {
	compiled.Do(func() {
		_, err := extractor(t, "extract", Limits{Time: compileMax}).Extract(t.Context(), "application/pdf", "a.pdf", strings.NewReader("%PDF-1.7\n"))
		wantCode(t, err, Malformed, "")
	})
}

const tenderPage = `<!doctype html><html lang="en"><meta charset="utf-8"><style>body { font: 12pt sans-serif } h1 { font-size: 24pt } h2 { font-size: 17pt }</style>
<h1>Invitation to tender</h1>
<p>The buyer asks for bids to rebuild the north bridge. Bids are due on the third of March, and whoever comes late is not read,
whatever the reason for being late may be. This paragraph is long enough to have several lines in print.</p>
<p>Café, naïve, straße, Łódź, and the word résumé.</p>
<h2>Lots</h2>
<ul><li>Steel and concrete</li><li>Lights along the way</li></ul>
<table border="1"><tr><th>Lot</th><th>Budget</th></tr><tr><td>Northern span</td><td>1,250,000</td></tr></table>
<h2 style="break-before: page">Languages</h2>
<p>Bids are taken in each of the languages below, and in no other one; a translation by a sworn translator is to be added to the bid,
and what it costs is the bidder's to pay. The buyer answers in the language of the question, within a week of its arrival.</p>
<p lang="he" dir="rtl">שלום עולם</p>
<p lang="ar" dir="rtl">مرحبا بالعالم</p><p lang="ar" dir="rtl">العقد رقم 42 بين الطرفين لا</p>
<p lang="zh">本文件的第一页</p>
<p lang="ja">入札の説明書</p></html>`

func TestPDF(t *testing.T) {
	t.Parallel()
	text := mustExtract(t, "application/pdf", "tender.pdf", printPDF(t, tenderPage))
	wantBlocks(t, text,
		Block{Heading, 1, 1, "Invitation to tender"},
		Block{Heading, 2, 1, "Lots"},
		Block{Paragraph, 0, 1, "Café, naïve, straße, Łódź, and the word résumé."},
		Block{Heading, 2, 2, "Languages"},
	)
	if text.Pages != 2 {
		t.Errorf("there are %d pages", text.Pages)
	}
	all := ""
	for _, b := range text.Blocks {
		all += b.Text + "\n"
	}
	for _, want := range []string{
		"The buyer asks for bids to rebuild the north bridge. Bids are due on the third of March, and whoever comes late is not read, whatever the reason for being late may be. This",
		"Steel and concrete", "Northern span", "1,250,000", "שלום עולם", "مرحبا بالعالم", "العقد رقم 42 بين الطرفين لا",
		"文件的第一页", "札の説明書", // where there is no font for them, Chromium notes all but the first beside what it draws

	} {
		if !strings.Contains(all, want) {
			t.Errorf("nowhere: %q", want)
		}
	}
}

func TestPDFOfManyPages(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(`<!doctype html><meta charset="utf-8"><style>h1 { break-before: page }</style>`)
	for n := 1; n <= 300; n++ {
		fmt.Fprintf(&page, "<h1>Section %d</h1>", n)
		for m := range 8 {
			fmt.Fprintf(&page, "<p>%d.%d %s</p>", n, m, strings.Repeat("The contractor shall keep the works insured until they are handed over. ", 5))
		}
	}
	printed := printPDF(t, page.String())
	started := time.Now()
	text := mustExtract(t, "application/pdf", "long.pdf", printed)
	t.Logf("%d bytes, %d blocks in %s", len(printed), len(text.Blocks), time.Since(started))
	if text.Pages != 300 {
		t.Errorf("there are %d pages", text.Pages)
	}
	for _, n := range []int{1, 2, 150, 300} {
		wantBlocks(t, text, Block{Heading, 1, n, fmt.Sprintf("Section %d", n)})
	}
	_, err := extractor(t, "extract", Limits{Pages: 299}).Extract(t.Context(), "application/pdf", "long.pdf", bytes.NewReader(printed))
	wantCode(t, err, TooLarge, "pages")
	_, err = extractor(t, "extract", Limits{TextBytes: 100 << 10}).Extract(t.Context(), "application/pdf", "long.pdf", bytes.NewReader(printed))
	wantCode(t, err, TooLarge, "text")
}

func TestScannedPDF(t *testing.T) {
	t.Parallel()
	const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	text := mustExtract(t, "application/pdf", "scan.pdf", printPDF(t, `<img width="500" height="700" src="data:image/png;base64,`+pixel+`">`))
	if text.Pages != 1 || len(text.Blocks) != 0 {
		t.Errorf("got %+v", text)
	}
}

func TestEncryptedPDF(t *testing.T) {
	t.Parallel()
	printed := printPDF(t, tenderPage)
	encrypt := func(user, owner string) []byte {
		configuration := model.NewAESConfiguration(user, owner, 256)
		var encrypted bytes.Buffer
		if err := api.Encrypt(bytes.NewReader(printed), &encrypted, configuration); err != nil {
			t.Fatal(err)
		}
		return encrypted.Bytes()
	}
	_, err := extractor(t, "extract", Limits{}).Extract(t.Context(), "application/pdf", "a.pdf", bytes.NewReader(encrypt("user", "owner")))
	wantCode(t, err, Encrypted, "password")
	wantBlocks(t, mustExtract(t, "application/pdf", "b.pdf", encrypt("", "owner")), Block{Heading, 1, 1, "Invitation to tender"})
}
