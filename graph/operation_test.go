package graph_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossier/graph"
)

// slowDocuments makes each read of documents take 30 s in PostgreSQL.
func (w world) slowDocuments(t testing.TB) {
	t.Helper()
	for _, statement := range []string{
		`CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(30) IS NOT NULL'`,
		`ALTER TABLE documents RENAME TO real_documents`,
		`CREATE VIEW documents AS SELECT * FROM real_documents WHERE slow()`,
	} {
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// wantRunning waits until PostgreSQL is busy with so many reads of documents.
func (w world) wantRunning(t testing.TB, want int, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		var running int
		err := w.Pool.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND state = 'active' AND query LIKE '%FROM "documents"%' AND pid <> pg_backend_pid()`).Scan(&running)
		if err != nil {
			t.Fatal(err)
		}
		if running == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL runs %d statements, want %d", running, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

const readDocuments = `{ me { name } documents { nodes { name } } }`

// A client that goes away ends its statement in PostgreSQL within a second.
func TestCanceledRequestEndsItsStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.Token(t, w.admin)
	w.Documents(t, w.member, nil, 1)
	w.slowDocuments(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/graphql",
		strings.NewReader(`{"query": "`+readDocuments+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	w.wantRunning(t, 1, 10*time.Second)
	cancel()
	<-done
	w.wantRunning(t, 0, time.Second)
}

// An operation that takes too long is stopped: TIMEOUT where it was, the rest answers, and PostgreSQL is let off.
func TestDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Timeout = 3 * time.Second })
	client := w.As(t, w.admin)
	w.Documents(t, w.member, nil, 1)
	w.slowDocuments(t)
	answer := client.Do(t, strings.Replace(readDocuments, "documents", "a: me { name } documents", 1))
	if len(answer.Errors) != 1 || answer.Errors[0].Code() != "TIMEOUT" || answer.Errors[0].Path[0] != "documents" {
		t.Errorf("%s", answer.Body)
	}
	w.wantRunning(t, 0, time.Second)
}

// A request whose time is over before it begins is told so, and not answered with nothing.
func TestDeadlineBeforeTheOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Timeout = time.Nanosecond })
	answer := w.As(t, w.admin).Do(t, `{ me { name } }`)
	if codes := answer.Codes(); len(codes) != 1 || codes[0] != "TIMEOUT" {
		t.Errorf("it answers %d %q", answer.Status, answer.Body)
	}
}

// What nobody foresaw is INTERNAL: the cause is in the log, by the request's id, and nowhere else.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.admin)
	if _, err := w.Pool.Exec(`ALTER TABLE documents RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	answer := client.Do(t, `{ documents { nodes { name } } }`)
	id := answer.Header.Get("X-Request-Id")
	if len(answer.Errors) != 1 || answer.Errors[0].Code() != "INTERNAL" || answer.Errors[0].Extensions["requestId"] != id || id == "" {
		t.Errorf("%s", answer.Body)
	}
	for _, secret := range []string{"relation", "SELECT", "SQLSTATE", "pgdriver", ".go"} {
		if strings.Contains(answer.Body, secret) {
			t.Errorf("the answer has %q: %s", secret, answer.Body)
		}
	}
	if log := w.Log.String(); !strings.Contains(log, id) || !strings.Contains(log, "42P01") {
		t.Errorf("the log does not tell: %s", log)
	}
}

// The request's id is the client's, if it is a plain one.
func TestRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for sent, kept := range map[string]bool{"abc-123": true, "": false, "a b": false, strings.Repeat("x", 65): false, `"><script>`: false} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/graphql?query=%7B__typename%7D", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Request-Id", sent)
		if got := w.Anonymous().Exchange(t, request).Header.Get("X-Request-Id"); got == "" || (got == sent) != kept {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}
