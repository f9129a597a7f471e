package pgconn

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/driver/pgdriver"

	"dossier/internal/tcpproxy"
)

// hurryMax is how long it may take after the way to the server is free again: five times the goal, as the machine may be
// busy. Tests that hold it are not parallel. Without what they test it would be the timeout of a connect, or a scout for
// each connection.
const (
	hurryMax    = 5 * 500 * time.Millisecond
	slowConnect = 30 * time.Second
)

// throughProxies gives a URL of main1 through as many proxies. They lead to its socket, where no password costs time.
func throughProxies(t *testing.T, n int, query string) (string, []*tcpproxy.Proxy) {
	t.Helper()
	hosts, proxies := "", []*tcpproxy.Proxy{}
	for i := range n {
		p := tcpproxy.New(t, fmt.Sprintf("%s/.s.PGSQL.%d", main1.dir, main1.port))
		p.Set(t, tcpproxy.Pass)
		if i > 0 {
			hosts += ","
		}
		hosts += p.Addr
		proxies = append(proxies, p)
	}
	return fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable%s", url.QueryEscape(testPassword), hosts, query), proxies
}

// Connects that were begun while the network swallowed everything do not wait for their timeouts when it is back.
func TestConnectsAreRenewedWhenTheServerIsBack(t *testing.T) {
	rawURL, proxies := throughProxies(t, 1, "")
	proxies[0].Set(t, tcpproxy.Blackhole)
	const conns = 40
	db := open(t, Config{URL: rawURL, PoolMax: conns, ConnectTimeout: slowConnect})
	var wg sync.WaitGroup
	var back time.Time
	for range conns {
		wg.Go(func() {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if took := time.Since(back); took > hurryMax {
				t.Errorf("connected %s after the server was back", took)
			}
			_ = c.Close()
		})
	}
	time.Sleep(900 * time.Millisecond)
	// Each Connect has one attempt, and the pool a scout at a time or a few.
	if n := proxies[0].Open(); n < conns || n > conns+int(scoutLife/scoutPause)+1 {
		t.Errorf("%d connections are tried for %d", n, conns)
	}
	back = time.Now()
	proxies[0].Set(t, tcpproxy.Pass)
	wg.Wait()
	wantEventually(t, 2*time.Second, conns, "connections that stay", proxies[0].Open)
}

// A host that is silent costs nothing but a moment, where target_session_attrs says which host is right.
func TestSilentHostIsPassedOver(t *testing.T) {
	rawURL, proxies := throughProxies(t, 2, "&target_session_attrs=read-write")
	proxies[0].Set(t, tcpproxy.Blackhole)
	db := open(t, Config{URL: rawURL, ConnectTimeout: slowConnect})
	began := time.Now()
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > hurryMax {
		t.Errorf("took %s", took)
	}

	// Without it the first host is preferred: a slow answer of its own does not send writes to a standby.
	rawURL, proxies = throughProxies(t, 2, "")
	proxies[0].SetLatency(silentMax)
	db = open(t, Config{URL: rawURL, ConnectTimeout: slowConnect})
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
	if n := proxies[1].Accepted(); n > 0 {
		t.Errorf("the second host got %d connections", n)
	}
}

// A listener goes where the pool went, however silent the hosts before that one are.
func TestListenerFollowsThePool(t *testing.T) {
	t.Parallel()
	rawURL, proxies := throughProxies(t, 2, "&target_session_attrs=read-write")
	proxies[0].Set(t, tcpproxy.Blackhole)
	db := bun.NewDB(open(t, Config{URL: rawURL, ConnectTimeout: slowConnect}), pgdialect.New())
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener := pgdriver.NewListener(db)
	defer func() { _ = listener.Close() }()
	if err := listener.Listen(t.Context(), "followed"); err != nil {
		t.Error(err)
	}
}

// What a server says is no silence: nobody is sent to ask again.
func TestToldFailuresSendNoScout(t *testing.T) {
	t.Parallel()
	p := tcpproxy.New(t, fmt.Sprintf("127.0.0.1:%d", main1.port))
	p.Set(t, tcpproxy.Pass)
	rawURL := "postgres://postgres:wrong@" + p.Addr + "/postgres?sslmode=disable"
	began := time.Now()
	if err := open(t, Config{URL: rawURL, ConnectTimeout: slowConnect}).PingContext(t.Context()); !errors.Is(err, ErrConnect) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); p.Accepted() != 1 && took < silentMax {
		t.Errorf("%d connections for one wrong password", p.Accepted())
	}
}

// Idle connections that died without a sign are found out by a check of a moment, and no query is lost to them.
func TestLostIdleConnectionsAreNotUsed(t *testing.T) {
	rawURL, proxies := throughProxies(t, 1, "")
	const conns = 5
	db := open(t, Config{URL: rawURL, PoolMax: conns, ConnectTimeout: slowConnect})
	hold(t, db, conns)()
	proxies[0].Set(t, tcpproxy.Blackhole)
	time.Sleep(trustedFor + 100*time.Millisecond)
	proxies[0].Set(t, tcpproxy.Pass)
	wantQuickQueries(t, db, conns)
}

// A statement that was given up without an answer makes the younger ones suspect too.
func TestGivenUpStatementMakesOthersSuspect(t *testing.T) {
	rawURL, proxies := throughProxies(t, 1, "")
	const conns = 5
	db := open(t, Config{URL: rawURL, PoolMax: conns, ConnectTimeout: slowConnect})
	hold(t, db, conns)()
	proxies[0].Set(t, tcpproxy.Blackhole)
	if _, err := db.ExecContext(timeout(t, trustedFor/4), "SELECT 1"); err == nil {
		t.Fatal("a statement was answered in a blackhole")
	}
	proxies[0].Set(t, tcpproxy.Pass)
	wantQuickQueries(t, db, conns)
}

// A check that one process of the server leaves without an answer costs nobody else while the server is heard: a busy one is slow.
func TestUnansweredCheckSpeaksForItselfAlone(t *testing.T) {
	db := open(t, Config{URL: main1.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=disable"), PoolMax: 3})
	var conns []*sql.Conn
	var pids []int
	for range 3 {
		c, pid := oneConn(t, db)
		conns, pids = append(conns, c), append(pids, pid)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	silent := pids[2] // what came back last is given away first
	if err := syscall.Kill(silent, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(silent, syscall.SIGCONT) })
	time.Sleep(trustedFor + 100*time.Millisecond)
	checked := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "SELECT 1")
		checked <- err
	}()
	wantEventually(t, slowConnect, 1, "connections that are checked", func() int { return db.Stats().InUse })
	if pid := backend(t, db); pid != pids[1] {
		t.Fatalf("the process %d answered, want %d", pid, pids[1])
	}
	if err := <-checked; err != nil {
		t.Error(err)
	}
	var kept []int
	for range 2 {
		_, pid := oneConn(t, db)
		kept = append(kept, pid)
	}
	slices.Sort(kept)
	if want := slices.Sorted(slices.Values(pids[:2])); !slices.Equal(kept, want) {
		t.Errorf("the pool has %d, want %d", kept, want)
	}
}

// A transaction that is given up while the server is silent holds nobody for longer than a moment.
func TestRollbackIntoSilence(t *testing.T) {
	rawURL, proxies := throughProxies(t, 1, "")
	tx, err := open(t, Config{URL: rawURL}).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	proxies[0].Set(t, tcpproxy.Blackhole)
	began := time.Now()
	_ = tx.Rollback()
	if took := time.Since(began); took > hurryMax {
		t.Errorf("took %s", took)
	}
}

func wantQuickQueries(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			began := time.Now()
			if _, err := db.ExecContext(timeout(t, slowConnect), "SELECT 1"); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > hurryMax {
				t.Errorf("a query took %s", took)
			}
		})
	}
	wg.Wait()
}
