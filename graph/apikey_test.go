package graph_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/internal/auth"
	"dossier/model"
)

const (
	createKey = `mutation($n: String!, $s: [Scope!]!, $e: DateTime) { r: createApiKey(input: {name: $n, scopes: $s, expiresAt: $e}) { token
		apiKey { id name hint scopes createdAt expiresAt lastUsedAt revokedAt rotatedAt user { name } company { name } } userErrors { code field message } } }`
	revokeKey = `mutation($id: ID!) { r: revokeApiKey(input: {id: $id}) { apiKey { revokedAt } userErrors { code field message } } }`
	rotateKey = `mutation($id: ID!, $o: Int!) { r: rotateApiKey(input: {id: $id, overlapSeconds: $o}) { token apiKey { id name scopes createdAt expiresAt rotatedAt }
		previousApiKey { id expiresAt rotatedAt revokedAt } userErrors { code field message } } }`
	currentKey = `{ currentApiKey { id name hint scopes expiresAt lastUsedAt } }`
)

// keyID is the id of the API key of this token.
func (w world) keyID(t testing.TB, token string) model.APIKeyID {
	t.Helper()
	viewer, err := (auth.Credentials{Store: w.Store}).Viewer(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return viewer.KeyID
}

// codesOf is the codes of an answer's errors, each once.
func codesOf(answer apitest.Answer) string {
	codes := answer.Codes()
	slices.Sort(codes)
	return strings.Join(slices.Compact(codes), " ")
}

// A key is made and shown once, used, and revoked. Whose it was is told from then on as little as that it never was.
func TestAPIKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 1)
	member := w.As(t, w.member)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	made := member.Query(t, createKey, "n", "Import", "s", []string{"projects:write", "users:read"}, "e", until)
	token := made.Text("r.token")
	if !regexp.MustCompile(`^dossier_key_[A-Z2-7]{33}$`).MatchString(token) || !strings.HasSuffix(token, made.Text("r.apiKey.hint")) {
		t.Errorf("the key is %s, its hint %s", token, made.Text("r.apiKey.hint"))
	}
	for path, want := range map[string]string{
		"name": "Import", "scopes": "[users:read projects:write]", "expiresAt": until, "lastUsedAt": "<nil>", "revokedAt": "<nil>",
		"rotatedAt": "<nil>", "user.name": "Mo Member", "company.name": "Own",
	} {
		if got := made.Text("r.apiKey." + path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	key, id := w.With(token), made.Text("r.apiKey.id")
	if data := key.Query(t, `{ me { name } projects { totalCount } }`); data.Text("me.name") != "Mo Member" || data.Text("projects.totalCount") != "1" {
		t.Errorf("%v", data.Raw())
	}
	current := key.Query(t, currentKey)
	if current.Text("currentApiKey.id") != id || current.Text("currentApiKey.expiresAt") != until || current.Text("currentApiKey.lastUsedAt") == "<nil>" {
		t.Errorf("%v", current.Raw())
	}
	if data := member.Query(t, currentKey); data.At("currentApiKey").Raw() != nil {
		t.Errorf("a session is the key %v", data.Raw())
	}
	// Neither the key nor its hash is shown again.
	all := member.Do(t, `query($id: ID!) { apiKeys { nodes { id name hint } } apiKey(id: $id) { name } me { apiKeys { nodes { hint } } } node(id: $id) { id } }`, "id", id)
	if len(all.Errors) > 0 || strings.Contains(all.Body, token) || strings.Count(all.Body, token[len(token)-4:]) != 2 {
		t.Errorf("%s", all.Body)
	}
	at := member.Query(t, revokeKey, "id", id).Text("r.apiKey.revokedAt")
	if again := member.Query(t, revokeKey, "id", id).Text("r.apiKey.revokedAt"); at == "<nil>" || again != at {
		t.Errorf("revoked at %s, and again at %s", at, again)
	}
	unknown, _ := auth.NewAPIKey()
	ended, never := key.Do(t, `{ me { name } }`), w.With(unknown).Do(t, `{ me { name } }`)
	if codesOf(ended) != "UNAUTHENTICATED" || ended.Body != never.Body || !strings.Contains(ended.Body, "API key") {
		t.Errorf("revoked: %s\nunknown: %s", ended.Body, never.Body)
	}
	log := w.As(t, w.manager).Query(t, `query($id: ID!) { auditLog(filter: {subjectId: $id}) { nodes { action details actor { name } subject { id } } } }`, "id", id)
	if got := log.Texts("auditLog.nodes", "action"); !slices.Equal(got, []string{"API_KEY_REVOKED", "API_KEY_CREATED"}) ||
		log.Text("auditLog.nodes.1.details.scopes") != "[users:read projects:write]" || log.Text("auditLog.nodes.1.subject.id") != id {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// An expired key is none. One that is mistyped is refused without a statement.
func TestBadAPIKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.Key(t, w.member, model.ScopeUsersRead)
	w.With(token).Query(t, `{ me { name } }`)
	if _, err := w.Pool.Exec("UPDATE api_keys SET expires = now()"); err != nil {
		t.Fatal(err)
	}
	if answer := w.With(token).Do(t, `{ me { name } }`); codesOf(answer) != "UNAUTHENTICATED" || !strings.Contains(answer.Body, "API key") {
		t.Errorf("expired: %s", answer.Body)
	}
	w.SQL.Reset()
	if answer := w.With(token[:len(token)-1]).Do(t, `{ me { name } }`); codesOf(answer) != "UNAUTHENTICATED" || !strings.Contains(answer.Body, "API key") {
		t.Errorf("mistyped: %s", answer.Body)
	}
	if sent := w.SQL.Statements(false); len(sent) > 0 {
		t.Errorf("mistyped, it sent %v", sent)
	}
}

// Each scope lets a key do what it says, in root fields and in all that they lead to.
func TestScopesOfAPIKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	w.Documents(t, w.member, project, 1)
	const forbidden = "FORBIDDEN"
	keys := map[string]string{}
	create := `mutation { createProject(input: {name: "n", clientName: "c"}) { project { name } userErrors { code } } }`
	for _, c := range []struct{ scopes, query, want string }{
		{"projects:read", `{ projects { totalCount nodes { name } pageInfo { hasNextPage } } }`, ""},
		{"projects:read", `{ project(id: "%s") { name } node(id: "%s") { id } nodes(ids: ["%s"]) { id } currentApiKey { scopes } }`, ""},
		{"projects:read", `{ projects { nodes { owner { name } } } }`, forbidden},
		{"projects:read", `{ projects { nodes { company { name } } } }`, forbidden},
		{"projects:read", `{ projects { nodes { documents { totalCount } } } }`, forbidden},
		{"projects:read", `{ projects { nodes { documentCount } } }`, forbidden},
		{"projects:read", `{ projects { nodes { themes { nodes { id } } } } }`, forbidden},
		{"projects:read", `{ me { name } }`, forbidden},
		{"projects:read", `{ node(id: "` + w.member.ID.String() + `") { id } }`, forbidden},
		{"projects:read", `{ nodes(ids: ["%s", "` + w.member.ID.String() + `"]) { id } }`, forbidden},
		{"projects:read", `{ currentApiKey { user { name } } }`, forbidden},
		{"projects:read", create, forbidden},
		{"projects:read", `mutation { updateProject(input: {id: "%s", name: "n"}) { project { id } } }`, forbidden},
		{"projects:write", create, ""},
		{"projects:write", `{ projects { totalCount } node(id: "%s") { id } }`, ""},
		{"projects:write", `mutation { updateProject(input: {id: "%s", name: "n"}) { project { name documents { totalCount } } } }`, forbidden},
		{"projects:write", `mutation { deleteProject(input: {id: "%s", documents: DELETE}) { deletedProjectId } }`, forbidden},
		{"projects:write documents:read", `{ projects { nodes { documentCount documents { nodes { name project { name } } totalCount } } } }`, ""},
		{"projects:read users:read", `{ me { projects { nodes { name owner { email } } } } users { totalCount } }`, ""},
		{"projects:read users:read", `{ me { company { name } } }`, forbidden},
		{"projects:read users:read", `{ me { sessions { totalCount } } }`, forbidden},
		{"projects:read users:read", `{ me { accounts { totalCount } } }`, forbidden},
		{"projects:read users:read", `{ me { apiKeys { totalCount } } }`, forbidden},
		{"projects:read users:read", `{ me { invitation { expiresAt } } }`, forbidden},
		{"companies:read", `{ companies { nodes { name } } }`, ""},
		{"companies:read", `{ companies { nodes { userCount } } }`, forbidden},
		{"companies:read", `{ companies { nodes { documentCountByStatus { count } } } }`, forbidden},
		{"companies:read users:read", `{ companies { nodes { userCount users { nodes { company { name } } } } } }`, ""},
		{"audit:read", `{ auditLog(first: 1) { nodes { action details } } }`, ""},
		{"audit:read", `{ auditLog(first: 1) { nodes { actor { name } } } }`, forbidden},
		{"audit:read", `{ auditLog(first: 1) { nodes { subject { id } } } }`, forbidden},
		{"projects:read", `{ auditLog { totalCount } }`, forbidden},
		{"schema:read", `{ projects { totalCount } }`, forbidden},
		{"schema:read", `{ __typename currentApiKey { id } }`, ""},
		// Keys are managed by people.
		{"users:write", `{ apiKeys { totalCount } }`, forbidden},
		{"users:write", `{ apiKey(id: "key_00000000000000000000000000") { id } }`, forbidden},
		{"users:write", `{ node(id: "key_00000000000000000000000000") { id } }`, forbidden},
		{"users:write", `mutation { createApiKey(input: {name: "n", scopes: ["users:read"]}) { token } }`, forbidden},
		{"users:write", `mutation { revokeApiKey(input: {id: "key_00000000000000000000000000"}) { userErrors { code } } }`, forbidden},
		{"users:write", `mutation { rotateApiKey(input: {id: "key_00000000000000000000000000"}) { token } }`, forbidden},
		{"users:write", `mutation { signOut { signedOut } }`, forbidden},
		{"users:write", `mutation { updateUser(input: {id: "` + w.manager.ID.String() + `", name: "n"}) { user { name } userErrors { code } } }`, ""},
	} {
		if keys[c.scopes] == "" {
			var scopes []model.Scope
			for scope := range strings.FieldsSeq(c.scopes) {
				scopes = append(scopes, model.Scope(scope))
			}
			keys[c.scopes] = w.Key(t, w.manager, scopes...)
		}
		query := strings.ReplaceAll(c.query, "%s", project.ID.String())
		if answer := w.With(keys[c.scopes]).Do(t, query); codesOf(answer) != c.want {
			t.Errorf("%s: %s: %s", c.scopes, c.query, answer.Body)
		}
	}
	if got := fmt.Sprint(w.As(t, w.member).Query(t, `query($id: ID!) { project(id: $id) { documentCount } }`, "id", project.ID).Raw()); got != "map[project:map[documentCount:1]]" {
		t.Errorf("the project is now %s", got)
	}
	both := w.With(w.Key(t, w.manager, model.ScopeProjectsWrite, model.ScopeDocumentsWrite))
	data := both.Query(t, `mutation($id: ID!) { deleteProject(input: {id: $id, documents: DELETE}) { deletedDocumentCount } }`, "id", project.ID)
	if got := data.Text("deleteProject.deletedDocumentCount"); got != "1" {
		t.Errorf("with both scopes %s documents are deleted", got)
	}
}

// Of the subjects of audit entries a key is shown what it may read, and told what it may not. What a key does, tells which.
func TestAPIKeysInTheAuditLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.Key(t, w.manager, model.ScopeProjectsWrite, model.ScopeAuditRead)
	key, id := w.With(token), w.keyID(t, token)
	project := key.Query(t, `mutation { createProject(input: {name: "n", clientName: "c"}) { project { id } } }`).Text("createProject.project.id")
	key.Query(t, `mutation($id: ID!) { deleteProject(input: {id: $id}) { deletedProjectId } }`, "id", project)
	kept := key.Query(t, `mutation { createProject(input: {name: "kept", clientName: "c"}) { project { id } } }`).Text("createProject.project.id")
	w.As(t, w.manager).Query(t, `mutation($id: ID!) { updateProject(input: {id: $id, name: "by hand"}) { project { id } } }`, "id", kept)
	answer := key.Do(t, `{ auditLog { nodes { action details subjectId subject { id } } } }`)
	if codesOf(answer) != "FORBIDDEN" || strings.Contains(answer.Body, "scope projects:") {
		t.Errorf("%s", answer.Body)
	}
	seen := map[string]int{}
	for _, one := range answer.Data["auditLog"].(map[string]any)["nodes"].([]any) {
		entry := one.(map[string]any)
		action, by := entry["action"].(string), entry["details"].(map[string]any)["apiKeyId"]
		byKey := action == "PROJECT_CREATED" || action == "PROJECT_DELETED"
		if byKey && by != id.String() || !byKey && by != nil {
			t.Errorf("%s is by the key %v", action, by)
		}
		if shown := entry["subject"] != nil; shown != (entry["subjectId"] == kept) {
			t.Errorf("%s: the subject is shown: %t", action, shown)
		}
		seen[action]++
	}
	if seen["PROJECT_CREATED"] != 2 || seen["PROJECT_DELETED"] != 1 || seen["PROJECT_UPDATED"] != 1 || seen["API_KEY_CREATED"] != 1 {
		t.Errorf("%v", seen)
	}
}

// A key acts with its maker's present role.
func TestAPIKeyHasItsMakersRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.With(w.Key(t, w.manager, model.ScopeAuditRead, model.ScopeUsersWrite))
	const read, write = `{ auditLog { totalCount } }`, `mutation { createUser(input: {name: "n", email: "n@x.example"}) { user { id } userErrors { code } } }`
	for _, query := range []string{read, write} {
		if codes := codesOf(key.Do(t, query)); codes != "" {
			t.Errorf("%s as a MANAGER's: %s", query, codes)
		}
	}
	w.As(t, w.admin).Query(t, changeRole, "u", w.manager.ID, "r", "MEMBER")
	for _, query := range []string{read, write} {
		if codes := codesOf(key.Do(t, query)); codes != "FORBIDDEN" {
			t.Errorf("%s as a MEMBER's: %s", query, codes)
		}
	}
}

// Everyone sees the own keys, a MANAGER the company's, staff all; a colleague's are not there.
func TestAPIKeysAreSeenByWhoMayRevokeThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, user := range []*model.User{w.member, w.manager, w.stranger} {
		w.Key(t, user, model.ScopeProjectsRead)
	}
	staffs := w.keyID(t, w.Key(t, w.admin, model.ScopeSchemaRead))
	members := w.keyID(t, w.Key(t, w.member, model.ScopeProjectsRead))
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	const one = `query($id: ID!) { apiKey(id: $id) { name } node(id: $id) { ... on ApiKey { name company { name } } } }`
	for _, c := range []struct {
		viewer     *model.User
		all, ofOne string
		sees       []model.APIKeyID
	}{
		{w.member, "2", "2", []model.APIKeyID{members}}, {w.manager, "3", "2", []model.APIKeyID{members}},
		{w.admin, "5", "2", []model.APIKeyID{members, staffs}}, {colleague, "0", "0", nil},
	} {
		client := w.As(t, c.viewer)
		data := client.Query(t, `query($u: ID!) { apiKeys(first: 1) { totalCount nodes { id } pageInfo { endCursor hasNextPage } } user(id: $u) { apiKeys { totalCount nodes { user { name } } } } }`, "u", w.member.ID)
		if data.Text("apiKeys.totalCount") != c.all || data.Text("user.apiKeys.totalCount") != c.ofOne || fmt.Sprint(len(data.List("user.apiKeys.nodes"))) != c.ofOne {
			t.Errorf("%s sees %v", c.viewer.Name, data.Raw())
		}
		seen := data.Texts("apiKeys.nodes", "id")
		for data.Text("apiKeys.pageInfo.hasNextPage") == "true" {
			data = client.Query(t, `query($a: String) { apiKeys(first: 1, after: $a) { nodes { id } pageInfo { endCursor hasNextPage } } }`, "a", data.Text("apiKeys.pageInfo.endCursor"))
			seen = append(seen, data.Texts("apiKeys.nodes", "id")...)
		}
		if fmt.Sprint(len(seen)) != c.all || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("%s pages through %v", c.viewer.Name, seen)
		}
		for _, id := range []model.APIKeyID{members, staffs} {
			if codes, sees := codesOf(client.Do(t, one, "id", id)), slices.Contains(c.sees, id); sees != (codes == "") || !sees && codes != "NOT_FOUND" {
				t.Errorf("%s by id: %s", c.viewer.Name, codes)
			}
			// Nobody but its maker may rotate it.
			rotates, revokes := "NOT_FOUND id", "NOT_FOUND id"
			if slices.Contains(c.sees, id) {
				rotates, revokes = "error FORBIDDEN", ""
			}
			if maker := c.viewer == w.member && id == members || c.viewer == w.admin && id == staffs; !maker {
				if got := outcome(t, client, rotateKey, "id", id, "o", 0); got != rotates {
					t.Errorf("%s rotates: %q, want %q", c.viewer.Name, got, rotates)
				}
			}
			if got := outcome(t, client, revokeKey, "id", id); got != revokes {
				t.Errorf("%s revokes: %q, want %q", c.viewer.Name, got, revokes)
			}
		}
	}
}

// What is wrong with a new key is said at once.
func TestAPIKeyInputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := []string{"projects:read"}
	at := func(years, days int) string { return time.Now().AddDate(years, 0, days).UTC().Format(time.RFC3339) }
	for name, c := range map[string]struct {
		viewer       *model.User
		name         string
		scopes       []string
		expires      any
		want, errors string
	}{
		"all":                    {w.member, " ", []string{}, at(0, -1), "BAD_USER_INPUT name, BAD_USER_INPUT scopes, BAD_USER_INPUT expiresAt", ""},
		"twice":                  {w.member, "n", []string{"users:read", "projects:read", "users:read"}, nil, "BAD_USER_INPUT 2", ""},
		"a long name":            {w.member, strings.Repeat("x", 201), read, nil, "BAD_USER_INPUT name", ""},
		"late":                   {w.member, "n", read, at(10, 1), "BAD_USER_INPUT expiresAt", ""},
		"not too late":           {w.member, "n", read, at(10, -1), "", ""},
		"no such scope":          {w.member, "n", []string{"projects:eat"}, nil, "error BAD_USER_INPUT", ""},
		"the adapter's, MEMBER":  {w.member, "n", []string{"auth:adapter"}, nil, "error FORBIDDEN", ""},
		"the adapter's, MANAGER": {w.manager, "n", []string{"auth:adapter"}, nil, "", ""},
		"beyond the role":        {w.member, "n", []string{"audit:read"}, nil, "", ""},
		"staff's":                {w.admin, "n", []string{"schema:read", "projects:read", "audit:read"}, nil, "BAD_USER_INPUT 1, BAD_USER_INPUT 2", ""},
		"staff's, allowed":       {w.admin, "n", []string{"schema:read", "auth:adapter"}, nil, "", ""},
	} {
		if got := outcome(t, w.As(t, c.viewer), createKey, "n", c.name, "s", c.scopes, "e", c.expires); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if data := w.As(t, w.admin).Query(t, createKey, "n", "n", "s", []string{"schema:read"}); data.At("r.apiKey.company").Raw() != nil {
		t.Errorf("staff's key: %v", data.Raw())
	}
	id := w.keyID(t, w.Key(t, w.member, model.ScopeProjectsRead))
	for _, overlap := range []int{-1, 7*24*60*60 + 1} {
		if got := outcome(t, w.As(t, w.member), rotateKey, "id", id, "o", overlap); got != "BAD_USER_INPUT overlapSeconds" {
			t.Errorf("an overlap of %d: %q", overlap, got)
		}
	}
}
