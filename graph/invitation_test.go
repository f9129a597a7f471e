package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/model"
)

const (
	invite = `mutation($in: InviteUserInput!) { r: inviteUser(input: $in) { token expiresAt user { id role company { name } invitation { createdAt expiresAt } } userErrors { code field } } }`
	renew  = `mutation($u: ID!) { r: renewInvitation(input: {userId: $u}) { token expiresAt user { id } userErrors { code field } } }`
	accept = `mutation($t: String!, $p: String!) { r: acceptInvitation(input: {token: $t, password: $p}) {
		token expiresAt user { name company { name } invitation { expiresAt } } userErrors { code field } } }`
)

// From the invitation to the first sign-in; the token works once.
func TestInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := w.As(t, w.manager).Query(t, invite, "in", map[string]any{"name": "Nia New", "email": "nia@own.example"})
	token := data.Text("r.token")
	if !strings.HasPrefix(token, "dossier_invitation_") || len(token) != len("dossier_invitation_")+26 ||
		data.Text("r.user.role") != "MEMBER" || data.Text("r.user.company.name") != "Own" {
		t.Errorf("%v", data.Raw())
	}
	ends, err := time.Parse(time.RFC3339, data.Text("r.expiresAt"))
	if left := time.Until(ends); err != nil || left < 6*24*time.Hour || left > 7*24*time.Hour || data.Text("r.user.invitation.expiresAt") != data.Text("r.expiresAt") {
		t.Errorf("it ends at %s: %v", ends, err)
	}
	if got := outcome(t, w.Anonymous(), accept, "t", token, "p", "short"); got != "BAD_USER_INPUT password" {
		t.Errorf("a short password: %q", got)
	}
	// The payload, and later fields of the same request, are the new viewer's.
	accepted := w.Anonymous().Query(t, strings.TrimSuffix(accept, "}")+
		` p: createProject(input: {name: "p", clientName: "c"}) { project { owner { name } } } }`, "t", token, "p", "correct horse")
	if accepted.Text("r.user.company.name") != "Own" || accepted.Text("r.user.invitation") != "<nil>" || accepted.Text("p.project.owner.name") != "Nia New" {
		t.Errorf("%v", accepted.Raw())
	}
	w.With(accepted.Text("r.token")).Query(t, `{ me { name } }`)
	if got := outcome(t, w.Anonymous(), accept, "t", token, "p", "another horse"); got != "UNAUTHENTICATED" {
		t.Errorf("a second time: %q", got)
	}
	if got := outcome(t, w.Anonymous(), `mutation { r: signIn(input: {email: "NIA@own.example", password: "correct horse"}) { userErrors { code } } }`); got != "" {
		t.Errorf("signing in: %q", got)
	}
	if got := outcome(t, w.As(t, w.manager), renew, "u", data.Text("r.user.id")); got != "CONFLICT userId" {
		t.Errorf("renewed beside a password: %q", got)
	}
	log := w.As(t, w.admin).Query(t, `{ auditLog(first: 50) { nodes { action actor { name } details } } }`)
	actions := fmt.Sprint(log.Texts("auditLog.nodes", "action"))
	if !strings.Contains(actions, "USER_SIGNED_IN INVITATION_ACCEPTED") || !strings.Contains(actions, "USER_INVITED USER_CREATED") {
		t.Errorf("the audit log: %s", actions)
	}
	if all := fmt.Sprint(log.Raw()); strings.Contains(all, token) || strings.Contains(all, "argon2") {
		t.Errorf("a secret in the audit log: %s", all)
	}
	var stored int
	if err := w.Pool.QueryRow("SELECT count(*) FROM sessions WHERE encode(token_hash, 'escape') LIKE '%dossier%'").Scan(&stored); err != nil || stored > 0 {
		t.Errorf("a token is stored: %v", err)
	}
}

// Who may invite whom: as createUser.
func TestWhoInvites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, admin := w.As(t, w.manager), w.As(t, w.admin)
	first, staff := w.User(t, w.company, model.RoleMember, "Fay First"), w.User(t, nil, model.RoleAdmin, "Stan Staff")
	for name, c := range map[string]struct{ got, want string }{
		"a MEMBER":                 {outcome(t, w.As(t, w.member), invite, "in", map[string]any{"name": "n", "email": "a@x.example"}), "error FORBIDDEN"},
		"a MANAGER by a MANAGER":   {outcome(t, manager, invite, "in", map[string]any{"name": "n", "email": "b@x.example", "role": "MANAGER"}), ""},
		"an ADMIN by a MANAGER":    {outcome(t, manager, invite, "in", map[string]any{"name": "n", "email": "c@x.example", "role": "ADMIN"}), "error FORBIDDEN"},
		"into another company":     {outcome(t, manager, invite, "in", map[string]any{"name": "n", "email": "d@x.example", "companyId": w.other.ID}), "BAD_REFERENCE companyId"},
		"a taken address":          {outcome(t, manager, invite, "in", map[string]any{"name": "n", "email": w.member.Email}), "CONFLICT email"},
		"broken rules":             {outcome(t, manager, invite, "in", map[string]any{"name": "", "email": "x", "image": "x"}), "BAD_USER_INPUT name, BAD_USER_INPUT email, BAD_USER_INPUT image"},
		"an ADMIN by an ADMIN":     {outcome(t, admin, invite, "in", map[string]any{"name": "n", "email": "e@x.example", "role": "ADMIN"}), ""},
		"a MEMBER by an ADMIN":     {outcome(t, admin, invite, "in", map[string]any{"name": "n", "email": "f@x.example", "companyId": w.other.ID}), ""},
		"without a company":        {outcome(t, admin, invite, "in", map[string]any{"name": "n", "email": "g@x.example"}), "BAD_USER_INPUT companyId"},
		"renewed by a MEMBER":      {outcome(t, w.As(t, w.member), renew, "u", w.member.ID), "error FORBIDDEN"},
		"renewed by a stranger":    {outcome(t, w.As(t, w.stranger), renew, "u", w.member.ID), "NOT_FOUND userId"},
		"renewed, of nobody":       {outcome(t, admin, renew, "u", model.NewID[model.UserID]()), "NOT_FOUND userId"},
		"first one, by renewing":   {outcome(t, manager, renew, "u", first.ID), ""},
		"of an ADMIN, by an ADMIN": {outcome(t, admin, renew, "u", staff.ID), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
	log := manager.Query(t, `{ auditLog(filter: {actions: [USER_INVITED, INVITATION_RENEWED]}) { nodes { action subjectId } } }`)
	if got := log.Texts("auditLog.nodes", "action"); !slices.Equal(got, []string{"INVITATION_RENEWED", "USER_INVITED"}) ||
		log.Text("auditLog.nodes.0.subjectId") != first.ID.String() {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// A token that cannot be used answers the same, whatever the reason.
func TestInvitationsThatCannotBeAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	replaced := w.Invite(t, w.member)
	data := w.As(t, w.manager).Query(t, renew, "u", w.member.ID)
	expired := w.Invite(t, w.stranger)
	if _, err := w.Pool.Exec("UPDATE invitations SET expires = now() WHERE user_id = $1", w.stranger.ID); err != nil {
		t.Fatal(err)
	}
	left := w.User(t, w.company, model.RoleMember, "Lee Left")
	deactivated := w.Invite(t, left)
	if got := outcome(t, w.As(t, w.manager), `mutation($u: ID!) { r: deactivateUser(input: {userId: $u}) { userErrors { code } } }`, "u", left.ID); got != "" {
		t.Fatal(got)
	}
	moved := w.User(t, w.company, model.RoleMember, "May Moved")
	transferred := w.Invite(t, moved)
	if got := outcome(t, w.As(t, w.admin), `mutation($u: ID!, $c: ID!) { r: transferUser(input: {userId: $u, companyId: $c}) { userErrors { code } } }`,
		"u", moved.ID, "c", w.other.ID); got != "" {
		t.Fatal(got)
	}
	unknown := w.Anonymous().Do(t, accept, "t", "dossier_invitation_x", "p", "correct horse").Body
	if !strings.Contains(unknown, `"code":"UNAUTHENTICATED"`) || !strings.Contains(unknown, `"token":null`) {
		t.Errorf("unknown: %s", unknown)
	}
	for name, token := range map[string]string{"replaced": replaced, "expired": expired, "deactivated": deactivated, "transferred": transferred,
		"empty": "", "long": strings.Repeat("x", 10_000)} {
		if got := w.Anonymous().Do(t, accept, "t", token, "p", "correct horse").Body; got != unknown {
			t.Errorf("%s tells more:\n%s\n%s", name, got, unknown)
		}
	}
	if got := outcome(t, w.As(t, w.manager), renew, "u", left.ID); got != "CONFLICT userId" {
		t.Errorf("renewed for a deactivated user: %q", got)
	}
	if got := outcome(t, w.Anonymous(), accept, "t", data.Text("r.token"), "p", "correct horse"); got != "" {
		t.Errorf("the renewed one: %q", got)
	}
}

// signedIn gives users of the company who have a way to sign in, or have had one, by what it is.
func (w world) signedIn(t testing.TB) map[string]*model.User {
	t.Helper()
	adapter := w.adapter(t, w.manager)
	users := map[string]*model.User{}
	for way, signIn := range map[string]func(*model.User){
		"a password": func(user *model.User) { w.SetPassword(t, user, "correct horse") },
		"an account": func(user *model.User) { w.Account(t, user, "google") },
		"a verified address": func(user *model.User) {
			adapter.Query(t, `mutation($u: ID!) { updateAdapterUser(input: {id: $u, emailVerifiedAt: "2026-01-01T00:00:00Z"}) { user { id } } }`, "u", user.ID)
		},
		"a session": func(user *model.User) { // as a former backend has left one: no entry tells of it
			if _, err := w.Pool.Exec(`INSERT INTO sessions (id, token_hash, user_id, expires) VALUES (gen_random_uuid(), '\x00', $1, now())`, user.ID); err != nil {
				t.Fatal(err)
			}
		},
		"a session that ended":    func(user *model.User) { w.As(t, user).Query(t, `mutation { signOut { signedOut } }`) },
		"a session at a frontend": func(user *model.User) { w.leftFrontend(t, adapter, user) },
		"a token": func(user *model.User) {
			w.With(w.jwtOf(t, user, time.Hour)).Query(t, `mutation { createProject(input: {name: "n", clientName: "c"}) { project { id } } }`)
		},
	} {
		users[way] = w.User(t, w.company, model.RoleMember, "Sia "+way)
		signIn(users[way])
	}
	return users
}

// leftFrontend signs the user in at an Auth.js frontend, and out again.
func (w world) leftFrontend(t testing.TB, adapter apitest.Client, user *model.User) {
	t.Helper()
	session := map[string]any{"userId": user.ID, "sessionToken": newToken(), "expiresAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	adapter.Query(t, `mutation($in: CreateAdapterSessionInput!) { createAdapterSession(input: $in) { session { expiresAt } } }`, "in", session)
	adapter.Query(t, `mutation($t: String!) { deleteAdapterSession(input: {sessionToken: $t}) { session { expiresAt } } }`, "t", session["sessionToken"])
}

// Who makes an invitation knows its token: whoever has signed in, in whichever way, gets none.
func TestInvitationsAreForWhoNeverSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, admin := w.As(t, w.manager), w.As(t, w.admin)
	for way, user := range w.signedIn(t) {
		for name, client := range map[string]apitest.Client{"a MANAGER": manager, "an ADMIN": admin} {
			if got := outcome(t, client, renew, "u", user.ID); got != "CONFLICT userId" {
				t.Errorf("renewed by %s beside %s: %q", name, way, got)
			}
		}
	}
}

// What there was of an invitation ends with the link to an account.
func TestAccountsAreNotTakenOverByInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.Invite(t, w.member)
	w.Account(t, w.member, "google")
	if got := outcome(t, w.Anonymous(), accept, "t", token, "p", "correct horse"); got != "UNAUTHENTICATED" {
		t.Errorf("accepted beside an account: %q", got)
	}
	for name, client := range map[string]apitest.Client{"a MANAGER": w.As(t, w.manager), "an ADMIN": w.As(t, w.admin)} {
		if got := outcome(t, client, renew, "u", w.member.ID); got != "CONFLICT userId" {
			t.Errorf("renewed by %s beside an account: %q", name, got)
		}
	}
}

// An invitation is for the address that it was mailed to, and for whoever has no other way in.
func TestInvitationsEndWithTheirReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	for name, end := range map[string]func(user string){
		"another address": func(user string) {
			w.As(t, w.manager).Query(t, `mutation($u: ID!) { updateUser(input: {id: $u, email: "other@own.example"}) { user { id } } }`, "u", user)
		},
		"another address at the frontend": func(user string) {
			adapter.Query(t, `mutation($u: ID!) { updateAdapterUser(input: {id: $u, email: "adapter@own.example"}) { user { id } } }`, "u", user)
		},
		"verified at the frontend": func(user string) {
			adapter.Query(t, `mutation($u: ID!) { updateAdapterUser(input: {id: $u, emailVerifiedAt: "2026-01-01T00:00:00Z"}) { user { id } } }`, "u", user)
		},
		"signed in at the frontend": func(user string) { adapter.Query(t, target{user: user}.call("createAdapterSession")) },
	} {
		user := w.User(t, w.company, model.RoleMember, "Ina "+name)
		token := w.Invite(t, user)
		end(user.ID.String())
		if got := outcome(t, w.Anonymous(), accept, "t", token, "p", "correct horse"); got != "UNAUTHENTICATED" {
			t.Errorf("after %s: %q", name, got)
		}
	}
	user := w.User(t, w.company, model.RoleMember, "Una Unmoved")
	token := w.Invite(t, user)
	w.As(t, w.manager).Query(t, `mutation($u: ID!, $e: String!) { updateUser(input: {id: $u, name: "Una", email: $e}) { user { id } } }`,
		"u", user.ID, "e", user.Email)
	if got := outcome(t, w.Anonymous(), accept, "t", token, "p", "correct horse"); got != "" {
		t.Errorf("after another name: %q", got)
	}
}

// An invitation that many accept at the same time is accepted once.
func TestInvitationIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.Invite(t, w.member)
	var mu sync.Mutex
	var wait sync.WaitGroup
	var outcomes []string
	for range 3 {
		wait.Go(func() {
			got := outcome(t, w.Anonymous(), accept, "t", token, "p", "correct horse")
			mu.Lock()
			defer mu.Unlock()
			outcomes = append(outcomes, got)
		})
	}
	wait.Wait()
	slices.Sort(outcomes)
	if !slices.Equal(outcomes, []string{"", "UNAUTHENTICATED", "UNAUTHENTICATED"}) {
		t.Errorf("%q", outcomes)
	}
}

// User.invitation is seen by the user and whoever manages the user, also after it expired; to a colleague there is none.
func TestInvitationIsSeenByWhoManages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	clients := map[*model.User]apitest.Client{}
	for _, viewer := range []*model.User{w.manager, w.admin, colleague} {
		clients[viewer] = w.As(t, viewer)
	}
	clients[w.member] = w.With(w.jwtOf(t, w.member, time.Hour)) // a session would have ended it
	w.Invite(t, w.member)
	if _, err := w.Pool.Exec("UPDATE invitations SET expires = now() - interval '1 day'"); err != nil {
		t.Fatal(err)
	}
	for viewer, seen := range map[*model.User]bool{w.member: true, w.manager: true, w.admin: true, colleague: false} {
		client := clients[viewer]
		w.SQL.Reset()
		data := client.Query(t, `{ users { nodes { name invitation { createdAt expiresAt } } } }`)
		w.WantSQL(t, 2)
		for _, user := range data.List("users.nodes") {
			if got := user.Text("invitation") != "<nil>"; got != (seen && user.Text("name") == w.member.Name) {
				t.Errorf("%s sees %v", viewer.Name, user.Raw())
			}
		}
	}
}
