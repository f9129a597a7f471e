package graph_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/internal/files"
	"dossier/model"
)

// brought is a file of a multipart request.
type brought struct {
	name    string // of the part
	file    string // its file name
	content string
}

// form makes a multipart request, as the specification wants it.
func form(t testing.TB, w *apitest.World, operations, placed string, files ...brought) *http.Request {
	t.Helper()
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for _, field := range [][2]string{{"operations", operations}, {"map", placed}} {
		if err := writer.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		part, err := writer.CreateFormFile(file.name, file.file)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, file.content)
	}
	_ = writer.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/graphql", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", writer.FormDataContentType())
	return request
}

const uploadMutation = `mutation ($input: UploadDocumentInput!) { uploadDocument(input: $input) { document {
	id name status contentType sizeBytes sha256 downloadUrl version } duplicateOf { id } userErrors { code field message } } }`

func operations(t testing.TB, query string, variables map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// upload sends a file, with more of the input by name and value in turns.
func (w world) upload(t testing.TB, client apitest.Client, name, content string, more ...any) apitest.Answer {
	t.Helper()
	input := map[string]any{"file": nil}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	text := operations(t, uploadMutation, map[string]any{"input": input})
	return client.Exchange(t, form(t, w.World, text, `{"0": ["variables.input.file"]}`, brought{"0", name, content}))
}

// uploaded is the document that becomes of a file.
func (w world) uploaded(t testing.TB, client apitest.Client, name, content string, more ...any) apitest.Value {
	t.Helper()
	payload := data(t, w.upload(t, client, name, content, more...))
	if errs := userErrors(payload, "uploadDocument"); errs != "" {
		t.Fatalf("%s is not taken: %s", name, errs)
	}
	return payload.At("uploadDocument")
}

func data(t testing.TB, answer apitest.Answer) apitest.Value {
	t.Helper()
	if answer.Status != http.StatusOK || len(answer.Errors) > 0 || answer.Data == nil {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	return answer.Value(t)
}

// limited changes what files are taken.
func limited(change func(*files.Limits)) apitest.Option {
	return func(c *graph.Config) { change(&c.Files.Limits) }
}

// blobs are the names of all that is in the store, sorted.
func (w world) blobs(t testing.TB) []string {
	t.Helper()
	var names []string
	for object, err := range w.Files.Blobs.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, object.Name)
	}
	slices.Sort(names)
	return names
}

// wantKept fails the test unless there are so many blobs and documents with bytes: nothing more is left of what was refused.
func (w world) wantKept(t testing.TB, want int) {
	t.Helper()
	rows := 0
	if err := w.Pool.QueryRow("SELECT count(DISTINCT blob_name) FROM documents").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if kept := w.blobs(t); len(kept) != want || rows != want {
		t.Errorf("%d blobs and %d rows are kept, want %d: %q", len(kept), rows, want, kept)
	}
}

// newUpload creates an upload and gives its target.
func newUpload(t testing.TB, client apitest.Client, size int, more ...any) apitest.Value {
	t.Helper()
	input := map[string]any{"sizeBytes": size}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	payload := client.Query(t, `mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
		upload { id url resumableUrl method headers { name } expiresAt } userErrors { code field message } } }`, "input", input)
	if errs := payload.List("createUpload.userErrors"); len(errs) > 0 {
		t.Fatalf("no upload: %v", errs[0].Raw())
	}
	return payload.At("createUpload.upload")
}

// put sends a file to where it is to be sent.
func (w world) put(t testing.TB, url, content string) apitest.Answer {
	t.Helper()
	return w.putBody(t, url, bytes.NewReader([]byte(content)))
}

// putBody sends what it does not know the length of in chunks.
func (w world) putBody(t testing.TB, url string, body io.Reader) apitest.Answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Anonymous().Exchange(t, request)
}

// complete makes a document of an upload.
func (w world) complete(t testing.TB, client apitest.Client, id string, more ...any) apitest.Value {
	t.Helper()
	input := map[string]any{"uploadId": id, "name": "Completed"}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	return client.Query(t, `mutation ($input: CompleteUploadInput!) { completeUpload(input: $input) { document {
		id name status contentType sizeBytes sha256 downloadUrl owner { name } } duplicateOf { id } userErrors { code field message } } }`, "input", input)
}

// removals are the names of the blobs that each job is to remove.
func (w world) removals(t testing.TB) [][]string {
	t.Helper()
	rows, err := w.Pool.QueryContext(t.Context(), "SELECT args FROM river_job WHERE kind = 'remove_blobs' ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var jobs [][]string
	for rows.Next() {
		var text []byte
		var job model.RemoveBlobs
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &job); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, ref := range job.Blobs {
			if ref.Container != w.Files.Blobs.Container() {
				t.Errorf("of another container: %v", ref)
			}
			names = append(names, ref.Name)
		}
		jobs = append(jobs, names)
	}
	return jobs
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }
