//go:build unix

package pgdev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// versionTimeout is how long a program may take to tell its version.
const versionTimeout = 10 * time.Second

// installGlobs are the folders where packages put PostgreSQL without adding it to PATH.
var installGlobs = []string{
	"/usr/lib/postgresql/*/bin",  // Debian, Ubuntu
	"/usr/lib/postgresql*/bin",   // openSUSE
	"/usr/lib64/postgresql*/bin", // Gentoo
	"/usr/libexec/postgresql*",   // Alpine
	"/usr/pgsql-*/bin",           // PostgreSQL's own RPMs
	"/usr/local/pgsql*/bin",      // built from source
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// finder looks for binaries. Its fields are what the machine has, so that tests can give it another one.
type finder struct {
	account  *account
	dataDir  string
	binDir   string   // asked for explicitly: nothing else is looked at
	path     []string // folders of PATH
	globs    []string
	cacheDir string
	fetchers []fetcher
	progress func(string)
}

// FindBinaries returns the PostgreSQL that a new cluster would be made with: c.BinDir, else the first one of at least
// version 14 in PATH, where pg_config says, where packages put it, in the cache of earlier fetches, else one fetched now.
func FindBinaries(ctx context.Context, c Config) (Binaries, error) {
	c = c.withDefaults()
	runner, err := chooseAccount("")
	if err != nil {
		return Binaries{}, err
	}
	return newFinder(c, runner).find(ctx, 0)
}

func newFinder(c Config, runner *account) *finder {
	return &finder{
		account: runner, dataDir: c.DataDir, binDir: c.BinDir, progress: c.Progress,
		path: filepath.SplitList(os.Getenv("PATH")), globs: installGlobs,
		cacheDir: cmp.Or(c.CacheDir, defaultCacheDir(c.DataDir)), fetchers: fetchers(),
	}
}

// find prefers the major version of existing data; 0 means there is none. When only other versions are installed, it
// returns the first of them, and the caller has to refuse it.
func (f *finder) find(ctx context.Context, major int) (Binaries, error) {
	if f.binDir != "" {
		b, err := f.inspect(ctx, f.binDir)
		if err != nil {
			return Binaries{}, fmt.Errorf("the folder %s, named in PG_BIN, cannot be used: %w", f.binDir, err)
		}
		return b, nil
	}
	var other Binaries
	seen := map[string]bool{}
	for dir := range f.candidates(ctx) {
		b, err := f.inspect(ctx, dir)
		if ctx.Err() != nil {
			return Binaries{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
		}
		if err != nil || seen[b.Dir] {
			continue
		}
		seen[b.Dir] = true
		if major == 0 || b.Major == major {
			return b, nil
		}
		other = cmp.Or(other, b)
	}
	if major != 0 && major != fetchMajor {
		if other != (Binaries{}) {
			return other, nil
		}
		return Binaries{}, fmt.Errorf("the data in %s was made by PostgreSQL %d, and no PostgreSQL was found on this machine: %s",
			f.dataDir, major, installHint(major))
	}
	b, err := f.fetch(ctx)
	if err != nil && ctx.Err() == nil && other != (Binaries{}) {
		return other, nil
	}
	return b, err
}

// candidates yields folders in the order of preference, and does the work for each only when it is asked for.
func (f *finder) candidates(ctx context.Context) iter.Seq[string] {
	sources := []func() []string{
		func() []string { return f.path },
		func() []string { return f.fromPgConfig(ctx) },
		func() []string { return newestFirst(f.globs...) },
		func() []string { return newestFirst(filepath.Join(f.cacheDir, cachePrefix+"*", "bin")) },
	}
	return func(yield func(string) bool) {
		for _, source := range sources {
			for _, dir := range source() {
				if !yield(dir) {
					return
				}
			}
		}
	}
}

// fromPgConfig asks every pg_config in PATH.
func (f *finder) fromPgConfig(ctx context.Context) []string {
	var dirs []string
	for _, dir := range f.path {
		program := filepath.Join(dir, "pg_config")
		if !filepath.IsAbs(program) || !isProgram(program) {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, versionTimeout)
		output, err := f.account.run(ctx, "", program, "--bindir")
		cancel()
		if err == nil {
			dirs = append(dirs, strings.TrimSpace(output))
		}
	}
	return dirs
}

var errNoServer = errors.New("it does not hold both programs, initdb and postgres")

// inspect checks a folder by running its postgres as the user that will run it. It resolves links, since postgres
// finds its libraries from its real place.
func (f *finder) inspect(ctx context.Context, dir string) (Binaries, error) {
	if !filepath.IsAbs(dir) {
		return Binaries{}, errors.New("it is not an absolute path")
	}
	server, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if errors.Is(err, fs.ErrPermission) {
		return Binaries{}, err
	}
	if err != nil || !isProgram(server) || !isProgram(filepath.Join(filepath.Dir(server), "initdb")) {
		return Binaries{}, errNoServer
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	output, err := f.account.run(ctx, "", server, "--version")
	if errors.Is(err, fs.ErrPermission) && f.account != nil {
		return Binaries{}, fmt.Errorf("user %s, whom PostgreSQL runs as since it refuses to run as root, may not run %s", f.account.name, server)
	}
	if err != nil {
		return Binaries{}, fmt.Errorf("%s does not run: %w", server, briefly(output, err))
	}
	b, err := parseVersion(output)
	if err != nil {
		return Binaries{}, err
	}
	if b.Major < majorMin {
		return Binaries{}, fmt.Errorf("it holds PostgreSQL %s, and %d or later is needed", b.Version, majorMin)
	}
	b.Dir = filepath.Dir(server)
	return b, nil
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", also "17beta1" and "19devel".
func parseVersion(output string) (Binaries, error) {
	match := versionPattern.FindStringSubmatch(output)
	if match == nil {
		return Binaries{}, fmt.Errorf("its postgres does not tell a PostgreSQL version, but %q", lastLine(output))
	}
	major, err := strconv.Atoi(match[2])
	if err != nil {
		return Binaries{}, err
	}
	return Binaries{Version: match[1], Major: major}, nil
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

var pathVersion = regexp.MustCompile(`(?:sql|postgres|Versions)[-@/]?(\d+(?:\.\d+)*)`)

// newestFirst sorts by the version number in the path; paths without one come last.
func newestFirst(globs ...string) []string {
	var dirs []string
	for _, glob := range globs {
		found, _ := filepath.Glob(glob)
		dirs = append(dirs, found...)
	}
	version := func(dir string) []int {
		var numbers []int
		if match := pathVersion.FindStringSubmatch(dir); match != nil {
			for part := range strings.SplitSeq(match[1], ".") {
				number, _ := strconv.Atoi(part)
				numbers = append(numbers, number)
			}
		}
		return numbers
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return slices.Compare(version(b), version(a)) })
	return dirs
}
