package pgconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// lateMax is generous: two noisy cores, and the race detector.
const (
	cancelAfter = 100 * time.Millisecond
	lateMax     = 400 * time.Millisecond
)

// endings are the ways in which a context ends.
var endings = map[string]struct {
	make func(context.Context) (context.Context, context.CancelFunc)
	want error
}{
	"cancel": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(cancelAfter, cancel)
		return ctx, cancel
	}, context.Canceled},
	"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, cancelAfter)
	}, context.DeadlineExceeded},
}

const (
	sleepLong = "SELECT pg_sleep(30)"
	// sleepRows: each row fills the server's output buffer, so that rows arrive while the statement runs.
	sleepRows = "SELECT repeat('x', 9000), pg_sleep(0.05) FROM generate_series(1,1000)"
	// sleepBuffered: the server keeps these rows for itself, so the wait is for the first.
	sleepBuffered = "SELECT pg_sleep(0.05) FROM generate_series(1,1000)"
)

// readAll reads rows to their end.
func readAll(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
	}
	return rows.Err()
}

// statements are the ways to run one; each says how the statement ended.
var statements = map[string]func(context.Context, *sql.Conn) error{
	"exec": func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, sleepLong)
		return err
	},
	"query": func(ctx context.Context, c *sql.Conn) error { return readAll(c.QueryContext(ctx, sleepLong)) },
	"prepared exec": func(ctx context.Context, c *sql.Conn) error {
		stmt, err := c.PrepareContext(context.Background(), sleepLong)
		if err != nil {
			return err
		}
		_, err = stmt.ExecContext(ctx)
		return err
	},
	"prepared query": func(ctx context.Context, c *sql.Conn) error {
		stmt, err := c.PrepareContext(context.Background(), "SELECT pg_sleep($1)")
		if err != nil {
			return err
		}
		return readAll(stmt.QueryContext(ctx, 30))
	},
	"rows":          func(ctx context.Context, c *sql.Conn) error { return readAll(c.QueryContext(ctx, sleepRows)) },
	"buffered rows": func(ctx context.Context, c *sql.Conn) error { return readAll(c.QueryContext(ctx, sleepBuffered)) },
	"prepared rows": func(ctx context.Context, c *sql.Conn) error {
		stmt, err := c.PrepareContext(context.Background(), sleepRows)
		if err != nil {
			return err
		}
		return readAll(stmt.QueryContext(ctx))
	},
	"transaction": func(ctx context.Context, c *sql.Conn) error {
		tx, err := c.BeginTx(context.Background(), nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		_, err = tx.ExecContext(ctx, sleepLong)
		return err
	},
}

// A context that ends is the end of the statement, here and on the server.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, sslmode := range []string{"disable", "require"} {
		db := open(t, Config{URL: main1.tcpURL("postgres", "localhost", "postgres", "sslmode="+sslmode)})
		for how, run := range statements {
			for ending, by := range endings {
				t.Run(sslmode+" "+how+" "+ending, func(t *testing.T) {
					t.Parallel()
					c, pid := oneConn(t, db)
					ctx, cancel := by.make(t.Context())
					defer cancel()
					begin := time.Now()
					err := run(ctx, c)
					if took := time.Since(begin); took < cancelAfter/2 || took > cancelAfter+lateMax {
						t.Errorf("returned after %s", took)
					}
					if !errors.Is(err, by.want) || Unavailable(err) {
						t.Errorf("got %v, want %v", err, by.want)
					}
					wantEventually(t, time.Second+lateMax, 0, "backends", func() int {
						return adminInt(t, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid)
					})
				})
			}
		}
	}
}

func TestEndedContextSendsNothing(t *testing.T) {
	t.Parallel()
	db := open(t, Config{PoolMax: 1})
	c, pid := oneConn(t, db)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Raw(func(dc any) error {
		_, err := dc.(*conn).ExecContext(ended, "SELECT 1", nil)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if backend(t, c) != pid {
		t.Error("the connection was given up although nothing was sent")
	}
}

// Statements whose contexts end at any moment: each gives its own result or its context's error, never
// another's result or an error of the network. For the race detector above all.
func TestCancelAnytime(t *testing.T) {
	t.Parallel()
	for _, sslmode := range []string{"disable", "require"} {
		db := open(t, Config{URL: main1.tcpURL("postgres", "localhost", "postgres", "sslmode="+sslmode), PoolMax: 6})
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				for i := range 60 {
					want := fmt.Sprint(worker, i)
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(3000))*time.Microsecond)
					err := anyStatement(ctx, db, want, i)
					cancel()
					if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, sql.ErrTxDone) {
						t.Errorf("got %v", err)
					}
				}
			})
		}
		wg.Wait()
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("%d connections were not given back", n)
		}
	}
}

// anyStatement reads want in one of three ways.
func anyStatement(ctx context.Context, db *sql.DB, want string, way int) error {
	query := "SELECT " + quote(want) + " FROM generate_series(1,200)"
	var rows *sql.Rows
	var err error
	switch way % 3 {
	case 0:
		rows, err = db.QueryContext(ctx, query)
	case 1:
		rows, err = db.QueryContext(ctx, "SELECT $1::text FROM generate_series(1,200)", want)
	default:
		var tx *sql.Tx
		if tx, err = db.BeginTx(ctx, nil); err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		rows, err = tx.QueryContext(ctx, query)
	}
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var got string
		if err := rows.Scan(&got); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("got %q, want %q", got, want)
		}
	}
	return rows.Err()
}

// Where the setting cannot be made, the session is set up without it, and later ones need no second try.
func TestCheckIntervalIsOptional(t *testing.T) {
	t.Parallel()
	c, err := newConnector(Config{URL: main1.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=disable"), StatementTimeout: time.Minute,
		ConnectTimeout: slowConnect})
	if err != nil {
		t.Fatal(err)
	}
	c.checkSet = setting{"client_connection_check_interval", "no number"}
	db := sql.OpenDB(c)
	defer func() { _ = db.Close() }()
	if got := show(t, db, "statement_timeout"); got != "1min" || !c.noCheck.Load() {
		t.Errorf("statement_timeout is %s, noCheck %t", got, c.noCheck.Load())
	}
}
