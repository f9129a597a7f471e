//go:build unix

package pgdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// makeFolder makes the folder if it is missing and returns its real, absolute path.
func makeFolder(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // PostgreSQL runs as another user then, and must be able to pass
	}
	if err := makeFolders(folder, mode); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(folder)
}

// makeFolders is os.MkdirAll whose mode no umask narrows.
func makeFolders(folder string, mode fs.FileMode) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if parent := filepath.Dir(folder); parent != folder {
		if err := makeFolders(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(folder, mode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil // another program made it in the meantime
		}
		return err
	}
	return os.Chmod(folder, mode)
}

// lockFolder holds the folder until the file is closed. The kernel frees it when the program is killed.
func lockFolder(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, "postgres.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the data folder %s of the embedded PostgreSQL belongs to another user: run Dossier as that user, "+
			"or choose another DATA_DIR", folder)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder of the embedded PostgreSQL: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("another Dossier is already running on %s: stop it first, or choose another DATA_DIR", folder)
	}
	return nil, fmt.Errorf("lock the data folder %s: %w", folder, err)
}

// clusterMajor tells which PostgreSQL made the data, by its major version; 0 when there is no data yet.
func clusterMajor(cluster string) (int, error) {
	entries, err := os.ReadDir(cluster)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return 0, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return 0, fmt.Errorf("the data of the embedded PostgreSQL in %s belongs to another user, and this one may not read it: "+
			"run Dossier as that user or as root, or choose another DATA_DIR", cluster)
	}
	if err != nil {
		return 0, fmt.Errorf("read the data folder of the embedded PostgreSQL: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(cluster, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s is not empty, and what it holds is no PostgreSQL data: choose another DATA_DIR; nothing was touched", cluster)
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data: %w", err)
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(text)), ".")
	major, err := strconv.Atoi(number)
	if err != nil || major <= 0 {
		return 0, fmt.Errorf("%s does not name a PostgreSQL version, so the data beside it cannot be opened: "+
			"choose another DATA_DIR; nothing was touched", filepath.Join(cluster, "PG_VERSION"))
	}
	return major, nil
}
