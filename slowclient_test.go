package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossier/internal/pgtest"
)

// slack is how much later than its limit a slow client may be cut: the machine may be busy.
const slack = 3 * time.Second

// trickle sends one byte at a time for as long as the server takes them, and gives when it closed the connection.
func trickle(t *testing.T, conn net.Conn, text string, atMost time.Duration) (took time.Duration, answer string) {
	t.Helper()
	began := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = conn.SetReadDeadline(began.Add(atMost))
		var got bytes.Buffer
		_, err := io.Copy(&got, conn)
		took, answer = time.Since(began), got.String()
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Errorf("the connection is still open after %s", took)
		}
	}()
	for i := 0; ; i++ {
		select {
		case <-done:
			return took, answer
		case <-time.After(100 * time.Millisecond):
			if i < len(text) {
				_, _ = conn.Write([]byte{text[i]})
			}
		}
	}
}

func connect(t *testing.T, p *program) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Whoever sends or reads too slowly is cut, and holds nothing for longer.
func TestSlowClientsAreCut(t *testing.T) {
	t.Parallel()
	for limit, atMost := range map[time.Duration]time.Duration{readHeaderTimeout: 5 * time.Second, readTimeout: 15 * time.Second} {
		if limit > atMost {
			t.Errorf("a limit is %s, and promised are %s", limit, atMost)
		}
	}
	p := serve(t, "POSTGRES_URL="+pgtest.New(t).URL)
	p.waitReady(t)
	within := func(t *testing.T, took, limit time.Duration) {
		t.Helper()
		if took < limit/2 || took > limit+slack {
			t.Errorf("cut after %s, want %s", took, limit)
		}
	}
	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		took, _ := trickle(t, connect(t, p), "POST /graphql HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X-Slow: y\r\n", 100), readHeaderTimeout+slack)
		within(t, took, readHeaderTimeout)
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		took, _ := trickle(t, connect(t, p), "", readHeaderTimeout+slack)
		within(t, took, readHeaderTimeout)
	})
	t.Run("body", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, p)
		_, _ = fmt.Fprint(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
		took, answer := trickle(t, conn, strings.Repeat("x", 1000), readTimeout+slack)
		within(t, took, readTimeout)
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || !strings.Contains(answer, "could not be read to its end") {
			t.Errorf("it is told %q", answer)
		}
	})
	t.Run("answer", func(t *testing.T) {
		t.Parallel()
		wantAnswerCut(t, p)
	})
}

// wantAnswerCut asks for more than the sockets' buffers hold, and does not read until the write timeout has passed.
func wantAnswerCut(t *testing.T, p *program) {
	t.Helper()
	const answers = 20 // of 1 MB
	conn := connect(t, p)
	_, _ = io.WriteString(conn, strings.Repeat("GET /playground/vendor/graphiql.min.js HTTP/1.1\r\nHost: x\r\n\r\n", answers))
	time.Sleep(writeTimeout + slack)
	reader := bufio.NewReader(conn)
	for n := range answers {
		_ = conn.SetReadDeadline(time.Now().Add(slack))
		response, err := http.ReadResponse(reader, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
		}
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Fatalf("answer %d neither comes nor is cut", n)
		}
		if err != nil {
			t.Logf("cut in answer %d: %v", n, err)
			return
		}
	}
	t.Error("all answers came: the connection was not cut")
}

// A connection that is not used goes, within the limit that is too long to wait for here.
func TestIdleConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	server := newHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if server.IdleTimeout != idleTimeout {
		t.Errorf("the idle timeout is %s", server.IdleTimeout)
	}
	server.IdleTimeout = 200 * time.Millisecond // it is this field that counts
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Shutdown(context.Background()) }()
	p := &program{url: "http://" + listener.Addr().String()}
	conn := connect(t, p)
	_, _ = fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if took, _ := trickle(t, conn, "", slack); took > slack {
		t.Errorf("open for %s", took)
	}
}
