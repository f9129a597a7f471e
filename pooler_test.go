package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/config"
	"dossier/internal/pgconn"
	"dossier/internal/pgtest"
	"dossier/internal/tcpproxy"
)

// What goes through a pooler that pools transactions is tested with a real one.

func openPool(t *testing.T, settings pgconn.Config) *sql.DB {
	t.Helper()
	pool, err := pgconn.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// pooled is a pool through the PgBouncer, as the program's is.
func pooled(t *testing.T, address string) *sql.DB {
	t.Helper()
	return openPool(t, pgconn.Config{URL: address, Pooled: true, StatementTimeout: statementTimeout, PoolMax: 8, ApplicationName: "dossier"})
}

// leftovers are what sessions behind the pooler keep beyond their transactions, PgBouncer's own settings aside.
const leftovers = `SELECT coalesce(string_agg(what, ', '), '') FROM (
	SELECT name FROM pg_settings WHERE source = 'session'
		AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')
	UNION ALL SELECT 'prepared ' || name FROM pg_prepared_statements
	UNION ALL SELECT 'listens to ' || c FROM pg_listening_channels() c
	UNION ALL SELECT 'advisory lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
	UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relpersistence = 't'
) kept(what), (SELECT pg_sleep(0.3)) meanwhile`

// wantNothingKept looks at each of the PgBouncer's connections to the server: they are asked at once.
func wantNothingKept(t *testing.T, b *pgtest.PgBouncer) {
	t.Helper()
	pool := openPool(t, pgconn.Config{URL: b.URL, Pooled: true})
	var all sync.WaitGroup
	for range pgtest.PgBouncerPool {
		all.Go(func() {
			var kept string
			if err := pool.QueryRowContext(t.Context(), leftovers).Scan(&kept); err != nil || kept != "" {
				t.Errorf("a session keeps %q, %v", kept, err)
			}
		})
	}
	all.Wait()
}

func show(t *testing.T, from interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, setting string) string {
	t.Helper()
	var value string
	if err := from.QueryRowContext(t.Context(), "SHOW "+setting).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestPoolThroughAPooler(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := pgtest.NewPgBouncer(t, db.URL)
	pool := pooled(t, b.URL)
	ctx := t.Context()
	limits := map[string]string{"statement_timeout": "30s", "idle_in_transaction_session_timeout": "1min"}
	err := func() error {
		tx, err := pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for setting, want := range limits {
			if got := show(t, tx, setting); got != want {
				t.Errorf("in a transaction %s is %s, want %s", setting, got, want)
			}
		}
		if got := show(t, tx, "transaction_isolation"); got != "repeatable read" {
			t.Errorf("the transaction is %s", got)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO companies (id, name) VALUES (gen_random_uuid(), 'Rolled back')")
		return err
	}()
	if err != nil {
		t.Fatal(err)
	}
	var companies int
	if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM companies").Scan(&companies); err != nil || companies != 0 {
		t.Errorf("%d companies, %v", companies, err)
	}
	for setting := range limits {
		if got := show(t, pool, setting); got != "0" {
			t.Errorf("outside of a transaction %s is %s", setting, got)
		}
	}
	// With arguments a statement would be prepared by one connection to the server, and run by another.
	for range 2 * pgtest.PgBouncerPool {
		if _, err := pool.ExecContext(ctx, "SELECT $1::int", 1); !errors.Is(err, pgconn.ErrNoSession) {
			t.Errorf("a statement with arguments: %v", err)
		}
	}
	wantNothingKept(t, b)
}

func TestPoolerIsToldApart(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"?target_session_attrs=read-write": "target_session_attrs", "?options=-c%20search_path%3Dpublic": "options", "?target_session_attrs=any": "",
	} {
		pool, err := pgconn.Open(pgconn.Config{URL: "postgres://dossier@pooler.example/dossier" + query, Pooled: true})
		if err == nil {
			_ = pool.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
	// What a session would set for itself is the role's, and must be what the driver reads.
	db := pgtest.New(t)
	b := pgtest.NewPgBouncer(t, db.URL)
	u, _ := url.Parse(db.URL)
	if _, err := db.Pool.Exec("ALTER DATABASE " + strings.TrimPrefix(u.Path, "/") + " SET bytea_output = 'escape'"); err != nil {
		t.Fatal(err)
	}
	b.Stop(t)
	if b.Start(t) == nil {
		t.Error("PgBouncer is taken")
	}
	if err := pooled(t, b.URL).Ping(); err == nil || !strings.Contains(err.Error(), "bytea_output") {
		t.Errorf("with a bytea_output that is not read: %v", err)
	}
}

// occupy takes all of the PgBouncer's connections to the server for as long.
func occupy(t *testing.T, b *pgtest.PgBouncer, seconds float64) {
	t.Helper()
	pool := openPool(t, pgconn.Config{URL: b.URL, Pooled: true})
	for range pgtest.PgBouncerPool {
		tx, err := pool.BeginTx(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { _ = tx.Rollback() })
	}
}

// A pooler that is busy is not taken for one that is dead: what waits in its queue is kept, and clients come in.
func TestBusyPooler(t *testing.T) {
	t.Parallel()
	b := pgtest.NewPgBouncer(t, pgtest.New(t).URL)
	address, way := behindProxy(t, b.URL)
	pool := pooled(t, address)
	if err := pool.Ping(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // from then on a connection is checked
	accepted := way.Accepted()
	occupy(t, b, 0.6)
	if _, err := pool.ExecContext(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
	if now := way.Accepted(); now != accepted {
		t.Errorf("%d connections were made anew", now-accepted)
	}
	occupy(t, b, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	first, err := pool.Conn(ctx) // the one that is there
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := pool.Conn(ctx)
	if err != nil {
		t.Fatalf("a client waits for the server before it has a statement for it: %v", err)
	}
	defer second.Close()
}

// What the README says of a canceled statement: PgBouncer closes its connection to the server, and PostgreSQL notices by
// client_connection_check_interval alone.
func TestCanceledThroughAPooler(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := pgtest.NewPgBouncer(t, db.URL)
	pool := pooled(t, b.URL)
	running := func() (n int) {
		err := db.Pool.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
			AND query LIKE 'SELECT pg_sleep%'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	cancelOne := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := pool.ExecContext(ctx, "SELECT pg_sleep(6)"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the statement: %v", err)
		}
	}
	cancelOne()
	time.Sleep(1500 * time.Millisecond)
	if running() != 1 {
		t.Error("without client_connection_check_interval the statement ended: the README says that it runs on")
	}
	u, _ := url.Parse(db.URL)
	for _, statement := range []string{
		"ALTER DATABASE " + strings.TrimPrefix(u.Path, "/") + " SET client_connection_check_interval = '500ms'",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
	} {
		if _, err := db.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a new session", func() bool {
		var interval string
		return pool.QueryRow("SHOW client_connection_check_interval").Scan(&interval) == nil && interval == "500ms"
	})
	cancelOne()
	eventually(t, "the statement's end", func() bool { return running() == 0 })
}

// The outcome of a COMMIT is not made up by a pooler that lost the server.
func TestPoolerLosesTheServer(t *testing.T) {
	t.Parallel()
	address, way := behindProxy(t, pgtest.New(t).URL)
	b := pgtest.NewPgBouncer(t, address)
	pool := pooled(t, b.URL)
	tx, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT 1"); err != nil { // BEGIN goes with it
		t.Fatal(err)
	}
	way.Set(t, tcpproxy.Refuse)
	time.Sleep(100 * time.Millisecond)
	if err := tx.Commit(); !errors.Is(err, pgconn.ErrCommitUnknown) || !pgconn.Unavailable(err) {
		t.Errorf("COMMIT: %v", err)
	}
	way.Set(t, tcpproxy.Pass)
	eventually(t, "an answer", func() bool { return pool.Ping() == nil })
	// Clients that wait in the pool find out before they send anything.
	b.Stop(t)
	b.Start(t)
	for range 8 {
		if _, err := pool.ExecContext(t.Context(), "SELECT 1"); err != nil {
			t.Errorf("after the pooler's restart: %v", err)
		}
	}
}

// What takes long and needs a session has neither the pooler nor the role's limits in its way.
func TestSessionsGoPastThePooler(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	u, _ := url.Parse(db.URL)
	if _, err := db.Pool.Exec("ALTER DATABASE " + strings.TrimPrefix(u.Path, "/") + " SET statement_timeout = '30s'"); err != nil {
		t.Fatal(err)
	}
	opened, err := openDatabase(t.Context(), config.Config{
		Environment: config.Development, PostgresURL: "postgres://dossier@127.0.0.1:1/dossier", PostgresDirectURL: db.URL, PoolMax: 20,
	}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.close()
	if err := opened.apart("look", func(pool *sql.DB) error {
		if got := show(t, pool, "statement_timeout"); got != "0" {
			t.Errorf("a migration may take %s", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := show(t, opened.direct, "idle_in_transaction_session_timeout"); got != "1min" {
		t.Errorf("the direct way has no settings of a session: %s", got)
	}
}

// pooledLoad are requests of every kind, and what the answer has.
var pooledLoad = []struct{ query, want string }{
	{`{ me { name } company: me { company { name userCount } } }`, `"Renamed"`},
	{`{ projects(first: 20) { nodes { name owner { name } documents(first: 10) { totalCount nodes { name themes(first: 3) { nodes { name } } } } } } }`, `"documents"`},
	{`{ documents(first: 20, filter: { search: "price" }) { totalCount nodes { name project { name } } } }`, `"nodes"`},
	{`mutation { createDocuments(input: { documents: [{ name: "Made", contentType: "text/plain", sizeBytes: 1 }] })
		{ documents { name owner { name } } userErrors { code } } }`, `"userErrors":[]`},
	{`mutation { createDocuments(input: { documents: [{ name: "Rolled back", contentType: "text/plain", sizeBytes: 1 },
		{ name: "Rolled back", contentType: "text/plain", sizeBytes: 1, projectId: "project_01m825kv27e2y8wthfzy1ffvx8" }] })
		{ documents { name } userErrors { code } } }`, `"BAD_REFERENCE"`},
}

// The whole program: more clients than PgBouncer has connections, and nobody notices.
func TestServesThroughPgBouncer(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	u, _ := url.Parse(db.URL)
	// Answers are in UTC, whatever the role's settings are.
	if _, err := db.Pool.Exec("ALTER DATABASE " + strings.TrimPrefix(u.Path, "/") + " SET TimeZone = 'Asia/Kolkata'"); err != nil {
		t.Fatal(err)
	}
	address, server := behindProxy(t, db.URL)
	b := pgtest.NewPgBouncer(t, address)
	through, clients := behindProxy(t, b.URL)
	settings := []string{"POSTGRES_URL=" + through, "POSTGRES_DIRECT_URL=" + db.URL}
	p := serve(t, settings...)
	p.waitReady(t)
	password, _ := u.User.Password()
	said := p.output.String()
	for _, name := range []string{"POSTGRES_URL", "POSTGRES_DIRECT_URL"} {
		if !strings.Contains(said, "    "+name+"=postgres://"+u.User.Username()+":***@") || strings.Contains(said, password) {
			t.Errorf("%s is not shown with its password masked", name)
		}
	}
	for _, arguments := range [][]string{{"migrate", "up"}, {"migrate", "status"}, {"seed"}} {
		run(t, arguments, settings...).wantOutput(t)
	}
	run(t, []string{"health"}, append(settings, "HTTP_ADDR="+strings.TrimPrefix(p.url, "http://"))...).wantOutput(t, "ready")

	token := p.signIn(t, "manager@demo.example")
	client := p.with(token)
	// A warm session costs no statement, and a change is told.
	warm := func() bool {
		answer := client.Send(t, `{"query": "{ me { name createdAt } }", "extensions": {"trace": true}}`)
		if !strings.Contains(answer.Body, `Z"`) {
			t.Fatalf("it answers %s", answer.Body)
		}
		return strings.Contains(answer.Body, `"trace"`) && !strings.Contains(answer.Body, "SELECT")
	}
	eventually(t, "the session being cached", warm)
	if _, err := db.Pool.Exec("UPDATE users SET name = 'Renamed' WHERE email = 'manager@demo.example'"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new name", func() bool { return client.Query(t, `{ me { name } }`).Text("me.name") == "Renamed" })

	const requests, rounds = 200, 3
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			for round := range rounds {
				one := pooledLoad[(i+round)%len(pooledLoad)]
				answer := client.Do(t, one.query)
				if len(answer.Errors) > 0 || !strings.Contains(answer.Body, one.want) {
					t.Errorf("%s\n%s", one.query, answer.Body)
				}
			}
		})
	}
	all.Wait()
	if clients.Open() <= pgtest.PgBouncerPool || server.Open() > pgtest.PgBouncerPool {
		t.Errorf("%d clients share %d connections to the server: that proves nothing", clients.Open(), server.Open())
	}
	for search, want := range map[string]string{"Rolled back": "0", "Made": fmt.Sprint(requests * rounds / len(pooledLoad))} {
		data := client.Query(t, `query($search: String) { documents(first: 1, filter: { search: $search }) { totalCount } }`, "search", search)
		if got := data.Text("documents.totalCount"); got != want {
			t.Errorf("%s documents are called %q, want %s", got, search, want)
		}
	}
	wantNothingKept(t, b)
	p.stop(t)
	said = p.output.String()
	for _, wrong := range []string{"not cached", "prepared statement", "level=ERROR", "INTERNAL"} {
		if strings.Contains(said, wrong) {
			t.Errorf("it says %q", wrong)
		}
	}
}
