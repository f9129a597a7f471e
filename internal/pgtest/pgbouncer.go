package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossier/internal/pgconn"
)

// pgBouncerStartMax is how long it may take to start on a busy machine.
const pgBouncerStartMax = 10 * time.Second

// PgBouncerPool is how many connections to the server a PgBouncer of a test has.
const PgBouncerPool = 2

// PgBouncer is a real one in front of a test's database, which pools transactions.
type PgBouncer struct {
	URL string // of the same database, through it

	folder string
	cmd    *exec.Cmd
	exited chan struct{}
}

// pgBouncerSettings: a server that failed is tried again at once.
const pgBouncerSettings = `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
server_login_retry = 0.2
`

// NewPgBouncer starts a PgBouncer before the server of the URL. Without one the test is skipped, but never by CI.
func NewPgBouncer(t testing.TB, address string) *PgBouncer {
	t.Helper()
	path := Program(t, "there is no PgBouncer, so nothing went through a pooler. On Debian: apt-get install pgbouncer",
		"pgbouncer", "/usr/sbin/pgbouncer")
	server, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if server.Hostname() == "" {
		t.Skipf("SKIPPED: TEST_POSTGRES_URL has no host that PgBouncer could reach")
	}
	folder, err := os.MkdirTemp("", "dossier-pgbouncer-")
	if err == nil {
		err = os.Chmod(folder, 0o755) // PgBouncer does not run as root, and must get in
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(at)
	password, _ := server.User.Password()
	users := filepath.Join(folder, "users.txt")
	settings := fmt.Sprintf(pgBouncerSettings, server.Hostname(), server.Port(), port, users, PgBouncerPool)
	for name, text := range map[string]string{
		users: fmt.Sprintf("%q %q\n", server.User.Username(), password), filepath.Join(folder, "pgbouncer.ini"): settings,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	through := *server
	through.Host, through.RawQuery = at, "sslmode=disable"
	b := &PgBouncer{URL: through.String(), folder: folder, cmd: exec.Command(path)}
	if err := b.Start(t); err != nil {
		t.Fatalf("PgBouncer does not serve: %v\n%s", err, b.Log(t))
	}
	t.Cleanup(func() { b.Stop(t) })
	return b
}

// Start returns when the server is reached through it, or why it is not.
func (b *PgBouncer) Start(t testing.TB) error {
	t.Helper()
	b.cmd = exec.Command(b.cmd.Path, "-q", filepath.Join(b.folder, "pgbouncer.ini"))
	if os.Geteuid() == 0 {
		b.cmd.Args = append(b.cmd.Args, "-u", "nobody") // it refuses to stay root
	}
	log, err := os.OpenFile(b.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	b.cmd.Stdout, b.cmd.Stderr = log, log
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.exited = make(chan struct{})
	go func() {
		defer close(b.exited)
		_ = b.cmd.Wait()
	}()
	pool, err := pgconn.Open(pgconn.Config{URL: b.URL, Pooled: true})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if err = pool.Ping(); err == nil || time.Since(began) > pgBouncerStartMax {
			return err
		}
	}
}

// Stop ends it at once, with the connections of its clients.
func (b *PgBouncer) Stop(t testing.TB) {
	t.Helper()
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.exited:
	case <-time.After(serverStartMax):
		t.Error("PgBouncer does not stop")
		_ = b.cmd.Process.Kill()
	}
}

func (b *PgBouncer) log() string { return filepath.Join(b.folder, "log") }

// Log is what it said.
func (b *PgBouncer) Log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(b.log())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
