package repo_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// keyViewer is who asks by a new API key of the maker.
func (w world) keyViewer(t testing.TB, maker *model.User, scopes ...model.Scope) model.Viewer {
	t.Helper()
	return must[model.Viewer](t)(auth.Credentials{Store: w.Store}.Viewer(t.Context(), w.Key(t, maker, scopes...)))
}

// adapterRead reads as an Auth.js frontend does.
type adapterRead struct {
	name string
	do   func(context.Context, repo.Reader) error
}

func adapterReads(user model.UserID) []adapterRead {
	key := model.AccountKey{Provider: "google", ProviderAccountID: "1"}
	return []adapterRead{
		{"user", func(ctx context.Context, r repo.Reader) error { _, err := r.AdapterUser(ctx, user); return err }},
		{"user by email", func(ctx context.Context, r repo.Reader) error { _, err := r.AdapterUserByEmail(ctx, "x"); return err }},
		{"user by account", func(ctx context.Context, r repo.Reader) error { _, err := r.AdapterUserByAccount(ctx, key); return err }},
		{"account", func(ctx context.Context, r repo.Reader) error { _, err := r.AdapterAccount(ctx, key); return err }},
		{"session", func(ctx context.Context, r repo.Reader) error {
			_, err := r.AdapterSession(ctx, auth.HashToken("x"))
			return err
		}},
		{"passkey", func(ctx context.Context, r repo.Reader) error { _, err := r.AdapterAuthenticator(ctx, "x"); return err }},
		{"passkeys", func(ctx context.Context, r repo.Reader) error {
			_, err := r.AdapterAuthenticators(ctx, user)
			return err
		}},
	}
}

// adapterChanges are what an Auth.js frontend writes of a user, in an order in which all of it succeeds.
func adapterChanges(user model.UserID) []change {
	hash, soon, name := auth.HashToken("token"), time.Now().Add(time.Hour), "New"
	do := func(name string, statements int, recorded string, fn func(context.Context, *repo.Tx) error) change {
		return change{name: name, do: fn, statements: statements, recorded: recorded}
	}
	return []change{
		do("create user", 3, "USER_CREATED", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateAdapterUser(ctx, model.CreateAdapterUserInput{Email: "new@x.example"})
			return err
		}),
		do("update user", 4, "USER_UPDATED", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateAdapterUser(ctx, model.UpdateAdapterUserInput{ID: user, Name: &name})
			return err
		}),
		do("link account", 4, "ACCOUNT_LINKED", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.LinkAdapterAccount(ctx, model.LinkAdapterAccountInput{UserID: user, Type: "oidc", Provider: "google", ProviderAccountID: "1"})
			return err
		}),
		do("create passkey", 6, "AUTHENTICATOR_CREATED", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateAdapterAuthenticator(ctx, model.CreateAdapterAuthenticatorInput{UserID: user, ProviderAccountID: "1", CredentialID: "1"})
			return err
		}),
		do("update passkey", 5, "AUTHENTICATOR_UPDATED", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateAdapterAuthenticator(ctx, model.UpdateAdapterAuthenticatorInput{CredentialID: "1", Counter: 1})
			return err
		}),
		do("unlink account", 6, "ACCOUNT_UNLINKED", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UnlinkAdapterAccount(ctx, model.UnlinkAdapterAccountInput{Provider: "google", ProviderAccountID: "1"})
			return err
		}),
		do("create session", 5, "USER_SIGNED_IN", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateAdapterSession(ctx, model.CreateAdapterSessionInput{UserID: user, ExpiresAt: soon}, hash)
			return err
		}),
		do("update session", 6, "", func(ctx context.Context, tx *repo.Tx) error {
			later := soon.Add(time.Hour)
			_, err := tx.UpdateAdapterSession(ctx, hash, &later)
			return err
		}),
		do("delete session", 5, "USER_SIGNED_OUT", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.DeleteAdapterSession(ctx, hash)
			return err
		}),
		do("create token", 4, "", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateAdapterVerificationToken(ctx, model.CreateAdapterVerificationTokenInput{Identifier: "x", ExpiresAt: soon}, hash)
			return err
		}),
		do("use token", 4, "", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UseAdapterVerificationToken(ctx, model.UseAdapterVerificationTokenInput{Identifier: "x"}, hash)
			return err
		}),
		do("delete user", 6, "USER_DELETED", func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.DeleteAdapterUser(ctx, model.DeleteAdapterUserInput{ID: user})
			return err
		}),
	}
}

// Whatever lets someone through to here, only a frontend's key reads and writes as a frontend.
func TestAdapterIsForItsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	demoted := w.keyViewer(t, w.manager, model.ScopeAuthAdapter)
	demoted.Role = model.RoleMember
	if _, err := w.Pool.Exec("UPDATE users SET role = 'MEMBER' WHERE id = $1", w.manager.ID); err != nil {
		t.Fatal(err)
	}
	before := dump(t, w.DB)
	for name, viewer := range map[string]model.Viewer{
		"MEMBER": viewer(w.member), "MANAGER": viewer(w.stranger), "ADMIN": viewer(w.admin), "demoted": demoted,
	} {
		for _, read := range adapterReads(w.member.ID) {
			wantFault(t, read.name+" by "+name, read.do(t.Context(), w.Store.Reader(viewer)), fault.Forbidden, "")
		}
		for _, c := range adapterChanges(w.member.ID) {
			wantFault(t, c.name+" by "+name, w.Store.InTx(t.Context(), viewer, c.do), fault.Forbidden, "")
		}
	}
	if after := dump(t, w.DB); after != before {
		t.Errorf("something was changed:\n%s", cmp.Diff(before, after))
	}
}

// A read is one statement. A change is all done, and recorded with the key's maker as its actor, or leaves nothing.
func TestAdapterStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.keyViewer(t, w.manager, model.ScopeAuthAdapter)
	for _, read := range adapterReads(w.member.ID) {
		w.SQL.Reset()
		if err := read.do(t.Context(), w.Store.Reader(key)); err != nil && !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", read.name, err)
		}
		if sent := w.SQL.Statements(false); len(sent) != 1 || strings.Contains(sent[0], "password_hash") || strings.Contains(sent[0], "access_token") {
			t.Errorf("%s sends:\n%s", read.name, strings.Join(sent, "\n"))
		}
	}
	for _, c := range adapterChanges(w.member.ID) {
		before, recorded := dump(t, w.DB), len(actions(t, w))
		for n := 1; n < c.statements; n++ {
			w.SQL.FailAt(n)
			if err := w.Store.InTx(t.Context(), key, c.do); err == nil {
				t.Fatalf("%s: statement %d failed, the mutation did not", c.name, n)
			}
			if after := dump(t, w.DB); after != before {
				t.Fatalf("%s failed at statement %d and left:\n%s", c.name, n, cmp.Diff(before, after))
			}
		}
		w.SQL.Reset()
		if err := w.Store.InTx(t.Context(), key, c.do); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if sent := w.SQL.Statements(false); len(sent) != c.statements {
			t.Errorf("%s: %d statements, want %d:\n%s", c.name, len(sent), c.statements, strings.Join(sent, "\n"))
		}
		if after := dump(t, w.DB); after == before {
			t.Errorf("%s changes nothing", c.name)
		}
		if got := strings.Join(actions(t, w)[recorded:], " "); got != c.recorded {
			t.Errorf("%s recorded %q, want %q", c.name, got, c.recorded)
		}
	}
	actors := must[rowsOf](t)(query(w.DB, "SELECT DISTINCT actor_id::text FROM audit_log WHERE details ? 'apiKeyId'"))
	if !slices.Equal(actors, []string{uuidOf(w.manager.ID)}) {
		t.Errorf("it was done by %v", actors)
	}
}

// A frontend's reads go by indexes, each to the one row that it asks for.
func TestAdapterReadsGoByIndexes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.keyViewer(t, w.manager, model.ScopeAuthAdapter)
	plans := planWorld{DB: w.DB}.planner(t, pricedOut)
	for _, read := range adapterReads(w.member.ID) {
		_, plan := plans.plan(t, func(ctx context.Context) error { return read.do(ctx, w.Store.Reader(key)) })
		if plan == "" || strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s reads a whole table:\n%s", read.name, plan)
		}
	}
}

// A session that a frontend ends, or lets end sooner, is over where it was ended at once, and on every instance within a second.
func TestAdapterSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := newInstance(t, w), newInstance(t, w)
	key := w.keyViewer(t, w.manager, model.ScopeAuthAdapter)
	for name, end := range map[string]func(context.Context, *repo.Tx, []byte) error{
		"deleted": func(ctx context.Context, tx *repo.Tx, hash []byte) error {
			_, err := tx.DeleteAdapterSession(ctx, hash)
			return err
		},
		"shortened": func(ctx context.Context, tx *repo.Tx, hash []byte) error {
			_, err := tx.UpdateAdapterSession(ctx, hash, new(time.Now()))
			return err
		},
	} {
		hash := auth.HashToken(name)
		err := here.InTx(t.Context(), key, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateAdapterSession(ctx, model.CreateAdapterSessionInput{UserID: w.member.ID, ExpiresAt: time.Now().Add(time.Hour)}, hash)
			return err
		})
		for _, i := range []*instance{here, there} {
			if _, _, _, warm := i.whoIs(t.Context(), hash); err != nil || warm != nil {
				t.Fatalf("%s: %v, %v", name, err, warm)
			}
		}
		err = here.InTx(t.Context(), key, func(ctx context.Context, tx *repo.Tx) error { return end(ctx, tx, hash) })
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := here.whoIs(t.Context(), hash); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s, it goes on here: %v", name, err)
		}
		within(t, staleMax, "end there of a session that was "+name, func() bool {
			_, _, _, err := there.whoIs(t.Context(), hash)
			return fault.Is(err, fault.Unauthenticated)
		})
	}
}

// A frontend that starts a session while its key is revoked, with all that it made, leaves none: either the session is found, or the
// frontend is told that its key has ended.
func TestNoSessionOutlivesItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"the session is first", "the revocation is first"} {
		key := w.keyViewer(t, w.manager, model.ScopeAuthAdapter)
		ended := int32(-1)
		start := func(during func()) error {
			return w.Store.InTx(t.Context(), key, func(ctx context.Context, tx *repo.Tx) error {
				_, err := tx.CreateAdapterSession(ctx, model.CreateAdapterSessionInput{
					UserID: w.member.ID, ExpiresAt: time.Now().Add(time.Hour)}, auth.HashToken(name))
				during()
				return err
			})
		}
		revoke := func(during func()) error {
			return w.Store.InTx(t.Context(), viewer(w.manager), func(ctx context.Context, tx *repo.Tx) error {
				revoked, err := tx.RevokeAPIKey(ctx, model.RevokeAPIKeyInput{ID: key.KeyID, EndSessions: true})
				if err == nil {
					ended = revoked.Sessions
				}
				during()
				return err
			})
		}
		first, second := start, revoke
		if name == "the revocation is first" {
			first, second = revoke, start
		}
		outcome := make(chan error, 1)
		err := first(func() {
			go func() { outcome <- second(func() {}) }()
			within(t, 10*time.Second, "second one", func() bool {
				waiting, err := query(w.DB, "SELECT '' FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
				return len(waiting) > 0 || len(outcome) > 0 || err != nil
			})
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch err := <-outcome; {
		case name == "the revocation is first":
			wantFault(t, name, err, fault.Unauthenticated, "")
		case err != nil || ended != 1:
			t.Errorf("%s: %d ended, %v", name, ended, err)
		}
		if left := must[rowsOf](t)(query(w.DB, "SELECT id::text FROM sessions")); len(left) > 0 {
			t.Errorf("%s: %d go on", name, len(left))
		}
	}
}
