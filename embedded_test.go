package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dossier/internal/pgconn"
)

// postmaster gives the process id and the port of the folder's PostgreSQL.
func postmaster(t *testing.T, folder string) (pid int, port string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "postgres", "postgres", "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) < 4 {
		t.Fatalf("read postmaster.pid: %v: %s", err, text)
	}
	pid, err = strconv.Atoi(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid, lines[3]
}

// embeddedPool is a pool on the folder's PostgreSQL.
func embeddedPool(t *testing.T, folder string) *sql.DB {
	t.Helper()
	_, port := postmaster(t, folder)
	password, err := os.ReadFile(filepath.Join(folder, "postgres", "postgres.password"))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgconn.Open(pgconn.Config{
		URL: fmt.Sprintf("postgres://dossier:%s@127.0.0.1:%s/dossier?sslmode=disable", strings.TrimSpace(string(password)), port),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// blockTable holds all of the table's writes and reads up until the release.
func blockTable(t *testing.T, pool *sql.DB, table string) (release func()) {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// waiting reports whether a statement waits for a lock.
func waiting(ctx context.Context, pool *sql.DB) bool {
	var found bool
	err := pool.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&found)
	return err == nil && found
}
