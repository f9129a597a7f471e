package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dossier/internal/pgtest"
)

const authjsAdapter = "examples/authjs-adapter"

// Auth.js frontends keep working: the adapter's own tests, one for each method of its interface and some with Auth.js itself,
// against a server as it is run.
func TestAuthjsAdapter(t *testing.T) {
	t.Parallel()
	npm := pgtest.Program(t, "there is no npm, so nobody tried the adapter of Auth.js: install Node.js 20 or later", "npm")
	p := serve(t, "DATA_DIR="+seededFolder(t))
	p.waitReady(t)
	manager := p.signIn(t, "manager@demo.example")
	made := p.with(manager).Query(t, `mutation { createApiKey(input: {name: "Frontend", scopes: ["auth:adapter"]}) { token userErrors { message } } }`)
	folder := t.TempDir()
	copyWithoutBuilt(t, authjsAdapter, folder)
	for _, arguments := range [][]string{{"ci", "--no-audit", "--no-fund"}, {"test"}} {
		cmd := exec.CommandContext(t.Context(), npm, arguments...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "NODE_ENV=development", // in production npm leaves out what compiles and tests
			"DOSSIER_URL="+p.url+"/graphql", "DOSSIER_API_KEY="+made.Text("createApiKey.token"), "DOSSIER_MANAGER_TOKEN="+manager)
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npm %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
	p.stop(t)
}

// copyWithoutBuilt copies what a fresh clone has.
func copyWithoutBuilt(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			if name := entry.Name(); name == "node_modules" || name == "dist" {
				return fs.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever installs the adapter does so from the own registry: the lock file does not say where packages were fetched from.
func TestAuthjsLockfileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(authjsAdapter, "package-lock.json"))
	if err != nil || strings.Contains(string(text), `"resolved"`) {
		t.Errorf("the lock file says where packages were fetched from, or is not there: %v", err)
	}
}
