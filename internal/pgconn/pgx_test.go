package pgconn

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func openPgx(t *testing.T, c Config) *pgxpool.Pool {
	t.Helper()
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 30 * time.Second // the machine may be busy
	}
	pool, err := OpenPgx(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func askPgx(t *testing.T, pool *pgxpool.Pool, query string) string {
	t.Helper()
	var text string
	if err := pool.QueryRow(t.Context(), query).Scan(&text); err != nil {
		return err.Error()
	}
	return text
}

// The environment's answers, wrong each of them, change nothing. Not parallel: the environment is the process's.
func TestPgxTakesNothingFromTheEnvironment(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"PGHOST": "nowhere.invalid", "PGPORT": "x", "PGDATABASE": "wrong", "PGUSER": "wrong", "PGPASSWORD": "wrong", "PGPASSFILE": home,
		"PGAPPNAME": "wrong", "PGCONNECT_TIMEOUT": "x", "PGSSLMODE": "wrong", "PGSSLKEY": "/wrong", "PGSSLCERT": "/wrong", "PGSSLSNI": "0",
		"PGSSLROOTCERT": "/wrong", "PGSSLPASSWORD": "wrong", "PGSSLNEGOTIATION": "direct", "PGTARGETSESSIONATTRS": "wrong",
		"PGSERVICE": "wrong", "PGSERVICEFILE": "/wrong", "PGTZ": "wrong", "PGOPTIONS": "-c wrong=1", "PGMINPROTOCOLVERSION": "x",
		"PGMAXPROTOCOLVERSION": "x", "PGCHANNELBINDING": "require", "PGREQUIREAUTH": "none", "HOME": home,
	} {
		t.Setenv(name, value)
	}
	pool := openPgx(t, Config{
		URL: main1.tcpURL("postgres", "localhost", "postgres", "options=-c%20work_mem%3D5MB"), ApplicationName: "named",
		StatementTimeout: 7 * time.Second,
	})
	got := askPgx(t, pool, `SELECT concat_ws(' ', current_user, current_database(), current_setting('application_name'), current_setting('TimeZone'),
		current_setting('work_mem'), current_setting('statement_timeout'), current_setting('client_connection_check_interval'))`)
	if want := "postgres postgres named UTC 5MB 7s 500ms"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPgxSocket(t *testing.T) {
	t.Parallel()
	if got := askPgx(t, openPgx(t, Config{URL: main1.socketURL()}), "SELECT coalesce(inet_server_addr()::text, 'socket')"); got != "socket" {
		t.Errorf("got %s", got)
	}
}

// As TestSeveralHosts, and by what sslmode is where the URL has none.
func TestPgxHosts(t *testing.T) {
	t.Parallel()
	hosts := fmt.Sprintf("127.0.0.1:1,127.0.0.1:%d", main1.port)
	rawURL := "postgres://tlsonly:p%40ss%2Fw%3Ard%25%3F%23%26@" + hosts
	for query, want := range map[string]string{
		"postgres": "one", "postgres?target_session_attrs=primary": "one", "readonly?target_session_attrs=read-only": "one",
		"postgres?target_session_attrs=standby": "target_session_attrs", "readonly?target_session_attrs=read-write": "target_session_attrs",
	} {
		got := askPgx(t, openPgx(t, Config{URL: rawURL + "/" + query}), "SELECT 'one'")
		if !strings.Contains(got, want) || strings.Contains(got, testPassword) {
			t.Errorf("%s: got %s", query, got)
		}
	}
	got := askPgx(t, openPgx(t, Config{URL: rawURL + "/postgres", DefaultSSLMode: SSLVerifyFull}), "SELECT 'one'")
	if !strings.Contains(got, "certificate") {
		t.Errorf("verify-full: got %s", got)
	}
}

// What is wrong in the configuration is told at once, what is wrong with the server is not.
func TestPgxOpens(t *testing.T) {
	t.Parallel()
	for _, wrong := range []Config{
		{URL: "mysql://h"}, {URL: "postgres://h/d?sslmode=verify-full&sslrootcert=" + filepath.Join(t.TempDir(), "none")},
		{URL: "postgres://h/d", Pooled: true},
	} {
		if _, err := OpenPgx(wrong); err == nil {
			t.Errorf("%s opens", wrong)
		}
	}
	if got := askPgx(t, openPgx(t, Config{URL: "postgres://u:secret@127.0.0.1:1/d"}), "SELECT ''"); strings.Contains(got, "secret") {
		t.Errorf("got %s", got)
	}
}
