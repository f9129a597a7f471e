package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossier/internal/pgtest"
	"dossier/internal/tcpproxy"
)

// balancer sends requests by turns to the programs whose /readyz said yes when it last asked. It tries each request once.
type balancer struct {
	url   string
	turn  atomic.Uint64
	mu    sync.Mutex
	ready map[string]*httputil.ReverseProxy // by address
	order []string
}

// pollEvery is how often the balancer asks; SHUTDOWN_DELAY must be longer, for its users as for this test.
const pollEvery = 20 * time.Millisecond

func newBalancer(t *testing.T) *balancer {
	b := &balancer{ready: map[string]*httputil.ReverseProxy{}}
	address := tcpproxy.FreeAddr(t)
	server := &http.Server{Addr: address, Handler: b}
	go func() { _ = server.ListenAndServe() }()
	t.Cleanup(func() { _ = server.Close() })
	b.url = "http://" + address
	return b
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	var next http.Handler
	if n := len(b.order); n > 0 {
		next = b.ready[b.order[int(b.turn.Add(1))%n]]
	}
	b.mu.Unlock()
	if next == nil {
		http.Error(w, "nothing is ready", http.StatusBadGateway)
		return
	}
	next.ServeHTTP(w, r)
}

// watch follows the program's readiness until the context ends. Connections to it are kept alive, as balancers do.
func (b *balancer) watch(ctx context.Context, p *program) {
	target, _ := url.Parse(p.url)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
	for ; ctx.Err() == nil; time.Sleep(pollEvery) {
		status, _, err := p.get("/readyz")
		b.set(p.url, proxy, err == nil && status == http.StatusOK)
		select {
		case <-p.exited:
			return
		default:
		}
	}
}

func (b *balancer) set(address string, proxy *httputil.ReverseProxy, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.ready[address]; known == ready {
		return
	}
	if ready {
		b.ready[address] = proxy
		b.order = append(b.order, address)
		return
	}
	delete(b.ready, address)
	b.order = b.order[:0]
	for other := range b.ready {
		b.order = append(b.order, other)
	}
}

func (b *balancer) knows(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[address] != nil
}

// Bounds of the rolling stops. The delay is many times what the balancer needs: the machine may be busy.
const (
	rollingStops   = 20
	rollingClients = 6
	rollingDelay   = "700ms"
)

// Twenty times an instance is replaced under load, and no request fails: neither one that is in flight at the signal, nor
// one that comes right after it, nor one on a connection that was kept alive.
func TestRollingStopsLoseNoRequest(t *testing.T) {
	t.Parallel()
	db := pgtest.NewEmpty(t)
	start := func() *program {
		return serve(t, "POSTGRES_URL="+db.URL, "SHUTDOWN_DELAY="+rollingDelay, "DB_POOL_MAX=4", "DB_POOL_MIN=1")
	}
	b := newBalancer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	join := func() *program {
		p := start()
		p.waitReady(t)
		go b.watch(ctx, p)
		eventually(t, "the balancer to know it", func() bool { return b.knows(p.url) })
		return p
	}
	serving := []*program{join(), join()}
	token := serving[0].signIn(t, "manager@demo.example")

	var answered, failed atomic.Int64
	var load sync.WaitGroup
	for range rollingClients {
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			for ctx.Err() == nil {
				if err := ask(client, b.url, token); err != nil {
					failed.Add(1)
					t.Error(err)
				}
				answered.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	began := time.Now()
	var stopped []*program
	for range rollingStops {
		serving = append(serving, join())
		before := answered.Load()
		serving[0].signal(t, syscall.SIGTERM)
		stopped = append(stopped, serving[0])
		serving = serving[1:]
		eventually(t, "load during the stop", func() bool { return answered.Load() > before+rollingClients })
	}
	for _, p := range stopped {
		p.waitExit(t, 0)
	}
	cancel()
	load.Wait()
	t.Logf("%d stops in %s, %d requests answered, %d failed", rollingStops, time.Since(began).Round(time.Millisecond), answered.Load(), failed.Load())
}

// ask sends one query, and wants its answer whole.
func ask(client *http.Client, address, token string) error {
	request, err := http.NewRequest(http.MethodPost, address+"/graphql", strings.NewReader(`{"query": "{ me { id } projects(first: 1) { nodes { owner { name } } } }"}`))
	if err != nil {
		return err
	}
	request.GetBody = nil // net/http must not send it again by itself
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || strings.Contains(string(body), `"errors"`) {
		return fmt.Errorf("%s %s: %v", response.Status, body, err)
	}
	return nil
}

// From the signal on the server says that it stops, still serves, and sends its clients away; then it is gone.
func TestServesWhileItTakesLeave(t *testing.T) {
	t.Parallel()
	const delay = 1500 * time.Millisecond
	p := serve(t, "POSTGRES_URL="+pgtest.New(t).URL, "SHUTDOWN_DELAY="+delay.String())
	p.waitReady(t)
	token := p.signIn(t, "manager@demo.example")
	if sendsAway(t, p) {
		t.Error("clients are sent away before the signal: the check below would prove nothing")
	}
	p.signal(t, syscall.SIGTERM)
	began := time.Now()
	if body := p.waitStatus(t, "/readyz", http.StatusServiceUnavailable); body != "not ready: The server is stopping.\n" {
		t.Errorf("the reason is %q", body)
	}
	if took := time.Since(began); took > delay/2 {
		t.Errorf("it was ready for another %s", took)
	}
	if status, _, err := p.get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz answers %d, %v: it would be killed", status, err)
	}
	p.with(token).Query(t, `{ me { id } }`)
	if !sendsAway(t, p) {
		t.Error("it keeps connections alive")
	}
	p.waitExit(t, 0)
	if took := time.Since(began); took < delay {
		t.Errorf("it served for %s only", took)
	}
}

// sendsAway reports whether the answer is the last one on its connection.
func sendsAway(t *testing.T, p *program) bool {
	t.Helper()
	response, err := http.Get(p.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.Close
}

// A request that does not end holds a stop up until the deadline, and makes no failure of it.
func TestStopHasADeadline(t *testing.T) {
	t.Parallel()
	entered, cut := make(chan struct{}), make(chan struct{})
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	server := newHTTPServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(cut)
	}), logger)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	go func() { _, _ = http.Get("http://" + listener.Addr().String()) }()
	<-entered
	began := time.Now()
	if err := new(drain).stop(server, logger); err != nil {
		t.Errorf("it fails: %v", err)
	}
	if took := time.Since(began); took < shutdownTimeout || took > shutdownTimeout+slack {
		t.Errorf("it took %s", took)
	}
	select {
	case <-cut:
	case <-time.After(patience):
		t.Error("the request goes on")
	}
	if !strings.Contains(log.String(), "cut off") {
		t.Errorf("the log says %q", log.String())
	}
}
