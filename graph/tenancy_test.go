package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// For every entity and every way to name a row, a foreign row answers exactly as one that does not exist.
func TestForeignRowsAreMissingRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreignProject := w.Projects(t, w.stranger, 1)[0]
	foreignDocument := w.Documents(t, w.stranger, foreignProject, 1)[0]
	foreignAudit := w.As(t, w.stranger).Query(t, `{ auditLog(first: 1) { nodes { id } } }`).Text("auditLog.nodes.0.id")
	own := w.Projects(t, w.member, 1)[0]
	ownDocument := w.Documents(t, w.member, own, 1)[0]

	ids := map[string]struct{ foreign, missing string }{
		"company":  {w.other.ID.String(), model.NewID[model.CompanyID]().String()},
		"user":     {w.stranger.ID.String(), model.NewID[model.UserID]().String()},
		"project":  {foreignProject.ID.String(), model.NewID[model.ProjectID]().String()},
		"document": {foreignDocument.ID.String(), model.NewID[model.DocumentID]().String()},
		"audit":    {foreignAudit, model.NewID[model.AuditID]().String()},
	}
	queries := map[string][]string{
		"company": {
			`{ company(id: "%s") { name } }`,
			`{ users(filter: {companyId: "%s"}) { totalCount nodes { id } pageInfo { hasNextPage } } }`,
			`{ projects(filter: {companyId: "%s"}) { totalCount nodes { id } } documents(filter: {companyId: "%s"}) { totalCount nodes { id } } }`,
			`{ me { company { projects(filter: {companyId: "%s"}) { totalCount } documents(filter: {companyId: "%s"}) { totalCount } } } }`,
			`{ auditLog(filter: {companyId: "%s"}) { totalCount nodes { id } } }`,
			`mutation { updateCompany(input: {id: "%s", name: "x"}) { company { id } userErrors { code field message } } }`,
			`mutation { deleteCompany(input: {id: "%s"}) { deletedCompanyId userErrors { code field message } } }`,
			`mutation { createUser(input: {companyId: "%s", name: "n", email: "n@x.example"}) { user { id } userErrors { code field message } } }`,
			`mutation { transferUser(input: {userId: "` + w.member.ID.String() + `", companyId: "%s"}) { user { id } userErrors { code field message } } }`,
		},
		"user": {
			`{ user(id: "%s") { name } }`,
			`{ projects(filter: {ownerId: "%s"}) { totalCount nodes { id } } }`,
			`{ documents(filter: {ownerId: "%s"}) { totalCount nodes { id } } }`,
			`{ auditLog(filter: {actorId: "%s"}) { totalCount nodes { id } } }`,
			`{ me { company { projects(filter: {ownerId: "%s"}) { totalCount } documents(filter: {ownerId: "%s"}) { totalCount } } } }`,
			`mutation { updateUser(input: {id: "%s", name: "x"}) { user { id } userErrors { code field message } } }`,
			`mutation { deleteUser(input: {id: "%s"}) { deletedUserId userErrors { code field message } } }`,
			`mutation { deleteUser(input: {id: "` + w.member.ID.String() + `", newOwnerId: "%s"}) { deletedUserId userErrors { code field message } } }`,
			`mutation { createProject(input: {ownerId: "%s", name: "n", clientName: "c"}) { project { id } userErrors { code field message } } }`,
			`mutation { updateProject(input: {id: "` + own.ID.String() + `", ownerId: "%s"}) { project { id } userErrors { code field message } } }`,
			`mutation { createDocument(input: {ownerId: "%s", name: "n", contentType: "c", sizeBytes: 1}) { document { id } userErrors { code field message } } }`,
			`mutation { createDocuments(input: {documents: [{ownerId: "%s", name: "n", contentType: "c", sizeBytes: 1}]}) { documents { id } userErrors { code field message } } }`,
			`mutation { transferUser(input: {userId: "%s", companyId: "` + w.company.ID.String() + `"}) { user { id } userErrors { code field message } } }`,
		},
		"project": {
			`{ project(id: "%s") { name } }`,
			`{ documents(filter: {projectId: "%s"}) { totalCount nodes { id } } }`,
			`{ me { documents(filter: {projectId: "%s"}) { totalCount } company { documents(filter: {projectId: "%s"}) { totalCount } } } }`,
			`mutation { updateProject(input: {id: "%s", name: "x"}) { project { id } userErrors { code field message } } }`,
			`mutation { deleteProject(input: {id: "%s", documents: DELETE}) { deletedProjectId userErrors { code field message } } }`,
			`mutation { createDocument(input: {projectId: "%s", name: "n", contentType: "c", sizeBytes: 1}) { document { id } userErrors { code field message } } }`,
			`mutation { createDocuments(input: {documents: [{projectId: "%s", name: "n", contentType: "c", sizeBytes: 1}]}) { documents { id } userErrors { code field message } } }`,
			`mutation { updateDocument(input: {id: "` + ownDocument.ID.String() + `", projectId: "%s"}) { document { id } userErrors { code field message } } }`,
		},
		"document": {
			`{ document(id: "%s") { name } }`,
			`mutation { updateDocument(input: {id: "%s", name: "x"}) { document { id } userErrors { code field message } } }`,
			`mutation { updateDocumentStatus(input: {id: "%s", status: PENDING}) { document { id } userErrors { code field message } } }`,
			`mutation { deleteDocument(input: {id: "%s"}) { deletedDocumentId userErrors { code field message } } }`,
		},
	}
	anyID := []string{`{ node(id: "%s") { id } }`, `{ nodes(ids: ["%s"]) { id } }`, `{ auditLog(filter: {subjectId: "%s"}) { totalCount nodes { id } } }`}
	for _, viewer := range []*model.User{w.member, w.manager} {
		client := w.As(t, viewer)
		for entity, id := range ids {
			for _, query := range append(anyID, queries[entity]...) {
				foreign := client.Do(t, strings.ReplaceAll(query, "%s", id.foreign))
				missing := client.Do(t, strings.ReplaceAll(query, "%s", id.missing))
				if foreign.Body != missing.Body || foreign.Status != missing.Status {
					t.Errorf("%s, %s:\nforeign %s\nmissing %s", viewer.Role, query, foreign.Body, missing.Body)
				}
				if strings.Contains(foreign.Body, id.foreign) {
					t.Errorf("%s, %s answers a foreign row: %s", viewer.Role, query, foreign.Body)
				}
			}
		}
		email := client.Do(t, fmt.Sprintf(`{ userByEmail(email: "%s") { id } }`, w.stranger.Email))
		if nobody := client.Do(t, `{ userByEmail(email: "nobody@x.example") { id } }`); email.Body != nobody.Body {
			t.Errorf("userByEmail: %s, %s", email.Body, nobody.Body)
		}
	}
	// Nothing of the other company was touched by all of this.
	data := w.As(t, w.stranger).Query(t, `{ me { name company { name } projects { nodes { version documents { nodes { version } } } } } }`)
	want := `map[me:map[company:map[name:Other] name:Sam Stranger projects:map[nodes:[map[documents:map[nodes:[map[version:1]]] version:1]]]]]`
	if got := fmt.Sprint(data.Raw()); got != want {
		t.Errorf("the other company is now %s", got)
	}
}

// Every list shows the own company's rows to everyone of it, and all rows to staff.
func TestListsShowTheOwnCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, owner := range []*model.User{w.member, w.stranger} {
		w.Documents(t, owner, w.Projects(t, owner, 1)[0], 1)
	}
	const query = `{ companies { totalCount nodes { name } } users { totalCount nodes { name } }
		projects { totalCount nodes { company { name } } } documents { totalCount nodes { company { name } } } }`
	for role, c := range map[string]struct {
		client apitest.Client
		want   string
	}{
		"MEMBER":  {w.As(t, w.member), "1 2 1 1"},
		"MANAGER": {w.As(t, w.manager), "1 2 1 1"},
		"ADMIN":   {w.As(t, w.admin), "2 4 2 2"},
	} {
		data := c.client.Query(t, query)
		got := data.Text("companies.totalCount") + " " + data.Text("users.totalCount") + " " +
			data.Text("projects.totalCount") + " " + data.Text("documents.totalCount")
		if got != c.want {
			t.Errorf("%s: %s, want %s", role, got, c.want)
		}
		if role != "ADMIN" && strings.Contains(fmt.Sprint(data.Raw()), "Other") {
			t.Errorf("%s sees the other company: %v", role, data.Raw())
		}
	}
}

// Who may use which field of Query and Mutation: the least role stands in the schema, and is held here.
func TestAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ query, anonymous, member, manager string }{
		{`{ me { id } }`, "UNAUTHENTICATED", "", ""},
		{`{ projects { totalCount } }`, "UNAUTHENTICATED", "", ""},
		{`{ auditLog { totalCount } }`, "UNAUTHENTICATED", "FORBIDDEN", ""},
		{`mutation { createCompany(input: {name: "n"}) { company { id } } }`, "UNAUTHENTICATED", "FORBIDDEN", "FORBIDDEN"},
		{`mutation { createUser(input: {name: "", email: ""}) { user { id } } }`, "UNAUTHENTICATED", "FORBIDDEN", ""},
		{`mutation { createUser(input: {name: "n", email: "n@x.example", role: ADMIN}) { user { id } } }`, "UNAUTHENTICATED", "FORBIDDEN", "FORBIDDEN"},
		{`mutation { createProject(input: {name: "n", clientName: "c"}) { project { id } } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { signIn(input: {email: "x", password: "x"}) { userErrors { code } } }`, "", "", ""},
		{`{ __typename }`, "", "", ""},
	} {
		for role, who := range map[string]struct {
			client apitest.Client
			want   string
		}{
			"anonymous": {w.Anonymous(), c.anonymous}, "MEMBER": {w.As(t, w.member), c.member}, "MANAGER": {w.As(t, w.manager), c.manager},
		} {
			if got := strings.Join(who.client.Do(t, c.query).Codes(), " "); got != who.want {
				t.Errorf("%s as %s: %q, want %q", c.query, role, got, who.want)
			}
		}
	}
}
