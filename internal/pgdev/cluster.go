//go:build unix

package pgdev

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	passwordBytes = 24
	// workPrefix names the folders in which clusters are made; what a killed program left of them is removed.
	workPrefix = "postgres.init-"
	// builtinLocaleMajor is the first PostgreSQL that knows C.UTF-8 without the system's help.
	builtinLocaleMajor = 17
)

// ensureCluster leaves a complete cluster and its password.
func (s *Server) ensureCluster(ctx context.Context, exists bool) error {
	leftovers, _ := filepath.Glob(filepath.Join(s.config.DataDir, workPrefix+"*"))
	for _, folder := range leftovers {
		_ = os.RemoveAll(folder)
	}
	password, err := s.readPassword()
	if err != nil {
		return err
	}
	s.password = password
	if exists {
		return s.adoptCluster(ctx)
	}
	s.config.Progress("making a PostgreSQL " + s.binaries.Version + " database in " + s.config.DataDir)
	if s.password == "" {
		if err := s.newPassword(func() error { return nil }); err != nil {
			return err
		}
	}
	if err := s.createCluster(ctx); err != nil {
		return fmt.Errorf("make the embedded database in %s: %w", s.config.DataDir, err)
	}
	return nil
}

// adoptCluster mends what people do to a folder by hand: copied as root, or with its password lost.
func (s *Server) adoptCluster(ctx context.Context) error {
	if info, err := os.Stat(s.cluster); err == nil && s.account != nil && ownerOf(info).uid != s.account.uid {
		if err := s.account.own(s.cluster); err != nil {
			return err
		}
	}
	if err := s.removeForeignPID(); err != nil {
		return err
	}
	if s.password != "" {
		return nil
	}
	return s.newPassword(func() error {
		sql := fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", roleName, s.password)
		if err := s.single(ctx, s.cluster, sql); err != nil {
			return fmt.Errorf("set a new password for the embedded database, whose password file is missing: %w", err)
		}
		return nil
	})
}

// createCluster works in a folder beside the cluster and renames it when complete, so that being killed on the way
// leaves no half cluster.
func (s *Server) createCluster(ctx context.Context) error {
	work, err := os.MkdirTemp(s.config.DataDir, workPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	data, passwordFile := filepath.Join(work, "data"), filepath.Join(work, "password")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(passwordFile, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := s.account.own(work); err != nil {
		return err
	}
	if err := s.initdb(ctx, data, passwordFile); err != nil {
		return err
	}
	if err := s.nameDatabase(ctx, data); err != nil {
		return err
	}
	if err := os.Remove(s.cluster); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // it was an empty folder
	}
	return os.Rename(data, s.cluster)
}

// initdb tries locales until the system has one. C comes last, since its ILIKE folds ASCII letters only.
func (s *Server) initdb(ctx context.Context, data, passwordFile string) error {
	locales := [][]string{{"--locale=C.UTF-8"}, {"--locale=en_US.UTF-8"}}
	if s.binaries.Major >= builtinLocaleMajor {
		locales = append(locales, []string{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"})
	}
	locales = append(locales, []string{"--locale=C"})
	var failure error
	for _, locale := range locales {
		args := append([]string{
			"--pgdata=" + data, "--username=" + roleName, "--pwfile=" + passwordFile,
			"--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--no-instructions",
		}, locale...)
		output, err := s.account.run(ctx, "", filepath.Join(s.binaries.Dir, "initdb"), args...)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		failure = fmt.Errorf("initdb: %w", briefly(output, err))
		if !strings.Contains(output, "locale") {
			break
		}
	}
	return failure
}

// nameDatabase renames the database that initdb made, which takes a tenth of the time of making another one.
func (s *Server) nameDatabase(ctx context.Context, data string) error {
	if s.config.Database == "postgres" {
		return nil
	}
	name := `"` + strings.ReplaceAll(s.config.Database, `"`, `""`) + `"`
	return s.single(ctx, data, "ALTER DATABASE postgres RENAME TO "+name)
}

// single runs one statement without a server, which spares us a database driver.
func (s *Server) single(ctx context.Context, data, sql string) error {
	output, err := s.account.run(ctx, sql+"\n", filepath.Join(s.binaries.Dir, "postgres"),
		"--single", "-F", "-D", data, "-c", "exit_on_error=true", "-c", "log_statement=none", "-c", "log_min_error_statement=panic",
		"-c", "logging_collector=off", "-c", "log_destination=stderr", "template1")
	if err != nil && ctx.Err() == nil {
		return briefly(output, err)
	}
	return err
}

func (s *Server) passwordPath() string { return filepath.Join(s.config.DataDir, "postgres.password") }

// readPassword returns nothing when there is no password yet.
func (s *Server) readPassword() (string, error) {
	text, err := os.ReadFile(s.passwordPath())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the password of the embedded PostgreSQL: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// newPassword draws a password and keeps it once apply has succeeded: a file without its password in the database
// would lock us out, the reverse is mended at the next start.
func (s *Server) newPassword(apply func() error) error {
	random := make([]byte, passwordBytes)
	_, _ = rand.Read(random) // never fails, by its contract
	s.password = hex.EncodeToString(random)
	if err := apply(); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.config.DataDir, workPrefix) // mode 0600
	if err != nil {
		return fmt.Errorf("keep the password of the embedded PostgreSQL: %w", err)
	}
	_, err = f.WriteString(s.password + "\n")
	if err := errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), s.passwordPath())); err != nil {
		return fmt.Errorf("keep the password of the embedded PostgreSQL: %w", err)
	}
	return nil
}
