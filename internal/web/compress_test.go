package web

import (
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"dossier/model"
)

// Large answers are compressed for clients that take gzip, over real HTTP; everything else goes as it is.
func TestCompression(t *testing.T) {
	t.Parallel()
	large := `{"data":"` + strings.Repeat("word ", 10_000) + `"}`
	var contentType, body string
	server := httptest.NewServer(NewRouter(Config{
		GraphQL: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, body)
		}),
		Authenticate: func(context.Context, string) (model.Viewer, error) { return model.Viewer{}, nil },
		Schema:       large,
		Explorable:   true,
		Readiness:    func(context.Context) error { return nil },
		Logger:       slog.New(slog.DiscardHandler),
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	for _, c := range []struct {
		method, path, accept, contentType, body string
		gzip                                    bool
	}{
		{"POST", "/graphql", "gzip", "application/json; charset=utf-8", large, true},
		{"POST", "/graphql", "br, gzip;q=0.5", "application/graphql-response+json; charset=utf-8", large, true},
		{"GET", "/graphql", "zstd, gzip", "application/json; charset=utf-8", large, true},
		{"POST", "/graphql", "", "application/json; charset=utf-8", large, false},
		{"POST", "/graphql", "identity", "application/json; charset=utf-8", large, false},
		{"POST", "/graphql", "gzip;q=0", "application/json; charset=utf-8", large, false},
		{"POST", "/graphql", "gzip", "application/json; charset=utf-8", `{"data":null}`, false},
		{"POST", "/graphql", "gzip", "text/event-stream", large, false},
		{"GET", "/schema.graphqls", "gzip", "", large, true},
		{"GET", "/schema.graphqls", "", "", large, false},
		{"HEAD", "/schema.graphqls", "gzip", "", "", false},
	} {
		name := strings.Join([]string{c.method, c.path, c.accept, c.contentType, strconv.Itoa(len(c.body))}, " ")
		contentType, body = c.contentType, c.body
		request, _ := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, nil)
		if c.accept != "" {
			request.Header.Set("Accept-Encoding", c.accept)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if zipped := response.Header.Get("Content-Encoding") == "gzip"; c.method != http.MethodHead && zipped != c.gzip {
			t.Errorf("%s: encoded %t", name, zipped)
		}
		if response.ContentLength >= 0 && c.method != http.MethodHead && response.ContentLength != int64(len(got)) {
			t.Errorf("%s: Content-Length %d for %d bytes", name, response.ContentLength, len(got))
		}
		if c.gzip {
			if len(got) > len(c.body)/10 {
				t.Errorf("%s: %d bytes of %d", name, len(got), len(c.body))
			}
			reader, err := gzip.NewReader(strings.NewReader(string(got)))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, _ = io.ReadAll(reader)
		}
		if string(got) != c.body {
			t.Errorf("%s: another body of %d bytes came", name, len(got))
		}
		if !strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s: it varies by %q", name, response.Header.Values("Vary"))
		}
		if want := http.StatusAccepted; c.path == "/graphql" && response.StatusCode != want {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
}
