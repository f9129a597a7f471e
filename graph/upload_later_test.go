package graph_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/internal/files"
	"dossier/model"
)

// unsized is a body that does not tell its length.
type unsized struct{ io.Reader }

// wantUncompleted fails the test unless the upload is refused so.
func (w world) wantUncompleted(t testing.TB, client apitest.Client, id, want string) {
	t.Helper()
	got := w.complete(t, client, id)
	if errs := userErrors(got, "completeUpload"); errs != want || got.Text("completeUpload.document") != "<nil>" {
		t.Errorf("completed: %v, want %s", got.Raw(), want)
	}
}

// A file is sent to where createUpload says, and becomes a document as one that came with a request does.
func TestUploadToALink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.As(t, w.manager)
	project, green := w.Projects(t, w.member, 1)[0], theme(t, w.As(t, w.manager), "Green")
	const content = "%PDF-1.7\n and so on"
	hash := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(hash[:])
	first := w.uploaded(t, manager, "first.pdf", content, "projectId", project.ID)

	upload := newUpload(t, manager, len(content), "sha256", strings.ToUpper(digest))
	if upload.Text("method") != http.MethodPut || !strings.HasPrefix(upload.Text("url"), w.URL+files.PathUploads) ||
		upload.Text("resumableUrl") != upload.Text("url") || len(upload.List("headers")) != 0 {
		t.Errorf("target %v", upload.Raw())
	}
	expires, err := time.Parse(time.RFC3339, upload.Text("expiresAt"))
	if left := time.Until(expires); err != nil || left < 23*time.Hour || left > 25*time.Hour {
		t.Errorf("expires in %s, %v", left, err)
	}
	answer := w.put(t, upload.Text("url"), content)
	if answer.Status != http.StatusNoContent || answer.Header.Get("ETag") != `"`+digest+`"` {
		t.Errorf("%d %v", answer.Status, answer.Header)
	}
	got := w.complete(t, manager, upload.Text("id"), "projectId", project.ID, "ownerId", w.member.ID, "themeIds", []any{green},
		"name", "Later.pdf").At("completeUpload")
	document := got.At("document")
	if text := document.Text("name") + "|" + document.Text("status") + "|" + document.Text("contentType") + "|" + document.Text("sizeBytes") + "|" +
		document.Text("sha256") + "|" + document.Text("owner.name"); text != "Later.pdf|PENDING|application/pdf|19|"+digest+"|Mo Member" {
		t.Errorf("document %s", text)
	}
	if got.Text("duplicateOf.id") != first.Text("document.id") || fetch(t, document.Text("downloadUrl")) != content {
		t.Errorf("payload %v", got.Raw())
	}
	w.wantUncompleted(t, manager, upload.Text("id"), "NOT_FOUND [uploadId]") // it is a document by now
	wantRefused(t, "after completion", w.put(t, upload.Text("url"), content), http.StatusNotFound, "NOT_FOUND")
	w.wantKept(t, 2)
}

// To attach themes a key needs the scope for that, as it does by attachThemes. What it was refused can be completed without them.
func TestUploadedThemesNeedTheirScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	green := theme(t, w.As(t, w.manager), "Green")
	key := w.With(w.Key(t, w.manager, model.ScopeDocumentsWrite, model.ScopeThemesRead))
	both := w.With(w.Key(t, w.manager, model.ScopeDocumentsWrite, model.ScopeThemesWrite))
	const complete = `mutation ($id: ID!, $themes: [ID!]) { completeUpload(input: {uploadId: $id, name: "n", themeIds: $themes}) {
		document { id } userErrors { code } } }`
	upload := newUpload(t, key, 5)
	if answer := w.put(t, upload.Text("url"), "hello"); answer.Status != http.StatusNoContent {
		t.Fatal(answer.Status, answer.Body)
	}
	for name, answer := range map[string]apitest.Answer{
		"uploadDocument": w.upload(t, key, "a.txt", "hello", "themeIds", []any{green}),
		"completeUpload": key.Do(t, complete, "id", upload.Text("id"), "themes", []any{green}),
	} {
		if got := strings.Join(answer.Codes(), " "); got != "FORBIDDEN" || !strings.Contains(answer.Body, "themes:write") {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
	if got := key.Query(t, complete, "id", upload.Text("id")).Text("completeUpload.document.id"); got == "<nil>" {
		t.Error("what was refused cannot be completed without themes")
	}
	w.uploaded(t, both, "a.txt", "hello", "themeIds", []any{green})
	w.wantKept(t, 2)
}

// What is sent is what was told of it, or may be sent again.
func TestUploadToALinkOfSomethingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	right := strings.Repeat("right", 10_000)
	hash := sha256.Sum256([]byte(right))
	upload := newUpload(t, member, len(right), "sha256", hex.EncodeToString(hash[:]))
	url, id := upload.Text("url"), upload.Text("id")
	w.wantUncompleted(t, member, id, "BAD_USER_INPUT [uploadId]") // nothing was sent
	for name, content := range map[string]string{
		"nothing": "", "too short": right[1:], "too long": right + "x", "another hash": strings.Repeat("wrong", 10_000),
		"of a type that is not taken": "PK\x05\x06" + strings.Repeat("\x00", len(right)-4),
	} {
		wantRefused(t, name, w.put(t, url, content), http.StatusBadRequest, "BAD_USER_INPUT")
		wantRefused(t, name+" in chunks", w.putBody(t, url, unsized{strings.NewReader(content)}), http.StatusBadRequest, "BAD_USER_INPUT")
	}
	w.wantUncompleted(t, member, id, "BAD_USER_INPUT [uploadId]")
	w.wantNoTrouble(t)
	if answer := w.putBody(t, url, unsized{strings.NewReader(right)}); answer.Status != http.StatusNoContent {
		t.Errorf("right: %d %s", answer.Status, answer.Body)
	}
	wantRefused(t, "twice", w.put(t, url, right), http.StatusConflict, "CONFLICT")
	if answer := w.put(t, strings.Replace(url, "/uploads/", "/downloads/", 1), right); answer.Status != http.StatusMethodNotAllowed {
		t.Errorf("PUT to a download: %d", answer.Status)
	}
	if got := w.complete(t, member, id); userErrors(got, "completeUpload") != "" {
		t.Errorf("completed: %v", got.Raw())
	}
	w.wantKept(t, 1)
}

// An upload is its creator's, for as long as it lasts.
func TestUploadsAreTheirCreators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	id := w.sent(t, w.member, "hello")
	for _, other := range []apitest.Client{w.As(t, w.manager), w.As(t, w.stranger), w.As(t, w.admin)} {
		w.wantUncompleted(t, other, id, "NOT_FOUND [uploadId]")
	}
	// What is wrong with the rest of the input leaves it as it was.
	foreign := w.Projects(t, w.stranger, 1)[0]
	if got := userErrors(w.complete(t, member, id, "projectId", foreign.ID), "completeUpload"); got != "BAD_REFERENCE [projectId]" {
		t.Errorf("a foreign project: %s", got)
	}
	if got := userErrors(w.complete(t, member, id, "name", ""), "completeUpload"); got != "BAD_USER_INPUT [name]" {
		t.Errorf("no name: %s", got)
	}
	if got := w.complete(t, member, id); userErrors(got, "completeUpload") != "" {
		t.Errorf("completed: %v", got.Raw())
	}
	// Staff has uploads, too, and says whose the document is.
	id = w.sent(t, w.admin, "hello")
	w.wantUncompleted(t, w.As(t, w.admin), id, "BAD_USER_INPUT [ownerId]")
	if got := w.complete(t, w.As(t, w.admin), id, "ownerId", w.member.ID); got.Text("completeUpload.document.owner.name") != "Mo Member" {
		t.Errorf("an ADMIN's: %v", got.Raw())
	}
	w.wantKept(t, 2)
}

// After its time an upload is not there, for whoever would send or complete it, and reserves nothing.
func TestUploadsExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(func(l *files.Limits) { l.CompanyBytes = 10 }))
	member := w.As(t, w.member)
	id, unsent := w.sent(t, w.member, "12345"), newUpload(t, member, 5)
	if got := userErrors(data(t, w.upload(t, member, "a.txt", "1")), "uploadDocument"); got != "CONFLICT [file]" {
		t.Errorf("there was room: %s", got)
	}
	if _, err := w.Pool.Exec("UPDATE uploads SET expires_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
	w.wantUncompleted(t, member, id, "NOT_FOUND [uploadId]")
	wantRefused(t, "expired", w.put(t, unsent.Text("url"), "12345"), http.StatusNotFound, "NOT_FOUND")
	w.uploaded(t, member, "a.txt", "1234567890")
}

// A link is good for what it was made for, and for nothing that someone makes of it.
func TestForgedUploadLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	url := newUpload(t, member, 5).Text("url")
	download := w.uploaded(t, member, "a.txt", "hello").Text("document.downloadUrl")
	head, rest, _ := strings.Cut(strings.TrimPrefix(url, w.URL+files.PathUploads), ".")
	claims, signature, _ := strings.Cut(rest, ".")
	encode := base64.RawURLEncoding.EncodeToString
	known, err := base64.RawURLEncoding.DecodeString(claims)
	if err != nil {
		t.Fatal(err)
	}
	none := encode([]byte(`{"alg":"none","typ":"JWT"}`))
	for name, token := range map[string]string{
		"a download's":         strings.TrimPrefix(download, w.URL+files.PathDownloads),
		"no signature":         head + "." + claims + ".",
		"without an algorithm": none + "." + claims + ".",
		"an algorithm of none": none + "." + claims + "." + signature,
		"other claims":         head + "." + encode([]byte(strings.Replace(string(known), `"exp":`, `"exp":1`, 1))) + "." + signature,
		"another signature":    head + "." + claims + "." + encode(make([]byte, 32)),
		"another's session":    w.Token(t, w.manager),
		"anything":             "x",
		"long":                 strings.Repeat("x", 5000),
	} {
		wantRefused(t, name, w.put(t, w.URL+files.PathUploads+token, "hello"), http.StatusForbidden, "FORBIDDEN")
	}
	keys := w.Files.Keys
	w.Files.Keys = []string{files.NewKey()}
	wantRefused(t, "of a key that is gone", w.put(t, url, "hello"), http.StatusForbidden, "FORBIDDEN")
	w.Files.Keys = append(w.Files.Keys, keys...)
	if answer := w.put(t, url, "hello"); answer.Status != http.StatusNoContent {
		t.Errorf("of an older key: %d %s", answer.Status, answer.Body)
	}
}

// What createUpload is told is a size and a hash, or it says what is wrong.
func TestCreateUploadRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(func(l *files.Limits) { l.FileBytes = 100 }))
	const query = `mutation ($n: BigInt!, $h: Digest) { createUpload(input: {sizeBytes: $n, sha256: $h}) { upload { id } userErrors { code field } } }`
	member := w.As(t, w.member)
	if got := userErrors(member.Query(t, query, "n", 101), "createUpload"); got != "BAD_USER_INPUT [sizeBytes]" {
		t.Errorf("too large: %s", got)
	}
	for _, c := range []struct{ size, hash any }{{-1, nil}, {1.5, nil}, {"x", nil}, {1, ""}, {1, "00"}, {1, strings.Repeat("g", 64)}, {1, strings.Repeat("0", 66)}, {1, 7}} {
		if answer := member.Do(t, query, "n", c.size, "h", c.hash); fmt.Sprint(answer.Codes()) != "[BAD_USER_INPUT]" {
			t.Errorf("%v: %s", c, answer.Body)
		}
	}
	for _, size := range []int{0, 100} {
		id := w.sent(t, w.member, strings.Repeat("a", size))
		if got := w.complete(t, member, id); got.Text("completeUpload.document.sizeBytes") != fmt.Sprint(size) {
			t.Errorf("%d bytes: %v", size, got.Raw())
		}
	}
}

// What a text is beyond that its name tells, which comes with completeUpload.
func TestCompletedTextsAreWhatTheirNamesSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	upload := newUpload(t, member, 7)
	w.put(t, upload.Text("url"), "# Notes")
	got := w.complete(t, member, upload.Text("id"), "name", "Notes.MD").Text("completeUpload.document.contentType")
	if got != "text/markdown; charset=utf-8" {
		t.Errorf("got %s", got)
	}
}
