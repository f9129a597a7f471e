package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

const revokeWithSessions = `mutation($id: ID!) { r: revokeApiKey(input: {id: $id, endSessions: true}) {
	apiKey { revokedAt } endedSessionCount removedAuthenticatorCount userErrors { code field message } } }`

// A key of a frontend that got out takes with it what was made by it, and nothing else: at once, or after it was revoked.
func TestRevokedKeyTakesWhatItMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leaked, kept := w.Key(t, w.manager, model.ScopeAuthAdapter), w.adapter(t, w.manager)
	stolen, honest := w.targetOf(t, w.With(leaked), w.member), w.targetOf(t, kept, w.member)
	manager, signedIn := w.As(t, w.manager), w.As(t, w.member)
	id := w.keyID(t, leaked).String()
	lives := func(client apitest.Client) bool { return len(client.Do(t, `{ me { id } }`).Errors) == 0 }
	has := func(o target) bool { return kept.Query(t, o.call("adapterAuthenticator")).Text("r") != "<nil>" }

	revoked := manager.Query(t, revokeKey, "id", id).Text("r.apiKey.revokedAt")
	if !lives(w.With(stolen.session)) || !has(stolen) {
		t.Fatal("what the key made ended unasked")
	}
	for _, want := range []string{"1 1", "0 0"} {
		data := manager.Query(t, revokeWithSessions, "id", id)
		got := data.Text("r.endedSessionCount") + " " + data.Text("r.removedAuthenticatorCount")
		if got != want || data.Text("r.apiKey.revokedAt") != revoked {
			t.Errorf("%s ended, want %s: %v", got, want, data.Raw())
		}
	}
	if lives(w.With(stolen.session)) || has(stolen) {
		t.Error("what the key made goes on")
	}
	if !lives(w.With(honest.session)) || !has(honest) || !lives(signedIn) {
		t.Error("what the key did not make ended")
	}
	entries := manager.Query(t, `query($id: ID!) { auditLog(filter: {subjectId: $id, actions: [API_KEY_REVOKED]}) { nodes { details } } }`, "id", id).
		List("auditLog.nodes")
	if len(entries) != 2 || entries[0].Text("details.sessions") != "1" || entries[0].Text("details.authenticators") != "1" ||
		strings.Contains(entries[1].Text("details"), "sessions") {
		t.Errorf("recorded: %v", entries)
	}
}

// What a passkey is made and used by stands in the log.
func TestPasskeysAreRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.Key(t, w.manager, model.ScopeAuthAdapter)
	adapter, key := w.With(token), w.keyID(t, token).String()
	o := w.targetOf(t, adapter, w.member)
	adapter.Query(t, o.call("updateAdapterAuthenticator"))
	entries := w.As(t, w.manager).Query(t, `{ auditLog(filter: {actions: [AUTHENTICATOR_CREATED, AUTHENTICATOR_UPDATED]}) { nodes { action subjectId details } } }`).
		List("auditLog.nodes")
	if len(entries) != 2 {
		t.Fatalf("%v", entries)
	}
	for i, want := range []struct {
		action  string
		details map[string]any
	}{
		{"AUTHENTICATOR_UPDATED", map[string]any{"apiKeyId": key, "credentialId": o.passkey, "counter": map[string]any{"from": 0, "to": 7}}},
		{"AUTHENTICATOR_CREATED", map[string]any{"apiKeyId": key, "credentialId": o.passkey}},
	} {
		entry := entries[i]
		if entry.Text("action") != want.action || entry.Text("subjectId") != o.user || entry.Text("details") != fmt.Sprint(want.details) {
			t.Errorf("recorded: %v", entry.Raw())
		}
	}
}
