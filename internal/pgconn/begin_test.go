package pgconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// A prepared statement takes BEGIN along as well: in the same write, with one Sync for both.
func TestPreparedStatementTakesBeginAlong(t *testing.T) {
	t.Parallel()
	table(t, "begin_ahead")
	p := newProxy(t, &proxy{})
	db := open(t, Config{URL: p.url(), PoolMax: 1, Statements: 10})
	change := func() {
		t.Helper()
		tx := begin(t, t.Context(), db)
		var id int
		if err := tx.QueryRow("INSERT INTO begin_ahead VALUES ($1) RETURNING id", 7).Scan(&id); err != nil || id != 7 {
			t.Errorf("the first statement gives %d, %v", id, err)
		}
		if result, err := tx.Exec("UPDATE begin_ahead SET id = id + $1", 1); err != nil {
			t.Error(err)
		} else if n, err := result.RowsAffected(); n == 0 || err != nil {
			t.Errorf("the second statement changed %d rows, %v", n, err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
	}
	change() // prepares
	before := p.rounds()
	change()
	if sent := p.rounds() - before; sent != 3 {
		t.Errorf("two statements and a COMMIT took %d round trips, want 3", sent)
	}
	if n := adminInt(t, "SELECT count(*) FROM begin_ahead"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	tx := begin(t, t.Context(), db)
	if result, err := tx.Exec("UPDATE begin_ahead SET id = id + $1", 1); err != nil {
		t.Error(err)
	} else if n, err := result.RowsAffected(); n != 2 || err != nil {
		t.Errorf("a first statement without rows changed %d, %v", n, err)
	}
	_ = tx.Rollback()
	if n := adminInt(t, "SELECT max(id) FROM begin_ahead"); n != 9 {
		t.Errorf("the greatest is %d: what was rolled back is there", n)
	}
}

// What went ahead and failed keeps the statement behind it from running, on a connection that stays.
func TestStatementBehindABeginThatFails(t *testing.T) {
	t.Parallel()
	table(t, "begin_refused")
	const insert = "INSERT INTO begin_refused VALUES ($1)"
	for name, ahead := range map[string]struct {
		begin, state string
		from         int // its rows
	}{
		"not parsed": {"BEGIN ANEW", "42601", 0},
		"not run":    {"SELECT 1/0", "22012", 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, Config{PoolMax: 1, Statements: 10})
			pid := backend(t, db)
			if _, err := db.Exec(insert, ahead.from+1); err != nil {
				t.Fatal(err)
			}
			tx, end := beginWith(t, db, ahead.begin)
			var pgErr pgdriver.Error
			if _, err := tx.Exec(insert, ahead.from+2); !errors.As(err, &pgErr) || pgErr.Field('C') != ahead.state {
				t.Errorf("got %v", err)
			}
			if _, err := tx.Exec(insert, ahead.from+3); !errors.Is(err, ErrRolledBack) {
				t.Errorf("a second statement: %v", err)
			}
			end()
			if _, err := db.Exec(insert, ahead.from+4); err != nil || backend(t, db) != pid {
				t.Errorf("the connection did not stay: %v", err)
			}
			if n := adminInt(t, "SELECT count(*) FROM begin_refused WHERE id IN ($1, $2)", ahead.from+2, ahead.from+3); n != 0 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A notice between the answers reaches pgdriver, however long it is, and the answer to the statement comes behind it.
func TestNoticeOfABegin(t *testing.T) {
	t.Parallel()
	db := open(t, Config{PoolMax: 1, Statements: 10})
	pid := backend(t, db)
	for _, length := range []int{1, 4 * wireBuffer, 2 * readBuffer} {
		tx, end := beginWith(t, db, fmt.Sprintf("DO $$ BEGIN RAISE WARNING '%%', repeat('x', %d); END $$", length))
		var n int
		if err := tx.QueryRow("SELECT $1::int", length).Scan(&n); err != nil || n != length {
			t.Errorf("behind %d bytes: %d, %v", length, n, err)
		}
		end()
	}
	if backend(t, db) != pid {
		t.Error("the connection did not stay")
	}
}

// beginWith is a transaction whose BEGIN is another statement, and what ends it.
func beginWith(t *testing.T, db *sql.DB, query string) (*sql.Tx, func()) {
	t.Helper()
	session, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx, err := session.BeginTx(t.Context(), nil)
	if err == nil {
		err = session.Raw(func(c any) error { c.(*conn).begin = query; return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	return tx, func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		_ = session.Close()
	}
}

// Whoever prepares the statement, and whatever it is used for, BEGIN is before it, with its options.
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
