package pgconn

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/uptrace/bun/driver/pgdriver"
)

// BEGIN goes with the first statement, in one message, and a transaction without any sends nothing.
func TestBeginCostsNoRoundTrip(t *testing.T) {
	t.Parallel()
	table(t, "begin_travels")
	p := newProxy(t, &proxy{})
	db := open(t, Config{URL: p.url(), PoolMax: 1})
	backend(t, db)
	before := p.queries()
	want := func(what string, messages int) {
		t.Helper()
		if sent := p.queries() - before; sent != messages {
			t.Errorf("%s: %d messages, want %d", what, sent, messages)
		}
		before = p.queries()
	}
	if err := begin(t, t.Context(), db).Commit(); err != nil {
		t.Error(err)
	}
	want("an empty COMMIT", 0)
	_ = begin(t, t.Context(), db).Rollback()
	want("an empty ROLLBACK", 0)

	tx := begin(t, t.Context(), db)
	result, err := tx.Exec("INSERT INTO begin_travels VALUES (1), (2)")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); n != 2 || err != nil {
		t.Errorf("the first statement changed %d rows, %v", n, err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	want("a change and its COMMIT", 2)

	tx = begin(t, t.Context(), db)
	var sum int
	if err := tx.QueryRow("SELECT sum(id) FROM begin_travels").Scan(&sum); err != nil || sum != 3 {
		t.Errorf("the first statement reads %d, %v", sum, err)
	}
	if _, err := tx.Exec("DELETE FROM begin_travels"); err != nil {
		t.Error(err)
	}
	_ = tx.Rollback()
	want("a read, a change and a ROLLBACK", 3)
	if n := adminInt(t, "SELECT count(*) FROM begin_travels"); n != 2 {
		t.Errorf("%d rows are left, want 2", n)
	}
}

// Where the first statement fails nothing more is done: neither in a transaction that PostgreSQL has aborted, nor outside of
// one that it has not begun, as it could not parse the message.
func TestNothingFollowsAFirstStatementThatFailed(t *testing.T) {
	t.Parallel()
	table(t, "begin_failed")
	for name, first := range map[string]struct{ query, state string }{
		"not parsed":         {"SELEKT", "42601"},
		"not run":            {"INSERT INTO begin_failed SELECT 1/0", "22012"},
		"failed in its rows": {"SELECT 1/(3-i) FROM generate_series(1,3) i", "22012"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, Config{PoolMax: 1})
			pid := backend(t, db)
			fail := func() *sql.Tx {
				t.Helper()
				tx := begin(t, t.Context(), db)
				var pgErr pgdriver.Error
				if err := readAll(tx.Query(first.query)); !errors.As(err, &pgErr) || pgErr.Field('C') != first.state {
					t.Fatalf("got %v", err)
				}
				if _, err := tx.Exec("INSERT INTO begin_failed VALUES (1)"); !errors.Is(err, ErrRolledBack) {
					t.Errorf("a second statement: %v", err)
				}
				if _, err := tx.Exec("INSERT INTO begin_failed VALUES ($1)", 1); !errors.Is(err, ErrRolledBack) {
					t.Errorf("a prepared statement: %v", err)
				}
				return tx
			}
			_ = fail().Rollback()
			if backend(t, db) != pid {
				t.Error("ROLLBACK did not keep the connection")
			}
			if err := fail().Commit(); !errors.Is(err, ErrRolledBack) || errors.Is(err, ErrCommitUnknown) {
				t.Errorf("COMMIT: %v", err)
			}
			if err := begin(t, t.Context(), db, "SELECT 1").Commit(); err != nil {
				t.Errorf("the next transaction: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		if n := adminInt(t, "SELECT count(*) FROM begin_failed"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// A prepared statement cannot take BEGIN along: it goes before.
func TestBeginOfPreparedStatements(t *testing.T) {
	t.Parallel()
	table(t, "begin_prepared")
	db := open(t, Config{PoolMax: 1})
	prepared, err := db.Prepare("INSERT INTO begin_prepared VALUES ($1)")
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	for name, insert := range map[string]func(*sql.Tx) error{
		"prepared in it": func(tx *sql.Tx) error {
			_, err := tx.Exec("INSERT INTO begin_prepared VALUES ($1)", 1)
			return err
		},
		"run, prepared before": func(tx *sql.Tx) error {
			_, err := tx.Stmt(prepared).Exec(2)
			return err
		},
		"asked, prepared before": func(tx *sql.Tx) error { return readAll(tx.Stmt(prepared).Query(3)) },
	} {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		if err != nil {
			t.Fatal(err)
		}
		if err := insert(tx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var isolation string
		if err := tx.QueryRow("SELECT current_setting('transaction_isolation')").Scan(&isolation); err != nil || isolation != "serializable" {
			t.Errorf("%s: in %q, %v", name, isolation, err)
		}
		_ = tx.Rollback()
	}
	tx := begin(t, t.Context(), db)
	if _, err := tx.Prepare("SELEKT $1"); err == nil {
		t.Error("it was prepared")
	}
	if err := tx.Commit(); !errors.Is(err, ErrRolledBack) {
		t.Errorf("COMMIT after a statement that could not be prepared: %v", err)
	}
	if n := adminInt(t, "SELECT count(*) FROM begin_prepared"); n != 0 {
		t.Errorf("%d rows were not rolled back", n)
	}
}

// A context that ends in the first statement ends the transaction, and one that has ended begins none.
func TestContextOfTheFirstStatement(t *testing.T) {
	t.Parallel()
	table(t, "begin_canceled")
	db := open(t, Config{PoolMax: 1})
	tx := begin(t, t.Context(), db)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tx.ExecContext(ended, "INSERT INTO begin_canceled VALUES (1)"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := tx.Exec("INSERT INTO begin_canceled VALUES (2)"); err != nil { // nothing was sent before
		t.Error(err)
	}
	_ = tx.Rollback()
	tx = begin(t, t.Context(), db)
	if _, err := tx.ExecContext(timeout(t, cancelAfter), "INSERT INTO begin_canceled VALUES (3); "+sleepLong); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := tx.Commit(); err == nil || errors.Is(err, ErrCommitUnknown) {
		t.Errorf("a COMMIT that was not sent: %v", err)
	}
	if _, err := db.BeginTx(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := adminInt(t, "SELECT count(*) FROM begin_canceled"); n != 0 {
		t.Errorf("%d rows", n)
	}
}
