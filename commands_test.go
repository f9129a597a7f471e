package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"dossier/internal/pgtest"
)

const coreMigration = "20261122000001_core.sql"

// migrationFiles are the names of all migrations, oldest first.
func migrationFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(paths) == 0 || filepath.Base(paths[0]) != coreMigration {
		t.Fatalf("migrations: %v, %v", paths, err)
	}
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return paths
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for arguments, says := range map[string]string{
		"":               "Serve the API",
		"serve":          "Serve the API",
		"migrate":        "Change the database's schema",
		"migrate up":     "Apply what is pending",
		"migrate down":   "Take the newest migration back",
		"migrate status": "List the migrations",
		"migrate create": "Write an empty migration",
		"seed":           "Load the demo data",
		"invite-admin":   "Add platform staff",
		"schema":         "Print the GraphQL schema",
		"version":        "Print the version",
	} {
		// Help needs no configuration that is right.
		run(t, append(strings.Fields(arguments), "--help"), "APP_ENV=wrong").wantOutput(t, says, "Usage:\n  "+strings.TrimSpace("dossier "+arguments))
	}
}

func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	for arguments, says := range map[string]string{
		"sevre":                  `unexpected "sevre"; did you mean serve?`,
		"migrate":                "migrate needs one of: up, down, status, create",
		"migrate sideways":       `unexpected "sideways"`,
		"migrate create":         "create needs NAME",
		"migrate create a b":     `unexpected "b"`,
		"invite-admin a@b.org":   "invite-admin needs EMAIL and NAME",
		"--port=80":              "unknown flag: --port",
		"blobs check --min-age=": `invalid argument "" for "--min-age" flag: time: invalid duration ""`,
	} {
		if r := run(t, strings.Fields(arguments)); r.code != 1 || r.stdout != "" || r.stderr != "dossier: "+says+"\n" {
			t.Errorf("%s: exit code %d: %s%s", arguments, r.code, r.stdout, r.stderr)
		}
	}
}

func TestSchemaCommand(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t, []string{"schema"}); r.code != 0 || r.stdout != string(want) || r.stderr != "" {
		t.Errorf("it is not schema.graphqls: exit code %d, %d bytes of %d, %s", r.code, len(r.stdout), len(want), r.stderr)
	}
}

func TestVersionCommand(t *testing.T) {
	t.Parallel()
	if r := run(t, []string{"version"}); r.code != 0 || !regexp.MustCompile(`^dossier \S+\n$`).MatchString(r.stdout) {
		t.Errorf("exit code %d: %q %q", r.code, r.stdout, r.stderr)
	}
}

// All that is wrong is told at once, one line each.
func TestWrongEnvironment(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ settings, want []string }{
		"many": {
			[]string{"APP_ENV=staging", "HTTP_ADDR=8080", "DB_POOL_MAX=many", "SLOW_QUERY=fast", "POSTGRES_URL=postgres://u:hunter2@db/x"},
			[]string{
				`APP_ENV is development or production, not "staging"`, "DB_POOL_MAX is not a whole number",
				`HTTP_ADDR is host:port, not "8080"`, "SLOW_QUERY is not a duration such as 200ms or 10s",
			},
		},
		"production without a database": {
			[]string{"APP_ENV=production"}, []string{"POSTGRES_URL is required with APP_ENV=production"},
		},
	}
	for name, test := range tests {
		for _, arguments := range [][]string{nil, {"serve"}, {"migrate", "up"}, {"seed"}} {
			r := run(t, arguments, test.settings...)
			want := "dossier: the environment is not right:\n" + strings.Join(test.want, "\n") + "\n"
			if r.code != 1 || r.stdout != "" || r.stderr != want {
				t.Errorf("%s, %v: exit code %d: %s\n%s\nwant %s", name, arguments, r.code, r.stdout, r.stderr, want)
			}
		}
	}
}

var columnGaps = regexp.MustCompile(` {2,}`)

func TestMigrateCommands(t *testing.T) {
	t.Parallel()
	files := migrationFiles(t)
	newest := files[len(files)-1]
	for name, database := range map[string]func(t *testing.T) string{
		"POSTGRES_URL": func(t *testing.T) string { return "POSTGRES_URL=" + pgtest.NewEmpty(t).URL },
		"its own":      func(t *testing.T) string { return "DATA_DIR=" + newFolder(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setting := database(t)
			for _, step := range []struct{ command, says string }{
				{"status", coreMigration + "  pending"},
				{"down", "nothing to take back"},
				{"up", "applied " + coreMigration},
				{"up", "nothing to apply"},
				{"status", newest + "  20"}, // the time
				{"down", "took back " + newest},
				{"status", newest + "  pending"},
				{"status", coreMigration + "  20"},
				{"up", "applied " + newest},
			} {
				r := run(t, []string{"migrate", step.command}, setting)
				r.stdout = columnGaps.ReplaceAllString(r.stdout, "  ") // the table's columns are as wide as its names
				r.wantOutput(t, step.says)
			}
			run(t, []string{"seed"}, setting).wantOutput(t, "loaded the demo data")
			run(t, []string{"seed"}, setting).wantOutput(t, "nothing was loaded")
		})
	}
}

func TestMigrateCreate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	create := func(name string) result {
		cmd := command([]string{"migrate", "create", name})
		cmd.Dir = folder
		return runCommand(t, cmd)
	}
	create("add_themes").wantSentence(t, "no folder migrations")
	if err := os.Mkdir(filepath.Join(folder, "migrations"), 0o755); err != nil {
		t.Fatal(err)
	}
	create("Add Themes").wantSentence(t, "lower-case", "Add Themes")
	r := create("add_themes")
	r.wantOutput(t, "wrote migrations/")
	if !regexp.MustCompile(`^wrote migrations/\d{14}_add_themes\.sql\n$`).MatchString(r.stdout) {
		t.Errorf("it says %q", r.stdout)
	}
	pool := pgtest.NewEmpty(t).Pool
	p, err := goose.NewProvider(goose.DialectPostgres, pool, os.DirFS(filepath.Join(folder, "migrations")), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if applied, err := p.Up(t.Context()); err != nil || len(applied) != 1 {
		t.Errorf("it does not run up: %v, %v", applied, err)
	}
	if _, err := p.Down(t.Context()); err != nil {
		t.Errorf("it does not run down: %v", err)
	}
}

// blockMigration lets a migration of an empty database neither go on nor fail until the release: it makes a table of the
// same name, and does not commit.
func blockMigration(t *testing.T, pool *sql.DB) (release func()) {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), "CREATE TABLE companies ()")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	setting := "POSTGRES_URL=" + db.URL
	// With goose's table there, nothing but the lock keeps them apart.
	run(t, []string{"migrate", "up"}, setting)
	for range migrationFiles(t) {
		run(t, []string{"migrate", "down"}, setting).wantOutput(t, "took back")
	}
	release := blockMigration(t, db.Pool)
	defer release()
	results := make([]result, 3)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = run(t, []string{"migrate", "up"}, setting) })
	}
	eventually(t, "all of them to be there, and one to migrate", func() bool {
		var sessions int
		err := db.Pool.QueryRow(`SELECT count(DISTINCT pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'dossier'`).Scan(&sessions)
		return err == nil && sessions >= len(results) && waiting(t.Context(), db.Pool)
	})
	release()
	all.Wait()
	applied := 0
	for _, r := range results {
		r.wantOutput(t)
		if strings.Contains(r.stdout, "applied "+coreMigration) {
			applied++
		} else {
			r.wantOutput(t, "nothing to apply")
		}
	}
	if applied != 1 {
		t.Errorf("%d of them applied it", applied)
	}
}

// advisoryLocks counts the locks of sessions that migrate.
func advisoryLocks(t *testing.T, pool *sql.DB) int {
	t.Helper()
	var n int
	err := pool.QueryRow(`SELECT count(*) FROM pg_locks
		WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKilledMigrationLeavesNoLock(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	release := blockMigration(t, db.Pool)
	defer release()
	cmd := command([]string{"migrate", "up"}, "POSTGRES_URL="+db.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the migration to hold the lock, and to wait", func() bool {
		return advisoryLocks(t, db.Pool) == 1 && waiting(t.Context(), db.Pool)
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	began := time.Now()
	eventually(t, "the lock to be gone", func() bool { return advisoryLocks(t, db.Pool) == 0 })
	t.Logf("the lock was gone %s after the kill", time.Since(began))
	release()
	run(t, []string{"migrate", "up"}, "POSTGRES_URL="+db.URL).wantOutput(t, "applied "+coreMigration)
}
