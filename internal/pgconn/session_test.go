package pgconn

import (
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

func TestSessionSettings(t *testing.T) {
	t.Parallel()
	p := newProxy(t, &proxy{})
	db := open(t, Config{URL: p.url(), StatementTimeout: 90500 * time.Millisecond, ApplicationName: "settings test"})
	settings := map[string]string{
		"TimeZone": "UTC", "DateStyle": "ISO, MDY", "bytea_output": "hex", "statement_timeout": "90500ms",
		"idle_in_transaction_session_timeout": "1min", "client_connection_check_interval": "500ms",
		"application_name": "settings test",
	}
	for name, want := range settings {
		if got := show(t, db, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	// A busy machine may have sent a scout, whose connection makes its settings too.
	got, least, most := p.queries(), 1+len(settings), int(p.accepted.Load())+len(settings)
	if got < least || got > most {
		t.Errorf("%d queries, want %d to %d: one for the settings of a connection, one for each look at them", got, least, most)
	}
}

func TestOptionsOfTheURLWin(t *testing.T) {
	t.Parallel()
	query := "sslmode=disable&application_name=mine&options=-c%20statement_timeout%3D7s%20--search-path%3Dpg_catalog,public%20-c%20TIMEZONE%3DEurope/Berlin"
	db := open(t, Config{
		URL:              main1.tcpURL("postgres", "127.0.0.1", "postgres", query),
		StatementTimeout: time.Hour, ApplicationName: "not this",
	})
	for name, want := range map[string]string{
		"statement_timeout": "7s", "search_path": "pg_catalog,public", "TimeZone": "Europe/Berlin", "application_name": "mine",
	} {
		if got := show(t, db, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	bad := open(t, Config{URL: main1.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=disable&options=-c%20no_such%3D1")})
	mustContain(t, bad.Ping(), "no_such")
}

func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	db := open(t, Config{StatementTimeout: 50 * time.Millisecond})
	_, err := db.ExecContext(t.Context(), sleepLong)
	var pgErr pgdriver.Error
	if !errors.As(err, &pgErr) || !pgErr.StatementTimeout() || Unavailable(err) {
		t.Errorf("got %v", err)
	}
}

// pgdriver's own timeouts would end a long migration, and its Config would take gaps from the environment.
func TestPgdriverHasNoTimeouts(t *testing.T) {
	t.Parallel()
	c, err := newConnector(Config{URL: "postgres://u@h/d"})
	if err != nil {
		t.Fatal(err)
	}
	if conf := c.config(nil); conf.ReadTimeout != 0 || conf.WriteTimeout != 0 || conf.TLSConfig != nil {
		t.Errorf("got %+v", conf)
	}
	// pgdriver.NewListener takes its connector from here, by this assertion.
	if _, ok := c.Driver().(pgdriver.Driver); !ok {
		t.Error("a pgdriver.Listener cannot use this driver")
	}
}

func TestInvalidTextIsRefused(t *testing.T) {
	t.Parallel()
	p := newProxy(t, &proxy{})
	db := open(t, Config{URL: p.url(), PoolMax: 1})
	stmt, err := db.PrepareContext(t.Context(), "SELECT $1::text")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stmt.Close() }()
	p.mu.Lock()
	p.sent.Reset()
	p.mu.Unlock()
	for _, bad := range []string{"a\x00b", "a\xffb", "\xed\xa0\x80"} {
		var got string
		for what, err := range map[string]error{
			"query":         db.QueryRowContext(t.Context(), "SELECT '"+bad+"'").Scan(&got),
			"prepared args": stmt.QueryRowContext(t.Context(), bad).Scan(&got),
			"prepared exec": func() error { _, err := stmt.ExecContext(t.Context(), bad); return err }(),
			"exec":          func() error { _, err := db.ExecContext(t.Context(), "SELECT '"+bad+"'"); return err }(),
			"prepare":       func() error { _, err := db.PrepareContext(t.Context(), "SELECT '"+bad+"'"); return err }(),
		} {
			if !errors.Is(err, ErrInvalidText) {
				t.Errorf("%s with %q: got %v %q", what, bad, err, got)
			}
		}
	}
	p.mu.Lock()
	if p.sent.Len() != 0 {
		t.Errorf("the server got %q", p.sent.String())
	}
	p.mu.Unlock()
	var size int
	if err := db.QueryRowContext(t.Context(), "SELECT length($1::bytea)", []byte("a\x00\xff")).Scan(&size); err != nil || size != 3 {
		t.Errorf("bytea: got %d, %v", size, err)
	}
}

// pgdriver alone takes the apostrophe for the begin of a string, and sends $2 as it is.
func TestArgumentsAfterAnApostropheInAComment(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	var got string
	err := db.QueryRowContext(t.Context(), "SELECT $1::text /* it's */ || $2::text", "a'; --", "b").Scan(&got)
	if err != nil || got != "a'; --b" {
		t.Errorf("got %q, %v", got, err)
	}
}

// pgdriver's slice of names is the next query's when the rows have ended.
func TestColumnsOutliveTheirRows(t *testing.T) {
	t.Parallel()
	db := open(t, Config{PoolMax: 1})
	for range 20 { // sync.Pool gives back what it got only most of the time
		rows, err := db.QueryContext(t.Context(), "SELECT 1 AS first")
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err := errors.Join(err, readAll(rows, nil)); err != nil {
			t.Fatal(err)
		}
		if err := readAll(db.QueryContext(t.Context(), "SELECT 1 AS second")); err != nil {
			t.Fatal(err)
		}
		if names[0] != "first" {
			t.Fatalf("got %q", names[0])
		}
	}
}

// A value that pgdriver cannot parse leaves a half-read row: the connection goes, and Close does not wait for
// messages that are none.
func TestUnparsableValue(t *testing.T) {
	t.Parallel()
	db := open(t, Config{PoolMax: 1})
	pid := backend(t, db)
	err := readAll(db.QueryContext(timeout(t, 5*time.Second), "SELECT 'infinity'::timestamptz, 'more' FROM generate_series(1,3)"))
	mustContain(t, err, "infinity")
	if Unavailable(err) {
		t.Errorf("%v is called unavailable", err)
	}
	if backend(t, db) == pid {
		t.Error("the connection was kept")
	}
}

// A lost connection is named, and is not one of the errors on which database/sql runs a statement again.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	for how, run := range statements {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c, pid := oneConn(t, db)
			time.AfterFunc(100*time.Millisecond, func() { _, _ = admin.Exec("SELECT pg_terminate_backend($1)", pid) })
			err := run(timeout(t, 10*time.Second), c)
			if !errors.Is(err, ErrConnLost) || !Unavailable(err) || errors.Is(err, driver.ErrBadConn) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// pgdriver reads each field of an error into its buffer, and ends the connection where that is too small.
func TestLongError(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	_, err := db.ExecContext(t.Context(), "SELECT '"+strings.Repeat("x", 20_000)+"'::uuid")
	var pgErr pgdriver.Error
	if !errors.As(err, &pgErr) || pgErr.Field('C') != "22P02" {
		t.Errorf("got %.200v", err)
	}
}
