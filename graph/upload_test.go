package graph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// brought is a file of a multipart request.
type brought struct {
	name    string // of the part
	file    string // its file name
	content string
}

// form makes a multipart request, as the specification wants it unless a test changes it.
func form(t *testing.T, w *apitest.World, operations, placed string, files ...brought) *http.Request {
	t.Helper()
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for name, value := range map[string]string{"operations": operations} {
		if err := writer.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.WriteField("map", placed); err != nil {
		t.Fatal(err)
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

const uploadMutation = `mutation ($input: UploadDocumentInput!) { uploadDocument(input: $input) {
	document { id name status contentType sizeBytes sha256 downloadUrl version } duplicateOf { id } userErrors { code field message } } }`

func operations(t *testing.T, query string, variables map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUploadDocument(t *testing.T) {
	t.Parallel()
	w := apitest.New(t)
	company := w.Company(t, "Acme")
	user := w.User(t, company, model.RoleMember, "Mia")
	client := w.As(t, user)
	answer := client.Exchange(t, form(t, w, operations(t, uploadMutation, map[string]any{"input": map[string]any{"file": nil}}),
		`{"0": ["variables.input.file"]}`, brought{"0", "../../Plan ü.txt", "hello"}))
	fmt.Println(answer.Status, answer.Body)
}
