package graph_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/internal/files"
)

// wirePatience is how long the server may take to answer what is sent by hand.
const wirePatience = 30 * time.Second

// wire is a connection to the server on which a test sends what no client would.
type wire struct{ *net.TCPConn }

func (w world) wire(t testing.TB) wire {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(wirePatience))
	return wire{conn.(*net.TCPConn)}
}

// post sends the head of a request with files, and what there is of its body.
func (w world) post(t testing.TB, length, beginning string) wire {
	t.Helper()
	conn := w.wire(t)
	_, err := fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%s\r\n\r\n%s",
		w.Token(t, w.member), formType, length, beginning)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer reads the answer.
func (c wire) answer(t testing.TB) apitest.Answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("half an answer: %v %s", err, text)
	}
	answer := apitest.Answer{Status: response.StatusCode, Header: response.Header, Body: string(text)}
	answer.Read(t)
	return answer
}

// beginning is a request up to what is in its file.
func beginning(t testing.TB) string {
	ops, placed, bytes := good(t)
	whole := body(ops, placed, bytes)
	return whole[:strings.Index(whole, bytes.content)]
}

// A body that ends in the midst of a file is refused, and nothing of it is kept.
func TestFileCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, length := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked"} {
		start := beginning(t) + strings.Repeat("text ", 20_000)
		if strings.HasPrefix(length, "Transfer") {
			start = fmt.Sprintf("%x\r\n%s\r\n", len(start), start)
		}
		conn := w.post(t, length, start)
		_ = conn.CloseWrite()
		wantRefused(t, length, conn.answer(t), http.StatusBadRequest, "BAD_USER_INPUT")
	}
	// Nor is there anything when the client is gone.
	conn := w.post(t, "Content-Length: 1000000", beginning(t)+strings.Repeat("text ", 20_000))
	_ = conn.Close()
	for began := time.Now(); len(w.blobs(t)) > 0 && time.Since(began) < wirePatience; {
		time.Sleep(10 * time.Millisecond)
	}
	w.wantNoTrouble(t)
}

// Headers of a part do not go on for ever.
func TestFileWithEndlessHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ops, placed, _ := good(t)
	start := strings.TrimSuffix(body(ops, placed), "--\r\n")
	conn := w.post(t, "Content-Length: 20000000", start+"\r\n")
	line := []byte(strings.Repeat("X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", 1000))
	for sent := 0; sent < 20_000_000-len(start); sent += len(line) {
		if _, err := conn.Write(line); err != nil {
			t.Fatalf("refused without an answer after %d bytes: %v", sent, err)
		}
	}
	wantRefused(t, "endless headers", conn.answer(t), http.StatusBadRequest, "BAD_USER_INPUT")
	w.wantNoTrouble(t)
}

// The answer to a file that is too large reaches a client that sends all of it before it reads.
func TestAnswerReachesWhoIsSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(func(l *files.Limits) { l.FileBytes = 10 << 20 }))
	const size = 50 << 20
	conn := w.post(t, fmt.Sprintf("Content-Length: %d", size), beginning(t))
	chunk := []byte(strings.Repeat("text ", 20_000))
	for sent := len(beginning(t)); sent < size; {
		n, err := conn.Write(chunk[:min(len(chunk), size-sent)])
		if sent += n; err != nil {
			t.Fatalf("after %d bytes: %v", sent, err)
		}
	}
	wantRefused(t, "50 MiB", conn.answer(t), http.StatusRequestEntityTooLarge, "QUERY_TOO_COMPLEX")
	w.wantNoTrouble(t)
}

// However a body comes, it is no longer than the files that may be in it: not by what is passed over, either.
func TestBodyOfFilesIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(func(l *files.Limits) { l.FileBytes = 1 << 20 }))
	const most = 10<<20 + 1<<20 + 16<<10
	conn := w.post(t, fmt.Sprintf("Content-Length: %d", most+1), "")
	wantRefused(t, "by its length", conn.answer(t), http.StatusRequestEntityTooLarge, "QUERY_TOO_COMPLEX")

	ops, placed, bytes := good(t)
	whole := body(ops, placed, part{bytes.headers, "PK\x05\x06" + strings.Repeat("\x00", 18)}) // of a type that is not taken
	start := strings.TrimSuffix(whole, "\r\n--"+boundary+"--\r\n")
	for name, start := range map[string]string{"passed over": start, "before its beginning": "x\r\n"} {
		conn = w.post(t, "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", len(start), start))
		chunk := strings.Repeat("text\n", 20_000)
		for sent := 0; sent <= most; sent += len(chunk) {
			if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk); err != nil {
				t.Fatalf("%s: after %d bytes: %v", name, sent, err)
			}
		}
		wantRefused(t, name, conn.answer(t), http.StatusRequestEntityTooLarge, "QUERY_TOO_COMPLEX") // before its end
	}
	w.wantNoTrouble(t)
}
