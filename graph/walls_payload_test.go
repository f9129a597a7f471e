package graph_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// What documents must be for a mutation to succeed.
var documentStatusBefore = map[string]model.DocumentStatus{
	"updateDocumentStatus": model.DocumentReady, "putDocumentChunks": model.DocumentEmbedding, "retryDocument": model.DocumentFailed,
	"cancelDocument": model.DocumentPending, "processDocuments": model.DocumentReady,
}

// What must be given besides what is required, for a mutation to succeed or for its row to lead on.
var positionsGiven = map[string]string{
	"attachThemes": "input.projectIds", "detachThemes": "input.projectIds", "createConversation": "input.projectId",
	"createDocument": "input.projectId", "createDocuments": "input.documents.projectId", "uploadDocument": "input.projectId",
	"completeUpload": "input.projectId",
}

// A mutation shows an API key the row that it changed. What leads on from there takes the scopes to read that, and no scope to write
// stands in for another one.
func TestWallsOfPayloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wide)
	s := introspect(t, w.Anonymous())
	own := w.fullRows(t)
	own["Upload"] = w.sent(t, w.manager, "own bytes")
	rules := map[string]rootRule{}
	for names, rule := range rootRules {
		for name := range strings.FieldsSeq(names) {
			rules[name] = rule
		}
	}
	mutation := ""
	build := &asking{surface: s, t: t, ids: func(path string) string { return own[s.kindOf(t, mutation, path)] }}
	var seen []string
	for _, f := range s.types["Mutation"].Fields {
		rule := rules[f.Name]
		if !slices.Contains(model.AllScopes, rule.scope) {
			continue
		}
		mutation, build.position = f.Name, positionsGiven[f.Name]
		key := w.keyAsker(t, rule.scope)
		for _, shown := range s.types[f.Type.named()].Fields {
			row := shown.Type.named()
			if !slices.Contains(s.nodes, row) {
				continue
			}
			if status, ok := documentStatusBefore[f.Name]; ok {
				if _, err := w.Pool.Exec("UPDATE documents SET status = $1, lease_expires_at = NULL", status); err != nil {
					t.Fatal(err)
				}
			}
			var fields []string
			want := map[string]bool{} // whether the field is refused
			for _, field := range s.types[row].Fields {
				fields = append(fields, build.call(field, s.shallow(field.Type.named())))
				if leadsTo := cmp.Or(fieldRows[row+"."+field.Name], s.row(field)); leadsTo != "" && !key.may(rowScopes[leadsTo]) {
					want[field.Name] = true
				}
			}
			query := wholeCall("Mutation", build.call(f, " { "+shown.Name+" { "+strings.Join(fields, " ")+" } userErrors { code message } }"))
			answer := w.ask(t, key.client(), query)
			got := refusedOf(t, answer)
			if len(got) == 0 && (len(want) > 0 || strings.Contains(answer.Body, `"code"`)) {
				t.Logf("%s does nothing: %s", f.Name, answer.Body)
				continue
			}
			seen = append(seen, f.Name)
			for _, field := range s.types[row].Fields {
				if got[field.Name] != want[field.Name] {
					t.Errorf("%s, %s.%s by a key %s: refused %t, want %t", f.Name, shown.Name, field.Name, rule.scope, got[field.Name], want[field.Name])
				}
			}
		}
	}
	for _, name := range []string{"updateDocumentStatus", "putDocumentChunks", "updateUser", "updateProject", "attachThemes", "completeUpload"} {
		if !slices.Contains(seen, name) {
			t.Errorf("%s proves nothing", name)
		}
	}
	if len(seen) < 20 {
		t.Errorf("%d payloads prove little: %v", len(seen), seen)
	}
}

// refusedOf are the fields, of the row in a payload, that are FORBIDDEN.
func refusedOf(t *testing.T, answer apitest.Answer) map[string]bool {
	t.Helper()
	refused := map[string]bool{}
	for _, e := range answer.Errors {
		if e.Code() != "FORBIDDEN" || len(e.Path) < 3 {
			t.Fatalf("%s", answer.Body)
		}
		field, ok := e.Path[2].(string)
		if !ok { // of a list
			field = e.Path[3].(string)
		}
		refused[field] = true
	}
	return refused
}
