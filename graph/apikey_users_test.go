package graph_test

import (
	"slices"
	"strings"
	"testing"

	"dossier/graph"
	"dossier/model"
)

// Whoever has an API key does not become a person who may do more than the key.
func TestAPIKeysDoNotBecomePeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invited := w.User(t, w.company, model.RoleMember, "Ida Invited")
	manager := w.With(w.Key(t, w.manager, model.ScopeUsersWrite))
	member := w.With(w.Key(t, w.member, model.ScopeUsersWrite))
	const create = `mutation($in: CreateUserInput!) { r: createUser(input: $in) { user { role } userErrors { code field } } }`
	const move = `mutation($id: ID!, $e: String!) { r: updateUser(input: {id: $id, name: "Mo", email: $e}) { user { email } userErrors { code field } } }`
	user := func(email string, more ...any) map[string]any {
		in := map[string]any{"name": "n", "email": email}
		for i := 0; i < len(more); i += 2 {
			in[more[i].(string)] = more[i+1]
		}
		return in
	}
	for name, c := range map[string]struct{ got, want string }{
		"a user without a password":      {outcome(t, manager, create, "in", user("a@own.example")), ""},
		"a user with a password":         {outcome(t, manager, create, "in", user("b@own.example", "password", "correct horse")), "error FORBIDDEN"},
		"a MANAGER":                      {outcome(t, manager, create, "in", user("c@own.example", "role", "MANAGER")), "error FORBIDDEN"},
		"an invited MANAGER":             {outcome(t, manager, invite, "in", user("d@own.example", "role", "MANAGER")), "error FORBIDDEN"},
		"a MANAGER of a MEMBER":          {outcome(t, manager, changeRole, "u", invited.ID, "r", "MANAGER"), "error FORBIDDEN"},
		"another address":                {outcome(t, manager, move, "id", invited.ID, "e", "e@own.example"), "error FORBIDDEN"},
		"another address of the maker":   {outcome(t, member, move, "id", w.member.ID, "e", "f@own.example"), "error FORBIDDEN"},
		"another name, the same address": {outcome(t, member, move, "id", w.member.ID, "e", w.member.Email), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
	w.Outbox.Close()
	for _, email := range []string{"d@own.example", "e@own.example", "f@own.example"} {
		if mails := w.Outbox.To(email); len(mails) > 0 {
			t.Errorf("mails to %s: %v", email, mails)
		}
	}
	people := w.As(t, w.manager)
	if got := outcome(t, people, changeRole, "u", invited.ID, "r", "MANAGER"); got != "" {
		t.Errorf("a MANAGER of a MEMBER, by a person: %q", got)
	}
	if got := outcome(t, manager, changeRole, "u", invited.ID, "r", "MEMBER"); got != "" {
		t.Errorf("a MEMBER of a MANAGER, by a key: %q", got)
	}
}

// An invitation that an API key makes is mailed alone.
func TestAPIKeysAreNotShownInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.With(w.Key(t, w.manager, model.ScopeUsersWrite))
	const invite = `mutation { r: inviteUser(input: {name: "Nia New", email: "nia@own.example"}) { token expiresAt user { id } userErrors { code field } } }`
	made := key.Query(t, invite)
	if made.Text("r.token") != "<nil>" || made.Text("r.expiresAt") == "<nil>" {
		t.Errorf("%v", made.Raw())
	}
	first := w.Outbox.Token(t, "nia@own.example", 1)
	renewed := key.Query(t, renew, "u", made.Text("r.user.id"))
	if renewed.Text("r.token") != "<nil>" || renewed.Text("r.expiresAt") == "<nil>" {
		t.Errorf("%v", renewed.Raw())
	}
	if got := outcome(t, w.Anonymous(), accept, "t", first, "p", "correct horse"); got != "UNAUTHENTICATED" {
		t.Errorf("the first one: %q", got)
	}
	if got := outcome(t, w.Anonymous(), accept, "t", w.Outbox.Token(t, "nia@own.example", 2), "p", "correct horse"); got != "" {
		t.Errorf("the renewed one: %q", got)
	}
}

// Where no mail is sent nobody would get the invitation of an API key: it makes none.
func TestAPIKeysInviteByMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Sessions.Post = nil })
	key := w.With(w.Key(t, w.manager, model.ScopeUsersWrite))
	answer := key.Do(t, invite, "in", map[string]any{"name": "Nia New", "email": "nia@own.example"})
	if !slices.Equal(answer.Codes(), []string{"UNAVAILABLE"}) || !strings.Contains(answer.Errors[0].Message, "cannot send mail") {
		t.Errorf("%s", answer.Body)
	}
	if codes := key.Do(t, renew, "u", w.member.ID).Codes(); !slices.Equal(codes, []string{"UNAVAILABLE"}) {
		t.Errorf("renewed: %v", codes)
	}
	var users int
	if err := w.Pool.QueryRow("SELECT count(*) FROM users WHERE email = 'nia@own.example'").Scan(&users); err != nil || users > 0 {
		t.Errorf("%d users were added: %v", users, err)
	}
}
