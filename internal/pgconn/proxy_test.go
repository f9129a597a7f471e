package pgconn

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a pool and main1 and keeps what the client sent.
type proxy struct {
	addr     string
	accepted atomic.Int32
	mu       sync.Mutex
	sent     bytes.Buffer
	// When the client's bytes contain text, they are sent on if forward; the answer never arrives, and the
	// connection closes unless hang.
	text          string
	forward, hang bool
}

func newProxy(t *testing.T, p *proxy) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p.addr = l.Addr().String()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			go p.serve(client)
		}
	}()
	return p
}

func (p *proxy) url() string {
	return fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable", url.QueryEscape(testPassword), p.addr)
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", main1.port))
	if err != nil {
		_ = client.Close()
		return
	}
	var closing sync.Once
	end := func() { closing.Do(func() { _ = client.Close(); _ = server.Close() }) }
	var mute sync.Mutex // locked once the answer must not arrive
	go func() {
		defer end()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			mute.Lock()
			_, err = client.Write(buf[:n])
			mute.Unlock()
			if err != nil {
				return
			}
		}
	}()
	defer end()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.sent.Write(buf[:n])
		p.mu.Unlock()
		if p.text != "" && bytes.Contains(buf[:n], []byte(p.text)) {
			mute.Lock()
			if p.forward {
				_, _ = server.Write(buf[:n])
			}
			if p.hang {
				_, _ = io.Copy(io.Discard, client)
			}
			_ = client.Close() // before the other goroutine may go on
			mute.Unlock()
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// queries counts the client's Query messages; each is shorter than 64 KiB.
func (p *proxy) queries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Count(p.sent.Bytes(), []byte("Q\x00\x00"))
}

// rounds counts the round trips: Query and Sync messages.
func (p *proxy) rounds() int {
	p.mu.Lock()
	synced := bytes.Count(p.sent.Bytes(), []byte("S\x00\x00\x00\x04"))
	p.mu.Unlock()
	return synced + p.queries()
}
