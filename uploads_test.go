package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/pgtest"
	"dossier/internal/seed"
	"dossier/internal/tcpproxy"
)

// uploader is a client of a server that is killed again and again.
type uploader struct {
	url, token string
	mu         sync.Mutex
	kept       map[string]string // the hashes of documents whose upload was acknowledged, by their ids
	deleted    map[string]bool   // whose deletion was asked for
}

// answer is what a mutation answered, nil where nobody did.
func (u *uploader) ask(ctx context.Context, request *http.Request) map[string]any {
	request.Header.Set("Authorization", "Bearer "+u.token)
	response, err := http.DefaultClient.Do(request.WithContext(ctx))
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var answer struct{ Data map[string]map[string]any }
	if json.NewDecoder(response.Body).Decode(&answer) != nil {
		return nil
	}
	for _, payload := range answer.Data {
		return payload
	}
	return nil
}

func (u *uploader) query(ctx context.Context, query string, variables map[string]any) map[string]any {
	body, _ := json.Marshal(map[string]any{"query": query, "variables": variables})
	request, _ := http.NewRequest(http.MethodPost, u.url+"/graphql", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	return u.ask(ctx, request)
}

const uploadOperations = `{"query": "mutation ($file: Upload!) { uploadDocument(input: { file: $file }) { document { id sha256 } } }", "variables": {"file": null}}`

// multipartBody is a request that brings one file.
func multipartBody(into io.Writer, content io.Reader) (contentType string, write func() error) {
	form := multipart.NewWriter(into)
	return form.FormDataContentType(), func() error {
		_ = form.WriteField("operations", uploadOperations)
		_ = form.WriteField("map", `{"0": ["variables.file"]}`)
		part, err := form.CreateFormFile("0", "file.txt")
		if err != nil {
			return err
		}
		if _, err := io.Copy(part, content); err != nil {
			return err
		}
		return form.Close()
	}
}

func (u *uploader) note(document any, hash string) {
	if document, ok := document.(map[string]any); ok {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.kept[document["id"].(string)] = hash
	}
}

func (u *uploader) acknowledged() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.kept)
}

// withRequest uploads by one request.
func (u *uploader) withRequest(ctx context.Context, content []byte, hash string) {
	var body bytes.Buffer
	contentType, write := multipartBody(&body, bytes.NewReader(content))
	_ = write()
	request, _ := http.NewRequest(http.MethodPost, u.url+"/graphql", &body)
	request.Header.Set("Content-Type", contentType)
	if payload := u.ask(ctx, request); payload != nil {
		u.note(payload["document"], hash)
	}
}

// toLink uploads to a signed link, at once or in parts, and goes on from where the server knows of where it was cut off.
func (u *uploader) toLink(ctx context.Context, content []byte, hash string, parts bool) {
	created := u.query(ctx, `mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { id url resumableUrl } } }`,
		map[string]any{"input": map[string]any{"sizeBytes": len(content), "sha256": hash}})
	target, ok := created["upload"].(map[string]any)
	if !ok {
		return
	}
	if parts {
		u.inParts(ctx, target["resumableUrl"].(string), content)
	} else {
		request, _ := http.NewRequestWithContext(ctx, http.MethodPut, target["url"].(string), bytes.NewReader(content))
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
		}
	}
	payload := u.query(ctx, `mutation ($input: CompleteUploadInput!) { completeUpload(input: $input) { document { id } userErrors { message } } }`,
		map[string]any{"input": map[string]any{"uploadId": target["id"], "name": "file.txt"}})
	if payload != nil {
		u.note(payload["document"], hash)
	}
}

func (u *uploader) inParts(ctx context.Context, link string, content []byte) {
	for offset := 0; offset < len(content) && ctx.Err() == nil; {
		chunk := content[offset:min(len(content), offset+200_000)]
		request, _ := http.NewRequestWithContext(ctx, http.MethodPatch, link, bytes.NewReader(chunk))
		request.Header.Set("Tus-Resumable", "1.0.0")
		request.Header.Set("Content-Type", "application/offset+octet-stream")
		request.Header.Set("Upload-Offset", strconv.Itoa(offset))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			return
		}
		offset, _ = strconv.Atoi(response.Header.Get("Upload-Offset"))
	}
}

// deleteOne deletes one of the documents now and then.
func (u *uploader) deleteOne(ctx context.Context) {
	u.mu.Lock()
	var id string
	for one := range u.kept {
		if !u.deleted[one] {
			id = one
			break
		}
	}
	if id != "" {
		u.deleted[id] = true // whether or not that is answered
	}
	u.mu.Unlock()
	if id != "" {
		u.query(ctx, `mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedDocumentId } }`, map[string]any{"id": id})
	}
}

// upload uploads whatever in whatever way until the context ends.
func (u *uploader) upload(ctx context.Context, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, 1))
	for ctx.Err() == nil {
		content := bytes.Repeat([]byte(fmt.Sprintf("line %d\n", chance.Uint64())), 1+chance.IntN(60_000))
		sum := sha256.Sum256(content)
		hash := hex.EncodeToString(sum[:])
		switch chance.IntN(10) {
		case 0:
			u.deleteOne(ctx)
		case 1, 2:
			u.toLink(ctx, content, hash, true)
		case 3, 4, 5:
			u.toLink(ctx, content, hash, false)
		default:
			u.withRequest(ctx, content, hash)
		}
	}
}

// killsOfUploads is how often the server is killed.
const killsOfUploads = 50

// Whenever the server is killed: what was acknowledged can be read and is what was sent, and a sweep leaves nothing that nobody has.
func TestKilledUploads(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	settings := []string{"POSTGRES_URL=" + db.URL, "HTTP_ADDR=" + tcpproxy.FreeAddr(t), "BLOB_URL=" + newBlobURL(),
		"SIGNING_KEYS=" + strings.Repeat("key ", 10), "LOG_REQUESTS=false", "PROCESS_DOCUMENTS=false"}
	p := launch(t, command(nil, settings...))
	p.waitReady(t)
	u := &uploader{url: p.url, token: p.signIn(t, seed.SignIns[1].Email), kept: map[string]string{}, deleted: map[string]bool{}}
	for kill := range killsOfUploads {
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for client := range 4 {
			clients.Go(func() { u.upload(ctx, uint64(4*kill+client)) })
		}
		known := u.acknowledged()
		eventually(t, "an upload", func() bool { return u.acknowledged() > known })
		time.Sleep(rand.N(200 * time.Millisecond))
		p.kill()
		cancel()
		clients.Wait()
		p = launch(t, command(nil, settings...))
		p.waitStatus(t, "/readyz", http.StatusOK)
	}
	t.Logf("%d uploads were acknowledged, and %d of them deleted", len(u.kept), len(u.deleted))
	u.wantKept(t)

	if _, err := db.Pool.Exec("UPDATE uploads SET expires_at = now()"); err != nil {
		t.Fatal(err)
	}
	run(t, []string{"blobs", "check", "--min-age=0s", "--stopped"}, settings...).wantOutput(t, " 0 documents without their bytes")
	run(t, []string{"blobs", "check", "--min-age=0s", "--dry-run"}, settings...).wantOutput(t, " 0 without a row", " 0 documents without their bytes")
	var rows int
	if err := db.Pool.QueryRow("SELECT count(*) FROM documents WHERE blob_name IS NOT NULL").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if stored := storedFiles(t, settings); len(stored) != rows {
		t.Errorf("%d files are there, of %d documents: %v", len(stored), rows, stored)
	}
	u.wantKept(t)
}

// wantKept fails the test unless each document that was not deleted has its bytes.
func (u *uploader) wantKept(t *testing.T) {
	t.Helper()
	for id, hash := range u.kept {
		if u.deleted[id] {
			continue
		}
		answer := (&program{url: u.url}).with(u.token).Query(t, `query ($id: ID!) { document(id: $id) { downloadUrl sha256 } }`, "id", id)
		response, err := http.Get(answer.Text("document.downloadUrl"))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, response.Body)
		_ = response.Body.Close()
		if got := hex.EncodeToString(sum.Sum(nil)); err != nil || got != hash || answer.Text("document.sha256") != hash {
			t.Errorf("%s has the hash %s, by its row %s, not %s: %v", id, got, answer.Text("document.sha256"), hash, err)
		}
	}
}

// storedFiles lists what lies in the folder of documents.
func storedFiles(t *testing.T, settings []string) []string {
	t.Helper()
	var found []string
	for _, setting := range settings {
		address, ok := strings.CutPrefix(setting, "BLOB_URL=")
		if !ok {
			continue
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = filepath.WalkDir(u.Path, func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				found = append(found, path)
			}
			return nil
		})
	}
	return found
}

// largeUpload is far more than may be in memory.
const (
	largeUpload    = 1 << 30
	uploadMemory   = 64 << 20
	largeUploadMax = 3 * time.Minute // on a busy machine
)

// A GiB goes through the server both ways in little memory.
func TestLargeFilesNeedLittleMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/clear_refs"); err != nil {
		t.Skip("only Linux tells how much memory a process has had")
	}
	t.Parallel()
	db := pgtest.New(t)
	p := serve(t, "POSTGRES_URL="+db.URL, "BLOB_URL="+newBlobURL(), "PROCESS_DOCUMENTS=false")
	p.waitReady(t)
	u := &uploader{url: p.url, token: p.signIn(t, seed.SignIns[1].Email), kept: map[string]string{}}
	ctx, cancel := context.WithTimeout(t.Context(), largeUploadMax)
	defer cancel()
	small := []byte("what is made once has been made by then")
	smallSum := sha256.Sum256(small)
	u.withRequest(ctx, small, hex.EncodeToString(smallSum[:]))
	before, _ := resident(t, p)

	reader, writer := io.Pipe()
	sum := sha256.New()
	contentType, write := multipartBody(writer, io.TeeReader(io.LimitReader(letters{}, largeUpload), sum))
	go func() { _ = writer.CloseWithError(write()) }()
	request, _ := http.NewRequest(http.MethodPost, p.url+"/graphql", reader)
	request.Header.Set("Content-Type", contentType)
	began := time.Now()
	document, _ := u.ask(ctx, request)["document"].(map[string]any)
	if document == nil || document["sha256"] != hex.EncodeToString(sum.Sum(nil)) {
		t.Fatalf("got %v", document)
	}
	after, peak := resident(t, p)
	grown := peak - before
	t.Logf("uploaded 1 GiB in %s; the process grew by %d MiB", time.Since(began).Round(time.Millisecond), grown>>20)
	if grown > uploadMemory {
		t.Errorf("the process grew by %d MiB", grown>>20)
	}
	u.kept[document["id"].(string)] = document["sha256"].(string)
	u.wantKept(t)
	if _, peak := resident(t, p); peak-after > uploadMemory {
		t.Errorf("the process grew by %d MiB for a download", (peak-after)>>20)
	}
}

// letters is a text without end.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "the quick brown fox\n"[i%20]
	}
	return len(p), nil
}

// resident is what the process has in memory, and the most that it has had since it was asked for last, in bytes (proc(5)).
func resident(t *testing.T, p *program) (now, peak int64) {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	status, err := os.ReadFile(folder + "status")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]*int64{"VmRSS": &now, "VmHWM": &peak} {
		found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindStringSubmatch(string(status))
		kilobytes, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		*value = kilobytes << 10
	}
	if err := os.WriteFile(folder+"clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return now, peak
}

// A disk that is full is told, and nothing is left of what did not fit.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	settings := []string{"POSTGRES_URL=" + db.URL, "HTTP_ADDR=" + tcpproxy.FreeAddr(t), "BLOB_URL=" + newBlobURL()}
	cmd := command(nil, settings...)
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "-c", `ulimit -f 1024 && exec "$0"`, binary} // of 1 KiB each
	p := launch(t, cmd)
	p.waitReady(t)
	token := p.signIn(t, seed.SignIns[1].Email)
	send := func(size int64) (int, string) {
		var body bytes.Buffer
		contentType, write := multipartBody(&body, io.LimitReader(letters{}, size))
		if err := write(); err != nil {
			t.Fatal(err)
		}
		request, _ := http.NewRequest(http.MethodPost, p.url+"/graphql", &body)
		request.Header.Set("Content-Type", contentType)
		answer := p.with(token).Exchange(t, request)
		return answer.Status, answer.Body
	}
	status, body := send(4 << 20)
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"UNAVAILABLE"`) || !strings.Contains(body, `"retryable":true`) ||
		strings.Contains(body, "blobs") {
		t.Errorf("%d %s", status, body)
	}
	if left := storedFiles(t, settings); len(left) > packed {
		t.Errorf("there is %v", left)
	}
	if status, body := send(100 << 10); status != http.StatusOK || !strings.Contains(body, `"sha256":"`) {
		t.Errorf("%d %s", status, body)
	}
	var rows int
	if err := db.Pool.QueryRow("SELECT count(*) FROM documents WHERE blob_name IS NOT NULL").Scan(&rows); err != nil || rows != packed+1 {
		t.Errorf("%d documents, %v", rows, err)
	}
}
