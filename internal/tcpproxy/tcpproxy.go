// Package tcpproxy stands between a client and a server in tests, and does to their connections what networks do.
package tcpproxy

import (
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Mode is what happens to connections.
type Mode int

// The modes.
const (
	// Refuse: nothing listens, and what was open is cut.
	Refuse Mode = iota
	// Pass: bytes go both ways.
	Pass
	// Blackhole: connections are made and stay open, and every byte is swallowed, in both directions. What was open in it
	// never works again.
	Blackhole
)

// Proxy begins with Refuse.
type Proxy struct {
	Addr   string // of the proxy
	target string

	mu       sync.Mutex
	mode     Mode
	latency  time.Duration
	listener net.Listener
	pairs    map[*pair]struct{}
	accepted int
}

// pair is one connection and its continuation to the target.
type pair struct {
	client, server net.Conn
	lost           bool // it was open in a blackhole
}

// New makes a proxy for the target, host:port or the path of a socket, that is gone with the test.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{Addr: FreeAddr(t), target: target, pairs: map[*pair]struct{}{}}
	t.Cleanup(func() { p.Set(t, Refuse) })
	return p
}

var lastPort atomic.Int32

// FreeAddr stays below the ports that the system gives out by itself, so that nobody takes it in the meantime: another test's
// server would answer in the place of what is not there.
func FreeAddr(t testing.TB) string {
	t.Helper()
	lastPort.CompareAndSwap(0, 20_000+rand.Int32N(10_000))
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(lastPort.Add(1))))
		if listener, err := net.Listen("tcp", addr); err == nil {
			_ = listener.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Set changes the mode, for what is open too.
func (p *Proxy) Set(t testing.TB, mode Mode) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	for one := range p.pairs {
		switch mode {
		case Refuse:
			one.close()
			delete(p.pairs, one)
		case Blackhole:
			one.lost = true
		}
	}
	if mode == Refuse {
		if p.listener != nil {
			_ = p.listener.Close()
			p.listener = nil
		}
		return
	}
	if p.listener == nil {
		listener, err := net.Listen("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		p.listener = listener
		go p.accept(listener)
	}
}

// SetLatency delays all that is sent from now on, in each direction.
func (p *Proxy) SetLatency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// Accepted is how many connections came so far, and Open how many of them are there.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Open is how many connections there are.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		p.join(client)
	}
}

func (p *Proxy) join(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode == Refuse { // it came just before
		_ = client.Close()
		return
	}
	p.accepted++
	one := &pair{client: client, lost: p.mode == Blackhole}
	if !one.lost {
		network := "tcp"
		if strings.HasPrefix(p.target, "/") {
			network = "unix"
		}
		server, err := net.Dial(network, p.target)
		if err != nil {
			_ = client.Close()
			return
		}
		one.server = server
		go p.carry(one, client, server)
		go p.carry(one, server, client)
	} else {
		go func() {
			_, _ = io.Copy(io.Discard, client)
			p.remove(one)
		}()
	}
	p.pairs[one] = struct{}{}
}

// parcelsMax bounds what is under way in one direction, in reads.
const parcelsMax = 1024

type parcel struct {
	bytes []byte
	due   time.Time
}

// carry moves bytes in one direction until an end of it is closed.
func (p *Proxy) carry(one *pair, from, to net.Conn) {
	parcels := make(chan parcel, parcelsMax)
	go func() {
		for next := range parcels {
			time.Sleep(time.Until(next.due))
			if !p.isLost(one) {
				_, _ = to.Write(next.bytes)
			}
		}
		if !p.isLost(one) {
			p.remove(one)
		}
	}()
	defer close(parcels)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			if p.isLost(one) && from == one.client {
				p.remove(one)
			}
			return
		}
		p.mu.Lock()
		due := time.Now().Add(p.latency)
		p.mu.Unlock()
		parcels <- parcel{append([]byte(nil), buffer[:n]...), due}
	}
}

func (p *Proxy) isLost(one *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return one.lost
}

func (p *Proxy) remove(one *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one.close()
	delete(p.pairs, one)
}

func (one *pair) close() {
	_ = one.client.Close()
	if one.server != nil {
		_ = one.server.Close()
	}
}
