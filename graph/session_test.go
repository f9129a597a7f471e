package graph_test

import (
	"slices"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/internal/auth"
	"dossier/model"
)

// outcome is what a mutation under the alias r answered: the codes of its errors, or of its user errors with their fields.
func outcome(t testing.TB, client apitest.Client, query string, variables ...any) string {
	t.Helper()
	answer := client.Do(t, query, variables...)
	if codes := answer.Codes(); len(codes) > 0 {
		return "error " + strings.Join(codes, " ")
	}
	var all []string
	r, _ := answer.Data["r"].(map[string]any)
	userErrors, _ := r["userErrors"].([]any)
	for _, one := range userErrors {
		e := one.(map[string]any)
		text := e["code"].(string)
		if path, _ := e["field"].([]any); len(path) > 0 {
			text += " " + path[len(path)-1].(string)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

const sessionsOf = `query($u: ID!) { user(id: $u) { sessions { totalCount nodes { id createdAt expiresAt userAgent address current user { name } } } } }`

// The user, a MANAGER of the company and an ADMIN see a user's sessions; to a colleague there are none.
func TestSessionsAreSeenByWhoMayEndThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetPassword(t, w.member, "correct horse")
	first := w.Token(t, w.member)
	if _, err := w.Pool.Exec("UPDATE sessions SET created_at = now() - interval '1 hour'"); err != nil {
		t.Fatal(err)
	}
	over := w.Token(t, w.member)
	token := w.Anonymous().Query(t, `mutation($e: String!) { signIn(input: {email: $e, password: "correct horse"}) { token } }`,
		"e", w.member.Email).Text("signIn.token")
	// Signing in clears what is over by then: this one is over since.
	if _, err := w.Pool.Exec("UPDATE sessions SET expires = now() WHERE token_hash = sha256($1::text::bytea)", over); err != nil {
		t.Fatal(err)
	}
	own := w.With(token).Query(t, sessionsOf, "u", w.member.ID)
	if got := own.Texts("user.sessions.nodes", "current"); !slices.Equal(got, []string{"true", "false"}) || own.Text("user.sessions.totalCount") != "2" {
		t.Errorf("own sessions: %v", own.Raw())
	}
	newest := own.At("user.sessions.nodes.0")
	if newest.Text("userAgent") != "Go-http-client/1.1" || newest.Text("address") != "127.0.0.1" || newest.Text("user.name") != "Mo Member" {
		t.Errorf("the newest: %v", newest.Raw())
	}
	if got := w.With(first).Query(t, sessionsOf, "u", w.member.ID).Texts("user.sessions.nodes", "current"); !slices.Equal(got, []string{"false", "true"}) {
		t.Errorf("the other session is current: %v", got)
	}
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	const node = `query($id: ID!) { node(id: $id) { ... on Session { expiresAt current user { name } } } }`
	for _, c := range []struct {
		viewer *model.User
		seen   int
	}{{w.manager, 2}, {w.admin, 2}, {colleague, 0}} {
		client := w.As(t, c.viewer)
		data := client.Query(t, sessionsOf, "u", w.member.ID)
		if seen := data.List("user.sessions.nodes"); len(seen) != c.seen || data.Text("user.sessions.totalCount") != map[int]string{0: "0", 2: "2"}[c.seen] ||
			c.seen > 0 && seen[0].Text("current") != "false" {
			t.Errorf("%s sees %v", c.viewer.Name, data.Raw())
		}
		codes := client.Do(t, node, "id", newest.Text("id")).Codes()
		if c.seen > 0 && len(codes) > 0 || c.seen == 0 && !slices.Equal(codes, []string{"NOT_FOUND"}) {
			t.Errorf("%s by id: %v", c.viewer.Name, codes)
		}
	}
	page := w.With(token).Query(t, `{ me { sessions(first: 1) { pageInfo { hasNextPage endCursor } } } }`)
	rest := w.With(token).Query(t, `query($a: String) { me { sessions(first: 1, after: $a) { nodes { current } pageInfo { hasNextPage } } } }`,
		"a", page.Text("me.sessions.pageInfo.endCursor"))
	if rest.Text("me.sessions.nodes.0.current") != "false" || rest.Text("me.sessions.pageInfo.hasNextPage") != "false" {
		t.Errorf("the second page: %v", rest.Raw())
	}
}

// sessionID is the id of the session of this token.
func (w world) sessionID(t testing.TB, token string) string {
	t.Helper()
	viewer, err := auth.Credentials{Store: w.Store}.Viewer(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return viewer.SessionID.String()
}

func TestEndSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	const end = `mutation($id: ID!) { r: endSession(input: {id: $id}) { endedSessionId userErrors { code field } } }`
	for _, c := range []struct {
		viewer *model.User
		want   string
	}{{colleague, "NOT_FOUND id"}, {w.stranger, "NOT_FOUND id"}, {w.member, ""}, {w.manager, ""}, {w.admin, ""}} {
		token := w.Token(t, w.member)
		id := w.sessionID(t, token)
		client := w.As(t, c.viewer)
		if got := outcome(t, client, end, "id", id); got != c.want {
			t.Errorf("%s: %q, want %q", c.viewer.Name, got, c.want)
		}
		codes := w.With(token).Do(t, `{ me { name } }`).Codes()
		if ended := slices.Equal(codes, []string{"UNAUTHENTICATED"}); ended != (c.want == "") {
			t.Errorf("%s: then the session answers %v", c.viewer.Name, codes)
		}
		if c.want == "" {
			if got := outcome(t, client, end, "id", id); got != "NOT_FOUND id" {
				t.Errorf("%s, again: %q", c.viewer.Name, got)
			}
		}
	}
	log := w.As(t, w.manager).Query(t, `{ auditLog(filter: {actions: [SESSION_ENDED]}) { nodes { subjectId details actor { name } } } }`)
	if entries := log.List("auditLog.nodes"); len(entries) != 3 || entries[0].Text("details.userId") != w.member.ID.String() {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// Whoever ends the session of the request itself is nobody for the rest of it.
func TestEndOfTheOwnSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const then = ` b: createProject(input: {name: "n", clientName: "c"}) { userErrors { code } } }`
	for _, name := range []string{"endSession", "endSessions"} {
		token := w.Token(t, w.member) // of its own: endSessions ends whatever there is
		query := map[string]string{
			"endSession":  `mutation { a: endSession(input: {id: "` + w.sessionID(t, token) + `"}) { endedSessionId }` + then,
			"endSessions": `mutation { a: endSessions(input: {userId: "` + w.member.ID.String() + `", keepCurrent: false}) { endedSessionCount }` + then,
		}[name]
		if codes := w.With(token).Do(t, query).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
			t.Errorf("%s: %v", name, codes)
		}
	}
	if projects, err := w.Store.System().Projects(t.Context(), model.PageArgs{}, nil, model.ProjectOrder{Field: model.ProjectsByName}); err != nil || len(projects.Nodes) > 0 {
		t.Errorf("nobody made %d projects: %v", len(projects.Nodes), err)
	}
}

func TestEndSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	const end = `mutation($u: ID!) { r: endSessions(input: {userId: $u}) { endedSessionCount userErrors { code field } } }`
	tokens := []string{w.Token(t, w.member), w.Token(t, w.member), w.Token(t, w.member)}
	if got := outcome(t, w.As(t, colleague), end, "u", w.member.ID); got != "error FORBIDDEN" {
		t.Errorf("a colleague: %q", got)
	}
	if got := outcome(t, w.As(t, w.stranger), end, "u", w.member.ID); got != "NOT_FOUND userId" {
		t.Errorf("a stranger: %q", got)
	}
	own := w.With(tokens[1])
	if got := own.Query(t, end, "u", w.member.ID).Text("r.endedSessionCount"); got != "2" {
		t.Errorf("ended %s", got)
	}
	own.Query(t, `{ me { name } }`) // this one is kept
	for _, ended := range []string{tokens[0], tokens[2]} {
		if codes := w.With(ended).Do(t, `{ me { name } }`).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
			t.Errorf("%v", codes)
		}
	}
	manager := w.As(t, w.manager)
	if got := manager.Query(t, end, "u", w.member.ID).Text("r.endedSessionCount"); got != "1" {
		t.Errorf("the manager ended %s", got)
	}
	if got := manager.Query(t, end, "u", w.member.ID).Text("r.endedSessionCount"); got != "0" {
		t.Errorf("then the manager ended %s", got)
	}
	log := manager.Query(t, `{ auditLog(filter: {actions: [SESSIONS_ENDED]}) { nodes { subject { id } details } } }`)
	if entries := log.List("auditLog.nodes"); len(entries) != 2 || entries[1].Text("details.sessions") != "2" ||
		entries[0].Text("subject.id") != w.member.ID.String() {
		t.Errorf("the audit log: %v", log.Raw())
	}
}
