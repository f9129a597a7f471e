package migrations_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"dossier/internal/pgtest"
	"dossier/migrations"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// rowsAfter adds rows to what each migration made, so that the next ones run over a database in use. A migration that
// makes no table has "".
var rowsAfter = map[string]string{
	"20261122000001_core.sql": `
		INSERT INTO companies (id, name, domain) VALUES ('00000000-0000-7000-8000-000000000001', 'One', NULL),
			('00000000-0000-7000-8000-000000000002', 'Two', 'two.example');
		INSERT INTO users (id, company_id, name, email, role)
			VALUES ('00000000-0000-7000-8000-000000000011', '00000000-0000-7000-8000-000000000001', 'Ann', 'ann@one.example', 'MANAGER'),
			('00000000-0000-7000-8000-000000000012', NULL, 'Staff', 'staff@dossier.example', 'ADMIN');
		INSERT INTO sessions (id, token_hash, user_id, expires)
			VALUES ('00000000-0000-7000-8000-000000000021', '\x00', '00000000-0000-7000-8000-000000000011', now());
		INSERT INTO projects (id, company_id, owner_id, name, client_name) VALUES ('00000000-0000-7000-8000-000000000031',
			'00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000011', 'Bid', 'City');
		INSERT INTO documents (id, company_id, project_id, owner_id, name, status, content_type, size_bytes)
			SELECT '00000000-0000-7000-8000-000000000041', company_id, id, owner_id, 'a.pdf', 'READY', 'application/pdf', 1 FROM projects;
		INSERT INTO audit_log (id, action, subject_type, subject_id)
			SELECT '00000000-0000-7000-8000-000000000051', 'project.created', 'Project', id FROM projects;`,
	"20261125000001_themes_conversations.sql": `
		INSERT INTO themes (id, company_id, name) VALUES ('00000000-0000-7000-8000-000000000061',
			'00000000-0000-7000-8000-000000000001', 'On time');
		INSERT INTO project_themes (company_id, project_id, theme_id)
			SELECT p.company_id, p.id, t.id FROM projects p JOIN themes t USING (company_id);
		INSERT INTO document_themes (company_id, document_id, theme_id)
			SELECT d.company_id, d.id, t.id FROM documents d JOIN themes t USING (company_id);
		INSERT INTO conversations (id, company_id, owner_id, project_id, title)
			SELECT '00000000-0000-7000-8000-000000000071', company_id, owner_id, id, 'The bridge' FROM projects;`,
	"20261125000002_people.sql": `
		UPDATE users SET deactivated_at = now() WHERE email = 'staff@dossier.example';
		INSERT INTO accounts (id, user_id, type, provider, provider_account_id, access_token)
			SELECT '00000000-0000-7000-8000-000000000061', id, 'oidc', 'google', '1', 'secret' FROM users WHERE email = 'ann@one.example';
		INSERT INTO invitations (id, user_id, token_hash, expires)
			SELECT '00000000-0000-7000-8000-000000000071', id, '\x01', now() FROM users WHERE email = 'ann@one.example';`,
	"20261126000008_processing.sql": `
		INSERT INTO document_chunks (id, company_id, document_id, position, heading, text, start_offset, end_offset, tokens, language, tsv)
			SELECT '00000000-0000-7000-8000-000000000091', company_id, id, 0, 'Scope', 'a bridge', 0, 8, 2, 'english', to_tsvector('english', 'a bridge')
			FROM documents WHERE name = 'a.pdf';
		INSERT INTO chunk_embeddings (company_id, chunk_id, model, dimensions, vector)
			SELECT company_id, id, 'dossier-384-v1', 1, '\x0080' FROM document_chunks;
		INSERT INTO chunk_codes (company_id, chunk_id, document_id, model, code)
			SELECT company_id, id, document_id, 'dossier-384-v1', '1' FROM document_chunks;`,
	"20261125000003_list_indexes.sql": "",
	"20261125000004_stale_rows.sql":   "",
	"20261126000001_credentials.sql": `
		INSERT INTO api_keys (id, user_id, company_id, name, hint, token_hash, scopes)
			SELECT '00000000-0000-7000-8000-000000000081', id, company_id, 'Import', 'ABCD', '\x02', 'users:read' FROM users WHERE email = 'ann@one.example';
		INSERT INTO one_time_tokens (id, user_id, purpose, email, token_hash, expires)
			SELECT '00000000-0000-7000-8000-000000000082', id, 'PASSWORD_RESET', email, '\x03', now() FROM users WHERE email = 'ann@one.example';
		INSERT INTO verification_tokens (id, identifier, token_hash, expires)
			VALUES ('00000000-0000-7000-8000-000000000083', 'ann@one.example', '\x04', now());`,
	"20261126000004_authenticators.sql": `
		INSERT INTO authenticators (id, user_id, provider_account_id, credential_id, credential_public_key, counter,
			credential_device_type, credential_backed_up)
			SELECT '00000000-0000-7000-8000-000000000091', id, '1', '1', 'key', 0, 'singleDevice', false FROM users
			WHERE email = 'ann@one.example';`,
	"20261126000010_made_by_key.sql": `
		UPDATE sessions SET api_key_id = (SELECT id FROM api_keys);
		UPDATE authenticators SET api_key_id = (SELECT id FROM api_keys);`,
	"20261126000005_jobs.sql": `
		INSERT INTO river_job (kind, args) VALUES ('one', '{}');
		INSERT INTO river_queue (name) VALUES ('default');
		INSERT INTO river_notification (payload, topic) VALUES ('{}', 'one');
		INSERT INTO river_leader (elected_at, expires_at, leader_id) VALUES (now(), now(), 'one');`,
	"20261126000006_expired_rows.sql":  "",
	"20261127000001_owner_indexes.sql": "",
	"20261126000009_email_change.sql": `
		INSERT INTO one_time_tokens (id, user_id, purpose, email, token_hash, expires)
			SELECT '00000000-0000-7000-8000-000000000084', id, 'EMAIL_CHANGE', 'ann@new.example', '\x05', now() FROM users WHERE email = 'ann@one.example';`,
	"20261126000007_files.sql": `
		UPDATE documents SET container_name = 'documents', blob_name = 'dossier/1', sha256 = decode(repeat('00', 32), 'hex');
		INSERT INTO uploads (id, company_id, user_id, expires_at, size_bytes, container_name, blob_name, parts)
			SELECT '00000000-0000-7000-8000-0000000000a1', company_id, id, now(), 1, 'documents', 'dossier/2', '{dossier/3}' FROM users
			WHERE email = 'ann@one.example';`,
}

// names are the files, oldest first.
func names(t *testing.T, pool *sql.DB) []string {
	t.Helper()
	list, err := migrations.List(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, len(list))
	for i, m := range list {
		all[i] = m.Name
	}
	return all
}

// schemaQuery describes what is in the schema public, one line for each thing: columns, constraints, indexes, triggers,
// functions, types. What belongs to an extension, and goose's own table, are left out.
const schemaQuery = `
WITH things AS (
	SELECT format('column %s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		pg_get_expr(d.adbin, d.adrelid)) AS line, c.relname, c.oid
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT format('relation %s %s %s', relkind, relname, reloptions), relname, oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
	UNION ALL
	SELECT format('constraint %s.%s %s', r.relname, k.conname, pg_get_constraintdef(k.oid)), r.relname, k.oid
	FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid WHERE k.connamespace = 'public'::regnamespace
	UNION ALL
	SELECT format('index %s', pg_get_indexdef(i.indexrelid)), r.relname, i.indexrelid
	FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid WHERE r.relnamespace = 'public'::regnamespace
	UNION ALL
	SELECT format('trigger %s %s', pg_get_triggerdef(t.oid), t.tgenabled), r.relname, t.oid
	FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid WHERE r.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
	UNION ALL
	SELECT format('function %s %s', oid::regprocedure, prosrc), proname, oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace
	UNION ALL
	SELECT format('type %s', typname), typname, oid FROM pg_type WHERE typnamespace = 'public'::regnamespace
		AND typcategory <> 'A' -- arrays come and go with their elements
)
SELECT line FROM things
WHERE relname NOT LIKE '%goose_db_version%' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = things.oid AND deptype = 'e')
ORDER BY line`

func schemaOf(t *testing.T, pool *sql.DB) string {
	t.Helper()
	return strings.Join(texts(t, pool, schemaQuery), "\n")
}

func texts(t *testing.T, pool *sql.DB, query string) []string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		list = append(list, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func up(t *testing.T, pool *sql.DB) []string {
	t.Helper()
	applied, err := migrations.Up(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

// downAll takes everything back and gives the names, newest first.
func downAll(t *testing.T, pool *sql.DB) []string {
	t.Helper()
	var taken []string
	for {
		name, err := migrations.Down(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		if name == "" {
			return taken
		}
		taken = append(taken, name)
	}
}

func TestUpDownUp(t *testing.T) {
	t.Parallel()
	pool := pgtest.NewEmpty(t).Pool
	all := names(t, pool)
	if applied := up(t, pool); len(applied) == 0 || strings.Join(applied, " ") != strings.Join(all, " ") {
		t.Errorf("applied %v, want %v", applied, all)
	}
	first := schemaOf(t, pool)
	for _, part := range []string{"column users.email text", "constraint users.users_staff_check", "index CREATE UNIQUE INDEX users_email_key",
		"trigger CREATE TRIGGER audit_log_append_only", "function audit_log_is_append_only()"} {
		if !strings.Contains(first, part) {
			t.Errorf("the description of the schema does not have %q", part)
		}
	}
	if again := up(t, pool); len(again) != 0 {
		t.Errorf("a second run applied %v", again)
	}
	if taken := downAll(t, pool); len(taken) != len(all) || taken[0] != all[len(all)-1] {
		t.Errorf("took back %v", taken)
	}
	if left := schemaOf(t, pool); left != "" {
		t.Errorf("taken back, it leaves:\n%s", left)
	}
	up(t, pool)
	if second := schemaOf(t, pool); second != first {
		t.Errorf("the second time made another schema\n%s\n\nthe first time\n%s", second, first)
	}
}

// Each migration runs over the rows that a database in use has by then, up and down.
func TestOverRows(t *testing.T) {
	t.Parallel()
	pool := pgtest.NewEmpty(t).Pool
	step, err := goose.NewProvider(goose.DialectPostgres, pool, os.DirFS("."), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, pool) {
		if _, err := step.UpByOne(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, ok := rowsAfter[name]
		if !ok {
			t.Fatalf("rowsAfter does not know %s", name)
		}
		if rows == "" { // the driver sends no empty statement
			continue
		}
		if _, err := pool.ExecContext(t.Context(), rows); err != nil {
			t.Fatalf("add rows after %s: %v", name, err)
		}
	}
	tables := texts(t, pool, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
	for _, table := range tables {
		if len(texts(t, pool, "SELECT 'row' FROM "+table+" LIMIT 1")) == 0 {
			t.Errorf("rowsAfter leaves the table %s empty", table)
		}
	}
	downAll(t, pool)
	if left := schemaOf(t, pool); left != "" {
		t.Errorf("taken back, it leaves:\n%s", left)
	}
}

// Who asks what is pending neither waits for one that migrates nor writes anything.
func TestListIsHarmless(t *testing.T) {
	t.Parallel()
	pool := pgtest.NewEmpty(t).Pool
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const lock = 0x446f7373696572 // migrations.lockID
	if _, err := conn.ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", lock); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	pending, err := migrations.Pending(ctx, pool)
	if err != nil || pending != len(rowsAfter) {
		t.Errorf("pending: %d, %v", pending, err)
	}
	if made := texts(t, pool, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"); len(made) > 0 {
		t.Errorf("asking made %v", made)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := migrations.Up(ctx, pool); err == nil {
		t.Error("the lock that the test holds is not the one of migrations: this test proves nothing")
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool
	list, err := migrations.List(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.AppliedAt.IsZero() {
			t.Errorf("%s is pending in a migrated database", m.Name)
		}
	}
	if pending, err := migrations.Pending(t.Context(), pool); err != nil || pending != 0 {
		t.Errorf("pending: %d, %v", pending, err)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	now := time.Date(2027, 3, 4, 23, 6, 7, 0, time.FixedZone("", -3600))
	path, err := migrations.Create(folder, "add_themes", now)
	if err != nil || path != filepath.Join(folder, "20270305000607_add_themes.sql") {
		t.Fatalf("wrote %s, %v", path, err)
	}
	if _, err := migrations.Create(folder, "add_themes", now); err == nil {
		t.Error("it wrote over a file")
	}
	for _, name := range []string{"", "Add", "1st", "add-themes", "add themes", "../x", "ä", strings.Repeat("a", 62)} {
		if path, err := migrations.Create(folder, name, now.Add(time.Hour)); err == nil {
			t.Errorf("the name %q was taken: %s", name, path)
		}
	}
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("there are %d files", len(files))
	}
}
