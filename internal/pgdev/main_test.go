//go:build unix

package pgdev

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

// helperVariable makes the test binary a program that starts a server on the folder it names, prints the URL and
// waits for its standard input to end.
const helperVariable = "PGDEV_TEST_HELPER"

// patience is the limit for everything that should take a fraction of it.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if folder := os.Getenv(helperVariable); folder != "" {
		os.Exit(helper(folder))
	}
	code := m.Run()
	if template.folder != "" {
		_ = os.RemoveAll(template.folder)
	}
	os.Exit(code)
}

func helper(folder string) int {
	s, err := Start(context.Background(), config(folder))
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Stop(context.Background()); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

func config(folder string) Config {
	return Config{DataDir: folder, Database: "dossier", Settings: map[string]string{"fsync": "off", "shared_buffers": "16MB"}}
}

// newFolder is t.TempDir for root too, who runs PostgreSQL as another user: that user can enter it.
func newFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "pgdev-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

var template struct {
	once   sync.Once
	folder string
	err    error
}

// newCluster is a folder with a cluster that was shut down cleanly: a copy, which is ten times quicker than initdb.
func newCluster(t *testing.T) string {
	t.Helper()
	template.once.Do(func() {
		template.folder, template.err = os.MkdirTemp("", "pgdev-test-template-")
		if template.err == nil {
			template.err = os.Chmod(template.folder, 0o755)
		}
		if template.err == nil {
			var s *Server
			if s, template.err = Start(context.Background(), config(template.folder)); template.err == nil {
				template.err = s.Stop(context.Background())
			}
		}
	})
	if template.err != nil {
		t.Fatal(template.err)
	}
	folder := newFolder(t)
	if output, err := exec.Command("cp", "-a", template.folder+"/.", folder).CombinedOutput(); err != nil {
		t.Fatalf("copy the cluster: %v: %s", err, output)
	}
	return folder
}

func start(t *testing.T, folder string) *Server {
	t.Helper()
	began := time.Now()
	s, err := Start(context.Background(), config(folder))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// wantError starts a server that must be refused with these words.
func wantError(t *testing.T, c Config, words ...string) {
	t.Helper()
	s, err := Start(context.Background(), c)
	if err == nil {
		_ = s.Stop(context.Background())
		t.Fatal("the start was not refused")
	}
	t.Log(err)
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q", word)
		}
	}
}

// query returns one text value over a connection of its own.
func query(url, statement string) (string, error) {
	db := sql.OpenDB(pgdriver.NewConnector(pgdriver.WithDSN(url)))
	defer func() { _ = db.Close() }()
	var value string
	err := db.QueryRow(statement).Scan(&value)
	return value, err
}

func wantValue(t *testing.T, url, statement, want string) {
	t.Helper()
	got, err := query(url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if got != want {
		t.Errorf("%s = %q, want %q", statement, got, want)
	}
}

func execute(t *testing.T, url, statement string) {
	t.Helper()
	db := sql.OpenDB(pgdriver.NewConnector(pgdriver.WithDSN(url)))
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// eventually waits for a condition and returns how long that took.
func eventually(t *testing.T, what string, condition func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > patience {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began)
}

// program is this test binary run as a program of its own, see helper.
type program struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startProgram(t *testing.T, folder string, prepare func(*exec.Cmd)) *program {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: exec.Command(path)}
	p.cmd.Env = append(os.Environ(), helperVariable+"="+folder)
	if prepare != nil {
		prepare(p.cmd)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *program) url(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() || !strings.HasPrefix(p.lines.Text(), "postgres://") {
		t.Fatalf("the program did not start its server: %q", p.lines.Text())
	}
	return p.lines.Text()
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// runningOn lists the processes that work for a folder, by their arguments.
func runningOn(folder string) []process {
	var found []process
	s := &Server{config: Config{DataDir: folder}}
	if lock, err := os.Open(filepath.Join(folder, "postgres.lock")); err == nil {
		s.tag, _ = processTag(lock)
		_ = lock.Close()
	}
	for _, p := range processes() {
		if strings.Contains(p.args, folder) || s.tag != "" && s.owns(p) {
			found = append(found, p)
		}
	}
	return found
}

// snapshot tells whether a tree was touched.
func snapshot(t *testing.T, tree string) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			fmt.Fprintln(&text, path, info.Mode(), info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
