// Package auth turns credentials into viewers: passwords, sessions, API keys, and JSON Web Tokens of an identity provider.
package auth

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/alexedwards/argon2id"
)

// hashParams are argon2id's second recommended option of RFC 9106, section 4: for memory-constrained environments.
var hashParams = &argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32}

// hashing bounds how many hashes are computed at a time: each takes 64 MiB.
var hashing = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))

// whileHashing collects the garbage of the hash, which takes 1 % of its time: a heap that has had 64 MiB in use is let grow to a
// multiple of that (GOGC) before it is collected.
func whileHashing(ctx context.Context, fn func() error) error {
	select {
	case hashing <- struct{}{}:
		defer func() {
			runtime.GC()
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

// decoy is a hash that no password has. It is checked where there is no user, so that the time taken does not tell.
var decoy = sync.OnceValues(func() (string, error) { return argon2id.CreateHash("no user has this password", hashParams) })

// checkPassword reports whether the hash is of the password. A nil hash takes as long, and never is.
func checkPassword(ctx context.Context, password string, hash *string) (bool, error) {
	against, err := decoy()
	if err != nil {
		return false, fmt.Errorf("make decoy hash: %w", err)
	}
	if hash != nil {
		against = *hash
	}
	var matches bool
	err = whileHashing(ctx, func() (err error) {
		matches, err = argon2id.ComparePasswordAndHash(password, against)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	return matches && hash != nil, nil
}
