// Package auth turns credentials into viewers: passwords, sessions, API keys, and JSON Web Tokens of an identity provider.
package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"

	"dossier/internal/limits"
	"dossier/model"
)

// hashParams are argon2id's second recommended option of RFC 9106, section 4: for memory-constrained environments.
var hashParams = &argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32}

// hashing bounds how many hashes are computed at a time: each takes 64 MiB.
var hashing = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))

// whileHashing gives the memory of the hash back to the system: a heap that has had 64 MiB in use is let grow to a multiple of that (GOGC)
// before it is collected, and what was collected is held on to while little else is.
func whileHashing(ctx context.Context, fn func() error) error {
	select {
	case hashing <- struct{}{}:
		defer func() {
			debug.FreeOSMemory()
			<-hashing
		}()
		return fn()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HashPassword gives the PHC string of the password's argon2id hash. It waits for its turn.
func HashPassword(ctx context.Context, password string) (string, error) {
	var hash string
	err := whileHashing(ctx, func() (err error) {
		hash, err = argon2id.CreateHash(password, hashParams)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// decoy is the hash of a password that nobody knows. It is checked where there is no user, so that the time taken does not tell.
const decoy = "$argon2id$v=19$m=65536,t=3,p=4$QGtnfbFNvBa0m7JbhBFF9w$N6lRM5On15tzGeISWn5/grlQipfxMXwgagcRxqfWo70"

// checkPassword reports whether the hash is of the password. A nil hash takes as long, and never is. The try is checked when its
// turn has come, and fails before the next one's: however many try at once, few more than its budget do.
func checkPassword(ctx context.Context, try *limits.Try, password string, hash *string) (bool, error) {
	// The limit keeps a long text from being hashed; no password is longer.
	if len(password) > 4*model.PasswordLengthMax {
		password, hash = "", nil
	}
	against := decoy
	if hash != nil {
		against = *hash
	}
	var matches bool
	err := whileHashing(ctx, func() error {
		if err := try.Check(ctx); err != nil {
			return err
		}
		compared, err := compare(password, against)
		if matches = compared && hash != nil; err == nil && !matches {
			try.Failed()
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	return matches, nil
}

const (
	// bcryptBytesMax is how much of a password bcrypt takes; what comes after it never counted.
	bcryptBytesMax = 72
	// bcryptCostMax is the highest cost that is computed, in seconds; each one more doubles them.
	bcryptCostMax = 15
)

// isBcrypt tells the hashes of the former backend, of whichever of bcrypt's implementations, from those made here.
func isBcrypt(hash string) bool {
	return strings.HasPrefix(hash, "$2a$") || strings.HasPrefix(hash, "$2b$") || strings.HasPrefix(hash, "$2y$")
}

func compare(password, hash string) (bool, error) {
	if !isBcrypt(hash) {
		return argon2id.ComparePasswordAndHash(password, hash)
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return false, err
	}
	if cost > bcryptCostMax {
		return false, fmt.Errorf("the bcrypt hash has a cost of %d, and at most %d is computed", cost, bcryptCostMax)
	}
	err = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password[:min(len(password), bcryptBytesMax)]))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

// upgrade gives a better hash of the password that was checked against this one, nil where it is as good as can be.
func upgrade(ctx context.Context, password, hash string) (*string, error) {
	if !isBcrypt(hash) {
		return nil, nil
	}
	upgraded, err := HashPassword(ctx, password)
	return &upgraded, err
}
