package pgconn

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

// table makes a table with a constraint that is checked at COMMIT.
func table(t *testing.T, name string) {
	t.Helper()
	if _, err := admin.Exec("CREATE TABLE " + name + " (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)"); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, ctx context.Context, db *sql.DB, statements ...string) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	for _, stmt := range statements {
		if _, err := tx.Exec(stmt); err != nil {
			t.Fatal(err)
		}
	}
	return tx
}

// The connection closes after COMMIT was sent: it happened in the one case, and did not in the other.
func TestCommitUnknown(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"commit_arrives": true, "commit_is_lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table(t, name)
			p := newProxy(t, &proxy{text: "COMMIT", forward: arrives})
			db := open(t, Config{URL: p.url()})
			err := begin(t, t.Context(), db, "INSERT INTO "+name+" VALUES (1)").Commit()
			if !errors.Is(err, ErrCommitUnknown) || !errors.Is(err, ErrConnLost) {
				t.Errorf("got %v", err)
			}
			want := map[bool]int{true: 1, false: 0}[arrives]
			wantEventually(t, 2*time.Second, want, "rows", func() int { return adminInt(t, "SELECT count(*) FROM "+name) })
		})
	}
}

func TestCommitUnknownWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	p := newProxy(t, &proxy{text: "COMMIT", forward: true, hang: true})
	db := open(t, Config{URL: p.url()})
	ctx, cancel := context.WithCancel(t.Context())
	tx := begin(t, ctx, db, "SELECT 1")
	time.AfterFunc(cancelAfter, cancel)
	began := time.Now()
	err := tx.Commit()
	if !errors.Is(err, ErrCommitUnknown) || !errors.Is(err, context.Canceled) || time.Since(began) > cancelAfter+lateMax {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
	if err := db.PingContext(timeout(t, slowConnect)); err != nil { // the pool does not keep the connection
		t.Error(err)
	}
}

// What the server refused, and what was never sent, is known.
func TestCommitKnown(t *testing.T) {
	t.Parallel()
	table(t, "commit_known")
	db := open(t, Config{})
	var pgErr pgdriver.Error
	err := begin(t, t.Context(), db, "INSERT INTO commit_known VALUES (1), (1)").Commit()
	if !errors.As(err, &pgErr) || pgErr.Field('C') != "23505" || errors.Is(err, ErrCommitUnknown) {
		t.Errorf("a constraint at COMMIT: got %v", err)
	}
	tx := begin(t, t.Context(), db, "INSERT INTO commit_known VALUES (1)")
	if _, err := tx.ExecContext(timeout(t, 20*time.Millisecond), sleepLong); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := tx.Commit(); err == nil || errors.Is(err, ErrCommitUnknown) {
		t.Errorf("a COMMIT that was not sent: got %v", err)
	}
	if n := adminInt(t, "SELECT count(*) FROM commit_known"); n != 0 {
		t.Errorf("%d rows", n)
	}
	if err := begin(t, t.Context(), db, "INSERT INTO commit_known VALUES (1)").Commit(); err != nil {
		t.Errorf("a good COMMIT: %v", err)
	}
}

// PostgreSQL answers ROLLBACK to the COMMIT of an aborted transaction; pgdriver alone calls that success.
func TestCommitOfAnAbortedTransaction(t *testing.T) {
	t.Parallel()
	table(t, "commit_aborted")
	db := open(t, Config{})
	tx := begin(t, t.Context(), db, "INSERT INTO commit_aborted VALUES (1)")
	if _, err := tx.Exec("SELECT 1/0"); err == nil {
		t.Fatal("no error")
	}
	if err := tx.Commit(); !errors.Is(err, ErrRolledBack) {
		t.Errorf("got %v", err)
	}
	tx = begin(t, t.Context(), db, "INSERT INTO commit_aborted VALUES (2)", "SAVEPOINT s")
	if err := readAll(tx.Query("SELECT 1/(3-i) FROM generate_series(1,3) i")); err == nil {
		t.Fatal("no error")
	}
	if _, err := tx.Exec("ROLLBACK TO SAVEPOINT s"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Errorf("after a savepoint: %v", err)
	}
	if n := adminInt(t, "SELECT sum(id) FROM commit_aborted"); n != 2 {
		t.Errorf("the sum is %d, want 2", n)
	}
}

func TestTxOptions(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	for level, want := range map[sql.IsolationLevel]string{
		sql.LevelDefault: "read committed", sql.LevelReadUncommitted: "read uncommitted", sql.LevelReadCommitted: "read committed",
		sql.LevelRepeatableRead: "repeatable read", sql.LevelSerializable: "serializable",
	} {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		var isolation, readOnly string
		err = tx.QueryRow("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')").Scan(&isolation, &readOnly)
		if err != nil || isolation != want || readOnly != "on" {
			t.Errorf("%s: got %s %s, %v", level, isolation, readOnly, err)
		}
		_ = tx.Rollback()
	}
	if _, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSnapshot}); err == nil {
		t.Error("Snapshot was taken")
	}
}

// A rollback with the context gone gives the connection back, clean.
func TestRollbackKeepsTheConnection(t *testing.T) {
	t.Parallel()
	db := open(t, Config{PoolMax: 1})
	pid := backend(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	tx := begin(t, ctx, db, "SELECT 1")
	cancel()
	_ = tx.Rollback()
	if backend(t, db) != pid {
		t.Error("the connection was replaced")
	}
}
