//go:build unix

package pgdev

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

func (s *Server) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child.process.Pid
}

func TestKilledServerComesBack(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	s := start(t, folder)
	execute(t, s.URL(), "CREATE TABLE kept AS SELECT 'yes' AS value")
	// A backend that works without a pause does not see that its server is gone, and keeps the shared memory.
	busy := sql.OpenDB(pgdriver.NewConnector(pgdriver.WithDSN(s.URL())))
	defer func() { _ = busy.Close() }()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { _, _ = busy.Exec("SELECT count(*) FROM generate_series(1, 2000000000)") })
	eventually(t, "the busy backend works", func() bool {
		n, err := query(s.URL(), "SELECT count(*)::text FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 2%' AND pid <> pg_backend_pid()")
		return err == nil && n == "1"
	})
	for range 2 {
		if err := syscall.Kill(s.pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		took := eventually(t, "the server comes back", func() bool {
			value, err := query(s.URL(), "SELECT value FROM kept")
			return err == nil && value == "yes"
		})
		t.Logf("back after %s", took.Round(time.Millisecond))
	}
}

func TestServerThatKeepsEndingIsGivenUp(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	s := start(t, folder)
	killed := 0
	deadline := time.After(patience)
	for done := false; !done; {
		select {
		case <-s.Done():
			done = true
		case <-deadline:
			t.Fatalf("not given up after %d kills", killed)
		case <-time.After(time.Millisecond):
			if syscall.Kill(s.pid(), syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
	if killed <= restartsMax {
		t.Errorf("given up after %d kills, want more than %d", killed, restartsMax)
	}
	if s.Err() == nil {
		t.Error("there is no reason")
	}
	if left := runningOn(folder); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	stop(t, s)
	wantValue(t, start(t, folder).URL(), "SELECT 1", "1")
}

func TestStopDuringRestart(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	for _, pause := range []time.Duration{0, 2 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond} {
		s := start(t, folder)
		if err := syscall.Kill(s.pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause)
		stop(t, s)
		if left := runningOn(folder); len(left) > 0 {
			t.Fatalf("still running: %v", left)
		}
	}
}

func TestKilledProgramStopsItsServer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" && runtime.GOOS != "freebsd" {
		t.Skip("this system has no death signal")
	}
	folder := newCluster(t)
	p := startProgram(t, folder, nil)
	execute(t, p.url(t), "CREATE TABLE kept AS SELECT 'yes' AS value")
	p.kill()
	took := eventually(t, "the server stops", func() bool { return len(runningOn(folder)) == 0 })
	t.Logf("stopped after %s", took.Round(time.Millisecond))

	p = startProgram(t, folder, nil)
	p.url(t)
	p.kill()
	s := start(t, folder) // while the old server may still be ending
	wantValue(t, s.URL(), "SELECT value FROM kept", "yes")
}

func TestProgramKilledDuringInitdb(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	p := startProgram(t, folder, nil)
	eventually(t, "initdb runs", func() bool {
		found, _ := filepath.Glob(filepath.Join(folder, workPrefix+"*", "data", "base"))
		return len(found) > 0
	})
	p.kill()
	if _, err := os.Stat(filepath.Join(folder, "postgres")); err == nil {
		t.Error("there is half a cluster")
	}
	wantValue(t, start(t, folder).URL(), "SELECT 1", "1")
	if leftovers, _ := filepath.Glob(filepath.Join(folder, workPrefix+"*")); len(leftovers) > 0 {
		t.Errorf("left behind: %v", leftovers)
	}
}

// An orphan is what a killed program leaves on systems without a death signal.
func TestOrphanIsStopped(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	orphan := &Server{config: config(folder).withDefaults()}
	if err := orphan.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	var err error
	if orphan.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	cmd := orphan.account.command(context.Background(), 0, filepath.Join(orphan.binaries.Dir, "postgres"), orphan.arguments()...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	eventually(t, "the orphan is ready", func() bool { return orphan.ready(cmd.Process.Pid) })
	execute(t, orphan.URL(), "CREATE TABLE kept AS SELECT 'yes' AS value")
	orphan.release()

	s := start(t, folder)
	select {
	case <-ended:
	default:
		t.Error("the orphan is still running")
	}
	wantValue(t, s.URL(), "SELECT value FROM kept", "yes")
}

func TestTakenPortIsReplaced(t *testing.T) {
	t.Parallel()
	first, second := start(t, newCluster(t)), &Server{config: config(newCluster(t)).withDefaults()}
	if err := second.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer second.release()
	second.port = first.port
	if err := second.launchOnce(context.Background()); err == nil || !strings.Contains(err.Error(), errPortTaken.Error()) {
		t.Fatalf("got %v, want %v", err, errPortTaken)
	}
	if err := second.launch(context.Background()); err != nil {
		t.Fatal(err)
	}
	if second.port == first.port {
		t.Error("both have the same port")
	}
	second.child.abort()
}

// copyProgram puts this test binary where every user can run it.
func copyProgram(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(newFolder(t), "program")
	syscall.ForkLock.RLock() // see writeProgram
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(copied, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return copied
}

func TestAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	nobody, err := lookupAccount("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("only root can become another user; every other test runs as an ordinary one then")
	}
	folder := newFolder(t)
	if err := nobody.own(folder); err != nil {
		t.Fatal(err)
	}
	as := func(cmd *exec.Cmd) {
		cmd.Path = copyProgram(t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody.credential()}
	}
	p := startProgram(t, folder, as)
	execute(t, p.url(t), "CREATE TABLE kept AS SELECT 'yes' AS value")
	_ = p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	// Root goes on with the same data, as its owner.
	s := start(t, folder)
	if s.account == nil || s.account.name != "nobody" {
		t.Errorf("runs as %v, want the owner of the data", s.account)
	}
	wantValue(t, s.URL(), "SELECT value FROM kept", "yes")
	stop(t, s)
	// The reverse cannot be, and says so.
	p = startProgram(t, newCluster(t), as)
	if !p.lines.Scan() || !strings.Contains(p.lines.Text(), "belongs to another user") {
		t.Errorf("got %q", p.lines.Text())
	}
}

func TestRootsDataFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only for root")
	}
	closed := newFolder(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	wantError(t, config(filepath.Join(closed, "data")), "cannot enter "+closed, "chmod o+x "+closed)

	folder := newCluster(t)
	if err := (&account{name: "root"}).own(folder); err != nil { // as after "cp -r" by root
		t.Fatal(err)
	}
	wantValue(t, start(t, folder).URL(), "SELECT 1", "1")
}
