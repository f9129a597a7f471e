package graph_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// foreignRows adds a row of each entity to the other company, and gives their ids.
func (w world) foreignRows(t testing.TB) map[string]string {
	t.Helper()
	project := w.Projects(t, w.stranger, 1)[0]
	document := w.Documents(t, w.stranger, project, 1)[0]
	chunk := w.Chunks(t, document, "A Foreign passage.")[0]
	stranger := w.As(t, w.stranger)
	made := stranger.Query(t, `mutation($project: ID!) { createTheme(input: {name: "Foreign theme"}) { theme { id } }
		createConversation(input: {projectId: $project, title: "Foreign talk"}) { conversation { id } }
		createApiKey(input: {name: "Foreign key", scopes: ["projects:read"]}) { apiKey { id } } }`, "project", project.ID)
	theme := made.Text("createTheme.theme.id")
	stranger.Query(t, `mutation($theme: ID!, $project: ID!, $document: ID!) {
		attachThemes(input: {themeIds: [$theme], projectIds: [$project], documentIds: [$document]}) { userErrors { message } } }`,
		"theme", theme, "project", project.ID, "document", document.ID)
	w.Invite(t, w.User(t, w.other, model.RoleMember, "Ina Invited"))
	return map[string]string{
		"Company": w.other.ID.String(), "User": w.stranger.ID.String(), "Project": project.ID.String(), "Document": document.ID.String(),
		"DocumentChunk": chunk.ID.String(),
		"Theme":         theme, "Conversation": made.Text("createConversation.conversation.id"), "ApiKey": made.Text("createApiKey.apiKey.id"),
		"AuditEntry": stranger.Query(t, `{ auditLog(first: 1) { nodes { id } } }`).Text("auditLog.nodes.0.id"),
		"Session":    w.sessionID(t, w.Token(t, w.stranger)), "Account": w.Account(t, w.stranger, "google").ID.String(),
		"Upload": w.sent(t, w.stranger, "foreign bytes"),
	}
}

// foreignState is all that there is of the other company.
func (w world) foreignState(t testing.TB) string {
	t.Helper()
	var state strings.Builder
	for table, condition := range map[string]string{
		"companies": "id = $1", "users": "company_id = $1", "projects": "company_id = $1", "documents": "company_id = $1",
		"themes": "company_id = $1", "conversations": "company_id = $1", "project_themes": "company_id = $1",
		"document_themes": "company_id = $1", "api_keys": "company_id = $1", "audit_log": "company_id = $1",
		"uploads":         "company_id = $1",
		"document_chunks": "company_id = $1", "chunk_embeddings": "company_id = $1", "chunk_codes": "company_id = $1",
		"sessions":    "user_id IN (SELECT id FROM users WHERE company_id = $1)",
		"accounts":    "user_id IN (SELECT id FROM users WHERE company_id = $1)",
		"invitations": "user_id IN (SELECT id FROM users WHERE company_id = $1)",
	} {
		var rows *string
		err := w.Pool.QueryRow("SELECT string_agg(row::text, E'\\n' ORDER BY row::text) FROM "+table+" AS row WHERE "+condition, w.other.ID).Scan(&rows)
		if err != nil || rows == nil {
			t.Fatalf("%s of the other company: %v, %v", table, rows, err)
		}
		state.WriteString(*rows + "\n")
	}
	lines := strings.Split(state.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// kindsAt are the entities whose ids may be asked for at the position: all of them, where any entity's id may be.
func (s *surface) kindsAt(t testing.TB, field, position string) []string {
	if field == "node" || field == "nodes" || strings.HasSuffix(position, "subjectId") {
		return s.nodes
	}
	return []string{s.kindOf(t, field, position)}
}

// Whatever is asked for, as deep as it goes, shows nothing of another company.
func TestWallsInDepth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wide)
	s := introspect(t, w.Anonymous())
	w.fullRows(t)
	foreign := w.foreignRows(t)
	askers := []apitest.Client{w.As(t, w.member), w.As(t, w.manager)}
	asked := 0
	for _, f := range s.types["Query"].Fields {
		if slices.ContainsFunc(f.Args, func(arg *inputInfo) bool { return arg.Type.required() && arg.DefaultValue == nil }) {
			continue
		}
		asked++
		query := "{ " + f.Name + s.deep(f.Type.named(), "AuditEntryConnection") + " }"
		if f.Name == "auditLog" {
			query = "{ auditLog { nodes" + s.deep("AuditEntry") + " } }"
		}
		for _, client := range askers {
			answer := client.Do(t, query)
			if codes := slices.DeleteFunc(answer.Codes(), func(code string) bool { return code == "FORBIDDEN" }); len(codes) > 0 {
				t.Fatalf("%s: %v %s", f.Name, codes, first(answer))
			}
			for kind, id := range foreign {
				if strings.Contains(answer.Body, id) {
					t.Errorf("%s shows the foreign %s", f.Name, kind)
				}
			}
			for _, text := range []string{"Foreign", "Stranger", "stranger", "Ina Invited"} {
				if strings.Contains(answer.Body, text) {
					t.Errorf("%s shows %q", f.Name, text)
				}
			}
		}
	}
	if asked < 8 {
		t.Errorf("%d questions prove little", asked)
	}
}

func first(a apitest.Answer) string {
	text, _ := json.Marshal(a.Errors[0])
	return string(text)
}
