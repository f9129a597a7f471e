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

// tables are all that Dossier has, those that others refer to first.
var tables = []table{
	{"companies", "id"}, {"users", "id"}, {"sessions", "id"}, {"accounts", "id"}, {"invitations", "id"}, {"projects", "id"},
	{"documents", "id"}, {"conversations", "id"}, {"themes", "id"}, {"project_themes", "project_id, theme_id"},
	{"document_themes", "document_id, theme_id"}, {"audit_log", "id"},
}

// Keep copies all rows as they are now: that is what Restore goes back to. Load keeps what it loaded; call it again after
// adding rows that are to stay, such as the user whom the benchmark signs in and the session.
func Keep(ctx context.Context, conn *pgx.Conn) error {
	statements := []string{"DROP SCHEMA IF EXISTS " + kept + " CASCADE", "CREATE SCHEMA " + kept}
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

// Restore puts every table back to what Keep copied, whatever has happened to it, and vacuums those that it touched. Only rows
// that differ are touched, so that it takes as long as there is to mend. It needs a superuser, and nobody else who writes. No trigger fires: a running
// Dossier may know viewers whom it changed for ten seconds more.
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
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore the benchmark's rows: %w", err)
	}
	for _, name := range touched {
		// The next cell must not meet the dead rows of this one, in the indexes either.
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE, INDEX_CLEANUP ON) public."+name); err != nil {
			return fmt.Errorf("vacuum %s: %w", name, err)
		}
	}
	return nil
}

// restore removes what was added or changed, and then adds what is not there.
func (t table) restore(ctx context.Context, tx pgx.Tx) (changed bool, err error) {
	same := fmt.Sprintf("(k.%[1]s) = (t.%[1]s)", t.key)
	if columns := strings.Split(t.key, ", "); len(columns) > 1 {
		same = fmt.Sprintf("(k.%s) = (t.%s)", strings.Join(columns, ", k."), strings.Join(columns, ", t."))
	}
	wrong := fmt.Sprintf(`DELETE FROM public.%[1]s AS t WHERE NOT EXISTS
		(SELECT FROM %[2]s.%[1]s AS k WHERE %[3]s AND ROW(k.*) IS NOT DISTINCT FROM ROW(t.*))`, t.name, kept, same)
	removed, err := tx.Exec(ctx, wrong)
	if err != nil {
		return false, err
	}
	missing := fmt.Sprintf(`INSERT INTO public.%[1]s SELECT * FROM %[2]s.%[1]s AS k WHERE NOT EXISTS
		(SELECT FROM public.%[1]s AS t WHERE %[3]s)`, t.name, kept, same)
	added, err := tx.Exec(ctx, missing)
	return removed.RowsAffected()+added.RowsAffected() > 0, err
}
