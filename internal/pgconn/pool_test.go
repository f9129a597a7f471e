package pgconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hold takes n connections at once.
func hold(t *testing.T, db *sql.DB, n int) (release func()) {
	t.Helper()
	var held []*sql.Conn
	for range n {
		c, _ := oneConn(t, db)
		held = append(held, c)
	}
	return func() {
		for _, c := range held {
			_ = c.Close()
		}
	}
}

func TestPoolKeepsItsMinimum(t *testing.T) {
	t.Parallel()
	const app = "keeper test"
	db := open(t, Config{PoolMin: 3, PoolMax: 8, PoolIdle: 600 * time.Millisecond, ApplicationName: app})
	count := func() int { return backends(t, app) }
	wantEventually(t, slowConnect, 3, "warm connections", count)
	hold(t, db, 8)()
	if n := count(); n != 8 {
		t.Errorf("%d connections after 8 were used, want all kept for a while", n)
	}
	wantEventually(t, 4*time.Second, 3, "connections after the idle time", count)
	for range 12 { // for more than two rounds of database/sql's cleaner, which runs each second
		time.Sleep(200 * time.Millisecond)
		if n := count(); n != 3 {
			t.Fatalf("%d connections, want 3 to stay", n)
		}
	}
	if _, err := admin.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", app); err != nil {
		t.Fatal(err)
	}
	wantEventually(t, slowConnect, 3, "connections after all were ended", count)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	wantEventually(t, time.Second, 0, "connections after Close", count)
}

func TestPoolMaximum(t *testing.T) {
	t.Parallel()
	db := open(t, Config{PoolMax: 2})
	release := hold(t, db, 2)
	if err := db.PingContext(timeout(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third connection: got %v", err)
	}
	release()
	if _, err := Open(Config{URL: main1.socketURL(), PoolMin: 3, PoolMax: 2}); err == nil {
		t.Error("a minimum above the maximum was taken")
	}
}

// With the database down the keeper tries ever more seldom, and ends with the pool.
func TestKeeperWithoutADatabase(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var tries atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tries.Add(1)
			_ = c.Close()
		}
	}()
	conf := Config{URL: fmt.Sprintf("postgres://u@%s/d?sslmode=disable", l.Addr()), PoolMin: 2, PoolMax: 2, PoolIdle: time.Millisecond}
	connector, err := newConnector(conf)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	connector.startKeeper(db, conf)
	time.Sleep(time.Second)
	if n := tries.Load(); n < 2 || n > 6 { // after 0, 100, 300, 700 ms; every 50 ms it would be 20
		t.Errorf("%d tries in a second", n)
	}
	_ = db.Close()
	select {
	case <-connector.keeper.done:
	default:
		t.Error("the keeper outlives its pool")
	}
}

// An idle connection that the server ended is not given to a query.
func TestEndedBackendIsReplaced(t *testing.T) {
	t.Parallel()
	for name, rawURL := range map[string]string{
		"plain":  main1.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=disable"),
		"tls":    main1.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=require"),
		"socket": main1.socketURL(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, Config{URL: rawURL, PoolMax: 1})
			pid := backend(t, db)
			for range 3 {
				if backend(t, db) != pid {
					t.Fatal("a good connection was replaced")
				}
			}
			adminInt(t, "SELECT pg_terminate_backend($1, 5000)::int", pid)
			if _, err := db.ExecContext(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := plainServer(t)
	db := open(t, Config{URL: s.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=disable"), PoolMax: 10})
	hold(t, db, 10)()
	if n := db.Stats().Idle; n != 10 {
		t.Fatalf("%d idle connections, want 10", n)
	}
	if err := s.stopFast(); err != nil {
		t.Fatal(err)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 10 {
				if err := readAll(db.QueryContext(t.Context(), "SELECT 1")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestServerIsGone(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := l.Addr().String() // takes connections and says nothing
	defer func() { _ = l.Close() }()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	for name, rawURL := range map[string]string{
		"refused":          fmt.Sprintf("postgres://u@%s/d", free.Addr()),
		"no socket":        "postgres://u@/d?host=/no/such/dir",
		"silent":           fmt.Sprintf("postgres://u@%s/d?sslmode=disable", silent),
		"silent to TLS":    fmt.Sprintf("postgres://u@%s/d?sslmode=prefer", silent),
		"no such host":     "postgres://u@no-such-host.invalid/d",
		"several, refused": fmt.Sprintf("postgres://u@%s,%s/d", free.Addr(), free.Addr()),
	} {
		db := open(t, Config{URL: rawURL, ConnectTimeout: 150 * time.Millisecond})
		began := time.Now()
		err := db.PingContext(t.Context())
		if !errors.Is(err, ErrConnect) || !Unavailable(err) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", name, err)
		}
		if took := time.Since(began); took > 150*time.Millisecond+lateMax {
			t.Errorf("%s: took %s", name, took)
		}
	}
	db := open(t, Config{URL: fmt.Sprintf("postgres://u@%s/d?sslmode=disable&connect_timeout=9", silent), ConnectTimeout: time.Millisecond})
	if err := db.PingContext(timeout(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) || Unavailable(err) {
		t.Errorf("the caller's own deadline: got %v", err)
	}
}

func TestSeveralHosts(t *testing.T) {
	t.Parallel()
	hosts := fmt.Sprintf("127.0.0.1:1,127.0.0.1:%d", main1.port)
	rawURL := "postgres://tlsonly:p%40ss%2Fw%3Ard%25%3F%23%26@" + hosts
	if err := open(t, Config{URL: rawURL + "/postgres"}).Ping(); err != nil {
		t.Error(err)
	}
	for database, attrs := range map[string]string{"postgres": "standby", "readonly": "read-write"} {
		err := open(t, Config{URL: rawURL + "/" + database + "?target_session_attrs=" + attrs}).Ping()
		mustContain(t, err, "target_session_attrs")
	}
	for database, attrs := range map[string]string{"postgres": "primary", "readonly": "read-only"} {
		if err := open(t, Config{URL: rawURL + "/" + database + "?target_session_attrs=" + attrs}).Ping(); err != nil {
			t.Error(err)
		}
	}
}

// openWithoutScouts is for tests that count connections.
func openWithoutScouts(t *testing.T, rawURL string) *sql.DB {
	t.Helper()
	connector, err := newConnector(Config{URL: rawURL, ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	connector.scouts.last.Store(math.MaxInt64)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// As libpq: a server that starts up is passed over, one that refuses the password is the last one tried.
func TestWhichFailureTriesTheNextHost(t *testing.T) {
	t.Parallel()
	starting, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = starting.Close() }()
	go func() {
		for {
			c, err := starting.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1024)) // the startup message
			fields := "SFATAL\x00VFATAL\x00C57P03\x00Mstarting up\x00\x00"
			_, _ = c.Write(append([]byte{'E', 0, 0, 0, byte(4 + len(fields))}, fields...))
			_ = c.Close()
		}
	}()
	next := newProxy(t, &proxy{})
	for first, want := range map[string]int32{"postgres:wrong@" + next.addr: 1, "u:wrong@" + starting.Addr().String(): 1} {
		db := openWithoutScouts(t, "postgres://"+first+","+next.addr+"/postgres?sslmode=disable")
		before := next.accepted.Load()
		if err := db.Ping(); !errors.Is(err, ErrConnect) {
			t.Errorf("got %v", err)
		}
		if got := next.accepted.Load() - before; got != want {
			t.Errorf("%s first: %d connections to the proxy, want %d", first, got, want)
		}
	}
}
