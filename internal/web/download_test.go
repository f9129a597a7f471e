package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"dossier/internal/apitest"
	"dossier/internal/blob"
	"dossier/model"
)

// shelf is a server, and a user whose documents have bytes.
type shelf struct {
	*apitest.World
	folder  string // of the store
	company *model.Company
	user    *model.User
}

var discard = slog.New(slog.DiscardHandler)

func newShelf(t *testing.T, options ...apitest.Option) shelf {
	t.Helper()
	w := apitest.New(t, options...)
	folder := filepath.Join(t.TempDir(), "documents")
	blobs, err := blob.Open("file://" + folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	w.Files.Blobs = blobs
	company := w.Company(t, "Acme")
	return shelf{w, folder, company, w.User(t, company, model.RoleMember, "Mia Member")}
}

// put adds a document of the bytes.
func (s shelf) put(t *testing.T, name, contentType string, content []byte) *model.Document {
	t.Helper()
	blobName := "dossier/" + uuid.NewString()
	if _, err := s.Files.Blobs.Write(t.Context(), blobName, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(content)
	return s.putRow(t, name, contentType, s.Files.Blobs.Container(), blobName, len(content), hash[:])
}

// putRow adds a document whose row says where its bytes are.
func (s shelf) putRow(t *testing.T, name, contentType, container, blobName string, size int, hash []byte) *model.Document {
	t.Helper()
	document := s.Documents(t, s.user, nil, 1)[0]
	_, err := s.Pool.Exec(`UPDATE documents SET name = $1, content_type = $2, container_name = $3, blob_name = $4, size_bytes = $5, sha256 = $6
		WHERE id = $7`, name, contentType, container, blobName, size, hash, document.ID)
	if err != nil {
		t.Fatal(err)
	}
	document.ContainerName, document.BlobName = &container, &blobName
	return document
}

// link is the user's link to the document, as the API gives it.
func (s shelf) link(t *testing.T, document *model.Document) string {
	t.Helper()
	return s.As(t, s.user).Query(t, `query($id: ID!) { document(id: $id) { downloadUrl } }`, "id", document.ID).Text("document.downloadUrl")
}

// answered is an answer that was read to its end.
type answered struct {
	*http.Response
	body string
}

// ask sends a request with headers, given as name and value by turns.
func ask(t *testing.T, method, url string, body io.Reader, headers ...string) answered {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{response, string(text)}
}

// wantCode fails the test unless the request was refused so.
func (a answered) wantCode(t *testing.T, status int, code string) {
	t.Helper()
	var answer struct{ Errors []apitest.Error }
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || len(answer.Errors) != 1 {
		t.Fatalf("%d, and no JSON with one error: %s", a.StatusCode, a.body)
	}
	if a.StatusCode != status || answer.Errors[0].Code() != code || answer.Errors[0].Message == "" {
		t.Errorf("%d %s, want %d %s", a.StatusCode, a.body, status, code)
	}
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control of a refusal is %q", got)
	}
}

// letters are bytes that are easy to tell apart.
func letters(n int) []byte {
	content := make([]byte, n)
	for i := range content {
		content[i] = byte('a' + i%26)
	}
	return content
}

func TestDownloadWhole(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := letters(3 << 20) // more than the first window of a blob.Reader
	url := s.link(t, s.put(t, "Plan.pdf", "application/pdf", content))
	hash := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(hash[:]) + `"`
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		a := ask(t, method, url, nil)
		if a.StatusCode != http.StatusOK || a.ContentLength != int64(len(content)) {
			t.Fatalf("%s: %d of %d bytes", method, a.StatusCode, a.ContentLength)
		}
		if want := string(content); method == http.MethodGet && a.body != want || method == http.MethodHead && a.body != "" {
			t.Errorf("%s: other bytes, %d of them", method, len(a.body))
		}
		for header, want := range map[string]string{
			"ETag": tag, "Content-Type": "application/pdf", "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "Cache-Control": "private, no-cache",
			"Content-Disposition": `attachment; filename="Plan.pdf"`, "Referrer-Policy": "no-referrer", "Content-Encoding": "",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", method, header, got, want)
			}
		}
	}
	if log := s.Log.String(); strings.Contains(log, "downloads") {
		t.Errorf("a download that went well is logged: %s", log)
	}
}

func TestDownloadRanges(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := string(letters(1000))
	url := s.link(t, s.put(t, "a.txt", "text/plain; charset=utf-8", []byte(content)))
	tag := ask(t, http.MethodHead, url, nil).Header.Get("ETag")
	for name, c := range map[string]struct {
		headers            []string
		status             int
		contentRange, body string
	}{
		"one":              {[]string{"Range", "bytes=0-9"}, 206, "bytes 0-9/1000", content[:10]},
		"in the midst":     {[]string{"Range", "bytes=500-509"}, 206, "bytes 500-509/1000", content[500:510]},
		"open":             {[]string{"Range", "bytes=990-"}, 206, "bytes 990-999/1000", content[990:]},
		"suffix":           {[]string{"Range", "bytes=-7"}, 206, "bytes 993-999/1000", content[993:]},
		"beyond the end":   {[]string{"Range", "bytes=990-5000"}, 206, "bytes 990-999/1000", content[990:]},
		"huge suffix":      {[]string{"Range", "bytes=-5000"}, 206, "bytes 0-999/1000", content},
		"unsatisfiable":    {[]string{"Range", "bytes=1000-"}, 416, "bytes */1000", ""},
		"no range":         {[]string{"Range", "bytes=9-1"}, 416, "", ""},
		"two":              {[]string{"Range", "bytes=0-1,10-11"}, 200, "", content},
		"nine":             {[]string{"Range", "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16"}, 200, "", content},
		"If-Range, same":   {[]string{"Range", "bytes=0-9", "If-Range", tag}, 206, "bytes 0-9/1000", content[:10]},
		"If-Range, other":  {[]string{"Range", "bytes=0-9", "If-Range", `"other"`}, 200, "", content},
		"If-Match, other":  {[]string{"If-Match", `"other"`}, 412, "", ""},
		"known":            {[]string{"If-None-Match", tag}, 304, "", ""},
		"known among some": {[]string{"If-None-Match", `"other", W/` + tag}, 304, "", ""},
		"not known":        {[]string{"If-None-Match", `"other"`}, 200, "", content},
	} {
		a := ask(t, http.MethodGet, url, nil, c.headers...)
		if a.StatusCode != c.status || a.Header.Get("Content-Range") != c.contentRange || c.status < 400 && a.body != c.body {
			t.Errorf("%s: %d, %q, %d bytes", name, a.StatusCode, a.Header.Get("Content-Range"), len(a.body))
		}
		if a.StatusCode == http.StatusNotModified && a.Header.Get("ETag") != tag {
			t.Errorf("%s: ETag %q", name, a.Header.Get("ETag"))
		}
	}
}

// A name goes through any client, and says nothing to a file system.
func TestDownloadNames(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	document := s.put(t, "a", "application/pdf", []byte("content"))
	url := s.link(t, document)
	umlauts := strings.Repeat("ü", 200)
	for name, want := range map[string]string{
		"Plan.pdf":                       "Plan.pdf",
		`a "quoted" name.pdf`:            "a _quoted_ name.pdf",
		"a\r\nSet-Cookie: a=b\r\n\r\nx":  "a__Set-Cookie_ a=b____x",
		"../../etc/passwd":               ".._.._etc_passwd",
		`..\..\boot.ini`:                 `.._.._boot.ini`,
		"..":                             "document",
		". .":                            "document",
		"annual\u202efdp.exe":            "annual_fdp.exe",
		"a\u2066b\u2069c\u200fd\u061ce":  "a_b_c_d_e",
		"a\x7fb\u0085c\x01d":             "a_b_c_d",
		"\U0001F4C4 Büro, Ж & 中.pdf":     "\U0001F4C4 Büro, Ж & 中.pdf",
		umlauts:                          umlauts,
		"100%.pdf":                       "100%.pdf",
		"%2e%2e%2fa.pdf":                 "%2e%2e%2fa.pdf",
		"it's a (plan); filename=x*.pdf": "it's a (plan); filename=x_.pdf",
	} {
		if _, err := s.Pool.Exec("UPDATE documents SET name = $1 WHERE id = $2", name, document.ID); err != nil {
			t.Fatal(err)
		}
		disposition := ask(t, http.MethodHead, url, nil).Header.Get("Content-Disposition")
		kind, parameters, err := mime.ParseMediaType(disposition)
		if err != nil || kind != "attachment" || parameters["filename"] != want || len(parameters) != 1 {
			t.Errorf("%q is %q: %s %q, %v; want %q", name, disposition, kind, parameters, err, want)
		}
		for _, r := range disposition {
			if r < ' ' || r > '~' {
				t.Errorf("%q is %q, with %q", name, disposition, r)
			}
		}
		if !strings.HasPrefix(disposition, `attachment; filename="`) || strings.ContainsAny(strings.SplitN(disposition, `"`, 3)[1], `%\/`) {
			t.Errorf("%q is %q, without a plain name for old clients", name, disposition)
		}
	}
}

// What a browser could run is served as what it can only save.
func TestDownloadTypes(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	document := s.put(t, "a", "application/pdf", []byte("<script>alert(1)</script>"))
	url := s.link(t, document)
	const bytes = "application/octet-stream"
	for kept, want := range map[string]string{
		"text/html": bytes, "text/html; charset=utf-8": bytes, "image/svg+xml": bytes, "text/javascript": bytes, "application/javascript": bytes,
		"application/xhtml+xml": bytes, "text/xml": bytes, "application/xml": bytes, "application/vnd.adobe.xdp+xml": bytes, "multipart/related": bytes,
		"": bytes, "text": bytes, "application/pdfx": bytes, "text/plain, text/html": bytes, "text/plain; a=b, text/html": bytes,
		"text/plain\r\nX-Other: b": bytes, "application/wasm": bytes, "TEXT/HTML": bytes, "application/vnd.wap.xhtml+xml": bytes,
		"application/pdf": "application/pdf", "text/plain; charset=utf-8": "text/plain; charset=utf-8", "image/png": "image/png",
		`text/csv; header=", text/html"; charset=utf-8`:                           "text/csv; charset=utf-8",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	} {
		if _, err := s.Pool.Exec("UPDATE documents SET content_type = $1 WHERE id = $2", kept, document.ID); err != nil {
			t.Fatal(err)
		}
		a := ask(t, http.MethodGet, url, nil)
		if got := a.Header.Get("Content-Type"); a.StatusCode != http.StatusOK || got != want {
			t.Errorf("%q is served as %q, want %q", kept, got, want)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasSuffix(a.Header.Get("Content-Security-Policy"), "; sandbox") ||
			!strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;") || a.Header.Get("X-Other") != "" {
			t.Errorf("%q is served with %v", kept, a.Header)
		}
	}
}

// A download takes two statements: the user, and what the user sees of the document.
func TestDownloadStatements(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	url := s.link(t, s.put(t, "a.txt", "text/plain", letters(100)))
	s.SQL.Reset()
	began := time.Now()
	ask(t, http.MethodGet, url, nil)
	t.Logf("took %s", time.Since(began))
	s.WantSQL(t, 2)
}
