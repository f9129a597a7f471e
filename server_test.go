package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossier/internal/pgtest"
	"dossier/internal/seed"
	"dossier/internal/tcpproxy"
)

var firstQuery = regexp.MustCompile(`(?s)\n    (mutation \{.*?\n    \})\n`)

// Not parallel: it measures.
func TestFirstAndLaterStart(t *testing.T) {
	folder := newFolder(t)
	p := serve(t, "DATA_DIR="+folder)
	took := p.waitReady(t)
	t.Logf("first start: ready after %s", took)
	if took > firstStartMax {
		t.Errorf("the first start took %s", took)
	}
	welcome := p.output.String()
	for _, part := range []string{p.url + "/graphql", p.url + "/\n", "making a PostgreSQL", "password dossier-demo"} {
		if !strings.Contains(welcome, part) {
			t.Errorf("the welcome does not say %q", part)
		}
	}
	if !regexp.MustCompile(`ready after [0-9.]+m?s\.`).MatchString(welcome) {
		t.Error("the welcome does not say how long it took")
	}
	printed := firstQuery.FindStringSubmatch(welcome)
	if printed == nil {
		t.Fatal("the welcome has no first query")
	}
	data := p.with("").Query(t, printed[1])
	if data.Text("signIn.user.role") != "MANAGER" || data.Text("signIn.user.company.name") == "" {
		t.Errorf("the first query answers %v", data.Raw())
	}
	wantDemoData(t, p, welcome)
	const counts = `{ companies { totalCount } users { totalCount } projects { totalCount } documents { totalCount } }`
	token := p.signIn(t, "admin@demo.example")
	before := p.with(token).Query(t, counts)
	p.stop(t)

	p = serve(t, "DATA_DIR="+folder)
	took = p.waitReady(t)
	t.Logf("later start: ready after %s", took)
	if took > laterStartMax {
		t.Errorf("the later start took %s", took)
	}
	after := p.with(token).Query(t, counts)
	for _, list := range []string{"companies", "users", "projects", "documents"} {
		if before.Text(list+".totalCount") != after.Text(list+".totalCount") {
			t.Errorf("%s: %s before, %s after", list, before.Text(list+".totalCount"), after.Text(list+".totalCount"))
		}
	}
	p.stop(t)
}

// wantDemoData signs in as each demo user, who must see more than a page of everything.
func wantDemoData(t *testing.T, p *program, welcome string) {
	t.Helper()
	for _, demo := range seed.SignIns {
		if !regexp.MustCompile(regexp.QuoteMeta(demo.Email) + ` +` + string(demo.Role) + `\n`).MatchString(welcome) {
			t.Errorf("the welcome does not have the sign-in %s", demo.Email)
		}
		client := p.with(p.signIn(t, demo.Email))
		data := client.Query(t, `{ me { email role company { name } }
			users { pageInfo { hasNextPage } } projects { pageInfo { hasNextPage } } documents { pageInfo { hasNextPage } } }`)
		if data.Text("me.email") != demo.Email || data.Text("me.role") != string(demo.Role) {
			t.Errorf("signed in as %s: %v", demo.Email, data.At("me").Raw())
		}
		for _, list := range []string{"users", "projects", "documents"} {
			if data.Text(list+".pageInfo.hasNextPage") != "true" {
				t.Errorf("%s sees no second page of %s", demo.Email, list)
			}
		}
	}
}

// A request in flight is answered, and then nothing is left: neither by Ctrl-C nor by what a container is stopped with.
func TestStopsCleanly(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			folder := seededFolder(t)
			p := serve(t, "DATA_DIR="+folder)
			p.waitReady(t)
			pool := embeddedPool(t, folder)
			release := blockTable(t, pool, "sessions")
			go func() { // while the request below waits for the table
				defer release()
				for began := time.Now(); !waiting(t.Context(), pool) && time.Since(began) < patience; {
					time.Sleep(5 * time.Millisecond)
				}
				_ = p.cmd.Process.Signal(signal)
				for began := time.Now(); listens(p.url) && time.Since(began) < patience; {
					time.Sleep(5 * time.Millisecond)
				}
				if listens(p.url) {
					t.Error("it still takes requests")
				}
			}()
			if token := p.signIn(t, "member@demo.example"); len(token) < 20 {
				t.Errorf("the request in flight was answered with the token %q", token)
			}
			_ = pool.Close()
			p.waitExit(t, 0)
			if left := postgresOn(folder); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
			if text := p.output.String(); strings.Contains(text, "dossier:") || strings.Contains(text, "level=ERROR") {
				t.Error("stopping is told as an error")
			}
		})
	}
}

func listens(url string) bool {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// Who changes their mind while the database is being made is not told that something failed.
func TestStopsWhileStarting(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"making a PostgreSQL", "PostgreSQL started"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			folder := newFolder(t)
			p := serve(t, "DATA_DIR="+folder)
			eventually(t, moment, func() bool { return strings.Contains(p.output.String(), moment) })
			p.stop(t)
			if left := postgresOn(folder); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
			if text := p.output.String(); strings.Contains(text, "dossier:") || strings.Contains(text, "level=ERROR") {
				t.Error("stopping is told as an error")
			}
		})
	}
}

// What cannot be started is told in one sentence.
func TestRefusesToServe(t *testing.T) {
	t.Parallel()
	t.Run("second instance", func(t *testing.T) {
		t.Parallel()
		folder := seededFolder(t)
		first := serve(t, "DATA_DIR="+folder)
		first.waitReady(t)
		run(t, nil, "DATA_DIR="+folder, "HTTP_ADDR="+tcpproxy.FreeAddr(t)).wantSentence(t, "already running", folder, "DATA_DIR")
		first.signIn(t, "admin@demo.example")
	})
	t.Run("address in use", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		folder := newFolder(t)
		address := listener.Addr().String()
		run(t, nil, "DATA_DIR="+folder, "HTTP_ADDR="+address).wantSentence(t, "HTTP_ADDR", address, "in use")
		if made, _ := os.ReadDir(folder); len(made) > 0 {
			t.Error("it made a database all the same")
		}
	})
	t.Run("other version", func(t *testing.T) {
		t.Parallel()
		folder := seededFolder(t)
		file := filepath.Join(folder, "postgres", "postgres", "PG_VERSION")
		for _, version := range []string{"9.6\n", "14\n", "99\n"} { // none of them is the one that is installed
			text, err := os.ReadFile(file)
			if err != nil || strings.TrimSpace(string(text)) == "14" && version == "14\n" {
				t.Skip(err)
			}
			if err := os.WriteFile(file, []byte(version), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, nil, "DATA_DIR="+folder, "HTTP_ADDR="+tcpproxy.FreeAddr(t)).
				wantSentence(t, "made by PostgreSQL "+strings.Split(strings.TrimSpace(version), ".")[0]+",", folder, "not touched")
			if text, err := os.ReadFile(file); err != nil || string(text) != version {
				t.Errorf("the folder was touched: %s, %v", text, err)
			}
		}
	})
}

// Root's PostgreSQL runs as another user; an ordinary user's as that user.
func TestRunsAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user; every other test ran as an ordinary one")
	}
	name, group := nobodyIDs(t)
	uid, _ := strconv.Atoi(name)
	gid, _ := strconv.Atoi(group)
	folder := nobodysFolder(t)
	asNobody := func(arguments []string, settings ...string) *exec.Cmd {
		cmd := command(arguments, append(settings, "HOME="+folder, "BLOB_URL=")...) // files, too, where the user may write
		cmd.Dir = folder
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return cmd
	}
	for range 2 { // as the first start and as a later one; DATA_DIR is the user's own by default
		p := launch(t, asNobody(nil, "HTTP_ADDR="+tcpproxy.FreeAddr(t)))
		p.waitReady(t)
		p.signIn(t, "member@demo.example")
		p.stop(t)
	}
	info, err := os.Stat(filepath.Join(folder, ".local", "share", "dossier", "postgres", "postgres"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != uint32(uid) {
		t.Errorf("the data is not the user's: %v, %v", info, err)
	}
	p := runCommand(t, asNobody(nil, "HTTP_ADDR="+tcpproxy.FreeAddr(t), "DATA_DIR=/not-for-nobody"))
	p.wantSentence(t, "/not-for-nobody", "permission denied")
}

// nobodyIDs are those of the user nobody, and of its group.
func nobodyIDs(t *testing.T) (uid, gid string) {
	t.Helper()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	return nobody.Uid, nobody.Gid
}

// nobodysFolder belongs to nobody.
func nobodysFolder(t *testing.T) string {
	t.Helper()
	name, group := nobodyIDs(t)
	uid, _ := strconv.Atoi(name)
	gid, _ := strconv.Atoi(group)
	folder := newFolder(t)
	if err := os.Chown(folder, uid, gid); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	return folder
}

// productionSettings are those of a production server on the database, without TLS as that is a test's.
func productionSettings(url string, settings ...string) []string {
	// A machine that is slow for a moment adds no line to what a command says.
	return append([]string{"APP_ENV=production", "POSTGRES_URL=" + url, "SLOW_QUERY=0s"}, settings...)
}

// wantTrace fails the test unless who asks for a trace, which has SQL, gets one or is denied it.
func wantTrace(t *testing.T, p *program, want bool) {
	t.Helper()
	answer := p.with("dossier_session_x").Send(t, `{"query": "{ __typename }", "extensions": {"trace": true}}`)
	if got := strings.Contains(answer.Body, "SELECT"); len(answer.Data) == 0 || got != want || strings.Contains(answer.Body, `"trace"`) != want {
		t.Errorf("asked for a trace it answers %s", answer.Body)
	}
}

// wantHidden fails the test if the server shows its schema to those who do not know it.
func wantHidden(t *testing.T, p *program) {
	t.Helper()
	for _, path := range []string{"/", "/schema.graphqls", "/playground/graphiql.js"} {
		if status, body, err := p.get(path); err != nil || status != http.StatusUnauthorized || strings.Contains(body, "{") {
			t.Errorf("%s answers %d, %v", path, status, err)
		}
	}
	for _, query := range []string{`{ __schema { types { name } } }`, `{ __type(name: "User") { name } }`} {
		answer := p.with("").Do(t, query)
		if codes := answer.Codes(); len(codes) != 1 || codes[0] != "FORBIDDEN" || len(answer.Data) > 0 {
			t.Errorf("introspection is answered: %s", answer.Body)
		}
	}
	answer := p.with("").Do(t, `{ projcts { nodes { id } } }`)
	if len(answer.Errors) == 0 || strings.Contains(answer.Body, "projects") {
		t.Errorf("a validation error suggests names: %s", answer.Body)
	}
}

// wantShown is the contrary: it keeps wantHidden honest.
func wantShown(t *testing.T, p *program) {
	t.Helper()
	for path, part := range map[string]string{"/": "<html", "/schema.graphqls": "type Query {"} {
		if status, body, err := p.get(path); err != nil || status != http.StatusOK || !strings.Contains(body, part) {
			t.Errorf("%s answers %d, %v", path, status, err)
		}
	}
	p.with("").Query(t, `{ __schema { types { name } } }`)
	if answer := p.with("").Do(t, `{ projcts { nodes { id } } }`); !strings.Contains(answer.Body, "projects") {
		t.Errorf("a validation error suggests nothing: %s", answer.Body)
	}
}

// wantFirstAdmin comes into a database without users.
func wantFirstAdmin(t *testing.T, p *program, settings []string) {
	t.Helper()
	invite := func(email string) result { return run(t, []string{"invite-admin", email, "Ada Admin"}, settings...) }
	invited := invite("ada@example.com")
	invited.wantOutput(t, "ada@example.com can set a password until ", "/accept-invitation#token=dossier_invitation_")
	_, token, _ := strings.Cut(strings.TrimSpace(invited.stdout), "#token=")
	accepted := p.with("").Query(t, `mutation($t: String!) { acceptInvitation(input: {token: $t, password: "correct horse"}) {
		token user { role company { id } } userErrors { message } } }`, "t", token)
	if accepted.Text("acceptInvitation.user.role") != "ADMIN" || accepted.Text("acceptInvitation.user.company") != "<nil>" {
		t.Errorf("%v", accepted.Raw())
	}
	p.with(accepted.Text("acceptInvitation.token")).Query(t, `mutation { createCompany(input: {name: "First"}) { company { id } } }`)
	invite("ADA@example.com").wantSentence(t, "email")
	invite("ada").wantSentence(t, "email")
}

func TestProduction(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	settings := productionSettings(db.URL)
	p := serve(t, settings...)
	const pending = "not ready: The database's schema is not up to date: run `dossier migrate up`.\n"
	eventually(t, "the reason", func() bool {
		status, body, _ := p.get("/readyz")
		return status == http.StatusServiceUnavailable && body == pending
	})
	if answer := p.with("dossier_session_x").Do(t, `{ me { id } }`); strings.Join(answer.Codes(), " ") != "UNAVAILABLE" {
		t.Errorf("before the migration a query answers %s", answer.Body)
	}
	run(t, []string{"invite-admin", "ada@example.com", "Ada Admin"}, settings...).wantSentence(t, "dossier migrate up")
	run(t, []string{"migrate", "up"}, settings...).wantOutput(t, "applied 20261122000001_core.sql")
	p.waitReady(t)
	wantHidden(t, p)
	wantTrace(t, p, false)
	if n := count(t, db, "users"); n != 0 {
		t.Errorf("it made %d users", n)
	}
	if text := p.output.String(); strings.Contains(text, "demo.example") || strings.Contains(text, "Playground  ") {
		t.Error("the welcome speaks of what is not there")
	}
	run(t, []string{"seed"}, settings...).wantSentence(t, "demo data", "development only")
	wantFirstAdmin(t, p, settings)
	p.stop(t)

	p = serve(t, append(settings, "INTROSPECTION=true", "PLAYGROUND=true")...)
	p.waitReady(t)
	wantShown(t, p)
	wantTrace(t, p, false) // whatever else is shown
	if _, page, err := p.get("/"); !strings.Contains(page, `"demoUsers":[]`) {
		t.Errorf("the playground of production has demo users: %v", err)
	}
	p.stop(t)
}

func TestProductionMigratesWhenAsked(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	p := serve(t, productionSettings(db.URL, "AUTO_MIGRATE=true")...)
	p.waitReady(t)
	if n := count(t, db, "users"); n != 0 {
		t.Errorf("it made %d users", n)
	}
	p.stop(t)
}

// Without an sslmode production asks for TLS that it can verify, which this server does not offer.
func TestProductionDemandsTLS(t *testing.T) {
	t.Parallel()
	plain := strings.TrimSuffix(pgtest.New(t).URL, "?sslmode=disable")
	p := serve(t, productionSettings(plain)...)
	p.waitStatus(t, "/healthz", http.StatusOK)
	eventually(t, "the reason", func() bool { return strings.Contains(p.output.String(), "TLS") })
	p.waitStatus(t, "/readyz", http.StatusServiceUnavailable)
	p.stop(t)

	p = serve(t, "POSTGRES_URL="+plain)
	p.waitReady(t)
	wantShown(t, p)
	wantTrace(t, p, true) // in development
	p.stop(t)
}
