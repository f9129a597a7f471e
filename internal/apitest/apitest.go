// Package apitest gives each test a server of its own, over a database of its own, and speaks GraphQL to it by real HTTP.
package apitest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dossier/graph"
	"dossier/internal/auth"
	"dossier/internal/blob"
	"dossier/internal/embedding"
	"dossier/internal/files"
	"dossier/internal/pgtest"
	"dossier/internal/telemetry"
	"dossier/internal/web"
	"dossier/model"
)

// World is a server and its database.
type World struct {
	*pgtest.DB
	URL     string // of the server
	Files   *files.Files
	Log     *Log
	Outbox  *Outbox
	Metrics *telemetry.Metrics

	Credentials auth.Credentials // that the server takes; a test may change it before it asks
}

// Log keeps what the server logs.
type Log struct{ buffer syncBuffer }

func (l *Log) String() string { return l.buffer.String() }

// Option changes how the server is made.
type Option func(*graph.Config)

// AppURL is where links in mails lead.
const AppURL = "https://app.test.example"

// timeout of a request is longer than a real server's: many tests share a machine.
const timeout = time.Minute

// New starts a server over an empty, migrated database.
func New(t testing.TB, options ...Option) *World {
	t.Helper()
	db := pgtest.New(t)
	w := &World{DB: db, Log: &Log{}, Outbox: &Outbox{}, Metrics: telemetry.NewMetrics("test", db.Pool), Credentials: auth.Credentials{Store: db.Store}}
	logger := slog.New(slog.NewTextHandler(&w.Log.buffer, nil))
	w.Outbox.post = auth.NewPost(db.Store, w.Outbox, AppURL, logger)
	t.Cleanup(w.Outbox.Close)
	sessions := auth.NewSessions(db.Store, w.Outbox.post)
	server := httptest.NewUnstartedServer(nil)
	w.URL = "http://" + server.Listener.Addr().String()
	w.Files = newFiles(t, db, w.URL)
	config := graph.Config{
		Store: db.Store, Sessions: sessions, Files: w.Files, Embedder: embedding.Offline(), Logger: logger,
		Limits: graph.DefaultLimits, Timeout: timeout, Explorable: true,
	}
	for _, option := range options {
		option(&config)
	}
	authenticate := func(ctx context.Context, token string) (model.Viewer, error) { return w.Credentials.Viewer(ctx, token) }
	server.Config.Handler = web.NewRouter(web.Config{
		GraphQL: graph.NewHandler(config), Files: w.Files, Authenticate: authenticate, AuthTimeout: timeout, Readiness: db.Store.Ping, Logger: logger, Playground: true,
		LogRequests: true, Metrics: w.Metrics, PlainCookie: true,
	})
	server.Start()
	t.Cleanup(server.Close)
	return w
}

// newFiles keeps files in a folder of the test's, and takes what a real server takes by default, but less of it.
func newFiles(t testing.TB, db *pgtest.DB, address string) *files.Files {
	t.Helper()
	blobs, err := blob.Open("file://" + t.TempDir() + "/documents")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	return files.New(files.Config{
		Store: db.Store, Blobs: blobs, Keys: []string{files.NewKey()}, PublicURL: address,
		Limits: files.Limits{FileBytes: 64 << 20, CompanyBytes: 256 << 20, Types: []string{"application/pdf", "text/*", "image/*"}},
	})
}

// Client speaks to the server with one credential, or none.
type Client struct {
	w     *World
	token string
	http  *http.Client // nil for the default one
}

// Anonymous gives a client without a credential.
func (w *World) Anonymous() Client { return Client{w: w} }

// As gives a client with a session of the user.
func (w *World) As(t testing.TB, user *model.User) Client {
	t.Helper()
	return w.With(w.Token(t, user))
}

// With gives a client that sends this token.
func (w *World) With(token string) Client { return Client{w: w, token: token} }

// From gives the client at another address of this machine, such as 127.0.0.2.
func (c Client) From(t testing.TB, address string) Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	c.http = &http.Client{Transport: transport}
	return c
}

// Answer is what the server answered.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Data   map[string]any
	Errors []Error
}

// Error is one of the answer's errors.
type Error struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// Code is the error's code.
func (e Error) Code() string { code, _ := e.Extensions["code"].(string); return code }

// Do sends a query with variables, given as name and value by turns, and expects an answer of GraphQL.
func (c Client) Do(t testing.TB, query string, variables ...any) Answer {
	t.Helper()
	values := map[string]any{}
	for i := 0; i+1 < len(variables); i += 2 {
		values[variables[i].(string)] = variables[i+1]
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": values})
	if err != nil {
		t.Fatal(err)
	}
	return c.Send(t, string(body))
}

// Send posts a body as it is.
func (c Client) Send(t testing.TB, body string) Answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.w.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return c.Exchange(t, request)
}

// Exchange sends a request with the client's credential.
func (c Client) Exchange(t testing.TB, request *http.Request) Answer {
	t.Helper()
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	sender := http.DefaultClient
	if c.http != nil {
		sender = c.http
	}
	response, err := sender.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
	answer.Read(t)
	return answer
}

// Read reads the body, where it is JSON.
func (a *Answer) Read(t testing.TB) {
	t.Helper()
	if strings.Contains(a.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal([]byte(a.Body), a); err != nil {
			t.Fatalf("answer is not JSON: %v\n%s", err, a.Body)
		}
	}
}

// Query sends a query and fails the test if the answer has errors. It gives the data.
func (c Client) Query(t testing.TB, query string, variables ...any) Value {
	t.Helper()
	answer := c.Do(t, query, variables...)
	if len(answer.Errors) > 0 || answer.Data == nil {
		t.Fatalf("query failed: %s\n%s", answer.Body, query)
	}
	return Value{t, answer.Data}
}

// Codes gives the codes of the answer's errors.
func (a Answer) Codes() []string {
	codes := make([]string, len(a.Errors))
	for i, e := range a.Errors {
		codes[i] = e.Code()
	}
	return codes
}

// WantSQL fails the test if the operations since the last call sent another number of statements. The check of the
// session, one statement before each operation, does not count.
func (w *World) WantSQL(t testing.TB, want int) {
	t.Helper()
	statements := w.SQL.Statements(true)
	w.SQL.Reset()
	if len(statements) != want {
		t.Errorf("%d statements, want %d:\n%s", len(statements), want, strings.Join(statements, "\n"))
	}
}
