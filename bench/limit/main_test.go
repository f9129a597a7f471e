package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"dossier/bench/data"
	"dossier/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

type world struct {
	*pgxpool.Pool
	url string
}

func newWorld(t *testing.T) world {
	t.Helper()
	address := pgtest.New(t).URL
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := data.Load(t.Context(), conn, 0.01); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	web := httptest.NewServer(server{pool})
	t.Cleanup(web.Close)
	return world{pool, web.URL}
}

func (w world) ask(t *testing.T, operation string, variables map[string]any) (field map[string]any) {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"operationName": operation, "variables": variables})
	response, err := http.Post(w.url, "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Data   map[string]map[string]any
		Errors []any
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Errors != nil {
		t.Fatalf("%s: %v %v", operation, err, answer.Errors)
	}
	return answer.Data[operations[operation].field]
}

func (w world) text(t *testing.T, query string, args ...any) (text string) {
	t.Helper()
	if err := w.QueryRow(t.Context(), query, args...).Scan(&text); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	return text
}

// audit is what was recorded of a subject, what has details first.
func (w world) audit(t *testing.T, subject any) string {
	t.Helper()
	return w.text(t, `SELECT coalesce(string_agg(concat_ws(' ', action, subject_type, c.name, details - 'newOwnerId'), '; ' ORDER BY details = '{}'), '')
		FROM audit_log JOIN companies c ON c.id = company_id WHERE subject_id = $1 AND NOT details ? 'n'`, subject)
}

func TestUpdateOfAStatusIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := data.ID(data.Document, 1)
	company := w.text(t, "SELECT c.name FROM documents d JOIN companies c ON c.id = d.company_id WHERE d.id = $1", id)
	if got := w.ask(t, "M1", map[string]any{"id": id, "status": "EXTRACTING"}); got["id"] != id.String() || got["status"] != "EXTRACTING" {
		t.Errorf("answered %v", got)
	}
	if got := w.text(t, "SELECT status || ' ' || version FROM documents WHERE id = $1", id); got != "EXTRACTING 2" {
		t.Errorf("the document is %s", got)
	}
	want := fmt.Sprintf(`DOCUMENT_STATUS_CHANGED document %s {"status": {"to": "EXTRACTING", "from": "%s"}}`, company, data.StatusOf(1))
	if got := w.audit(t, id); got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
}

func TestCreationOfAProjectIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	company := w.text(t, "SELECT c.name FROM users u JOIN companies c ON c.id = u.company_id WHERE u.id = $1", data.ID(data.User, 1))
	got := w.ask(t, "M2", map[string]any{"ownerId": data.ID(data.User, 1), "name": `A "bid"`, "clientName": "City"})
	if got["name"] != `A "bid"` || got["owner"].(map[string]any)["company"].(map[string]any)["name"] != company {
		t.Errorf("answered %v", got)
	}
	want := fmt.Sprintf(`PROJECT_CREATED project %s {"name": "A \"bid\"", "clientName": "City"}`, company)
	if got := w.audit(t, got["id"]); got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
}

func TestTransferLeavesWhatTheUserOwns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := data.ID(data.User, 1)
	companyOf := "SELECT c.name FROM users u JOIN companies c ON c.id = u.company_id WHERE u.id = $1"
	owned := `SELECT format('{"projects": %s, "documents": %s, "conversations": 0}', (SELECT count(*) FROM projects WHERE owner_id = $1),
		(SELECT count(*) FROM documents WHERE owner_id = $1))`
	from, had := w.text(t, companyOf, user), w.text(t, owned, user)
	to := w.text(t, "SELECT id::text FROM companies WHERE name <> $1", from)
	colleague := w.text(t, `SELECT u.id::text FROM users u JOIN companies c ON c.id = u.company_id WHERE c.name = $1 AND u.id <> $2 LIMIT 1`, from, user)
	stranger := w.text(t, "SELECT id::text FROM users WHERE company_id = $1 LIMIT 1", to)
	w.text(t, `INSERT INTO sessions (id, token_hash, user_id, expires) VALUES (gen_random_uuid(), '', $1, now() + interval '1 day') RETURNING ''`, user)

	if got := w.ask(t, "M3", map[string]any{"id": user, "companyId": to, "newOwnerId": stranger}); got != nil || w.audit(t, user) != "" ||
		w.text(t, owned, user) != had {
		t.Errorf("a new owner of another company: answered %v, recorded %q", got, w.audit(t, user))
	}
	got := w.ask(t, "M3", map[string]any{"id": user, "companyId": to, "newOwnerId": colleague})
	if got["id"] != user.String() || got["company"].(map[string]any)["id"] != to || w.text(t, companyOf, user) == from {
		t.Errorf("answered %v", got)
	}
	if left := w.text(t, owned, user); left != `{"projects": 0, "documents": 0, "conversations": 0}` || left == had {
		t.Errorf("the user had %s and still owns %s", had, left)
	}
	if sessions := w.text(t, "SELECT count(*)::text FROM sessions WHERE user_id = $1", user); sessions != "0" {
		t.Errorf("%s sessions are left", sessions)
	}
	want := fmt.Sprintf(`USER_TRANSFERRED user %s %s; USER_TRANSFERRED user %s {}`, from, had, w.text(t, companyOf, user))
	if got := w.audit(t, user); got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
}
