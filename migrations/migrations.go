// Package migrations is the history of the database's schema: plain SQL files, up and down, embedded.
//
// goose runs them rather than Bun's migrator, which records a migration outside of the migration's own transaction: a
// process killed in between would leave a schema that the record does not know.
package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// lockID is the advisory lock that lets one instance migrate at a time. PostgreSQL frees it with the connection that
// took it, so that a killed instance leaves none behind.
const lockID = 0x446f7373696572 // "Dossier"

// How long an instance waits for another one that migrates.
const (
	lockRetry    = time.Second
	lockTriesMax = 600
)

// Status is one migration and when it was applied.
type Status struct {
	Name      string
	AppliedAt time.Time // zero while it is pending
}

func provider(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker(
		lock.WithLockID(lockID), lock.WithLockTimeout(uint64(lockRetry/time.Second), lockTriesMax))
	if err != nil {
		return nil, fmt.Errorf("make the migration lock: %w", err)
	}
	return goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
}

// Up applies what is pending, each file in a transaction of its own, and gives the names of what it applied.
func Up(ctx context.Context, db *sql.DB) ([]string, error) {
	p, err := provider(db)
	if err != nil {
		return nil, err
	}
	results, err := p.Up(ctx)
	names := make([]string, len(results))
	for i, r := range results {
		names[i] = filepath.Base(r.Source.Path)
	}
	return names, err
}

// Down takes the newest applied migration back and gives its name, "" when there was none.
func Down(ctx context.Context, db *sql.DB) (string, error) {
	p, err := provider(db)
	if err != nil {
		return "", err
	}
	current, err := p.GetDBVersion(ctx)
	if err != nil || current == 0 {
		return "", err
	}
	result, err := p.Down(ctx)
	if err != nil {
		return "", err
	}
	return filepath.Base(result.Source.Path), nil
}

// List gives all migrations, oldest first. It takes no lock and changes nothing.
func List(ctx context.Context, db *sql.DB) ([]Status, error) {
	// Without the locker: whoever asks waits for nobody, and keeps nobody from migrating.
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	sources := p.ListSources()
	list := make([]Status, len(sources))
	for i, s := range sources {
		list[i].Name = filepath.Base(s.Path)
	}
	// goose would make its table, which asking must not do.
	var begun bool
	err = db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", goose.DefaultTablename).Scan(&begun)
	if err != nil {
		return nil, err
	}
	if !begun {
		return list, nil
	}
	applied, err := p.Status(ctx)
	if err != nil {
		return nil, err
	}
	for i, s := range applied {
		list[i].AppliedAt = s.AppliedAt
	}
	return list, nil
}

// Pending counts what Up would apply.
func Pending(ctx context.Context, db *sql.DB) (int, error) {
	list, err := List(ctx, db)
	count := 0
	for _, s := range list {
		if s.AppliedAt.IsZero() {
			count++
		}
	}
	return count, err
}

// Hash names the set of migrations: it changes with any byte of them.
func Hash() string { return hash(files) }

func hash(files fs.FS) string {
	sum := sha256.New()
	names, _ := fs.Glob(files, "*.sql") // the pattern is well-formed
	for _, name := range names {
		text, _ := fs.ReadFile(files, name) // it is embedded
		fmt.Fprintf(sum, "%s\x00%s\x00", name, text)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,60}$`)

const template = `-- What it changes, and why.

-- +goose Up

-- +goose Down
`

// Create writes an empty migration into the folder and gives its path. Its number is the present second.
func Create(folder, name string, now time.Time) (string, error) {
	if !namePattern.MatchString(name) {
		return "", fmt.Errorf("a migration's name has lower-case letters, digits and _, not %q", name)
	}
	path := filepath.Join(folder, now.UTC().Format("20060102150405")+"_"+name+".sql")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no folder %s here: run this in the root of the source code", folder)
	}
	if err != nil {
		return "", err
	}
	if _, err := file.WriteString(template); err != nil {
		return "", err
	}
	return path, file.Close()
}
