package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/model"
)

const startSession = `mutation($in: CreateAdapterSessionInput!) { r: createAdapterSession(input: $in) { session { expiresAt user { id } } userErrors { code field } } }`

func sessionInput(user *model.User, token string, lifetime time.Duration) map[string]any {
	return map[string]any{"userId": user.ID, "sessionToken": token, "expiresAt": time.Now().Add(lifetime)}
}

// A session that a frontend starts is one as any other: the token is good as a bearer's, the user sees the session and may
// end it, and what is stored of the token is a hash.
func TestAdapterSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	o := w.targetOf(t, adapter, w.member)
	read := adapter.Query(t, o.call("adapterSession"))
	if read.Text("r.user.id") != o.user {
		t.Errorf("the session is %v", read.Raw())
	}
	bearer := w.With(o.session)
	if data := bearer.Query(t, `{ me { id sessions { nodes { current expiresAt } } } }`); data.Text("me.id") != o.user ||
		data.Text("me.sessions.nodes.0.current") != "true" || data.Text("me.sessions.nodes.0.expiresAt") != read.Text("r.expiresAt") {
		t.Errorf("as a bearer's: %v", data.Raw())
	}
	later := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Microsecond)
	const update = `mutation($in: UpdateAdapterSessionInput!) { r: updateAdapterSession(input: $in) { session { expiresAt user { id } } userErrors { code field } } }`
	for _, in := range []map[string]any{{"sessionToken": o.session, "expiresAt": later}, {"sessionToken": o.session}} {
		adapter.Query(t, update, "in", in)
		if got := adapter.Query(t, o.call("adapterSession")).Text("r.expiresAt"); got != later.Format(time.RFC3339Nano) {
			t.Errorf("it ends at %s", got)
		}
	}
	for _, at := range []time.Time{time.Now(), time.Now().Add(401 * 24 * time.Hour)} {
		if got := outcome(t, adapter, update, "in", map[string]any{"sessionToken": o.session, "expiresAt": at}); got != "BAD_USER_INPUT expiresAt" {
			t.Errorf("an end at %s: %q", at, got)
		}
	}
	for _, want := range []string{"map[user:map[id:" + o.user + "]]", "<nil>"} {
		data := adapter.Query(t, o.call("deleteAdapterSession"))
		if got := data.Text("r.session"); got != want || len(data.List("r.userErrors")) > 0 {
			t.Errorf("deleted: %v, want %s", data.Raw(), want)
		}
	}
	wantNoSession(t, adapter, bearer, o)
	if got := adapter.Query(t, o.call("updateAdapterSession")).Text("r"); got != "map[session:<nil> userErrors:[]]" {
		t.Errorf("to change one that is gone: %s", got)
	}
	log := w.As(t, w.manager).Query(t, `query($id: ID!) { auditLog(filter: {subjectId: $id}) { nodes { action actor { id } } } }`, "id", w.member.ID)
	if got := log.Texts("auditLog.nodes", "action"); !slices.Equal(got, []string{"USER_SIGNED_OUT", "AUTHENTICATOR_CREATED", "USER_SIGNED_IN", "USER_CREATED"}) ||
		log.Text("auditLog.nodes.0.actor.id") != w.manager.ID.String() {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

func wantNoSession(t *testing.T, adapter, bearer apitest.Client, o target) {
	t.Helper()
	if got := adapter.Query(t, o.call("adapterSession")).Text("r"); got != "<nil>" {
		t.Errorf("the session goes on: %s", got)
	}
	if codes := bearer.Do(t, `{ me { id } }`).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
		t.Errorf("as a bearer's: %v", codes)
	}
}

// A session that is over is not there.
func TestAdapterSessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	o := w.targetOf(t, adapter, w.member)
	if _, err := w.Pool.Exec("UPDATE sessions SET expires = now()"); err != nil {
		t.Fatal(err)
	}
	wantNoSession(t, adapter, w.With(o.session), o)
	for _, field := range []string{"updateAdapterSession", "deleteAdapterSession"} {
		if got := adapter.Query(t, o.call(field)).Text("r.session"); got != "<nil>" {
			t.Errorf("%s: %s", field, got)
		}
	}
	if got := outcome(t, adapter, startSession, "in", sessionInput(w.member, newToken(), time.Hour)); got != "" {
		t.Fatal(got)
	}
	var left int
	if err := w.Pool.QueryRow("SELECT count(*) FROM sessions").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d sessions are kept: %v", left, err)
	}
}

// A token that could be guessed, or taken for another kind of credential, starts no session.
func TestAdapterSessionTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	taken := w.Token(t, w.stranger)
	good := "0f8fad5b-d9cb-469f-a165-70867728950e" // as Auth.js makes them
	for _, c := range []struct {
		token    string
		lifetime time.Duration
		want     string
	}{
		{good, time.Hour, ""}, {good, time.Hour, "CONFLICT sessionToken"},
		{strings.Repeat("a", 31), time.Hour, "BAD_USER_INPUT sessionToken"}, {strings.Repeat("a", 32), 399 * 24 * time.Hour, ""},
		{strings.Repeat("a", 513), time.Hour, "BAD_USER_INPUT sessionToken"}, {strings.Repeat("b", 512), time.Hour, ""},
		{strings.Repeat("a", 32) + " ", time.Hour, "BAD_USER_INPUT sessionToken"},
		{strings.Repeat("a.", 2) + strings.Repeat("a", 32), time.Hour, "BAD_USER_INPUT sessionToken"},
		{taken, time.Hour, "BAD_USER_INPUT sessionToken"}, {"dossier_key_" + newToken(), time.Hour, "BAD_USER_INPUT sessionToken"},
		{newToken(), -time.Second, "BAD_USER_INPUT expiresAt"}, {newToken(), 401 * 24 * time.Hour, "BAD_USER_INPUT expiresAt"},
	} {
		if got := outcome(t, adapter, startSession, "in", sessionInput(w.member, c.token, c.lifetime)); got != c.want {
			t.Errorf("%s for %s: %q, want %q", c.token, c.lifetime, got, c.want)
		}
	}
}

// Neither token of a frontend is in the database, in whatever table.
func TestAdapterTokensAreHashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.targetOf(t, w.adapter(t, w.manager), w.member)
	var all strings.Builder
	tables, err := w.Pool.Query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	for _, name := range names {
		var rows string
		if err := w.Pool.QueryRow("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM " + name + " t").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		all.WriteString(rows)
	}
	for what, token := range map[string]string{"session": o.session, "verification": o.mailed} {
		if strings.Contains(all.String(), token) || strings.Contains(all.String(), fmt.Sprintf("%x", token)) {
			t.Errorf("the token of a %s is stored", what)
		}
	}
	if !strings.Contains(all.String(), o.account) {
		t.Error("this test looks at the wrong rows")
	}
}

// A user who goes to another company while a session is started leaves none to the frontend of the old one.
func TestAdapterSessionOfOneWhoGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	tx, err := w.Pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec("UPDATE users SET company_id = $1 WHERE id = $2", w.other.ID, w.member.ID); err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	go func() { done <- outcome(t, adapter, startSession, "in", sessionInput(w.member, newToken(), time.Hour)) }()
	select {
	case got := <-done:
		t.Fatalf("it does not wait: %q", got)
	case <-time.After(300 * time.Millisecond):
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != "NOT_FOUND userId" {
		t.Errorf("the session: %q", got)
	}
	var left int
	if err := w.Pool.QueryRow("SELECT count(*) FROM sessions").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d sessions: %v", left, err)
	}
}
