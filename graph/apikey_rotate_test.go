package graph_test

import (
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/model"
)

// While one key takes the place of another both work, and then the new one.
func TestRotateAPIKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	expires := time.Now().Add(240 * time.Hour).UTC().Truncate(time.Second)
	made := member.Query(t, createKey, "n", "Import", "s", []string{"users:read", "themes:write"}, "e", expires.Format(time.RFC3339))
	if _, err := w.Pool.Exec("UPDATE api_keys SET created_at = created_at - interval '1 day'"); err != nil {
		t.Fatal(err)
	}
	id := made.Text("r.apiKey.id")
	began := time.Now().Truncate(time.Microsecond)
	rotated := member.Query(t, rotateKey, "id", id, "o", 3600)
	oldKey, newKey := w.With(made.Text("r.token")), w.With(rotated.Text("r.token"))
	timeOf := func(path string) time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339Nano, rotated.Text(path))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	ends := timeOf("r.previousApiKey.expiresAt")
	if rotated.Text("r.previousApiKey.id") != id || ends.Before(began.Add(time.Hour)) || ends.After(time.Now().Add(time.Hour)) ||
		rotated.Text("r.previousApiKey.rotatedAt") == "<nil>" || rotated.Text("r.previousApiKey.revokedAt") != "<nil>" {
		t.Errorf("the old one: %v", rotated.Raw())
	}
	lifetime := timeOf("r.apiKey.expiresAt").Sub(timeOf("r.apiKey.createdAt")) - 11*24*time.Hour
	if rotated.Text("r.apiKey.name") != "Import" || rotated.Text("r.apiKey.scopes") != "[users:read themes:write]" || lifetime.Abs() > time.Minute ||
		rotated.Text("r.apiKey.rotatedAt") != "<nil>" || rotated.Text("r.apiKey.id") == id {
		t.Errorf("the new one: %v", rotated.Raw())
	}
	for name, key := range map[string]apitest.Client{"old": oldKey, "new": newKey} {
		if data := key.Query(t, `{ me { name } currentApiKey { rotatedAt } }`); (data.Text("currentApiKey.rotatedAt") != "<nil>") != (name == "old") {
			t.Errorf("the %s key: %v", name, data.Raw())
		}
	}
	if got := outcome(t, member, rotateKey, "id", id, "o", 0); got != "CONFLICT id" {
		t.Errorf("the old one again: %q", got)
	}
	if _, err := w.Pool.Exec("UPDATE api_keys SET expires = expires - interval '1 hour'"); err != nil {
		t.Fatal(err)
	}
	if codes := codesOf(oldKey.Do(t, `{ me { name } }`)); codes != "UNAUTHENTICATED" {
		t.Errorf("after the overlap the old one: %s", codes)
	}
	newKey.Query(t, `{ me { name } }`)
	if got := outcome(t, member, rotateKey, "id", id, "o", 0); got != "CONFLICT id" {
		t.Errorf("one that has ended: %q", got)
	}
	// Without an overlap the old one ends at once; an overlap prolongs nothing.
	last := member.Query(t, rotateKey, "id", rotated.Text("r.apiKey.id"), "o", 0)
	if codes := codesOf(newKey.Do(t, `{ me { name } }`)); codes != "UNAUTHENTICATED" {
		t.Errorf("without an overlap: %s", codes)
	}
	if _, err := w.Pool.Exec("UPDATE api_keys SET expires = date_trunc('second', now()) + interval '1 minute' WHERE expires > now()"); err != nil {
		t.Fatal(err)
	}
	short := member.Query(t, rotateKey, "id", last.Text("r.apiKey.id"), "o", 3600)
	if ends, err := time.Parse(time.RFC3339Nano, short.Text("r.previousApiKey.expiresAt")); err != nil || ends.After(time.Now().Add(time.Minute)) {
		t.Errorf("it goes on longer than it would: %v", short.Raw())
	}
	log := w.As(t, w.manager).Query(t, `query($id: ID!) { auditLog(filter: {subjectId: $id}) { nodes { action details } } }`, "id", id)
	if log.Text("auditLog.nodes.0.action") != "API_KEY_ROTATED" || log.Text("auditLog.nodes.0.details.newApiKeyId") != rotated.Text("r.apiKey.id") {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// One who may no longer give a scope does not give it by rotating.
func TestRotatedScopesMayBeGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.keyID(t, w.Key(t, w.manager, model.ScopeAuthAdapter))
	w.As(t, w.admin).Query(t, changeRole, "u", w.manager.ID, "r", "MEMBER")
	w.manager.Role = model.RoleMember
	if got := outcome(t, w.As(t, w.manager), rotateKey, "id", id, "o", 0); got != "error FORBIDDEN" {
		t.Errorf("%q", got)
	}
}
