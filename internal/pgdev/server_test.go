//go:build unix

package pgdev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Not parallel: it counts goroutines.
func TestStopLeavesNothing(t *testing.T) {
	folder := newCluster(t)
	before := runtime.NumGoroutine()
	s := start(t, folder)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := s.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	stop(t, s)
	if left := runningOn(folder); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	select {
	case <-s.Done():
		t.Error("Stop closed Done")
	default:
	}
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(newFolder(t), "new", "data")
	c := config(folder)
	c.Database = `Bids "2026"`
	c.Settings["work_mem"] = "7MB"
	var told []string
	c.Progress = func(message string) { told = append(told, message) }
	began := time.Now()
	s, err := Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first start ready after %s", time.Since(began).Round(time.Millisecond))
	defer func() { _ = s.Stop(context.Background()) }()
	if len(told) == 0 {
		t.Error("nobody was told of initdb")
	}
	for statement, want := range map[string]string{
		"SELECT current_database()": c.Database,
		"SHOW server_encoding":      "UTF8",
		"SELECT CASE WHEN 'ÄRGER É' ILIKE 'ärger é' THEN 'folds' ELSE 'no' END": "folds",
		"SHOW work_mem":                "7MB",
		"SHOW timezone":                "UTC",
		"SHOW listen_addresses":        "127.0.0.1",
		"SHOW unix_socket_directories": "",
		"SELECT DISTINCT auth_method FROM pg_hba_file_rules": "scram-sha-256",
	} {
		wantValue(t, s.URL(), statement, want)
	}
	if _, err := query(strings.Replace(s.URL(), s.password, "wrong", 1), "SELECT 1"); err == nil {
		t.Error("a wrong password was accepted")
	}
	for _, name := range []string{"postgres.password", "postgres.log", "postgres.lock"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want mode 0600", name, info, err)
		}
	}
	if leftovers, _ := filepath.Glob(filepath.Join(folder, workPrefix+"*")); len(leftovers) > 0 {
		t.Errorf("left behind: %v", leftovers)
	}
	if group, err := syscall.Getpgid(s.child.process.Pid); err != nil || group != s.child.process.Pid {
		t.Errorf("the server is in process group %d (%v), so Ctrl-C would reach it", group, err)
	}
	if runtime.GOOS == "linux" {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(s.child.process.Pid) + "/environ")
		if err != nil || !strings.Contains(string(environ), "TZ=UTC") || strings.Contains(string(environ), "HOME=") {
			t.Errorf("the server's environment is %q (%v)", environ, err)
		}
	}
}

func TestDataSurvivesRestarts(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	s := start(t, folder)
	execute(t, s.URL(), "CREATE TABLE kept AS SELECT 'yes' AS value")
	stop(t, s)
	if text := s.logSince(0); text != "" {
		t.Error("the log is still open")
	}
	s = start(t, folder)
	wantValue(t, s.URL(), "SELECT value FROM kept", "yes")
	if text := s.logSince(0); strings.Contains(text, "not properly shut down") {
		t.Error("the shutdown was not clean")
	}
}

func TestSecondInstanceIsRefused(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	s := start(t, folder)
	wantError(t, config(folder), "another Dossier is already running on "+folder)
	wantValue(t, s.URL(), "SELECT 'alive'", "alive")
	stop(t, s)
	start(t, folder)
}

func TestOtherVersionIsRefused(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	path := filepath.Join(folder, "postgres", "PG_VERSION")
	if err := os.WriteFile(path, []byte("9.6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, filepath.Join(folder, "postgres"))
	binaries, err := FindBinaries(context.Background(), config(folder))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, config(folder), "PostgreSQL 9,", "version "+binaries.Version, binaries.Dir, filepath.Join(folder, "postgres"))
	if after := snapshot(t, filepath.Join(folder, "postgres")); after != before {
		t.Error("the data was touched")
	}
}

func TestForeignFolderIsRefused(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	file := filepath.Join(folder, "postgres", "letter.txt")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, config(folder), filepath.Dir(file), "no PostgreSQL data")
	if text, err := os.ReadFile(file); err != nil || string(text) != "dear" {
		t.Error("the file was touched")
	}
}

func TestBadConfigIsRefused(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	wantError(t, Config{Database: "dossier"}, "DATA_DIR")
	wantError(t, Config{DataDir: folder, Database: "a\nb"}, "database")
	wantError(t, Config{DataDir: folder, Database: "dossier", BinDir: folder}, "PG_BIN", "initdb and postgres")
	c := config(newCluster(t))
	c.Settings["no_such_setting"] = "1"
	wantError(t, c, "no_such_setting", "postgres.log")
}

func TestLostPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	if err := os.Remove(filepath.Join(folder, "postgres.password")); err != nil {
		t.Fatal(err)
	}
	s := start(t, folder)
	wantValue(t, s.URL(), "SELECT 'in'", "in")
	stop(t, s)
	s = start(t, folder)
	wantValue(t, s.URL(), "SELECT 'in'", "in")
}

func TestCanceledStartLeavesNoProcess(t *testing.T) {
	t.Parallel()
	empty, full := newFolder(t), newCluster(t)
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 60 * time.Millisecond, 100 * time.Millisecond, 400 * time.Millisecond} {
		for _, folder := range []string{empty, full} {
			ctx, cancel := context.WithTimeout(context.Background(), after)
			s, err := Start(ctx, config(folder))
			cancel()
			if err == nil {
				stop(t, s)
				continue
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("after %s: %v", after, err)
			}
			eventually(t, "no process is left", func() bool { return len(runningOn(folder)) == 0 })
			if leftovers, _ := filepath.Glob(filepath.Join(folder, workPrefix+"*")); len(leftovers) > 0 {
				t.Errorf("after %s: left behind: %v", after, leftovers)
			}
		}
	}
	wantValue(t, start(t, empty).URL(), "SELECT 1", "1")
	wantValue(t, start(t, full).URL(), "SELECT 1", "1")
}

func TestStopByForce(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	s := start(t, folder)
	execute(t, s.URL(), "CREATE TABLE kept AS SELECT 'yes' AS value")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Stop(ctx); err == nil {
		t.Error("the use of force was not told")
	}
	if left := runningOn(folder); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	wantValue(t, start(t, folder).URL(), "SELECT value FROM kept", "yes")
}

func TestOutdatedPIDFile(t *testing.T) {
	t.Parallel()
	folder := newCluster(t)
	s := start(t, folder)
	text, err := os.ReadFile(s.pidPath())
	if err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	// The number now belongs to another program of the same user.
	other := s.account.command(context.Background(), syscall.SIGKILL, "/bin/sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	_, rest, _ := strings.Cut(string(text), "\n")
	path := s.pidPath()
	if err := os.WriteFile(path, []byte(strconv.Itoa(other.Process.Pid)+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.account.own(path); err != nil {
		t.Fatal(err)
	}
	wantValue(t, start(t, folder).URL(), "SELECT 1", "1")
}
