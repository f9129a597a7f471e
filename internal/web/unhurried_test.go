package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// slowly connects to a server that gives other answers the first of the times, and each write of many bytes the second, and asks for
// them. What the server's answer ended with comes by the channel.
func slowly(t *testing.T, writeTimeout, idleMax time.Duration) (net.Conn, <-chan error) {
	t.Helper()
	ended := make(chan error, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := unhurriedAnswer{w, http.NewResponseController(w), idleMax}
		_, err := io.CopyN(answer, zeros{}, 64<<20)
		ended <- err
	}))
	server.Config.WriteTimeout = writeTimeout
	server.Start()
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn, ended
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Whoever takes a download slowly is served for longer than the server waits for others.
func TestDownloadSlowly(t *testing.T) {
	t.Parallel()
	conn, ended := slowly(t, 300*time.Millisecond, time.Minute)
	began := time.Now()
	for time.Since(began) < 1200*time.Millisecond {
		if _, err := io.CopyN(io.Discard, conn, 16<<10); err != nil {
			t.Fatalf("after %s: %v", time.Since(began), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case err := <-ended:
		t.Fatalf("the answer was written before it was read: %v", err)
	default:
	}
	if n, err := io.Copy(io.Discard, conn); err != nil || n < 60<<20 {
		t.Errorf("the rest are %d bytes: %v", n, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Whoever takes none of it any more is cut off.
func TestDownloadStopped(t *testing.T) {
	t.Parallel()
	_, ended := slowly(t, 0, 300*time.Millisecond)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("all was written")
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for ever")
	}
}
