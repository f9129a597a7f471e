package web_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/files"
)

// target is where an upload is to be sent.
type target struct{ id, url, resumable string }

// create makes an upload of the size, with the hash unless it is "".
func (s shelf) create(t *testing.T, size int, hash string) target {
	t.Helper()
	input := map[string]any{"sizeBytes": size}
	if hash != "" {
		input["sha256"] = hash
	}
	made := s.As(t, s.user).Query(t, `mutation($input: CreateUploadInput!) { createUpload(input: $input) {
		upload { id url resumableUrl } userErrors { message } } }`, "input", input)
	return target{made.Text("createUpload.upload.id"), made.Text("createUpload.upload.url"), made.Text("createUpload.upload.resumableUrl")}
}

// complete makes the document of an upload, and gives its hash and bytes, or the first of what is wrong.
func (s shelf) complete(t *testing.T, upload target) (hash, content, wrong string) {
	t.Helper()
	made := s.As(t, s.user).Query(t, `mutation($u: ID!) { completeUpload(input: {uploadId: $u, name: "a.txt"}) {
		document { sha256 downloadUrl } userErrors { code message } } }`, "u", upload.id)
	if errors := made.List("completeUpload.userErrors"); len(errors) > 0 {
		return "", "", errors[0].Text("code") + " " + errors[0].Text("message")
	}
	return made.Text("completeUpload.document.sha256"), ask(t, http.MethodGet, made.Text("completeUpload.document.downloadUrl"), nil).body, ""
}

func hashOf(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// text gives random text: what is doubled or out of its place is seen.
func text(n int) []byte {
	content := make([]byte, n/2+1)
	_, _ = rand.Read(content)
	return []byte(hex.EncodeToString(content))[:n]
}

// patch sends a part of an upload, with headers that are given as name and value by turns.
func patch(t *testing.T, url string, offset int, part []byte, headers ...string) answered {
	t.Helper()
	return ask(t, http.MethodPatch, url, bytes.NewReader(part), append([]string{"Tus-Resumable", "1.0.0",
		"Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.Itoa(offset)}, headers...)...)
}

// wantOffset fails the test unless the answer is of this status and the upload has come so far.
func (a answered) wantOffset(t *testing.T, status, offset int) {
	t.Helper()
	if got := a.Header.Get("Upload-Offset"); a.StatusCode != status || got != strconv.Itoa(offset) {
		t.Errorf("%s: %d at %q, want %d at %d: %s", a.Request.Method, a.StatusCode, got, status, offset, a.body)
	}
	if a.Header.Get("Tus-Resumable") != "1.0.0" {
		t.Errorf("the answer does not tell its version: %v", a.Header)
	}
}

func head(t *testing.T, url string) answered {
	t.Helper()
	return ask(t, http.MethodHead, url, nil, "Tus-Resumable", "1.0.0")
}

// kept lists the blobs that are there.
func (s shelf) kept(t *testing.T) []string {
	t.Helper()
	var names []string
	for object, err := range s.Files.Blobs.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, object.Name)
	}
	return names
}

func TestTusInParts(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := text(300_000)
	upload := s.create(t, len(content), hashOf(content))
	a := head(t, upload.resumable)
	a.wantOffset(t, http.StatusOK, 0)
	if a.Header.Get("Upload-Length") != "300000" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.Header)
	}
	if _, _, wrong := s.complete(t, upload); wrong != "BAD_USER_INPUT uploadId is not complete: 0 of 300000 bytes are there." {
		t.Errorf("before anything came: %q", wrong)
	}
	patch(t, upload.resumable, 0, content[:100_000]).wantOffset(t, http.StatusNoContent, 100_000)
	patch(t, upload.resumable, 100_000, content[100_000:100_001]).wantOffset(t, http.StatusNoContent, 100_001)
	head(t, upload.resumable).wantOffset(t, http.StatusOK, 100_001)
	for _, offset := range []int{0, 100_000, 100_002, 300_000, 1 << 40} {
		if a := patch(t, upload.resumable, offset, content[:10]); a.StatusCode != http.StatusConflict {
			t.Errorf("at %d: %d %s", offset, a.StatusCode, a.body)
		}
	}
	if _, _, wrong := s.complete(t, upload); wrong != "BAD_USER_INPUT uploadId is not complete: 100001 of 300000 bytes are there." {
		t.Errorf("half of it: %q", wrong)
	}
	patch(t, upload.resumable, 100_001, content[100_001:]).wantOffset(t, http.StatusNoContent, len(content))
	head(t, upload.resumable).wantOffset(t, http.StatusOK, len(content))
	if kept := s.kept(t); len(kept) != 1 {
		t.Errorf("when all is there the parts are still: %q", kept)
	}
	if hash, got, wrong := s.complete(t, upload); hash != hashOf(content) || got != string(content) || wrong != "" {
		t.Errorf("hash %s, %d bytes, %s", hash, len(got), wrong)
	}
	if kept := s.kept(t); len(kept) != 1 {
		t.Errorf("of the document there are %q", kept)
	}
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		a := ask(t, method, upload.resumable, nil, "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
		if a.StatusCode != http.StatusNotFound {
			t.Errorf("%s when it is a document: %d", method, a.StatusCode)
		}
	}
	if len(s.kept(t)) != 1 {
		t.Error("the document's bytes are gone")
	}
	if log := s.Log.String(); strings.Contains(log, "eyJ") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the log has links or errors: %s", log)
	}
}

// What came before the connection broke is kept.
func TestTusCutOff(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := text(2_000_000)
	upload := s.create(t, len(content), "")
	conn := s.dial(t)
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n"+
		"Upload-Offset: 0\r\nContent-Length: %d\r\n\r\n%s", strings.TrimPrefix(upload.resumable, s.URL), len(content), content[:1_000_000])
	_ = conn.(*net.TCPConn).CloseWrite()
	status, err := bufio.NewReader(conn).ReadString('\n')
	_ = conn.Close()
	if err == nil && !strings.Contains(status, " 4") && !strings.Contains(status, " 5") {
		t.Errorf("a part that was cut off is answered with %s", status)
	}
	offset := 0
	for began := time.Now(); offset < 1_000_000; time.Sleep(10 * time.Millisecond) {
		a := head(t, upload.resumable)
		if offset, err = strconv.Atoi(a.Header.Get("Upload-Offset")); err != nil || time.Since(began) > 20*time.Second {
			t.Fatalf("only %d bytes were kept: %v", offset, err)
		}
	}
	if offset != 1_000_000 {
		t.Errorf("%d bytes were kept of a million", offset)
	}
	patch(t, upload.resumable, offset, content[offset:]).wantOffset(t, http.StatusNoContent, len(content))
	if hash, _, wrong := s.complete(t, upload); hash != hashOf(content) {
		t.Errorf("hash %s, %s", hash, wrong)
	}
}

func (s shelf) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Of many who send the same part one is heard.
func TestTusAtOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := text(500_000)
	upload := s.create(t, len(content), hashOf(content))
	for offset := 0; offset < len(content); offset += 250_000 {
		var group sync.WaitGroup
		statuses := make([]int, 5)
		for i := range statuses {
			group.Go(func() { statuses[i] = patch(t, upload.resumable, offset, content[offset:offset+250_000]).StatusCode })
		}
		group.Wait()
		won := 0
		for _, status := range statuses {
			switch status {
			case http.StatusNoContent:
				won++
			case http.StatusConflict, http.StatusNotFound:
			default:
				t.Errorf("statuses %v", statuses)
			}
		}
		if won != 1 {
			t.Errorf("statuses %v", statuses)
		}
		head(t, upload.resumable).wantOffset(t, http.StatusOK, offset+250_000)
	}
	if hash, _, wrong := s.complete(t, upload); hash != hashOf(content) {
		t.Errorf("hash %s, %s", hash, wrong)
	}
	if kept := s.kept(t); len(kept) != 1 {
		t.Errorf("there are %q", kept)
	}
}

// Two servers over one database and one store take parts by turns.
func TestTusByTwoServers(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := text(60_000)
	upload := s.create(t, len(content), hashOf(content))
	servers := []string{s.URL, s.beside(t, func(*files.Config) {}).URL}
	for i := range 6 {
		url := servers[i%2] + strings.TrimPrefix(upload.resumable, s.URL)
		head(t, url).wantOffset(t, http.StatusOK, i*10_000)
		patch(t, url, i*10_000, content[i*10_000:(i+1)*10_000]).wantOffset(t, http.StatusNoContent, (i+1)*10_000)
	}
	if hash, got, wrong := s.complete(t, upload); hash != hashOf(content) || got != string(content) {
		t.Errorf("hash %s, %d bytes, %s", hash, len(got), wrong)
	}
	if kept := s.kept(t); len(kept) != 1 {
		t.Errorf("there are %q", kept)
	}
}

// What is refused leaves nothing behind.
func TestTusRefuses(t *testing.T) {
	t.Parallel()
	content := text(30_000)
	for name, c := range map[string]struct {
		size   int
		hash   string
		send   func(t *testing.T, url string) answered
		status int
		offset string // what is there after it; "" for no upload any more
	}{
		"more than was told": {20_000, "", func(t *testing.T, url string) answered { return patch(t, url, 0, content) }, 413, "0"},
		"more than is left": {20_000, "", func(t *testing.T, url string) answered {
			patch(t, url, 0, content[:15_000])
			return patch(t, url, 15_000, content[15_000:])
		}, 413, "15000"},
		"more in chunks": {20_000, "", func(t *testing.T, url string) answered {
			return ask(t, http.MethodPatch, url, struct{ io.Reader }{bytes.NewReader(content)}, "Tus-Resumable", "1.0.0",
				"Content-Type", "application/offset+octet-stream", "Upload-Offset", "0")
		}, 413, "20000"}, // as tusd's own stores do: what was told is there
		"another hash": {30_000, strings.Repeat("0", 64), func(t *testing.T, url string) answered {
			patch(t, url, 0, content[:20_000])
			return patch(t, url, 20_000, content[20_000:])
		}, 400, ""},
		"a type that is not taken": {30_000, "", func(t *testing.T, url string) answered {
			return patch(t, url, 0, append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 1000)...))
		}, 400, "0"},
		"another version": {30_000, "", func(t *testing.T, url string) answered {
			return patch(t, url, 0, content, "Tus-Resumable", "0.2.2")
		}, 412, "0"},
		"no version": {30_000, "", func(t *testing.T, url string) answered {
			return ask(t, http.MethodPatch, url, bytes.NewReader(content), "Content-Type", "application/offset+octet-stream", "Upload-Offset", "0")
		}, 412, "0"},
		"another content type": {30_000, "", func(t *testing.T, url string) answered {
			return patch(t, url, 0, content, "Content-Type", "application/octet-stream")
		}, 400, "0"},
		"no offset":       {30_000, "", func(t *testing.T, url string) answered { return patch(t, url, 0, content, "Upload-Offset", "x") }, 400, "0"},
		"negative offset": {30_000, "", func(t *testing.T, url string) answered { return patch(t, url, -1, content) }, 400, "0"},
		"POST": {30_000, "", func(t *testing.T, url string) answered {
			return ask(t, http.MethodPost, url, bytes.NewReader(content), "Tus-Resumable", "1.0.0", "X-Http-Method-Override", "DELETE")
		}, 405, "0"},
		"given up": {30_000, "", func(t *testing.T, url string) answered {
			patch(t, url, 0, content[:20_000])
			return ask(t, http.MethodDelete, url, nil, "Tus-Resumable", "1.0.0")
		}, 204, ""},
		"given up when whole": {30_000, "", func(t *testing.T, url string) answered {
			patch(t, url, 0, content)
			return ask(t, http.MethodDelete, url, nil, "Tus-Resumable", "1.0.0")
		}, 204, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			upload := s.create(t, c.size, c.hash)
			a := c.send(t, upload.resumable)
			if a.StatusCode != c.status {
				t.Errorf("%d %q, want %d", a.StatusCode, a.body, c.status)
			}
			h := head(t, upload.resumable)
			if got := h.Header.Get("Upload-Offset"); got != c.offset || (c.offset == "") != (h.StatusCode == http.StatusNotFound) {
				t.Errorf("after it: %d at %q, want %q", h.StatusCode, got, c.offset)
			}
			if kept := s.kept(t); (c.offset == "" || c.offset == "0") != (len(kept) == 0) {
				t.Errorf("there are %q", kept)
			}
			if log := s.Log.String(); strings.Contains(log, "eyJ") || strings.Contains(log, "level=ERROR") {
				t.Errorf("the log has links or errors: %s", log)
			}
		})
	}
}

// A link to upload is no other link, and not that of a user.
func TestTusLinks(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	document := s.put(t, "a.txt", "text/plain", letters(10))
	download := strings.Replace(s.link(t, document), "/downloads/", "/uploads/", 1)
	upload := s.create(t, 10, "")
	for _, url := range []string{download, upload.resumable + "x", s.URL + "/uploads/x"} {
		for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete, http.MethodPut} {
			a := ask(t, method, url, nil, "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream")
			if a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d %s", method, a.StatusCode, a.body)
			}
		}
	}
	if a := ask(t, http.MethodGet, strings.Replace(upload.url, "/uploads/", "/downloads/", 1), nil); a.StatusCode != http.StatusForbidden {
		t.Errorf("a link to upload downloads: %d", a.StatusCode)
	}
	if _, err := s.Pool.Exec("UPDATE uploads SET expires_at = now()"); err != nil {
		t.Fatal(err)
	}
	if a := head(t, upload.resumable); a.StatusCode != http.StatusNotFound {
		t.Errorf("an expired upload: %d", a.StatusCode)
	}
	if len(s.kept(t)) != 1 {
		t.Error("the document's bytes are gone")
	}
}

// An upload that is given up when it has just become a document takes nothing from the document.
func TestTusGivenUpTooLate(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := text(1000)
	upload := s.create(t, len(content), "")
	patch(t, upload.resumable, 0, content).wantOffset(t, http.StatusNoContent, len(content))
	pending, err := s.Files.Pending(t.Context(), strings.TrimPrefix(upload.resumable, s.URL+"/uploads/"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, wrong := s.complete(t, upload); wrong != "" {
		t.Fatal(wrong)
	}
	_ = s.Files.Abandon(t.Context(), pending.ID)
	if kept := s.kept(t); len(kept) != 1 || kept[0] != pending.BlobName {
		t.Errorf("of the document there are %q", kept)
	}
}
