package repo_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/google/uuid"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// warm asks for a session's viewer until that costs nothing, and gives the viewer.
func (i *instance) warm(t testing.TB, hash []byte) model.Viewer {
	t.Helper()
	var viewer model.Viewer
	within(t, 10*time.Second, "a warm session", func() bool {
		i.sql.Reset()
		viewer = must[model.Viewer](t)(i.ViewerBySession(t.Context(), hash))
		return len(requested(i.sql)) == 0
	})
	return viewer
}

// Whose access ends is out at once where that was done, and within a second on every other instance.
func TestWhoIsOutIsOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		as  func(world, model.Viewer) model.Viewer // of the session that ends
		end func(context.Context, *repo.Tx, world, model.Viewer) error
	}{
		"signed out": {itself, func(ctx context.Context, tx *repo.Tx, _ world, _ model.Viewer) error {
			_, err := tx.SignOut(ctx)
			return err
		}},
		"session ended": {itself, func(ctx context.Context, tx *repo.Tx, _ world, v model.Viewer) error {
			return tx.EndSession(ctx, model.EndSessionInput{ID: v.SessionID})
		}},
		"session ended by the MANAGER": {theManager, func(ctx context.Context, tx *repo.Tx, _ world, v model.Viewer) error {
			return tx.EndSession(ctx, model.EndSessionInput{ID: v.SessionID})
		}},
		"sessions ended": {itself, func(ctx context.Context, tx *repo.Tx, w world, _ model.Viewer) error {
			_, err := tx.EndSessions(ctx, model.EndSessionsInput{UserID: w.member.ID})
			return err
		}},
		"deactivated": {theManager, func(ctx context.Context, tx *repo.Tx, w world, _ model.Viewer) error {
			_, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: w.member.ID})
			return err
		}},
		"deleted": {theManager, func(ctx context.Context, tx *repo.Tx, w world, _ model.Viewer) error {
			_, err := tx.DeleteUser(ctx, model.DeleteUserInput{ID: w.member.ID})
			return err
		}},
		"moved": {theAdmin, func(ctx context.Context, tx *repo.Tx, w world, _ model.Viewer) error {
			_, _, err := tx.TransferUser(ctx, model.TransferUserInput{UserID: w.member.ID, CompanyID: w.other.ID})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			here, there := newInstance(t, w), newInstance(t, w)
			hash := session(t, w, w.member)
			who := here.warm(t, hash)
			there.warm(t, hash)
			err := here.InTx(t.Context(), c.as(w, who), func(ctx context.Context, tx *repo.Tx) error { return c.end(ctx, tx, w, who) })
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := here.ViewerBySession(t.Context(), hash); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("the session goes on: %v", err)
			}
			within(t, staleMax, "end of the session elsewhere", func() bool {
				_, err := there.ViewerBySession(t.Context(), hash)
				return fault.Is(err, fault.Unauthenticated)
			})
			t.Logf("seen elsewhere within %s", time.Since(began))
		})
	}
}

func itself(_ world, v model.Viewer) model.Viewer     { return v }
func theManager(w world, _ model.Viewer) model.Viewer { return viewer(w.manager) }
func theAdmin(w world, _ model.Viewer) model.Viewer   { return viewer(w.admin) }

// What changes of a user's API key or account makes every instance ask again, within a second. What a key is used for does not.
func TestCredentialsAreAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	there := newInstance(t, w)
	hash := session(t, w, w.member)
	w.Account(t, w.member, "jwt")
	_, err := w.Pool.Exec(`INSERT INTO api_keys (id, company_id, user_id, name, hint, token_hash, scopes) VALUES ($1, $2, $3, 'n', 'h', 'hash', 'users:read')`,
		uuid.NewString(), uuidOf(w.company.ID), uuidOf(w.member.ID))
	if err != nil {
		t.Fatal(err)
	}
	again := func(statement string) bool {
		t.Helper()
		there.warm(t, hash)
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
		for began := time.Now(); time.Since(began) < staleMax; time.Sleep(time.Millisecond) {
			there.sql.Reset()
			must[model.Viewer](t)(there.ViewerBySession(t.Context(), hash))
			if len(requested(there.sql)) > 0 {
				return true
			}
		}
		return false
	}
	for _, c := range []struct {
		statement string
		want      bool
	}{
		{"UPDATE api_keys SET last_used_at = now()", false},
		{"UPDATE api_keys SET scopes = ''", true},
		{"UPDATE api_keys SET expires = now()", true},
		{"UPDATE api_keys SET revoked_at = now()", true},
		{"DELETE FROM api_keys", true},
		{"UPDATE accounts SET access_token = 'x'", false},
		{"UPDATE accounts SET provider_account_id = 'x'", true},
		{"DELETE FROM accounts", true},
	} {
		if got := again(c.statement); got != c.want {
			t.Errorf("after %s it is asked for again: %t, want %t", c.statement, got, c.want)
		}
	}
}

// Where the access was ended nobody waits to be told of it.
func TestWhoIsOutIsOutUntold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, table := range []string{"users", "sessions", "api_keys", "accounts"} {
		must[sql.Result](t)(w.Pool.Exec("ALTER TABLE " + table + " DISABLE TRIGGER " + table + "_notify_stale"))
	}
	i := newInstance(t, w)
	adapter := must[model.Viewer](t)(i.ViewerByAPIKey(t.Context(), auth.HashToken(w.Key(t, w.manager, model.ScopeAuthAdapter))))
	for name, c := range map[string]struct {
		as    model.Viewer
		byKey bool
		end   func(context.Context, *repo.Tx, model.Viewer, []byte) error
	}{
		"key revoked": {viewer(w.member), true, func(ctx context.Context, tx *repo.Tx, v model.Viewer, _ []byte) error {
			_, err := tx.RevokeAPIKey(ctx, model.RevokeAPIKeyInput{ID: v.KeyID})
			return err
		}},
		"key rotated without overlap": {viewer(w.member), true, func(ctx context.Context, tx *repo.Tx, v model.Viewer, _ []byte) error {
			_, made := auth.NewAPIKey()
			_, err := tx.RotateAPIKey(ctx, model.RotateAPIKeyInput{ID: v.KeyID}, made)
			return err
		}},
		"session ended": {viewer(w.member), false, func(ctx context.Context, tx *repo.Tx, v model.Viewer, _ []byte) error {
			return tx.EndSession(ctx, model.EndSessionInput{ID: v.SessionID})
		}},
		"session deleted by the adapter": {adapter, false, func(ctx context.Context, tx *repo.Tx, _ model.Viewer, hash []byte) error {
			_, err := tx.DeleteAdapterSession(ctx, hash)
			return err
		}},
		"session shortened by the adapter": {adapter, false, func(ctx context.Context, tx *repo.Tx, _ model.Viewer, hash []byte) error {
			_, err := tx.UpdateAdapterSession(ctx, hash, new(time.Now()))
			return err
		}},
	} {
		ask := i.ViewerBySession
		var token string
		if c.byKey {
			ask, token = i.ViewerByAPIKey, w.Key(t, w.member, model.ScopeProjectsRead)
		} else {
			token = w.Token(t, w.member)
		}
		hash := auth.HashToken(token)
		var who model.Viewer
		for range 2 {
			who = must[model.Viewer](t)(ask(t.Context(), hash))
		}
		if err := i.InTx(t.Context(), c.as, func(ctx context.Context, tx *repo.Tx) error { return c.end(ctx, tx, who, hash) }); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := ask(t.Context(), hash); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: the access goes on: %v", name, err)
		}
	}
}
