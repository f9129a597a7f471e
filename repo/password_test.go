package repo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// A sign-in whose password is replaced at the same time leaves no session behind, whichever comes first.
func TestSignInWhileThePasswordChanges(t *testing.T) {
	t.Parallel()
	signIn := func(ctx context.Context, tx *repo.Tx) error {
		if err := tx.ConfirmPassword(ctx, "old", nil); err != nil {
			return err
		}
		_, session := auth.NewSession(time.Hour, auth.Client{})
		return tx.CreateSession(ctx, session)
	}
	change := func(ctx context.Context, tx *repo.Tx) error {
		_, _, err := tx.ChangePassword(ctx, "old", "new")
		return err
	}
	for name, c := range map[string]struct {
		first, second func(context.Context, *repo.Tx) error
		want          error // of the second
	}{
		"the change first":  {change, signIn, repo.ErrPasswordChanged},
		"the sign-in first": {signIn, change, nil},
		"two changes":       {change, change, repo.ErrPasswordChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if _, err := w.Pool.Exec("UPDATE users SET password_hash = 'old' WHERE id = $1", w.member.ID); err != nil {
				t.Fatal(err)
			}
			outcomes := atOnce(t, w, w.member, w.member, c.first, c.second)
			if outcomes[0] != nil || !errors.Is(outcomes[1], c.want) {
				t.Errorf("%v, %v", outcomes[0], outcomes[1])
			}
			if left := must[rowsOf](t)(query(w.DB, "SELECT id::text FROM sessions")); len(left) > 0 {
				t.Errorf("%d sessions outlive the password", len(left))
			}
		})
	}
}

// keepToken stores a token of the user with this hash.
func keepToken(t *testing.T, w world, user *model.User, purpose model.TokenPurpose, hash string) {
	t.Helper()
	err := w.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error {
		return tx.KeepToken(ctx, &model.OneTimeToken{
			UserID: user.ID, Purpose: purpose, Email: user.Email, TokenHash: []byte(hash), ExpiresAt: time.Now().Add(time.Hour),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A user has one token of each purpose, which two who use it at the same time use once.
func TestTokensAreUsedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, hash := range []string{"first", "second"} {
		keepToken(t, w, w.member, model.ToResetPassword, hash)
		keepToken(t, w, w.member, model.ToVerifyEmail, "v"+hash)
	}
	if kept := must[rowsOf](t)(query(w.DB, "SELECT convert_from(token_hash, 'UTF8') FROM one_time_tokens ORDER BY 1")); len(kept) != 2 || kept[0] != "second" || kept[1] != "vsecond" {
		t.Errorf("kept: %v", kept)
	}
	use := func(ctx context.Context, tx *repo.Tx) error {
		_, err := tx.ResetPassword(ctx, []byte("second"), "hash")
		return err
	}
	outcomes := atOnce(t, w, w.member, w.member, use, use)
	if outcomes[0] != nil || !errors.Is(outcomes[1], repo.ErrNoToken) {
		t.Errorf("%v, %v", outcomes[0], outcomes[1])
	}
	// The token is of whoever it was mailed to.
	_, err := inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.VerifyEmail(ctx, []byte("vsecond"))
	})
	if !errors.Is(err, repo.ErrNoToken) {
		t.Errorf("by another user: %v", err)
	}
	err = w.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error {
		return tx.KeepToken(ctx, &model.OneTimeToken{UserID: model.NewID[model.UserID](), Purpose: model.ToVerifyEmail, TokenHash: []byte("x"), ExpiresAt: time.Now()})
	})
	wantFault(t, "of nobody", err, fault.BadReference, "")
}

// An upgraded hash takes the place of the one that was checked, and of no other one.
func TestConfirmPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Pool.Exec("UPDATE users SET password_hash = 'old' WHERE id = $1", w.member.ID); err != nil {
		t.Fatal(err)
	}
	confirm := func(as *model.User, checked string, upgraded *string) error {
		return w.Store.InTx(t.Context(), viewer(as), func(ctx context.Context, tx *repo.Tx) error { return tx.ConfirmPassword(ctx, checked, upgraded) })
	}
	for name, c := range map[string]struct {
		as      *model.User
		checked string
		want    error
	}{
		"the present one": {w.member, "old", nil}, "another one": {w.member, "older", repo.ErrPasswordChanged}, "of someone else": {w.manager, "old", repo.ErrPasswordChanged},
	} {
		if err := confirm(c.as, c.checked, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := confirm(w.member, "older", new("new")); !errors.Is(err, repo.ErrPasswordChanged) {
		t.Errorf("upgrading another one: %v", err)
	}
	if err := confirm(w.member, "old", new("new")); err != nil {
		t.Errorf("upgrading: %v", err)
	}
	if hashes := must[rowsOf](t)(query(w.DB, "SELECT password_hash FROM users WHERE password_hash IS NOT NULL")); len(hashes) != 1 || hashes[0] != "new" {
		t.Errorf("stored: %v", hashes)
	}
}

func TestAddressesByEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", ""} {
		_, session := auth.NewSession(time.Hour, auth.Client{Address: address})
		if err := w.Store.InTx(t.Context(), viewer(w.member), func(ctx context.Context, tx *repo.Tx) error { return tx.CreateSession(ctx, session) }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Pool.Exec("UPDATE sessions SET expires = now() WHERE address = '192.0.2.2'"); err != nil {
		t.Fatal(err)
	}
	got := must[[]string](t)(w.Store.AddressesByEmail(t.Context(), "MO.Member@test.example"))
	if len(got) != 2 || got[0] != "192.0.2.3" || got[1] != "192.0.2.1" {
		t.Errorf("%v", got)
	}
	if got := must[[]string](t)(w.Store.AddressesByEmail(t.Context(), "nobody@test.example")); len(got) > 0 {
		t.Errorf("of nobody: %v", got)
	}
}
