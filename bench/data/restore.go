package data

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// kept is the schema of the copies. No peer reads it.
const kept = "bench_kept"

// table is one of Dossier's tables, with what tells its rows apart.
type table struct{ name, key string }

// tables are all that Dossier has but those of background jobs, which are River's; those that others refer to first.
var tables = []table{
	{"companies", "id"}, {"users", "id"}, {"sessions", "id"}, {"accounts", "id"}, {"invitations", "id"},
	{"api_keys", "id"}, {"one_time_tokens", "id"}, {"verification_tokens", "id"}, {"authenticators", "id"}, {"projects", "id"},
	{"documents", "id"}, {"conversations", "id"}, {"themes", "id"}, {"project_themes", "project_id, theme_id"},
	{"document_themes", "document_id, theme_id"}, {"audit_log", "id"},
	{"uploads", "id"}, {"database_identity", "id"}, {"document_chunks", "id"}, {"chunk_embeddings", "chunk_id, model"}, {"chunk_codes", "chunk_id, model"},
}

// Keep copies all rows as they are now: that is what Restore goes back to. Load keeps what it loaded; call it again after
// adding rows that are to stay, such as the user whom the benchmark signs in and the session.
func Keep(ctx context.Context, conn *pgx.Conn) error {
	statements := []string{"DROP SCHEMA IF EXISTS " + kept + " CASCADE", "CREATE SCHEMA " + kept,
		"CREATE TABLE " + kept + ".mark AS SELECT pg_current_xact_id()::xid AS since"}
	for _, t := range tables {
		statements = append(statements, fmt.Sprintf("CREATE TABLE %[1]s.%[2]s AS TABLE public.%[2]s", kept, t.name),
			fmt.Sprintf("ALTER TABLE %s.%s ADD PRIMARY KEY (%s)", kept, t.name, t.key))
	}
	if err := script(ctx, conn, strings.Join(statements, ";\n")); err != nil {
		return fmt.Errorf("keep the benchmark's rows: %w", err)
	}
	for _, t := range tables {
		if _, err := conn.Exec(ctx, fmt.Sprintf("VACUUM (ANALYZE) %s.%s", kept, t.name)); err != nil {
			return fmt.Errorf("keep the benchmark's rows: %w", err)
		}
	}
	return nil
}

// Restore puts every table back to what Keep copied, whatever has happened to it, and vacuums those that it touched. It needs a
// superuser, and nobody else who writes. No trigger fires: a running Dossier may know viewers whom it changed for ten seconds
// more.
func Restore(ctx context.Context, conn *pgx.Conn) error {
	var touched []string
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// No trigger may keep the audit log as it is, and no foreign key a row that is only half back.
		if _, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		for _, t := range tables {
			changed, err := t.restore(ctx, tx)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if changed {
				touched = append(touched, t.name)
			}
		}
		_, err := tx.Exec(ctx, "UPDATE "+kept+".mark SET since = pg_current_xact_id()::xid")
		return err
	})
	if err != nil {
		return fmt.Errorf("restore the benchmark's rows: %w", err)
	}
	for _, name := range touched {
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) public."+name); err != nil {
			return fmt.Errorf("vacuum %s: %w", name, err)
		}
	}
	return nil
}

// restore takes away what was written since the mark, which its xmin tells, and gives back what is missing then. So it reads
// each table once, and the copy only where something happened.
func (t table) restore(ctx context.Context, tx pgx.Tx) (changed bool, err error) {
	var written, have, want int
	err = tx.QueryRow(ctx, fmt.Sprintf(`WITH written AS
			(DELETE FROM public.%[1]s WHERE age(xmin) < (SELECT age(since) FROM %[2]s.mark) RETURNING %[3]s),
		back AS (INSERT INTO public.%[1]s SELECT k.* FROM written JOIN %[2]s.%[1]s AS k USING (%[3]s))
		SELECT count(*) FROM written`, t.name, kept, t.key)).Scan(&written)
	if err != nil {
		return false, err
	}
	counts := fmt.Sprintf("SELECT (SELECT count(*) FROM public.%[1]s), (SELECT count(*) FROM %[2]s.%[1]s)", t.name, kept)
	if err := tx.QueryRow(ctx, counts).Scan(&have, &want); err != nil || have == want {
		return written > 0, err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`INSERT INTO public.%[1]s SELECT k.* FROM
		(SELECT %[3]s FROM %[2]s.%[1]s EXCEPT SELECT %[3]s FROM public.%[1]s) AS gone JOIN %[2]s.%[1]s AS k USING (%[3]s)`,
		t.name, kept, t.key))
	return true, err
}
