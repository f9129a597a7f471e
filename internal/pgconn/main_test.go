package pgconn

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const testPassword = "p@ss/w:rd%?#&"

// main1 serves most tests, with ssl=on; see hba for what its roles may do.
var (
	main1 *server
	certs *testCerts
	admin *sql.DB // superuser on main1, over its Unix socket
)

const hba = `
local   all all            trust
hostssl all tlsonly   all  scram-sha-256
host    all tlsonly   all  reject
hostnossl all plainonly all scram-sha-256
host    all plainonly all  reject
hostssl all certuser  all  cert
host    all all       all  scram-sha-256
`

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", "8") // most tests wait, and compute nothing
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	var err error
	main1, err = newServer(hba, true)
	if main1 != nil {
		defer main1.remove()
	}
	if err != nil {
		return 0, err
	}
	certs = main1.certs
	admin, err = Open(Config{URL: main1.socketURL()})
	if err != nil {
		return 0, err
	}
	defer func() { _ = admin.Close() }()
	for _, stmt := range []string{
		"CREATE ROLE tlsonly LOGIN PASSWORD " + quote(testPassword),
		"CREATE ROLE plainonly LOGIN PASSWORD " + quote(testPassword),
		"CREATE ROLE certuser LOGIN",
		"CREATE DATABASE readonly",
		"ALTER DATABASE readonly SET default_transaction_read_only = on",
	} {
		if _, err := admin.Exec(stmt); err != nil {
			return 0, err
		}
	}
	defer func() {
		if plain != nil {
			plain.remove()
		}
	}()
	return m.Run(), nil
}

// plain is a second server without TLS, started on first use and restarted by tests that hold plainMu.
var (
	plainOnce sync.Once
	plain     *server
	plainErr  error
	plainMu   sync.Mutex
)

func plainServer(t *testing.T) *server {
	t.Helper()
	plainMu.Lock()
	t.Cleanup(plainMu.Unlock)
	plainOnce.Do(func() { plain, plainErr = newServer("local all all trust\nhost all all all scram-sha-256\n", false) })
	if plainErr != nil {
		t.Fatal(plainErr)
	}
	return plain
}

// tcpURL connects by TCP; query is appended.
func (s *server) tcpURL(user, host, database, query string) string {
	return fmt.Sprintf("postgres://%s:%s@%s:%d/%s?%s", user, url.QueryEscape(testPassword), host, s.port, database, query)
}

func (s *server) socketURL() string {
	return fmt.Sprintf("postgres://postgres@/postgres?host=%s&port=%d", s.dir, s.port)
}

// open is a pool upon main1, over TCP without TLS unless the URL says otherwise, closed at the test's end.
func open(t testing.TB, c Config) *sql.DB {
	t.Helper()
	if c.URL == "" {
		c.URL = main1.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=disable")
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 30 * time.Second // the machine may be busy
	}
	db, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// oneConn is a connection of its own, with the pid of its backend.
func oneConn(t *testing.T, db *sql.DB) (*sql.Conn, int) {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, backend(t, c)
}

// backend is the pid behind a connection or a pool of one.
func backend(t *testing.T, c interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) int {
	t.Helper()
	var pid int
	if err := c.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// wantEventually polls until got is want.
func wantEventually[T comparable](t *testing.T, within time.Duration, want T, what string, got func() T) {
	t.Helper()
	deadline := time.Now().Add(within)
	var last T
	for {
		if last = got(); last == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %v after %s, want %v", what, last, within, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func adminInt(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	if err := admin.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func backends(t *testing.T, application string) int {
	t.Helper()
	return adminInt(t, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", application)
}

// show reads a setting.
func show(t *testing.T, db *sql.DB, name string) string {
	t.Helper()
	var v string
	if err := db.QueryRowContext(t.Context(), "SELECT current_setting("+quote(name)+")").Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func mustContain(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("got error %v, want one with %q", err, text)
	}
}
