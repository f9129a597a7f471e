package jobs_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"dossier/internal/jobs"
	"dossier/internal/pgconn"
	"dossier/internal/pgtest"
	"dossier/internal/telemetry"
)

var quiet = slog.New(slog.DiscardHandler)

// catalogQuery describes what is of River in the schema public, one line for each thing.
const catalogQuery = `
	SELECT format('column %s %s %s %s %s %s', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		pg_get_expr(d.adbin, d.adrelid)) AS line
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname LIKE 'river%' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL SELECT format('relation %s %s %s %s', relkind, relpersistence, relname, reloptions) FROM pg_class
	WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'river%'
	UNION ALL SELECT format('constraint %s.%s %s', r.relname, k.conname, pg_get_constraintdef(k.oid))
	FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid WHERE r.relname LIKE 'river%'
	UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'river%'
	UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid WHERE r.relname LIKE 'river%'
	UNION ALL SELECT format('function %s %s %s', oid::regprocedure, provolatile, regexp_replace(prosrc, '\s+', ' ', 'g'))
	FROM pg_proc WHERE proname LIKE 'river%'
	UNION ALL SELECT format('value %s %s', enumtypid::regtype, string_agg(enumlabel, ' ' ORDER BY enumsortorder)) FROM pg_enum GROUP BY enumtypid
	UNION ALL SELECT format('migration %s %s', line, version) FROM river_migration
	ORDER BY 1`

func migrator(t *testing.T, db *pgtest.DB) (*rivermigrate.Migrator[pgx.Tx], *pgxpool.Pool) {
	t.Helper()
	pool, err := pgconn.OpenPgx(pgconn.Config{URL: db.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return m, pool
}

func catalog(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), catalogQuery)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Our migration makes what River's make. When this fails because River has a new one, write a migration that does the same.
func TestSchemaIsRivers(t *testing.T) {
	t.Parallel()
	ours, pool := migrator(t, pgtest.New(t))
	result, err := ours.Validate(t.Context(), nil)
	if err != nil || !result.OK {
		t.Fatalf("River does not accept the schema: %v, %v", result, err)
	}
	rivers, own := migrator(t, pgtest.NewEmpty(t))
	if _, err := rivers.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	want := catalog(t, own)
	if len(want) < 60 {
		t.Errorf("the description has %d lines only", len(want))
	}
	if diff := cmp.Diff(want, catalog(t, pool)); diff != "" {
		t.Errorf("River's schema (-) and ours (+) differ:\n%s", diff)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	metrics := telemetry.NewMetrics("test", db.Pool)
	scrape := func() string {
		recorder := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
		return recorder.Body.String()
	}
	work := jobs.For(func(context.Context, note) error { return nil }, jobs.Options{})
	if _, err := db.Pool.Exec(`INSERT INTO river_job (kind, args, state, finalized_at) VALUES ('note', '{}', 'discarded', now()),
		('mine', '{}', 'available', NULL), ('yours', '{}', 'available', NULL)`); err != nil {
		t.Fatal(err)
	}
	run(t, jobs.Config{URL: db.URL, Work: []jobs.Work{work}, Metrics: metrics})
	enqueue(t, db, nil, note{})
	var text string
	within(t, soon, "a job that is counted", func() bool {
		text = scrape()
		return strings.Contains(text, `dossier_jobs_total{kind="note",outcome="ok"} 1`)
	})
	within(t, 2*soon+time.Second, "the rows", func() bool {
		text = scrape()
		return strings.Contains(text, `dossier_jobs{kind="other",state="available"} 2`)
	})
	for _, line := range []string{`dossier_job_duration_seconds_count{kind="note"} 1`, `dossier_job_wait_seconds_count{kind="note"} 1`,
		`dossier_jobs{kind="note",state="discarded"} 1`, `dossier_jobs_total{kind="note",outcome="discarded"} 0`} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}
