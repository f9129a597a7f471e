package data_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dossier/bench/data"
	"dossier/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// scale makes 2 companies, 200 users, 600 projects and 6,000 documents.
const scale = 0.01

func load(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := must[*pgx.Conn](t)(pgx.Connect(t.Context(), pgtest.New(t).URL))
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if err := data.Load(t.Context(), conn, scale); err != nil {
		t.Fatal(err)
	}
	return conn
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func texts(t *testing.T, conn *pgx.Conn, query string, args ...any) []string {
	t.Helper()
	rows := must[pgx.Rows](t)(conn.Query(t.Context(), query, args...))
	return must[[]string](t)(pgx.CollectRows(rows, pgx.RowTo[string]))
}

func run(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
}

// hashes are of every row of every table of Dossier's, but for the migrations'.
func hashes(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range texts(t, conn, `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
		AND relname <> 'goose_db_version'`) {
		all[name] = texts(t, conn, "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM public."+name+" AS t")[0]
	}
	return all
}

func indexes(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return texts(t, conn, `SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
		WHERE relnamespace = 'public'::regnamespace ORDER BY 1`)
}

func TestLoadMakesTheRowsThatClientsReckonWith(t *testing.T) {
	t.Parallel()
	empty := must[*pgx.Conn](t)(pgx.Connect(t.Context(), pgtest.New(t).URL))
	defer empty.Close(context.Background())
	conn := load(t)
	if diff := cmp.Diff(indexes(t, empty), indexes(t, conn)); diff != "" {
		t.Errorf("indexes (-migrated +loaded):\n%s", diff)
	}
	size := data.SizeOf(scale)
	for _, c := range []struct {
		table, kind string
		rows        int
	}{
		{"companies", data.Company, size.Companies}, {"users", data.User, size.Users},
		{"projects", data.Project, size.Projects}, {"documents", data.Document, size.Documents},
	} {
		want := make([]uuid.UUID, c.rows)
		for i := range want {
			want[i] = data.ID(c.kind, i)
		}
		got := texts(t, conn, fmt.Sprintf("SELECT count(*) || ' of ' || (SELECT count(*) FROM %[1]s) FROM %[1]s WHERE id = ANY($1)", c.table), want)[0]
		if expected := fmt.Sprintf("%d of %d", c.rows, c.rows); got != expected {
			t.Errorf("%s: %s rows have the ids, want %s", c.table, got, expected)
		}
	}
	for i := range size.Users {
		if role := texts(t, conn, "SELECT role FROM users WHERE id = $1", data.ID(data.User, i))[0]; (role == "ADMIN") != data.IsStaff(i) {
			t.Errorf("user %d is %s", i, role)
		}
	}
	for i := range size.Documents {
		if status := texts(t, conn, "SELECT status FROM documents WHERE id = $1", data.ID(data.Document, i))[0]; status != data.StatusOf(i) {
			t.Fatalf("document %d is %s, not %s", i, status, data.StatusOf(i))
		}
	}
}

// Load checks no foreign key as it goes. Each constraint is made anew, as it is written, which checks all rows.
func TestLoadBreaksNoConstraint(t *testing.T) {
	t.Parallel()
	conn := load(t)
	checked := 0
	for _, constraint := range texts(t, conn, `SELECT format('ALTER TABLE %s ADD CONSTRAINT again_%s %s', conrelid::regclass, conname,
		pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace`) {
		if _, err := conn.Exec(t.Context(), constraint); err != nil {
			t.Errorf("%v\n%s", err, constraint)
		}
		checked++
	}
	if checked < 15 {
		t.Errorf("only %d constraints were checked", checked)
	}
	for _, wrong := range []string{
		"SELECT d.id::text FROM documents d JOIN projects p ON p.id = d.project_id WHERE d.owner_id <> p.owner_id",
		"SELECT o.id::text FROM projects p JOIN users o ON o.id = p.owner_id WHERE o.role = 'ADMIN'",
	} {
		if rows := texts(t, conn, wrong); len(rows) > 0 {
			t.Errorf("%d rows: %s", len(rows), wrong)
		}
	}
}

func TestLoadIsDeterministic(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(hashes(t, load(t)), hashes(t, load(t))); diff != "" {
		t.Errorf("two loads differ:\n%s", diff)
	}
}

// changes are what M1 to M3 do, and worse.
var changes = []string{
	"UPDATE documents SET status = 'READY', updated_at = now(), version = version + 1 WHERE status = 'PENDING'",
	`INSERT INTO projects (id, company_id, owner_id, name, client_name)
		SELECT gen_random_uuid(), company_id, owner_id, 'New', client_name FROM projects LIMIT 50`,
	"UPDATE documents SET project_id = NULL WHERE name LIKE '%7.pdf'",
	`WITH moved AS (SELECT u.id, min(heir.id::text)::uuid AS heir FROM users u JOIN users heir ON heir.company_id = u.company_id AND heir.id <> u.id
			WHERE u.name LIKE 'Anna%' AND heir.name NOT LIKE 'Anna%' GROUP BY u.id),
		p AS (UPDATE projects SET owner_id = heir, version = version + 1 FROM moved WHERE owner_id = moved.id),
		d AS (UPDATE documents SET owner_id = heir, version = version + 1 FROM moved WHERE owner_id = moved.id)
		UPDATE users SET company_id = (SELECT id FROM companies WHERE id <> users.company_id LIMIT 1) FROM moved WHERE moved.id = users.id`,
	"DELETE FROM documents WHERE name LIKE '%9.png'",
	"UPDATE companies SET name = name || '!'",
	"INSERT INTO sessions (id, token_hash, user_id, expires) SELECT id, id::text::bytea, id, now() FROM users",
	"INSERT INTO themes (id, company_id, name) SELECT id, id, 'Theme' FROM companies",
	`INSERT INTO project_themes (company_id, project_id, theme_id) SELECT company_id, id, company_id FROM projects`,
	`INSERT INTO conversations (id, company_id, owner_id, title) SELECT id, company_id, owner_id, 'Talk' FROM projects`,
	`INSERT INTO audit_log (id, action, subject_type, subject_id) SELECT gen_random_uuid(), 'USER_UPDATED', 'user', id FROM users`,
	"ALTER TABLE audit_log DISABLE TRIGGER USER", "DELETE FROM audit_log WHERE details ->> 'n' LIKE '%3'",
	"ALTER TABLE audit_log ENABLE TRIGGER USER",
}

func TestRestorePutsEveryRowBack(t *testing.T) {
	t.Parallel()
	conn := load(t)
	before := hashes(t, conn)
	run(t, conn, changes...)
	after := hashes(t, conn)
	for _, name := range []string{"companies", "users", "sessions", "projects", "documents", "conversations", "audit_log"} {
		if before[name] == after[name] {
			t.Errorf("the test changes nothing in %s", name)
		}
	}
	if err := data.Restore(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, hashes(t, conn)); diff != "" {
		t.Errorf("(-before +restored):\n%s", diff)
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM audit_log"); err == nil {
		t.Error("the audit log is not append only any more")
	}
}

func TestRestoreLeavesWhatWasKeptLater(t *testing.T) {
	t.Parallel()
	conn := load(t)
	run(t, conn, "INSERT INTO users (id, name, email, role) VALUES (gen_random_uuid(), 'Bench', 'bench@mail.example', 'ADMIN')",
		"INSERT INTO sessions (id, token_hash, user_id, expires) SELECT id, '', id, now() FROM users WHERE name = 'Bench'")
	if err := data.Keep(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	before := hashes(t, conn)
	stays := texts(t, conn, "SELECT ctid::text FROM sessions")
	run(t, conn, "UPDATE documents SET status = 'READY'")
	if err := data.Restore(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, hashes(t, conn)); diff != "" {
		t.Errorf("(-before +restored):\n%s", diff)
	}
	if diff := cmp.Diff(stays, texts(t, conn, "SELECT ctid::text FROM sessions")); diff != "" {
		t.Errorf("rows that did not differ were touched:\n%s", diff)
	}
}

// A table that the product gets later must be restored, too.
func TestRestoreKnowsEveryTable(t *testing.T) {
	t.Parallel()
	conn := load(t)
	missing := texts(t, conn, `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
		AND relname <> 'goose_db_version' AND relname NOT LIKE 'river\_%' AND to_regclass('bench_kept.' || relname) IS NULL`)
	if len(missing) > 0 {
		t.Errorf("not kept: %v", missing)
	}
}
