package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

func TestPasswords(t *testing.T) {
	t.Parallel()
	hash, err := HashPassword(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	// RFC 9106, section 4, second recommended option.
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Errorf("the hash is %s", hash)
	}
	for _, c := range []struct {
		password string
		hash     *string
		want     bool
	}{{"correct horse", &hash, true}, {"wrong", &hash, false}, {"", &hash, false}, {"correct horse", nil, false},
		{"no user has this password", nil, false}} {
		if got, err := checkPassword(t.Context(), nil, c.password, c.hash); got != c.want || err != nil {
			t.Errorf("%q: %t, %v", c.password, got, err)
		}
	}
	broken := "plain text"
	if ok, err := checkPassword(t.Context(), nil, "plain text", &broken); ok || err == nil {
		t.Errorf("a stored value that is no hash: %t, %v", ok, err)
	}
}

// No user takes about as long as a wrong password: a hash is computed for both.
func TestNoUserTakesAsLong(t *testing.T) {
	hash, err := HashPassword(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	fastest := func(hash *string) time.Duration {
		best := time.Hour
		for range 3 {
			started := time.Now()
			if _, err := checkPassword(t.Context(), nil, "x", hash); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(started))
		}
		return best
	}
	if params, _, _, err := argon2id.DecodeHash(decoy); err != nil || *params != *hashParams {
		t.Errorf("the decoy is of %v, %v", params, err)
	}
	wrong, nobody := fastest(&hash), fastest(nil)
	if nobody < wrong/4 {
		t.Errorf("nobody takes %s, a wrong password %s", nobody, wrong)
	}
}

// However many sign in at once, few hashes are computed at a time, and who gives up does not wait.
func TestHashingIsBounded(t *testing.T) {
	for range cap(hashing) {
		hashing <- struct{}{}
	}
	defer func() {
		for range cap(hashing) {
			<-hashing
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := HashPassword(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	token, session := NewSession(time.Hour, Client{UserAgent: strings.Repeat("x", 1000), Address: "a\x00b"})
	again, _ := NewSession(time.Hour, Client{})
	if token == again || !strings.HasPrefix(token, "dossier_session_") || len(token) < 40 {
		t.Errorf("%s, %s", token, again)
	}
	if len(session.TokenHash) != 32 || strings.Contains(string(session.TokenHash), token) {
		t.Errorf("the hash is %x", session.TokenHash)
	}
	if len(*session.UserAgent) != userAgentLengthMax || session.Address != nil {
		t.Errorf("the client is noted as %v, %v", session.UserAgent, session.Address)
	}
}
