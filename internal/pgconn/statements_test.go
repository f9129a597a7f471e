package pgconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/uptrace/bun/driver/pgdriver"
)

// prepared are the texts of the statements that the connection keeps, oldest first.
func prepared(t *testing.T, c *sql.Conn) []string {
	t.Helper()
	// Without arguments: not prepared itself.
	rows, err := c.QueryContext(t.Context(), "SELECT statement FROM pg_prepared_statements ORDER BY prepare_time, name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

func wantNumber(t *testing.T, c interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, want int, query string, args ...any) {
	t.Helper()
	var got int
	if err := c.QueryRowContext(t.Context(), query, args...).Scan(&got); err != nil || got != want {
		t.Errorf("%s %v: got %d, %v, want %d", query, args, got, err, want)
	}
}

// A text is prepared once for a connection, and the one that was used least lately goes.
func TestKeptStatements(t *testing.T) {
	t.Parallel()
	c, _ := oneConn(t, open(t, Config{Statements: 2}))
	for i := range 3 {
		wantNumber(t, c, i+1, "SELECT $1::int + 1", i)
		wantNumber(t, c, i+2, "SELECT $1::int + 2", i)
	}
	if got, want := prepared(t, c), []string{"SELECT $1::int + 1", "SELECT $1::int + 2"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	if _, err := c.ExecContext(t.Context(), "SELECT $1::int", 1); err != nil {
		t.Fatal(err)
	}
	if got, want := prepared(t, c), []string{"SELECT $1::int + 2", "SELECT $1::int"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// What is kept is planned once: to plan it for each execution would take longer than many an execution.
func TestKeptStatementsArePlannedOnce(t *testing.T) {
	t.Parallel()
	for kept, want := range map[int]string{0: "auto", 2: "force_generic_plan"} {
		if got := show(t, open(t, Config{Statements: kept}), "plan_cache_mode"); got != want {
			t.Errorf("plan_cache_mode is %s with %d statements kept, want %s", got, kept, want)
		}
	}
}

// With none to keep, as behind a pooler that changes connections between transactions, nothing is left behind.
func TestNoKeptStatements(t *testing.T) {
	t.Parallel()
	c, _ := oneConn(t, open(t, Config{}))
	wantNumber(t, c, 2, "SELECT $1::int + 1", 1)
	if got := prepared(t, c); len(got) != 0 {
		t.Errorf("kept %q", got)
	}
}

// A statement that fails stays prepared, and the connection stays good.
func TestKeptStatementThatFails(t *testing.T) {
	t.Parallel()
	c, pid := oneConn(t, open(t, Config{Statements: 2}))
	wantNumber(t, c, 5, "SELECT 10 / $1::int", 2)
	var pgErr pgdriver.Error
	if _, err := c.ExecContext(t.Context(), "SELECT 10 / $1::int", 0); !errors.As(err, &pgErr) || pgErr.Field('C') != "22012" {
		t.Errorf("got %v", err)
	}
	wantNumber(t, c, 5, "SELECT 10 / $1::int", 2)
	wantNumber(t, c, pid, "SELECT pg_backend_pid()")
	if got := prepared(t, c); len(got) != 1 {
		t.Errorf("kept %q", got)
	}
}

// A migration that changes a column's type, and whoever deallocates, is survived: the statement is prepared anew.
func TestOutdatedStatements(t *testing.T) {
	t.Parallel()
	for name, outdate := range map[string]string{
		"changed":     "ALTER TABLE %s ALTER n TYPE bigint",
		"deallocated": "DEALLOCATE ALL -- %s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := "outdated_" + name
			if _, err := admin.Exec("CREATE TABLE " + table + " AS SELECT 7 AS n"); err != nil {
				t.Fatal(err)
			}
			c, pid := oneConn(t, open(t, Config{Statements: 2}))
			query := "SELECT n FROM " + table + " WHERE n > $1::int"
			wantNumber(t, c, 7, query, 0)
			if _, err := c.ExecContext(t.Context(), fmt.Sprintf(outdate, table)); err != nil {
				t.Fatal(err)
			}
			wantNumber(t, c, 7, query, 0)
			wantNumber(t, c, pid, "SELECT pg_backend_pid()")
		})
	}
}

// In a transaction the error has ended it; the next one is served.
func TestOutdatedStatementInTransaction(t *testing.T) {
	t.Parallel()
	if _, err := admin.Exec("CREATE TABLE outdated_tx AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	db := open(t, Config{Statements: 2, PoolMax: 1})
	const query = "SELECT n FROM outdated_tx WHERE n > $1::int"
	wantNumber(t, db, 7, query, 0)
	if _, err := admin.Exec("ALTER TABLE outdated_tx ALTER n TYPE bigint"); err != nil {
		t.Fatal(err)
	}
	tx := begin(t, t.Context(), db)
	var n int
	var pgErr pgdriver.Error
	if err := tx.QueryRow(query, 0).Scan(&n); !errors.As(err, &pgErr) || pgErr.Field('C') != "0A000" {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	tx = begin(t, t.Context(), db)
	wantNumber(t, tx, 7, query, 0)
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}
