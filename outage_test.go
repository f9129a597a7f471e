package main

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/blob"
	"dossier/internal/files"
	"dossier/internal/pgconn"
	"dossier/internal/pgtest"
	"dossier/internal/seed"
	"dossier/internal/tcpproxy"
	"dossier/repo"
)

// The database goes away in each way that a database can, under load, and comes back.

// The goals, and what a busy machine is allowed on top of them.
const (
	answerMax  = 3*time.Second + 500*time.Millisecond
	recoverMax = 3 * 500 * time.Millisecond
	// outageLasts longer than a request may take, so that every request is met in each of its states.
	outageLasts   = 3500 * time.Millisecond
	outageClients = 30 // more than the pool has connections
)

// statsVariable makes the test's own binary the program, which tells at this address what it takes of memory.
const statsVariable = "DOSSIER_TEST_STATS"

type stats struct {
	Goroutines int
	HeapBytes  uint64
}

// tellStats answers with what is in use after a collection of garbage.
func tellStats(address string) {
	_ = http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		_ = json.NewEncoder(w).Encode(stats{runtime.NumGoroutine(), memory.HeapAlloc})
	}))
}

// outage is a program under load whose database can be taken away.
type outage struct {
	*program
	t     *testing.T
	stats string // where it tells them
	token string
	load  sync.WaitGroup
	end   chan struct{}
	mu    sync.Mutex
	seen  []request
}

// request is one that a client sent, and what it was answered: "ok" or the code of the error.
type request struct {
	began time.Time
	took  time.Duration
	code  string
}

// newOutage starts the program on a database with the demo data, and load upon it.
func newOutage(t *testing.T, address string, settings ...string) *outage {
	t.Helper()
	o := &outage{t: t, stats: tcpproxy.FreeAddr(t), end: make(chan struct{})}
	cmd := command(nil, append([]string{"HTTP_ADDR=" + tcpproxy.FreeAddr(t), "POSTGRES_URL=" + address, statsVariable + "=" + o.stats,
		"AUTO_MIGRATE=false", "REQUEST_TIMEOUT="}, settings...)...)
	cmd.Path = os.Args[0]
	o.program = launch(t, cmd)
	o.waitReady(t)
	eventually(t, "a sign-in", func() bool {
		answer := o.with("").Do(t, `mutation($email: String!, $password: String!) {
			signIn(input: { email: $email, password: $password }) { token } }`, "email", "manager@demo.example", "password", seed.Password)
		if len(answer.Errors) > 0 {
			return false
		}
		o.token = answer.Data["signIn"].(map[string]any)["token"].(string)
		return true
	})
	for range outageClients {
		o.load.Go(o.client)
	}
	t.Cleanup(o.endLoad)
	return o
}

func (o *outage) endLoad() {
	select {
	case <-o.end:
	default:
		close(o.end)
	}
	o.load.Wait()
}

func (o *outage) client() {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for {
		select {
		case <-o.end:
			return
		case <-time.After(20 * time.Millisecond):
		}
		began := time.Now()
		code := o.send(client)
		o.mu.Lock()
		o.seen = append(o.seen, request{began, time.Since(began), code})
		o.mu.Unlock()
	}
}

func (o *outage) send(client *http.Client) string {
	request, _ := http.NewRequest(http.MethodPost, o.url+"/graphql", strings.NewReader(`{"query": "{ me { id } projects(first: 1) { nodes { owner { name } } } }"}`))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+o.token)
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	var answer struct {
		Data   map[string]any
		Errors []struct{ Extensions struct{ Code string } }
	}
	switch err := json.Unmarshal(body, &answer); {
	case err != nil:
		return response.Status + " " + string(body)
	case len(answer.Errors) > 0:
		return answer.Errors[0].Extensions.Code
	case answer.Data["me"] == nil:
		return string(body)
	}
	return "ok"
}

func (o *outage) measure() stats {
	o.t.Helper()
	response, err := http.Get("http://" + o.stats)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	var s stats
	if err := json.NewDecoder(response.Body).Decode(&s); err != nil {
		o.t.Fatal(err)
	}
	return s
}

// run lets the load be served, takes the database away, brings it back, and looks at each request that was sent.
func (o *outage) run(takeAway, bringBack func()) {
	o.t.Helper()
	o.waitServed()
	before := o.measure()
	gone := time.Now()
	takeAway()
	time.Sleep(outageLasts)
	during := o.measure()
	bringBack()
	back := time.Now()
	o.waitServed()
	time.Sleep(time.Second)
	after := o.measure()
	o.endLoad()
	o.check(gone, back)
	o.t.Logf("before %+v, during %+v, after %+v", before, during, after)
	// Each client has a goroutine or two for its connection, in each phase; the pool has some for each connection.
	for phase, s := range map[string]stats{"during": during, "after": after} {
		if s.Goroutines > before.Goroutines+4*outageClients {
			o.t.Errorf("%s the outage there are %d goroutines, %d before", phase, s.Goroutines, before.Goroutines)
		}
		if s.HeapBytes > before.HeapBytes+16<<20 {
			o.t.Errorf("%s the outage the heap is %d bytes, %d before", phase, s.HeapBytes, before.HeapBytes)
		}
	}
	o.stop(o.t)
}

// waitServed waits until the load is answered well.
func (o *outage) waitServed() {
	o.t.Helper()
	began := time.Now()
	eventually(o.t, "the load being served", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		n := 0
		for _, r := range o.seen {
			if r.began.After(began) && r.code == "ok" {
				n++
			}
		}
		return n > 2*outageClients
	})
}

// check holds each request against the goals.
func (o *outage) check(gone, back time.Time) {
	o.t.Helper()
	codes := map[string]int{}
	var slowest time.Duration
	var recovered time.Time
	for _, r := range o.seen {
		if r.began.Before(gone.Add(-time.Second)) {
			continue // it was still starting
		}
		slowest = max(slowest, r.took)
		ended := r.began.Add(r.took)
		switch {
		case r.code == "ok":
			if ended.After(back) && (recovered.IsZero() || ended.Before(recovered)) {
				recovered = ended
			}
		case r.code != "UNAVAILABLE" && r.code != "TIMEOUT":
			o.t.Errorf("a request was answered %q", r.code)
		case ended.Before(gone):
			o.t.Errorf("before the outage a request was answered %s", r.code)
		case r.began.After(back.Add(recoverMax)):
			o.t.Errorf("%s after the database was back a request is sent that is answered %s after %s", r.began.Sub(back), r.code, r.took)
		}
		if ended.After(gone) && r.began.Before(back) {
			codes[r.code]++
		}
		if r.took > answerMax {
			o.t.Errorf("a request was answered %s after %s", r.code, r.took)
		}
	}
	o.t.Logf("during the outage %v; the slowest answer took %s; the first good one came %s after the return", codes, slowest, recovered.Sub(back))
	if codes["UNAVAILABLE"]+codes["TIMEOUT"] == 0 {
		o.t.Error("no request met the outage: this proves nothing")
	}
	if recovered.IsZero() || recovered.Sub(back) > recoverMax {
		o.t.Errorf("the first good answer came %s after the database was back", recovered.Sub(back))
	}
}

// seeded gives a database with the demo data.
func seeded(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t)
	loadDemo(t, db.Store, db.URL)
	return db
}

// loadDemo loads the demo data into the database at the address.
func loadDemo(t *testing.T, store *repo.Store, address string) {
	t.Helper()
	blobs, err := blob.Open(blobURL("POSTGRES_URL=" + address))
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	limits := files.Limits{FileBytes: 1 << 20, Types: []string{"*"}}
	if _, err := seed.Load(t.Context(), store, files.New(files.Config{Store: store, Blobs: blobs, Limits: limits})); err != nil {
		t.Fatal(err)
	}
}

// behindProxy gives the URL of the database through a proxy that lets everything pass.
func behindProxy(t *testing.T, address string) (string, *tcpproxy.Proxy) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := tcpproxy.New(t, u.Host)
	p.Set(t, tcpproxy.Pass)
	u.Host = p.Addr
	return u.String(), p
}

// Not parallel: it measures.
func TestOutages(t *testing.T) {
	pass := func(t *testing.T, p *tcpproxy.Proxy) { p.Set(t, tcpproxy.Pass) }
	for name, takeAway := range map[string]func(*testing.T, *tcpproxy.Proxy){
		"away":       func(t *testing.T, p *tcpproxy.Proxy) { p.Set(t, tcpproxy.Refuse) },
		"blackholed": func(t *testing.T, p *tcpproxy.Proxy) { p.Set(t, tcpproxy.Blackhole) },
	} {
		t.Run(name, func(t *testing.T) {
			address, p := behindProxy(t, seeded(t).URL)
			newOutage(t, address).run(func() { takeAway(t, p) }, func() { pass(t, p) })
		})
	}
	t.Run("slow", func(t *testing.T) {
		address, p := behindProxy(t, seeded(t).URL)
		// One statement takes longer than a request may: a session that is warm is checked without any.
		newOutage(t, address).run(func() { p.SetLatency(1400 * time.Millisecond) }, func() { p.SetLatency(0) })
	})
	t.Run("full", testFull)
	t.Run("restarted", testRestarted)
	t.Run("failed over", testFailedOver)
}

// testFull takes all the connections that the program's role may have.
func testFull(t *testing.T) {
	const connectionsMax = 10
	db := seeded(t)
	role := "few_" + strings.TrimPrefix(strings.Split(db.URL, "/test_")[1], "test_")[:8]
	for _, statement := range []string{
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'a-password' CONNECTION LIMIT %d", role, connectionsMax),
		fmt.Sprintf("GRANT ALL ON ALL TABLES IN SCHEMA public TO %s", role),
	} {
		if _, err := db.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = db.Pool.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "a-password")
	o := newOutage(t, u.String(), "DB_POOL_MAX=8", "DB_POOL_MIN=0", "JOB_WORKERS=0") // jobs have connections of their own
	other, err := pgconn.Open(pgconn.Config{URL: u.String(), PoolMax: connectionsMax})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	var held []*sql.Conn
	o.run(func() { // whoever connects faster has the connections: here, in the end
		for len(held) < connectionsMax {
			_, _ = db.Pool.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND application_name = 'dossier'`, role)
			if conn, err := other.Conn(t.Context()); err == nil {
				held = append(held, conn)
			}
		}
	}, func() {
		for _, conn := range held {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // it is closed, not kept
		}
	})
}

// testRestarted stops the server in the way that its users see most of, and starts it again.
func testRestarted(t *testing.T) {
	c := newCluster(t)
	c.start(t)
	c.load(t)
	newOutage(t, c.url(c)).run(func() { c.stop(t) }, func() { c.start(t) })
}

// testFailedOver kills a primary, and makes its standby the new one.
func testFailedOver(t *testing.T) {
	primary := newCluster(t)
	primary.start(t)
	primary.load(t)
	standby := primary.standby(t)
	newOutage(t, primary.url(primary, standby)+"&target_session_attrs=read-write").run(func() { primary.kill(t) }, func() {
		if _, err := standby.pool(t).Exec("SELECT pg_promote()"); err != nil {
			t.Fatal(err)
		}
	})
}

// load migrates the cluster and fills it with the demo data.
func (c *cluster) load(t *testing.T) {
	t.Helper()
	run(t, []string{"migrate", "up"}, "POSTGRES_URL="+c.url(c)).wantOutput(t, "applied")
	loadDemo(t, repo.New(c.pool(t), repo.Options{}), c.url(c))
}
