//go:build unix

package pgdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is a user to run PostgreSQL as, which refuses to run as root. A nil account is our own user.
type account struct {
	uid, gid uint32
	name     string
}

// chooseAccount returns nil for an ordinary user. For root it returns the owner of the cluster, else user postgres,
// else nobody.
func chooseAccount(cluster string) (*account, error) {
	var owner *account
	if info, err := os.Stat(cluster); err == nil {
		owner = ownerOf(info)
	}
	if os.Geteuid() != 0 {
		if owner != nil && int(owner.uid) != os.Geteuid() {
			return nil, fmt.Errorf("the data of the embedded PostgreSQL in %s belongs to user %s: run Dossier as that user or as root, "+
				"or choose another DATA_DIR", cluster, owner.name)
		}
		return nil, nil
	}
	if owner != nil && owner.uid != 0 {
		return owner, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if found, err := lookupAccount(name); err == nil {
			return found, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody to run it as: " +
		"add one of them, run Dossier as an ordinary user, or set POSTGRES_URL")
}

func ownerOf(info fs.FileInfo) *account {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	name := strconv.Itoa(int(stat.Uid))
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return &account{uid: stat.Uid, gid: stat.Gid, name: name}
}

func lookupAccount(name string) (*account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &account{uid: uint32(uid), gid: uint32(gid), name: name}, nil
}

// credential is what a child is started with; nil leaves it our own.
func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives the tree to the account. Links are not followed.
func (a *account) own(tree string) error {
	if a == nil {
		return nil
	}
	return filepath.WalkDir(tree, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
			return fmt.Errorf("give %s to user %s, whom PostgreSQL runs as: %w", path, a.name, err)
		}
		return nil
	})
}

// mustEnter checks that the account can pass every folder down to this one.
func (a *account) mustEnter(folder string) error {
	if a == nil {
		return nil
	}
	for at := folder; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("check the folders above the data: %w", err)
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("PostgreSQL runs as user %s here, since it refuses to run as root, and that user cannot enter %s on the way to %s: "+
				"choose a DATA_DIR elsewhere, or let others pass with: chmod o+x %s", a.name, at, folder, at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func (a *account) mayEnter(info fs.FileInfo) bool {
	owner := ownerOf(info)
	mode := info.Mode().Perm()
	switch {
	case owner != nil && owner.uid == a.uid:
		return mode&0o100 != 0
	case owner != nil && owner.gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
