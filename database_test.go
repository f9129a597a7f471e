package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossier/internal/pgtest"
	"dossier/internal/tcpproxy"
)

// The program and its database come and go; nothing is lost, and nobody has to restart the other.

func TestSurvivesKillOfTheProgram(t *testing.T) {
	t.Parallel()
	folder := seededFolder(t)
	p := serve(t, "DATA_DIR="+folder)
	p.waitReady(t)
	token := p.signIn(t, "manager@demo.example")
	if len(postgresOn(folder)) == 0 {
		t.Fatal("no PostgreSQL is found on the folder while one runs: the next check would prove nothing")
	}
	p.kill()
	eventually(t, "PostgreSQL to go away by itself", func() bool { return len(postgresOn(folder)) == 0 })

	p = serve(t, "DATA_DIR="+folder)
	p.waitReady(t)
	p.with(token).Query(t, `{ me { id } projects { totalCount } }`)

	// Nor does a start that comes at once, while the old PostgreSQL is still there, find it in its way.
	p.kill()
	p = serve(t, "DATA_DIR="+folder)
	p.waitReady(t)
	p.with(token).Query(t, `{ me { id } projects { totalCount } }`)
	p.stop(t)
}

// A start that was killed half-way leaves nothing that the next one stumbles over, and no half of the demo data.
func TestSurvivesKillWhileStarting(t *testing.T) {
	t.Parallel()
	want := demoDocuments(t)
	for _, moment := range []string{"making a PostgreSQL", "PostgreSQL started"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			folder := newFolder(t)
			p := serve(t, "DATA_DIR="+folder)
			eventually(t, moment, func() bool { return strings.Contains(p.output.String(), moment) })
			p.kill()
			p = serve(t, "DATA_DIR="+folder)
			p.waitReady(t)
			if got := documents(t, p); got != want {
				t.Errorf("%s documents, want %s", got, want)
			}
			p.stop(t)
		})
	}
}

// demoDocuments is how many documents the demo data has.
func demoDocuments(t *testing.T) string {
	t.Helper()
	p := serve(t, "DATA_DIR="+seededFolder(t))
	p.waitReady(t)
	defer p.stop(t)
	return documents(t, p)
}

func documents(t *testing.T, p *program) string {
	t.Helper()
	return p.with(p.signIn(t, "admin@demo.example")).Query(t, `{ documents { totalCount } }`).Text("documents.totalCount")
}

func TestSurvivesKillOfPostgres(t *testing.T) {
	t.Parallel()
	folder := seededFolder(t)
	p := serve(t, "DATA_DIR="+folder)
	p.waitReady(t)
	client := p.with(p.signIn(t, "manager@demo.example"))
	pid, _ := postmaster(t, folder)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "the restart", func() bool { return strings.Contains(p.output.String(), "PostgreSQL is back") })
	eventually(t, "an answer", func() bool { return len(client.Do(t, `{ me { id } projects { totalCount } }`).Errors) == 0 })
	t.Logf("answers again after %s", time.Since(began))
	if now, _ := postmaster(t, folder); now == pid {
		t.Error("the same PostgreSQL runs: it was not killed, and this proves nothing")
	}
	p.waitStatus(t, "/readyz", http.StatusOK)
	p.stop(t)
}

// unavailableMax is how long a client may wait to be told that the database is away.
const unavailableMax = 3 * time.Second

func wantUnavailable(t *testing.T, p *program) {
	t.Helper()
	began := time.Now()
	answer := p.with("").Do(t, `mutation { signIn(input: { email: "a@demo.example", password: "secret-secret" }) { token } }`)
	if codes := answer.Codes(); len(codes) != 1 || codes[0] != "UNAVAILABLE" {
		t.Errorf("without a database a mutation answers %s", answer.Body)
	}
	answer = p.with("dossier_session_x").Do(t, `{ me { id } }`)
	if codes := answer.Codes(); len(codes) != 1 || codes[0] != "UNAVAILABLE" {
		t.Errorf("without a database a query answers %s", answer.Body)
	}
	if took := time.Since(began); took > 2*unavailableMax {
		t.Errorf("two answers took %s", took)
	}
}

// A database that is down, or does not answer, keeps the program from being ready, and from nothing else.
func TestWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	for _, mute := range []bool{false, true} {
		t.Run(fmt.Sprintf("mute %v", mute), func(t *testing.T) {
			t.Parallel()
			address, database := behindProxy(t, pgtest.NewEmpty(t).URL)
			away := tcpproxy.Refuse
			if mute {
				away = tcpproxy.Blackhole
			}
			database.Set(t, away)
			p := serve(t, "POSTGRES_URL="+address, "DATA_DIR=/nowhere/at/all")
			p.waitStatus(t, "/healthz", http.StatusOK)
			if body := p.waitStatus(t, "/readyz", http.StatusServiceUnavailable); !strings.Contains(body, "database") {
				t.Errorf("the reason is %q", body)
			}
			wantUnavailable(t, p)
			eventually(t, "the terminal being told", func() bool { return strings.Contains(p.output.String(), "Waiting: ") })
			body := p.waitStatus(t, "/readyz", http.StatusServiceUnavailable)
			if body != "not ready: The database cannot be reached.\n" {
				t.Errorf("the reason is %q", body)
			}

			database.Set(t, tcpproxy.Pass)
			p.waitReady(t)
			client := p.with(p.signIn(t, "admin@demo.example"))
			client.Query(t, `{ me { id } projects { totalCount } }`)

			database.Set(t, tcpproxy.Refuse)
			if body := p.waitStatus(t, "/readyz", http.StatusServiceUnavailable); !strings.Contains(body, "database") {
				t.Errorf("the reason is %q", body)
			}
			if status, _, err := p.get("/healthz"); status != http.StatusOK {
				t.Errorf("/healthz answers %d, %v", status, err)
			}
			database.Set(t, away)
			wantUnavailable(t, p)

			database.Set(t, tcpproxy.Pass)
			p.waitStatus(t, "/readyz", http.StatusOK)
			client.Query(t, `{ me { id } projects { totalCount } }`) // no connection that died is met
			p.stop(t)
			wantNoPassword(t, p.output.String(), address)
		})
	}
}

// wantNoPassword fails the test if the URL's password stands in the text.
func wantNoPassword(t *testing.T, text, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	if len(password) < 8 {
		t.Fatalf("the password %q proves nothing", password)
	}
	if strings.Contains(text, password) {
		t.Error("it shows the password")
	}
}

// A wrong password is not mended by waiting, but by whoever reads why.
func TestTellsWhyTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.NewEmpty(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), "wrong-password-7")
	p := serve(t, "POSTGRES_URL="+u.String())
	p.waitStatus(t, "/healthz", http.StatusOK)
	eventually(t, "the reason", func() bool { return strings.Contains(p.output.String(), "password authentication failed") })
	p.stop(t)
	wantNoPassword(t, p.output.String(), u.String())

	r := run(t, []string{"migrate", "up"}, "POSTGRES_URL="+u.String())
	r.wantSentence(t, "password authentication failed")
	wantNoPassword(t, r.stderr, u.String())
}

func TestMasksThePassword(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	p := serve(t, "POSTGRES_URL="+db.URL, "LOG_QUERIES=true", "DB_DEBUG=true")
	p.waitReady(t)
	p.signIn(t, "admin@demo.example")
	p.stop(t)
	text := p.output.String()
	wantNoPassword(t, text, db.URL)
	if !strings.Contains(text, "POSTGRES_URL=postgres://dossier:***@") {
		t.Error("the welcome does not show the URL with its password masked")
	}
	if !strings.Contains(text, "SELECT ") {
		t.Error("LOG_QUERIES logs nothing")
	}
}

func TestMalformedURL(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"mysql://u:hunter2hunter2@db/x", "hunter2hunter2", "postgres://u:hunter2hunter2@db:port/x", "postgres://u:hunter2%zzhunter2@db/x",
		"postgres://u:p@ss/hunter2hunter2@db/x", "postgres://u:hunter2hunter2@db/x?sslmode=maybe",
		"postgres://u:hunter2hunter2@db/x?statement_timeout=5", "postgres://u:hunter2hunter2@db/x?sslmode=verify-full&sslrootcert=/no/such/file",
	} {
		for _, arguments := range [][]string{nil, {"migrate", "status"}} {
			r := run(t, arguments, "POSTGRES_URL="+address, "HTTP_ADDR="+tcpproxy.FreeAddr(t))
			r.wantSentence(t, "POSTGRES_URL")
			if strings.Contains(r.stdout+r.stderr, "hunter2") {
				t.Errorf("%s is told with its password", address)
			}
		}
	}
}

// Two that start at the same time on one empty database neither fail nor load the demo data twice.
func TestTwoStartOnOneDatabase(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]*pgtest.DB{"nothing": pgtest.NewEmpty(t), "no rows": pgtest.New(t)} {
		t.Run(name, func(t *testing.T) {
			programs := []*program{serve(t, "POSTGRES_URL="+db.URL), serve(t, "POSTGRES_URL="+db.URL)}
			for _, p := range programs {
				p.waitReady(t)
				p.signIn(t, "manager@demo.example")
			}
			if n := count(t, db, "companies"); n != 4 {
				t.Errorf("%d companies", n)
			}
			for _, p := range programs {
				p.stop(t)
			}
		})
	}
}

func count(t *testing.T, db *pgtest.DB, table string) int {
	t.Helper()
	var n int
	if err := db.Pool.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A start that was killed while it loaded the demo data leaves all of it or none to the next one.
func TestSurvivesKillWhileSeeding(t *testing.T) {
	t.Parallel()
	whole := pgtest.New(t)
	run(t, []string{"seed"}, "POSTGRES_URL="+whole.URL).wantOutput(t, "loaded the demo data")
	db := pgtest.New(t)
	release := blockTable(t, db.Pool, "documents")
	p := serve(t, "POSTGRES_URL="+db.URL)
	eventually(t, "the seed to need the table", func() bool { return waiting(t.Context(), db.Pool) })
	p.kill()
	release()
	p = serve(t, "POSTGRES_URL="+db.URL)
	p.waitReady(t)
	p.signIn(t, "admin@demo.example")
	for _, table := range []string{"companies", "users", "projects", "documents"} {
		if got, want := count(t, db, table), count(t, whole, table); got != want {
			t.Errorf("%d %s, want %d", got, table, want)
		}
	}
	p.stop(t)
}
