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
	foreignTheme := theme(t, w.As(t, w.stranger), "Foreign")
	foreignConversation := w.As(t, w.stranger).Query(t, `mutation { createConversation(input: {title: "t"}) { conversation { id } } }`).
		Text("createConversation.conversation.id")
	foreignAudit := w.As(t, w.stranger).Query(t, `{ auditLog(first: 1) { nodes { id } } }`).Text("auditLog.nodes.0.id")
	own := w.Projects(t, w.member, 1)[0]
	ownDocument := w.Documents(t, w.member, own, 1)[0]
	ownTheme := theme(t, w.As(t, w.manager), "Own")
	ownConversation := w.As(t, w.member).Query(t, `mutation { createConversation(input: {title: "t"}) { conversation { id } } }`).
		Text("createConversation.conversation.id")

	foreignAccount := w.Account(t, w.stranger, "google")
	foreignSession := w.sessionID(t, w.Token(t, w.stranger))
	w.Invite(t, w.User(t, w.other, model.RoleMember, "Ina Invited"))
	w.Key(t, w.stranger, model.ScopeProjectsRead)
	foreignKey := w.As(t, w.stranger).Query(t, `{ apiKeys { nodes { id } } }`).Text("apiKeys.nodes.0.id")

	ids := map[string]struct{ foreign, missing string }{
		"company":      {w.other.ID.String(), model.NewID[model.CompanyID]().String()},
		"user":         {w.stranger.ID.String(), model.NewID[model.UserID]().String()},
		"project":      {foreignProject.ID.String(), model.NewID[model.ProjectID]().String()},
		"document":     {foreignDocument.ID.String(), model.NewID[model.DocumentID]().String()},
		"theme":        {foreignTheme, model.NewID[model.ThemeID]().String()},
		"conversation": {foreignConversation, model.NewID[model.ConversationID]().String()},
		"audit":        {foreignAudit, model.NewID[model.AuditID]().String()},
		"session":      {foreignSession, model.NewID[model.SessionID]().String()},
		"account":      {foreignAccount.ID.String(), model.NewID[model.AccountID]().String()},
		"key":          {foreignKey, model.NewID[model.APIKeyID]().String()},
	}
	queries := map[string][]string{
		"company": {
			`{ company(id: "%s") { name } }`,
			`{ users(filter: {companyId: "%s"}) { totalCount nodes { id } pageInfo { hasNextPage } } }`,
			`{ projects(filter: {companyId: "%s"}) { totalCount nodes { id } } documents(filter: {companyId: "%s"}) { totalCount nodes { id } } }`,
			`{ me { company { projects(filter: {companyId: "%s"}) { totalCount } documents(filter: {companyId: "%s"}) { totalCount } } } }`,
			`{ auditLog(filter: {companyId: "%s"}) { totalCount nodes { id } } }`,
			`mutation { createTheme(input: {companyId: "%s", name: "n"}) { theme { id } userErrors { code field message } } }`,
			`mutation { updateCompany(input: {id: "%s", name: "x"}) { company { id } userErrors { code field message } } }`,
			`mutation { deleteCompany(input: {id: "%s"}) { deletedCompanyId userErrors { code field message } } }`,
			`mutation { createUser(input: {companyId: "%s", name: "n", email: "n@x.example"}) { user { id } userErrors { code field message } } }`,
			`mutation { inviteUser(input: {companyId: "%s", name: "n", email: "n@x.example"}) { user { id } userErrors { code field message } } }`,
			`mutation { transferUser(input: {userId: "` + w.member.ID.String() + `", companyId: "%s"}) { user { id } userErrors { code field message } } }`,
		},
		"session": {
			`mutation { endSession(input: {id: "%s"}) { endedSessionId userErrors { code field message } } }`,
		},
		"account": {
			`mutation { unlinkAccount(input: {id: "%s"}) { unlinkedAccountId userErrors { code field message } } }`,
		},
		"key": {
			`{ apiKey(id: "%s") { name } }`,
			`mutation { revokeApiKey(input: {id: "%s"}) { apiKey { id } userErrors { code field message } } }`,
			`mutation { rotateApiKey(input: {id: "%s"}) { token apiKey { id } userErrors { code field message } } }`,
		},
		"user": {
			`{ user(id: "%s") { name } }`,
			`{ projects(filter: {ownerId: "%s"}) { totalCount nodes { id } } }`,
			`{ documents(filter: {ownerId: "%s"}) { totalCount nodes { id } } }`,
			`{ auditLog(filter: {actorId: "%s"}) { totalCount nodes { id } } }`,
			`{ conversations(filter: {ownerId: "%s"}) { totalCount nodes { id } } }`,
			`mutation { createConversation(input: {ownerId: "%s", title: "t"}) { conversation { id } userErrors { code field message } } }`,
			`{ me { company { projects(filter: {ownerId: "%s"}) { totalCount } documents(filter: {ownerId: "%s"}) { totalCount } } } }`,
			`mutation { updateUser(input: {id: "%s", name: "x"}) { user { id } userErrors { code field message } } }`,
			`mutation { changeUserRole(input: {userId: "%s", role: MEMBER}) { user { id } userErrors { code field message } } }`,
			`mutation { deactivateUser(input: {userId: "%s"}) { user { id } userErrors { code field message } } }`,
			`mutation { reactivateUser(input: {userId: "%s"}) { user { id } userErrors { code field message } } }`,
			`mutation { renewInvitation(input: {userId: "%s"}) { user { id } token userErrors { code field message } } }`,
			`mutation { endSessions(input: {userId: "%s"}) { endedSessionCount userErrors { code field message } } }`,
			`mutation { endSessions(input: {userId: "%s", keepCurrent: false}) { endedSessionCount userErrors { code field message } } }`,
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
			`{ conversations(filter: {projectId: "%s"}) { totalCount nodes { id } } }`,
			`mutation { createConversation(input: {projectId: "%s", title: "t"}) { conversation { id } userErrors { code field message } } }`,
			`mutation { updateConversation(input: {id: "` + ownConversation + `", projectId: "%s"}) { conversation { id } userErrors { code field message } } }`,
			`mutation { attachThemes(input: {themeIds: ["` + ownTheme + `"], projectIds: ["%s"]}) { themes { id } userErrors { code field message } } }`,
			`mutation { detachThemes(input: {themeIds: ["` + ownTheme + `"], projectIds: ["%s"]}) { themes { id } userErrors { code field message } } }`,
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
			`mutation { attachThemes(input: {themeIds: ["` + ownTheme + `"], documentIds: ["%s"]}) { themes { id } userErrors { code field message } } }`,
			`mutation { detachThemes(input: {themeIds: ["` + ownTheme + `"], documentIds: ["%s"]}) { themes { id } userErrors { code field message } } }`,
			`mutation { updateDocument(input: {id: "%s", name: "x"}) { document { id } userErrors { code field message } } }`,
			`mutation { updateDocumentStatus(input: {id: "%s", status: PENDING}) { document { id } userErrors { code field message } } }`,
			`mutation { deleteDocument(input: {id: "%s"}) { deletedDocumentId userErrors { code field message } } }`,
		},
		"theme": {
			`{ theme(id: "%s") { name } }`,
			`{ projects(filter: {themeId: "%s"}) { totalCount nodes { id } } }`,
			`{ documents(filter: {themeId: "%s"}) { totalCount nodes { id } } }`,
			`mutation { updateTheme(input: {id: "%s", name: "x"}) { theme { id } userErrors { code field message } } }`,
			`mutation { deleteTheme(input: {id: "%s"}) { deletedThemeId userErrors { code field message } } }`,
			`mutation { attachThemes(input: {themeIds: ["%s"], projectIds: ["` + own.ID.String() + `"]}) { themes { id } userErrors { code field message } } }`,
			`mutation { detachThemes(input: {themeIds: ["%s"], projectIds: ["` + own.ID.String() + `"]}) { themes { id } userErrors { code field message } } }`,
		},
		"conversation": {
			`{ conversation(id: "%s") { title } }`,
			`mutation { updateConversation(input: {id: "%s", title: "x"}) { conversation { id } userErrors { code field message } } }`,
			`mutation { deleteConversation(input: {id: "%s"}) { deletedConversationId userErrors { code field message } } }`,
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
	data := w.As(t, w.stranger).Query(t, `{ me { name role version company { name } accounts { totalCount } apiKeys { nodes { revokedAt rotatedAt } } projects { nodes { version documents { nodes { version } } } } } }`)
	want := `map[me:map[accounts:map[totalCount:1] apiKeys:map[nodes:[map[revokedAt:<nil> rotatedAt:<nil>]]] company:map[name:Other] name:Sam Stranger projects:map[nodes:[map[documents:map[nodes:[map[version:1]]] version:1]]] role:MANAGER version:1]]`
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
	for name, manager := range map[string]*model.User{"Own": w.manager, "Other": w.stranger} {
		theme(t, w.As(t, manager), name)
		w.As(t, manager).Query(t, `mutation($t: String!) { createConversation(input: {title: $t}) { conversation { id } } }`, "t", name)
	}
	const query = `{ companies { totalCount nodes { name } } users { totalCount nodes { name } }
		projects { totalCount nodes { company { name } } } documents { totalCount nodes { company { name } } }
		themes { totalCount nodes { name } } conversations { totalCount nodes { title } } }`
	for role, c := range map[string]struct {
		client apitest.Client
		want   string
	}{
		"MEMBER":  {w.As(t, w.member), "1 2 1 1 1 1"},
		"MANAGER": {w.As(t, w.manager), "1 2 1 1 1 1"},
		"ADMIN":   {w.As(t, w.admin), "2 4 2 2 2 2"},
	} {
		data := c.client.Query(t, query)
		got := data.Text("companies.totalCount") + " " + data.Text("users.totalCount") + " " +
			data.Text("projects.totalCount") + " " + data.Text("documents.totalCount") + " " +
			data.Text("themes.totalCount") + " " + data.Text("conversations.totalCount")
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
		{`mutation { inviteUser(input: {name: "", email: ""}) { user { id } } }`, "UNAUTHENTICATED", "FORBIDDEN", ""},
		{`mutation { renewInvitation(input: {userId: "user_00000000000000000000000000"}) { token } }`, "UNAUTHENTICATED", "FORBIDDEN", ""},
		{`mutation { changeUserRole(input: {userId: "user_00000000000000000000000000", role: MEMBER}) { user { id } } }`, "UNAUTHENTICATED", "FORBIDDEN", ""},
		{`mutation { deactivateUser(input: {userId: "user_00000000000000000000000000"}) { user { id } } }`, "UNAUTHENTICATED", "FORBIDDEN", ""},
		{`mutation { reactivateUser(input: {userId: "user_00000000000000000000000000"}) { user { id } } }`, "UNAUTHENTICATED", "FORBIDDEN", ""},
		{`mutation { endSession(input: {id: "session_00000000000000000000000000"}) { endedSessionId } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { endSessions(input: {userId: "user_00000000000000000000000000"}) { endedSessionCount } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { unlinkAccount(input: {id: "account_00000000000000000000000000"}) { unlinkedAccountId } }`, "UNAUTHENTICATED", "", ""},
		{`{ currentApiKey { id } }`, "UNAUTHENTICATED", "", ""},
		{`{ apiKeys { totalCount } }`, "UNAUTHENTICATED", "", ""},
		{`{ apiKey(id: "key_00000000000000000000000000") { id } }`, "UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND"},
		{`mutation { createApiKey(input: {name: "", scopes: []}) { token } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { revokeApiKey(input: {id: "key_00000000000000000000000000"}) { apiKey { id } } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { rotateApiKey(input: {id: "key_00000000000000000000000000"}) { token } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { acceptInvitation(input: {token: "x", password: "long enough"}) { userErrors { code } } }`, "", "", ""},
		{`mutation { signIn(input: {email: "x", password: "x"}) { userErrors { code } } }`, "", "", ""},
		{`mutation { changePassword(input: {currentPassword: "x", newPassword: "x"}) { userErrors { code } } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { requestPasswordReset(input: {email: "x"}) { userErrors { code } } }`, "", "", ""},
		{`mutation { resetPassword(input: {token: "x", password: "x"}) { userErrors { code } } }`, "", "", ""},
		{`mutation { requestEmailVerification { userErrors { code } } }`, "UNAUTHENTICATED", "", ""},
		{`mutation { verifyEmail(input: {token: "x"}) { userErrors { code } } }`, "", "", ""},
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
