package extract

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// endless is a body that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// archiveOf makes an archive; a part's content is written by its function.
func archiveOf(t testing.TB, parts map[string]func(io.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, write := range parts {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		write(w)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func say(text string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, text) }
}

// repeat writes text as often, between two others.
func repeat(before, text string, times int, after string) func(io.Writer) {
	return func(w io.Writer) {
		_, _ = io.WriteString(w, before)
		many := strings.Repeat(text, 1000)
		for range times / 1000 {
			_, _ = io.WriteString(w, many)
		}
		_, _ = io.WriteString(w, after)
	}
}

const wordBody = `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`

// docxOf makes a document of its main part, and more.
func docxOf(t testing.TB, document func(io.Writer), more ...string) []byte {
	t.Helper()
	parts := map[string]func(io.Writer){
		"[Content_Types].xml": say(`<Types><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`),
		"_rels/.rels":         say(`<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="word/document.xml"/></Relationships>`),
		"word/document.xml":   document,
	}
	for _, name := range more {
		parts[name] = say("")
	}
	return archiveOf(t, parts)
}

// xlsxOf makes a workbook of one sheet.
func xlsxOf(t testing.TB, sheet func(io.Writer)) []byte {
	t.Helper()
	const types = "application/vnd.openxmlformats-officedocument.spreadsheetml."
	return archiveOf(t, map[string]func(io.Writer){
		"[Content_Types].xml":        say(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="` + types + `sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + types + `worksheet+xml"/></Types>`),
		"_rels/.rels":                say(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`),
		"xl/workbook.xml":            say(`<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Big" sheetId="1" r:id="rId1"/></sheets></workbook>`),
		"xl/_rels/workbook.xml.rels": say(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`),
		"xl/worksheets/sheet1.xml":   sheet,
	})
}

const sheetStart = `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>`

// pdfOf makes a file of its objects, the first of which is the catalog.
func pdfOf(objects ...string) []byte {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n")
	var offsets []int
	for i, object := range objects {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return []byte(b.String())
}

// hostile are files that are made to harm. Each must end in a Text or in an *Error: code is "" where either is right.
func hostile(t testing.TB) map[string]struct {
	name string
	body io.Reader
	code Code
} {
	bytesOf := func(b []byte) io.Reader { return bytes.NewReader(b) }
	paragraphs := repeat(wordBody, "<w:p><w:r><w:t>aaaaaaaaaaaaaaaaaaaaaaaa</w:t></w:r></w:p>", 3_000_000, "</w:body></w:document>")
	deep := repeat(wordBody, "<w:sdt>", 1_000_000, "")
	laughs := `<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>` + wordBody + `<w:p><w:r><w:t>&c;</w:t></w:r></w:p></w:body></w:document>`
	many := make([]string, 100_000)
	for i := range many {
		many[i] = "word/" + strconv.Itoa(i)
	}
	return map[string]struct {
		name string
		body io.Reader
		code Code
	}{
		"zip bomb":         {"a.docx", bytesOf(docxOf(t, paragraphs)), TooLarge},
		"nested XML":       {"a.docx", bytesOf(docxOf(t, deep)), Malformed},
		"billion laughs":   {"a.docx", bytesOf(docxOf(t, say(laughs))), Malformed},
		"100,000 parts":    {"a.docx", bytesOf(docxOf(t, say(wordBody), many...)), TooLarge},
		"wide rows":        {"a.xlsx", bytesOf(xlsxOf(t, repeat(sheetStart, `<row><c r="XFD1" t="str"><v>x</v></c></row>`, 20_000, "</sheetData></worksheet>"))), ""},
		"far row":          {"a.xlsx", bytesOf(xlsxOf(t, say(sheetStart+`<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>`))), ""},
		"huge page count":  {"a.pdf", bytesOf(pdfOf("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 2000000000 /Kids [3 0 R] >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>")), ""},
		"recursive pages":  {"a.pdf", bytesOf(pdfOf("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 9 /Kids [2 0 R 3 0 R] >>", "<< /Type /Pages /Count 9 /Parent 2 0 R /Kids [2 0 R 3 0 R] >>")), ""},
		"endless stream":   {"a.txt", endless{}, TooLarge},
		"nested divs":      {"a.html", strings.NewReader(strings.Repeat("<div>", 1_000_000) + "text"), Malformed},
		"nested quotes":    {"a.md", strings.NewReader(strings.Repeat(">", 1_000_000) + "text"), Malformed},
		"one line of CSV":  {"a.csv", io.MultiReader(strings.NewReader("a,b\n"), io.LimitReader(endless{}, 100<<20)), TooLarge},
		"one open quote":   {"a.csv", io.MultiReader(strings.NewReader(`a,"`), io.LimitReader(endless{}, 100<<20)), TooLarge},
		"one line of text": {"a.txt", io.LimitReader(endless{}, 100<<20), TooLarge},
		"many elements":    {"a.html", strings.NewReader(strings.Repeat("<b>", 400) + strings.Repeat("<i></i>", 1_000_000)), ""},
	}
}

// parentGrowthMax is what the parent may hold after a hostile file more than before.
const parentGrowthMax = 32 << 20

func heapAfterCollection() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// Not parallel: it looks at the memory and the children of this process.
func TestHostileFiles(t *testing.T) {
	compilePDFium(t)
	for label, c := range hostile(t) {
		started := time.Now()
		e := extractor(t, "extract", Limits{FileBytes: 200 << 20, Time: 5 * time.Minute})
		before := heapAfterCollection()
		text, err := e.Extract(t.Context(), "", c.name, c.body)
		after := heapAfterCollection()
		if text != nil {
			t.Logf("%s: %d blocks, %d pages in %s", label, len(text.Blocks), text.Pages, time.Since(started))
			wantTidy(t, label, text)
			text = nil
		} else {
			t.Logf("%s: %v in %s", label, err, time.Since(started))
		}
		if _, ok := asError(err); err != nil && !ok || c.code != "" {
			wantCode(t, err, c.code, "")
		}
		if after > before+parentGrowthMax {
			t.Errorf("%s: the parent holds %d bytes more", label, after-before)
		}
		wantNoChildren(t, label)
		wantEmpty(t, e.TempDir)
	}
}

// wantNoChildren checks that no child is left, not even as a zombie.
func wantNoChildren(t testing.TB, label string) {
	t.Helper()
	output, err := exec.Command("ps", "-o", "pid=,stat=,args=", "--ppid", strconv.Itoa(os.Getpid())).Output()
	var none *exec.ExitError
	if err != nil && !errors.As(err, &none) {
		t.Skip("there is no ps, so nobody looked for children that are left")
	}
	for line := range strings.Lines(string(output)) {
		if !strings.Contains(line, "ps -o") {
			t.Errorf("%s: left: %s", label, line)
		}
	}
}

func wantEmpty(t testing.TB, folder string) {
	t.Helper()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v %v", folder, left, err)
	}
}

func TestChildrenThatGoWrong(t *testing.T) {
	limits := Limits{Time: 3 * time.Second, Memory: 128 << 20, TextBytes: 1 << 20}
	for child, want := range map[string]Code{
		"hang": TimedOut, "spin": TimedOut, "hog": TooLarge, "hog-watched": TooLarge, "crash": Malformed, "flood": TooLarge,
		"fail": "", "stop": "", "mute": "", "babel": "", // our own trouble
	} {
		started := time.Now()
		e := extractor(t, child, limits)
		if want != TimedOut {
			e.Limits.Time = time.Minute
		}
		if child == "hog" && withRace {
			continue
		}
		text, err := e.Extract(t.Context(), "", "a.txt", strings.NewReader("text"))
		reason, ok := asError(err)
		switch {
		case text != nil || err == nil:
			t.Errorf("%s: %+v", child, text)
		case want == "" && ok || want != "" && (!ok || reason.Code != want):
			t.Errorf("%s: %v", child, err)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("%s tells: %v", child, err)
		}
		if took := time.Since(started); took > e.Limits.Time+10*time.Second {
			t.Errorf("%s took %s", child, took)
		}
		wantNoChildren(t, child)
		wantEmpty(t, e.TempDir)
	}
}

func TestContextEndsChild(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err := extractor(t, "hang", Limits{}).Extract(ctx, "", "a.txt", strings.NewReader("text"))
	if _, ok := asError(err); ok || !errors.Is(err, context.DeadlineExceeded) || time.Since(started) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(started), err)
	}
	wantNoChildren(t, "hang")
	_, err = extractor(t, "extract", Limits{}).Extract(ctx, "", "a.txt", endless{})
	if _, ok := asError(err); ok || err == nil {
		t.Errorf("an ended context: %v", err)
	}
	_, err = (&Extractor{Command: []string{"/no/such/program"}}).Extract(t.Context(), "", "a.txt", strings.NewReader("text"))
	if _, ok := asError(err); ok || err == nil {
		t.Errorf("no program: %v", err)
	}
}

// The server's environment, with its secrets, does not reach the child.
func TestChildKnowsNothing(t *testing.T) {
	t.Setenv("SECRET", "of the server")
	text, err := extractor(t, "environment", Limits{}).Extract(t.Context(), "", "a.txt", strings.NewReader("text"))
	if err != nil {
		t.Fatal(err)
	}
	wantOnly(t, text, Block{Kind: Paragraph, Text: "/"}, Block{Kind: Paragraph, Text: "its own group"})
}

// A child does not outlive the server that is killed.
func TestChildEndsWithParent(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "freebsd" {
		t.Skip("this system has no death signal")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(program, "parent")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := ""
	for deadline := time.Now().Add(10 * time.Second); child == "" && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		output, _ := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(parent.Process.Pid)).Output()
		child = strings.TrimSpace(string(output))
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if child == "" {
		t.Fatal("the parent had no child")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		state, _ := exec.Command("ps", "-o", "stat=", "-p", child).Output()
		if len(state) == 0 || state[0] == 'Z' { // nobody may be there to reap it
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("child %s is left: %s", child, state)
		}
	}
}
