package pgconn

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// server is a PostgreSQL of this test binary: a cluster in a directory that is removed in the end.
type server struct {
	dir   string // holds data, certificates and the socket
	port  int
	args  []string
	cred  *syscall.Credential
	certs *testCerts

	cmd    *exec.Cmd
	exited chan error
	log    bytes.Buffer
}

// newServer makes and starts a cluster with a superuser postgres, whose password is testPassword.
func newServer(hba string, tls bool) (*server, error) {
	dir, err := os.MkdirTemp("", "pgconn")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.dropRoot(); err != nil {
		return s, err
	}
	if err := s.write("password", testPassword); err != nil {
		return s, err
	}
	initdb := exec.Command("initdb", "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "scram-sha-256",
		"--pwfile="+filepath.Join(dir, "password"), "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return s, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := s.write("data/pg_hba.conf", hba); err != nil {
		return s, err
	}
	s.args = []string{"-D", filepath.Join(dir, "data"), "-k", dir, "-h", "localhost", "-c", "fsync=off", "-c", "shared_buffers=16MB"}
	if tls {
		if s.certs, err = newTestCerts(s); err != nil {
			return s, err
		}
		s.args = append(s.args, "-c", "ssl=on", "-c", "ssl_cert_file="+s.certs.serverCert,
			"-c", "ssl_key_file="+s.certs.serverKey, "-c", "ssl_ca_file="+s.certs.ca)
	}
	return s, s.start()
}

// dropRoot: PostgreSQL refuses to run as root.
func (s *server) dropRoot() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

// write makes a file of the server's user, for that user only.
func (s *server) write(name, content string) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil || s.cred == nil {
		return err
	}
	return os.Chown(path, int(s.cred.Uid), int(s.cred.Gid))
}

// start starts the server, again on the same port if it had one, and waits until it takes connections.
func (s *server) start() error {
	if s.port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.port = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
	}
	s.cmd = exec.Command("postgres", append(s.args, "-p", strconv.Itoa(s.port))...)
	s.cmd.Dir = s.dir
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = sysProcAttr(s.cred)
	s.exited = make(chan error, 1)
	started := make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) {
		runtime.LockOSThread() // Pdeathsig counts from the death of the thread that forked
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			exited <- cmd.Wait()
		}
	}(s.cmd, s.exited)
	if err := <-started; err != nil {
		return err
	}
	return s.waitReady()
}

func (s *server) waitReady() error {
	db, err := Open(Config{URL: s.socketURL()})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for range 1000 {
		if err = db.Ping(); err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("postgres ended:\n" + s.log.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("postgres does not answer: %w", err)
}

// stopFast is pg_ctl stop -m fast: sessions are ended with 57P01.
func (s *server) stopFast() error { return s.signal(syscall.SIGINT) }

func (s *server) signal(sig os.Signal) error {
	if s.cmd == nil || s.cmd.Process == nil || s.cmd.ProcessState != nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("postgres does not stop")
	}
}

func (s *server) remove() {
	_ = s.signal(syscall.SIGQUIT) // immediate
	_ = os.RemoveAll(s.dir)
}
