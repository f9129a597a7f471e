package repo_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// apiKey makes an API key of the user and gives the hash of its token.
func apiKey(t testing.TB, w world, user *model.User, scopes ...model.Scope) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(w.Key(t, user, scopes...)))
	return sum[:]
}

func createKey(w world, as *model.User, in model.CreateAPIKeyInput) func(testing.TB) (*model.APIKey, error) {
	return func(t testing.TB) (*model.APIKey, error) {
		_, made := auth.NewAPIKey()
		return inTx(t, w, as, func(ctx context.Context, tx *repo.Tx) (*model.APIKey, error) { return tx.CreateAPIKey(ctx, in, made) })
	}
}

// A key is its maker's viewer, with the scopes that are stored.
func TestViewerByAPIKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, user := range []*model.User{w.member, w.manager, w.admin} {
		scopes := []model.Scope{model.ScopeSchemaRead}
		if user.CompanyID != nil {
			scopes = append(scopes, model.ScopeProjectsWrite)
		}
		got := must[model.Viewer](t)(w.Store.ViewerByAPIKey(t.Context(), apiKey(t, w, user, scopes...)))
		want := viewer(user)
		if !got.HasKey() || got.SessionID != (model.SessionID{}) || got.Scopes != model.ScopesOf(scopes...) {
			t.Errorf("%s: %+v", user.Name, got)
		}
		if got.UserID != want.UserID || got.Role != want.Role || fmt.Sprint(got.CompanyID) != fmt.Sprint(want.CompanyID) {
			t.Errorf("%s: %+v", user.Name, got)
		}
	}
	if _, err := w.Store.ViewerByAPIKey(t.Context(), []byte("unknown")); !fault.Is(err, fault.Unauthenticated) || !strings.Contains(err.Error(), "API key") {
		t.Errorf("%v", err)
	}
}

// A warm key costs no statement. A change of the key, or of its maker, is seen where it was made at once, and everywhere within a
// second.
func TestWarmAPIKeysCostNoStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := newInstance(t, w), newInstance(t, w)
	hash := apiKey(t, w, w.member, model.ScopeUsersRead)
	key := must[model.Viewer](t)(w.Store.ViewerByAPIKey(t.Context(), hash)).KeyID
	byManager := func(fn func(context.Context, *repo.Tx) error) func() error {
		return func() error { return here.InTx(t.Context(), viewer(w.manager), fn) }
	}
	for _, c := range []struct {
		name   string
		change func() error
		seen   func(model.Viewer, error) bool
		local  bool
	}{
		{"role", byManager(func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.ChangeUserRole(ctx, model.ChangeUserRoleInput{UserID: w.member.ID, Role: model.RoleManager})
			return err
		}), func(v model.Viewer, _ error) bool { return v.Role == model.RoleManager }, true},
		{"scopes, by hand", func() error {
			_, err := w.Pool.Exec("UPDATE api_keys SET scopes = 'users:write gone:read'")
			return err
		}, func(v model.Viewer, _ error) bool { return v.Scopes == model.ScopesOf(model.ScopeUsersWrite) }, false},
		{"revoked", byManager(func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.RevokeAPIKey(ctx, model.RevokeAPIKeyInput{ID: key})
			return err
		}), func(_ model.Viewer, err error) bool { return fault.Is(err, fault.Unauthenticated) }, true},
	} {
		for _, i := range []*instance{here, there} {
			must[model.Viewer](t)(i.ViewerByAPIKey(t.Context(), hash))
			i.sql.Reset()
			_, err := i.ViewerByAPIKey(t.Context(), hash)
			if sent := requested(i.sql); len(sent) > 0 || err != nil {
				t.Errorf("before %s it is not warm: %v, %v", c.name, sent, err)
			}
		}
		if err := c.change(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if c.local && !c.seen(here.ViewerByAPIKey(t.Context(), hash)) {
			t.Errorf("%s: not seen where it was changed", c.name)
		}
		within(t, staleMax, c.name, func() bool { return c.seen(there.ViewerByAPIKey(t.Context(), hash)) })
	}
}

// The use of a key is noted once a minute. That forgets nothing of what is cached, waits for nobody and fails no request.
func TestUseOfAPIKeysIsNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash := apiKey(t, w, w.member, model.ScopeUsersRead)
	used := func() string {
		return must[rowsOf](t)(query(w.DB, "SELECT coalesce(last_used_at::text, '') FROM api_keys"))[0]
	}
	ask := func() {
		t.Helper()
		must[model.Viewer](t)(w.Store.ViewerByAPIKey(t.Context(), hash))
	}
	if got := used(); got != "" {
		t.Errorf("before it was used: %q", got)
	}
	ask()
	first := used()
	ask()
	if again := used(); first == "" || again != first {
		t.Errorf("used at %q, and within the minute at %q", first, again)
	}
	if _, err := w.Pool.Exec("UPDATE api_keys SET last_used_at = now() - interval '61 seconds'"); err != nil {
		t.Fatal(err)
	}
	old := used()
	changing, err := w.Pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer changing.Rollback()
	if _, err := changing.Exec("SELECT FROM api_keys FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	ask()
	if got := used(); got != old {
		t.Errorf("noted at %q while someone was about to change the key", got)
	}
	if err := changing.Rollback(); err != nil {
		t.Fatal(err)
	}
	w.SQL.FailAt(2) // 1 is the key's
	ask()
	if got := used(); got != old {
		t.Errorf("noted at %q by a statement that failed", got)
	}
	i := newInstance(t, w)
	must[model.Viewer](t)(i.ViewerByAPIKey(t.Context(), hash))
	if got := used(); got == old {
		t.Errorf("not noted after a minute")
	}
	time.Sleep(50 * time.Millisecond) // to be told takes less
	i.sql.Reset()
	must[model.Viewer](t)(i.ViewerByAPIKey(t.Context(), hash))
	if sent := requested(i.sql); len(sent) > 0 {
		t.Errorf("to note it made the row stale: %v", sent)
	}
}

// A key ends with its maker's access, and does not come back with it.
func TestAPIKeysEndWithTheirMaker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(context.Context, *repo.Tx, world) error
		left string // of the rows: revoked, or none
	}{
		"deactivated": {func(ctx context.Context, tx *repo.Tx, w world) error {
			_, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: w.member.ID})
			return err
		}, "true"},
		"deactivated and reactivated": {func(ctx context.Context, tx *repo.Tx, w world) error {
			if _, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: w.member.ID}); err != nil {
				return err
			}
			_, err := tx.ReactivateUser(ctx, model.ReactivateUserInput{UserID: w.member.ID})
			return err
		}, "true"},
		"deleted": {func(ctx context.Context, tx *repo.Tx, w world) error {
			_, err := tx.DeleteUser(ctx, model.DeleteUserInput{ID: w.member.ID})
			return err
		}, ""},
		"moved": {func(ctx context.Context, tx *repo.Tx, w world) error {
			_, _, err := tx.TransferUser(ctx, model.TransferUserInput{UserID: w.member.ID, CompanyID: w.other.ID})
			return err
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			i := newInstance(t, w)
			hash, kept := apiKey(t, w, w.member, model.ScopeUsersWrite), apiKey(t, w, w.manager, model.ScopeUsersRead)
			asKey := must[model.Viewer](t)(i.ViewerByAPIKey(t.Context(), hash))
			if err := i.InTx(t.Context(), viewer(w.admin), func(ctx context.Context, tx *repo.Tx) error { return c.end(ctx, tx, w) }); err != nil {
				t.Fatal(err)
			}
			if _, err := i.ViewerByAPIKey(t.Context(), hash); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("the key goes on: %v", err)
			}
			// Nor does a request go on that was let in before.
			err := i.InTx(t.Context(), asKey, func(context.Context, *repo.Tx) error { return nil })
			if !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("a request of the key goes on: %v", err)
			}
			must[model.Viewer](t)(i.ViewerByAPIKey(t.Context(), kept))
			rows := must[rowsOf](t)(query(w.DB, "SELECT (revoked_at IS NOT NULL)::text FROM api_keys WHERE user_id = '"+uuidOf(w.member.ID)+"'"))
			if got := strings.Join(rows, " "); got != c.left {
				t.Errorf("left are %q, want %q", got, c.left)
			}
		})
	}
}

// Who is deactivated while a key is being made has none afterwards.
func TestNoAPIKeyOfWhoIsDeactivatedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, made := auth.NewAPIKey()
	err := w.Store.InTx(t.Context(), viewer(w.member), func(ctx context.Context, tx *repo.Tx) error {
		must[*model.User](t)(inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
			return tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: w.member.ID})
		}))
		_, err := tx.CreateAPIKey(ctx, model.CreateAPIKeyInput{Name: "n", Scopes: []model.Scope{model.ScopeUsersRead}}, made)
		return err
	})
	if !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("%v", err)
	}
}

// Nobody has more live keys than allowed, also not by making many at a time; each of them can be rotated.
func TestAPIKeysAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := model.CreateAPIKeyInput{Name: "n", Scopes: []model.Scope{model.ScopeUsersRead}}
	another := createKey(w, w.member, in)
	for range repo.APIKeysMax - 1 {
		must[*model.APIKey](t)(another(t))
	}
	// Of two that are made at a time the second one waits, and is one too many.
	second := make(chan error, 1)
	must[*model.APIKey](t)(inTx(t, w, w.member, func(ctx context.Context, tx *repo.Tx) (*model.APIKey, error) {
		_, made := auth.NewAPIKey()
		key, err := tx.CreateAPIKey(ctx, in, made)
		go func() {
			_, err := another(t)
			second <- err
		}()
		within(t, 10*time.Second, "second one", func() bool {
			waiting, err := query(w.DB, "SELECT '' FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
			return len(waiting) > 0 || len(second) > 0 || err != nil
		})
		return key, err
	}))
	wantFault(t, "the second of two", <-second, fault.Conflict, "")
	keys := must[*model.APIKeyConnection](t)(w.reader(w.member).APIKeys(t.Context(), first(100))).Nodes
	if len(keys) != repo.APIKeysMax {
		t.Fatalf("%d keys, want %d", len(keys), repo.APIKeysMax)
	}
	rotate := func(id model.APIKeyID) (*repo.RotatedAPIKey, error) {
		_, made := auth.NewAPIKey()
		return inTx(t, w, w.member, func(ctx context.Context, tx *repo.Tx) (*repo.RotatedAPIKey, error) {
			return tx.RotateAPIKey(ctx, model.RotateAPIKeyInput{ID: id, OverlapSeconds: 3600}, made)
		})
	}
	var newest *repo.RotatedAPIKey
	for _, key := range keys {
		newest = must[*repo.RotatedAPIKey](t)(rotate(key.ID))
	}
	_, err := rotate(newest.New.ID)
	wantFault(t, "rotated beyond the bound", err, fault.Conflict, "")
	_, err = another(t)
	wantFault(t, "made beyond the bound", err, fault.Conflict, "")
	must[*model.APIKey](t)(createKey(w, w.manager, in)(t)) // others have their own
	if _, err := w.Pool.Exec("UPDATE api_keys SET revoked_at = now() WHERE id = $1", uuidOf(newest.New.ID)); err != nil {
		t.Fatal(err)
	}
	must[*model.APIKey](t)(another(t))
}

// Whose key may have which scopes.
func TestScopesThatMayBeGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, user := range []*model.User{w.member, w.manager, w.admin} {
		for _, scope := range model.AllScopes {
			_, err := createKey(w, user, model.CreateAPIKeyInput{Name: "n", Scopes: []model.Scope{scope}})(t)
			name := fmt.Sprintf("%s for %s", scope, user.Role)
			adapter, schema := scope == model.ScopeAuthAdapter, scope == model.ScopeSchemaRead
			switch {
			case user == w.admin && !adapter && !schema:
				wantFault(t, name, err, fault.BadUserInput, "scopes.0")
			case user == w.member && adapter:
				wantFault(t, name, err, fault.Forbidden, "")
			case err != nil:
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
