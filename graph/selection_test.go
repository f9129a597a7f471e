package graph_test

import (
	"fmt"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"dossier/model"
)

// fullRows adds a row of each entity of which no field is null, and gives their ids.
func (w world) fullRows(t testing.TB) map[string]string {
	t.Helper()
	user := w.User(t, w.company, model.RoleMember, "Una User")
	project := w.Projects(t, user, 1)[0]
	document := w.Documents(t, user, project, 1)[0]
	chunk := w.Chunks(t, document, "A passage.")[0]
	account := w.Account(t, w.member, "github") // which ends invitations
	w.Token(t, user)
	w.Invite(t, w.User(t, w.company, model.RoleMember, "Ivy Invited"))
	w.Key(t, user, model.ScopeProjectsRead)
	rows := map[string]string{
		"Company": w.company.ID.String(), "User": user.ID.String(), "Project": project.ID.String(),
		"Document": document.ID.String(), "DocumentChunk": chunk.ID.String(), "Account": account.ID.String(),
	}
	manager := w.As(t, w.manager)
	made := manager.Query(t, `mutation($owner: ID!, $project: ID!) {
		createTheme(input: {name: "Theme", description: "d", color: "#102030"}) { theme { id } }
		createConversation(input: {ownerId: $owner, projectId: $project, title: "Title"}) { conversation { id } }
		updateProject(input: {id: $project, name: "Renamed"}) { project { id } } }`,
		"owner", user.ID, "project", project.ID)
	rows["Theme"], rows["Conversation"] = made.Text("createTheme.theme.id"), made.Text("createConversation.conversation.id")
	for _, statement := range []string{
		"UPDATE companies SET domain = 'own.example'",
		"UPDATE invitations SET user_id = (SELECT id FROM users WHERE name = 'Una User')", // who has signed in, and would get none
		"UPDATE users SET image = 'image', email_verified_at = now() - interval '1 day'",
		"UPDATE users SET deactivated_at = now() - interval '2 days' WHERE name = 'Una User'",
		"UPDATE projects SET archived_at = now() - interval '3 days'",
		"UPDATE documents SET error_code = 'CODE', error_message = 'message', container_name = 'container', blob_name = 'blob', sha256 = sha256(''), notice = 'notice', page_count = 3, attempt = 2, progress = 0.5",
		"UPDATE document_chunks SET page = 7",
		"UPDATE conversations SET container_name = 'container', blob_name = 'blob'",
		"UPDATE sessions SET user_agent = 'agent', address = '192.0.2.1'",
		"UPDATE accounts SET scope = 'scope', expires_at = now() + interval '4 days'",
		"UPDATE api_keys SET expires = now() + interval '5 days', revoked_at = now(), rotated_at = now(), last_used_at = now()",
	} {
		if _, err := w.Pool.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	found := manager.Query(t, `query($user: ID!, $project: ID!) { user(id: $user) { sessions { nodes { id } } apiKeys { nodes { id } } }
		auditLog(filter: {subjectId: $project}) { nodes { id } } }`, "user", user.ID, "project", project.ID)
	rows["ApiKey"] = found.Text("user.apiKeys.nodes.0.id")
	rows["Session"], rows["AuditEntry"] = found.Text("user.sessions.nodes.0.id"), found.Text("auditLog.nodes.0.id")
	return rows
}

// A field that is asked for alone answers what it answers among all others: the columns that it needs are read.
func TestEachFieldReadsWhatItNeeds(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	w := newWorld(t)
	client := w.As(t, w.manager)
	rows := w.fullRows(t)
	for _, node := range schema.PossibleTypes["Node"] {
		t.Run(node.Name, func(t *testing.T) {
			var fields []string
			for _, field := range node.Fields {
				if !strings.HasPrefix(field.Name, "__") {
					fields = append(fields, field.Name+shallow(schema, field.Type))
				}
			}
			ask := func(selection string) map[string]any {
				query := fmt.Sprintf("query($id: ID!) { node(id: $id) { ... on %s { %s } } }", node.Name, selection)
				row := client.Query(t, query, "id", rows[node.Name]).At("node").Raw().(map[string]any)
				unsign(row)
				return row
			}
			all := ask(strings.Join(fields, " "))
			for i, field := range fields {
				name, _, _ := strings.Cut(field, " ")
				got := ask(fields[i])
				if !reflect.DeepEqual(got[name], all[name]) || got[name] == nil {
					t.Errorf("%s.%s is %v alone and %v among the others", node.Name, name, got[name], all[name])
				}
			}
		})
	}
}

// unsign takes out of links what is signed, which has the time in it.
func unsign(row map[string]any) {
	for name, value := range row {
		switch value := value.(type) {
		case string:
			if name == "downloadUrl" {
				row[name] = path.Dir(value)
			}
		case map[string]any:
			unsign(value)
		}
	}
}

// shallow selects the scalars of a type.
func shallow(schema *ast.Schema, of *ast.Type) string {
	definition := schema.Types[of.Name()]
	switch {
	case definition.IsLeafType():
		return ""
	case definition.Kind != ast.Object:
		return " { __typename id }"
	case strings.HasSuffix(definition.Name, "Connection"):
		return " { totalCount nodes { id } }"
	}
	var fields []string
	for _, field := range definition.Fields {
		if schema.Types[field.Type.Name()].IsLeafType() && !strings.HasPrefix(field.Name, "__") {
			fields = append(fields, field.Name)
		}
	}
	return " { " + strings.Join(fields, " ") + " }"
}

// What the places of a query select of a type is read in all of them: fragments, aliases, and rows that two fields share.
func TestSelectionsOfSharedRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 2)
	data := w.As(t, w.member).Query(t, `query { projects { nodes { ...Owner a: owner { email } }
		edges { node { ...Owner owner { role } clientName b: owner { version } } } } me { ... on User { image } } }
		fragment Owner on Project { owner { name } }`)
	for i := range 2 {
		node, edge := data.At(fmt.Sprintf("projects.nodes.%d", i)), data.At(fmt.Sprintf("projects.edges.%d.node", i))
		got := []string{node.Text("owner.name"), node.Text("a.email"), edge.Text("owner.name"), edge.Text("owner.role"),
			edge.Text("clientName"), edge.Text("b.version")}
		want := []string{w.member.Name, w.member.Email, w.member.Name, "MEMBER", "Client", "1"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Only the columns of what is selected are read, with those that identify and sort a row, and never a password's hash.
func TestColumnsThatAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 1)
	client := w.As(t, w.admin)
	client.Query(t, "{ __typename }")
	for query, want := range map[string][]string{
		"{ users { nodes { name } } }":               {"id", "created_at", "name"},
		"{ projects { nodes { owner { email } } } }": {"id", "created_at", "owner_id", "id", "email"},
	} {
		w.SQL.Reset()
		client.Query(t, query)
		var got []string
		for _, statement := range w.SQL.Statements(true) {
			columns, _, _ := strings.Cut(strings.TrimPrefix(statement, "SELECT "), " FROM ")
			for _, column := range strings.Split(columns, ", ") {
				got = append(got, strings.Trim(column[strings.LastIndex(column, ".")+1:], `"`))
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s reads %q, want %q", query, got, want)
		}
	}
}
