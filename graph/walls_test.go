package graph_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/model"
)

// The proof of the walls: every field that there is, as introspection tells, is asked for over HTTP by everyone who could. What is
// expected stands here, and not in the schema: a rule that is taken out of it fails, and so does a field that is not expected.

// rootRule is the least role for a root field, and the scope of an API key.
type rootRule struct {
	role  model.Role
	scope model.Scope
}

// Who may use the root fields.
var rootRules = map[string]rootRule{
	"signIn acceptInvitation requestPasswordReset resetPassword verifyEmail": {anyone, ""},
	"signOut endSession endSessions unlinkAccount":                           {model.RoleMember, people},
	"apiKey apiKeys createApiKey revokeApiKey rotateApiKey":                  {model.RoleMember, people},
	"changePassword requestEmailVerification":                                {model.RoleMember, people},
	"currentApiKey": {model.RoleMember, anyScope},

	"node nodes":                         {model.RoleMember, model.ScopeProjectsRead}, // of projects, as they are asked for here
	"me user users userByEmail":          {model.RoleMember, model.ScopeUsersRead},
	"company companies":                  {model.RoleMember, model.ScopeCompaniesRead},
	"project projects":                   {model.RoleMember, model.ScopeProjectsRead},
	"document documents searchDocuments": {model.RoleMember, model.ScopeDocumentsRead},
	"theme themes":                       {model.RoleMember, model.ScopeThemesRead},
	"conversation conversations":         {model.RoleMember, model.ScopeConversationsRead},
	"auditLog":                           {model.RoleManager, model.ScopeAuditRead},

	"adapterUser adapterUserByEmail adapterUserByAccount adapterAccount adapterSession adapterAuthenticator adapterAuthenticators": {
		model.RoleManager, model.ScopeAuthAdapter},
	"createAdapterUser updateAdapterUser deleteAdapterUser linkAdapterAccount unlinkAdapterAccount createAdapterSession updateAdapterSession": {
		model.RoleManager, model.ScopeAuthAdapter},
	"deleteAdapterSession createAdapterVerificationToken useAdapterVerificationToken createAdapterAuthenticator updateAdapterAuthenticator": {
		model.RoleManager, model.ScopeAuthAdapter},

	"createCompany deleteCompany transferUser": {model.RoleAdmin, people},
	"updateCompany": {model.RoleManager, model.ScopeCompaniesWrite},
	"createUser inviteUser renewInvitation changeUserRole deactivateUser reactivateUser deleteUser": {model.RoleManager, model.ScopeUsersWrite},
	"updateUser": {model.RoleMember, model.ScopeUsersWrite},
	"createProject updateProject deleteProject":                    {model.RoleMember, model.ScopeProjectsWrite},
	"createDocument createDocuments updateDocument deleteDocument": {model.RoleMember, model.ScopeDocumentsWrite},
	"uploadDocument createUpload completeUpload":                   {model.RoleMember, model.ScopeDocumentsWrite},
	"retryDocument cancelDocument processDocuments":                {model.RoleMember, model.ScopeDocumentsWrite},
	"updateDocumentStatus putDocumentChunks":                       {model.RoleManager, model.ScopeDocumentsProcess},
	"createTheme updateTheme deleteTheme":                          {model.RoleManager, model.ScopeThemesWrite},
	"attachThemes detachThemes":                                    {model.RoleMember, model.ScopeThemesWrite},
	"createConversation updateConversation deleteConversation":     {model.RoleMember, model.ScopeConversationsWrite},
}

// The scope that an API key needs to read a row, wherever a field leads to it.
var rowScopes = map[string]model.Scope{
	"Company": model.ScopeCompaniesRead, "User": model.ScopeUsersRead, "Project": model.ScopeProjectsRead,
	"Document": model.ScopeDocumentsRead, "DocumentChunk": model.ScopeDocumentsRead, "Theme": model.ScopeThemesRead, "Conversation": model.ScopeConversationsRead,
	"AuditEntry": model.ScopeAuditRead, "Session": people, "Account": people, "Invitation": people, "ApiKey": people,
}

// What fields count or show that lead to no row themselves, and the subject that an audit entry has here.
var fieldRows = map[string]string{
	"Company.userCount": "User", "Company.projectCount": "Project", "Company.documentCount": "Document",
	"Company.documentCountByStatus": "Document", "Company.storage": "Document", "Project.documentCount": "Document", "AuditEntry.subject": "Project",
	"Document.downloadUrl": "Document", // its bytes
}

const (
	anyone   = model.Role("")        // also without a credential
	people   = model.Scope("people") // no API key
	anyScope = model.Scope("any")
)

// asker is someone with a credential.
type asker struct {
	name   string
	role   model.Role // of the user, or of the key's maker
	key    bool
	scopes []model.Scope
	client func() apitest.Client
}

// may is the test's own idea of what a credential is good for.
func (a asker) may(scope model.Scope) bool {
	thing, reads := strings.CutSuffix(string(scope), ":read")
	return !a.key || slices.Contains(a.scopes, scope) || reads && slices.Contains(a.scopes, model.Scope(thing+":write"))
}

// askers are nobody, each role, and a MANAGER's API key for each scope alone.
func (w world) askers(t testing.TB) []asker {
	askers := []asker{{name: "anonymous", client: w.Anonymous}}
	for _, user := range []*model.User{w.member, w.manager, w.admin} {
		askers = append(askers, asker{name: string(user.Role), role: user.Role, client: func() apitest.Client { return w.As(t, user) }})
	}
	for _, scope := range model.AllScopes {
		askers = append(askers, w.keyAsker(t, scope))
	}
	return askers
}

// keyAsker has an API key of the company's MANAGER.
func (w world) keyAsker(t testing.TB, scopes ...model.Scope) asker {
	t.Helper()
	token := w.Key(t, w.manager, scopes...)
	return asker{name: fmt.Sprint("key ", scopes), role: model.RoleManager, key: true, scopes: scopes,
		client: func() apitest.Client { return w.With(token) }}
}

// wide has limits that no question of these tests comes to.
func wide(c *graph.Config) {
	c.Limits.Depth, c.Limits.Fields, c.Limits.Repeated, c.Limits.Complexity = 100, 100_000, 10_000, 1<<40
	c.Limits.Tokens, c.Limits.InFlight = 1_000_000, 1<<40
}

func roots(s *surface, each func(operation string, f *fieldInfo)) {
	for _, operation := range []string{"Query", "Mutation"} {
		for _, field := range s.types[operation].Fields {
			each(operation, field)
		}
	}
}

// kindOf is the entity whose id belongs at the path of a field's arguments.
func (s *surface) kindOf(t testing.TB, field, path string) string {
	name := path[strings.LastIndex(path, ".")+1:]
	if other, ok := map[string]string{"ownerId": "User", "newOwnerId": "User", "actorId": "User", "ids": "Project", "subjectId": "Project",
		"uploadId": "Upload", "documentId": "Document", "documentIds": "Document"}[name]; ok {
		return other
	}
	if name == "id" {
		name = field
	}
	found := ""
	for _, node := range s.nodes {
		if strings.Contains(strings.ToLower(name), strings.ToLower(node)) && len(node) > len(found) {
			found = node
		}
	}
	if found == "" && field == "node" {
		return "Project"
	}
	if found == "" {
		t.Fatalf("whose id is %s of %s?", path, field)
	}
	return found
}

// codesAt are the codes of the errors of the root field itself.
func codesAt(a apitest.Answer, depth int) []string {
	var codes []string
	for _, e := range a.Errors {
		if len(e.Path) <= depth {
			codes = append(codes, e.Code())
		}
	}
	return codes
}

// Every root field is refused to everyone who may not use it, and to nobody else.
func TestWallsOfRootFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := introspect(t, w.Anonymous())
	expected := map[string]rootRule{}
	for names, rule := range rootRules {
		for name := range strings.FieldsSeq(names) {
			expected[name] = rule
		}
	}
	askers := w.askers(t)
	roots(s, func(operation string, f *fieldInfo) {
		rule, ok := expected[f.Name]
		if !ok {
			t.Errorf("nobody says who may use %s", f.Name)
			return
		}
		delete(expected, f.Name)
		for _, a := range askers {
			w.check(t, s, a, operation, f, rule)
		}
	})
	for name := range expected {
		t.Errorf("there is no %s", name)
	}
}

// wants is how a field of the rule refuses the asker, empty for not at all.
func (r rootRule) wants(a asker) string {
	switch {
	case r.role == anyone:
		return ""
	case a.role == anyone:
		return "UNAUTHENTICATED"
	case !a.role.AtLeast(r.role), a.key && r.scope != anyScope && !a.may(r.scope):
		return "FORBIDDEN"
	case r.scope == model.ScopeAuthAdapter && !a.key: // which a person's session is not enough for
		return "FORBIDDEN"
	}
	return ""
}

func (w world) check(t *testing.T, s *surface, a asker, operation string, f *fieldInfo, rule rootRule) {
	t.Helper()
	build := &asking{surface: s, t: t, ids: func(path string) string { return missingID(s.kindOf(t, f.Name, path)) }}
	query := wholeCall(operation, build.call(f, s.shallow(f.Type.named())))
	got, want := "", rule.wants(a)
	answer := w.ask(t, a.client(), query)
	for _, code := range codesAt(answer, 1) {
		if code == "UNAUTHENTICATED" || code == "FORBIDDEN" {
			got = code
		} else if code == "GRAPHQL_VALIDATION_FAILED" {
			t.Fatalf("not valid: %s", query)
		}
	}
	if got != want {
		t.Errorf("%s is answered %s: %q, want %q\n%s", a.name, query, got, want, answer.Body)
	}
}

// missingID is an id of the entity that no row has.
func missingID(kind string) string {
	return prefixes[kind] + "_" + strings.TrimPrefix(model.NewID[model.UserID]().String(), "user_")
}

var prefixes = map[string]string{"Company": "company", "User": "user", "Project": "project", "Document": "document", "Theme": "theme",
	"Conversation": "conversation", "AuditEntry": "audit", "Session": "session", "Account": "account", "ApiKey": "key", "Upload": "upload",
	"DocumentChunk": "chunk"}

// An API key reads a row, and what a row leads to, with the scopes of both and with no other one. A person of the company reads
// all of it.
func TestWallsOfFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wide)
	s := introspect(t, w.Anonymous())
	rows := w.fullRows(t)
	keys := map[string]asker{}
	with := func(scopes ...model.Scope) asker {
		slices.Sort(scopes)
		name := fmt.Sprint(slices.Compact(scopes))
		if _, ok := keys[name]; !ok {
			keys[name] = w.keyAsker(t, slices.Compact(scopes)...)
		}
		return keys[name]
	}
	manager := asker{name: "MANAGER", role: model.RoleManager, client: func() apitest.Client { return w.As(t, w.manager) }}
	for _, node := range s.nodes {
		own, known := rowScopes[node]
		if !known || rows[node] == "" {
			t.Errorf("nobody says which scope reads %s", node)
			continue
		}
		for _, f := range s.types[node].Fields {
			target := own
			if name := cmp.Or(fieldRows[node+"."+f.Name], s.row(f)); name != "" {
				scope, ok := rowScopes[name]
				if !ok {
					t.Errorf("nobody says which scope reads %s of %s.%s", name, node, f.Name)
				}
				target = scope
			} else if strings.Contains(f.Name, "Count") {
				t.Errorf("nobody says what %s.%s counts", node, f.Name)
			}
			ask := func(a asker, want string) {
				t.Helper()
				build := &asking{surface: s, t: t}
				query := fmt.Sprintf(`{ node(id: "%s") { ... on %s { %s } } }`, rows[node], node, build.call(f, s.shallow(f.Type.named())))
				if got := strings.Join(slices.Compact(a.client().Do(t, query).Codes()), " "); got != want {
					t.Errorf("%s is answered %s: %q, want %q", a.name, query, got, want)
				}
			}
			ask(manager, "")
			others := slices.DeleteFunc(slices.Clone(model.AllScopes), func(scope model.Scope) bool {
				return asker{key: true, scopes: []model.Scope{scope}}.may(own)
			})
			ask(with(others...), "FORBIDDEN")
			if own == people {
				continue
			}
			if target == own {
				ask(with(own), "")
				continue
			}
			ask(with(own), "FORBIDDEN")
			if target != people {
				ask(with(own, target), "")
			}
		}
	}
}

// Wherever an id can be given, that of another company's row is answered like that of no row.
func TestWallsOfIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wide)
	s := introspect(t, w.Anonymous())
	own, foreign := w.fullRows(t), w.foreignRows(t)
	own["Upload"] = w.sent(t, w.manager, "own bytes") // who may complete it, but for the other id
	before := w.foreignState(t)
	askers := []asker{w.keyAsker(t, model.AllScopes...)}
	for _, user := range []*model.User{w.member, w.manager} {
		client := w.As(t, user)
		askers = append(askers, asker{name: string(user.Role), role: user.Role, client: func() apitest.Client { return client }})
	}
	probes := 0
	probe := func(field, position string, query func(ids func(path string) string) string) {
		for _, kind := range s.kindsAt(t, field, position) {
			if foreign[kind] == "" {
				t.Fatalf("there is no foreign %s", kind)
			}
			missing := missingID(kind)
			ask := func(a asker, id string) apitest.Answer {
				return w.ask(t, a.client(), query(func(path string) string {
					if path == position {
						return id
					}
					return own[s.kindOf(t, field, path)]
				}))
			}
			for _, a := range askers {
				probes++
				foreign, missing := ask(a, foreign[kind]), ask(a, missing)
				if foreign.Body != missing.Body || foreign.Status != missing.Status {
					t.Errorf("%s, %s of %s %s:\nforeign %s\nmissing %s", a.name, kind, field, position, foreign.Body, missing.Body)
				}
				if slices.Contains(missing.Codes(), "GRAPHQL_VALIDATION_FAILED") {
					t.Fatalf("not valid: %s", missing.Body)
				}
			}
		}
	}
	roots(s, func(operation string, f *fieldInfo) {
		for _, position := range s.positions(f.Args) {
			probe(f.Name, position, func(ids func(string) string) string {
				build := &asking{surface: s, t: t, position: position, ids: ids}
				return wholeCall(operation, build.call(f, s.shallow(f.Type.named())))
			})
		}
	})
	for _, node := range s.nodes {
		for _, f := range s.types[node].Fields {
			for _, position := range s.positions(f.Args) {
				probe(f.Name, position, func(ids func(string) string) string {
					build := &asking{surface: s, t: t, position: position, ids: ids}
					return fmt.Sprintf(`{ node(id: "%s") { ... on %s { %s } } }`, own[node], node, build.call(f, s.shallow(f.Type.named())))
				})
			}
		}
	}
	if probes < 100 {
		t.Errorf("%d probes prove little", probes)
	}
	// All of this touched nothing of the other company.
	if after := w.foreignState(t); after != before {
		t.Errorf("the other company was\n%s\nand is\n%s", before, after)
	}
}
