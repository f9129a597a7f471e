package repo_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/pgconn"
	"dossier/internal/pgtest"
	"dossier/migrations"
	"dossier/repo"
)

const pgliteFolder = "testdata/pglite"

// newPGlite gives a migrated database of PGlite, which has pgvector and one session for all connections: the pool has one, and what is
// SET stays. Without npm the test is skipped, but never by CI.
func newPGlite(t *testing.T) *pgtest.DB {
	t.Helper()
	node := pgtest.Program(t, "there is no Node.js, so nobody tried pgvector: install Node.js 20 or later", "node")
	server := exec.Command(node, filepath.Join(installedPGlite(t), "server.mjs"))
	server.Stderr = os.Stderr
	stdin, err := server.StdinPipe() // closes with this process, however it ends
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = server.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("PGlite did not start: %v", err)
	}
	address := "postgres://postgres@127.0.0.1:" + strings.TrimSpace(port) + "/postgres?sslmode=disable"
	pool, err := pgconn.Open(pgconn.Config{URL: address, PoolMin: 1, PoolMax: 1, ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	if _, err := migrations.Up(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	recorder := &pgtest.Recorder{}
	return &pgtest.DB{Pool: pool, URL: address, SQL: recorder, Store: repo.New(pool, repo.Options{Hooks: []bun.QueryHook{recorder}})}
}

// installedPGlite gives the folder of the server with its packages, which are kept in the user's cache once they are fetched.
func installedPGlite(t *testing.T) string {
	t.Helper()
	npm := pgtest.Program(t, "there is no npm, so nobody tried pgvector: install Node.js 20 or later", "npm")
	names := []string{".npmrc", "package.json", "package-lock.json", "server.mjs"}
	files := map[string][]byte{}
	digest := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(pgliteFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
		_, _ = digest.Write(text)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "dossier", "pglite-"+hex.EncodeToString(digest.Sum(nil)[:8]))
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), "pglite-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund")
	install.Dir = fresh
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm: %v\n%s", err, output)
	}
	// Another run may have come first.
	if err := os.Rename(fresh, folder); err != nil {
		if _, there := os.Stat(folder); there != nil {
			t.Fatal(err)
		}
	}
	return folder
}
