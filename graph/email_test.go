package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/model"
)

const (
	moveTo = `mutation($id: ID!, $e: String!, $n: String) { r: updateUser(input: {id: $id, email: $e, name: $n}) { user { name email emailVerifiedAt } userErrors { code field message } } }`
	emails = `{ auditLog(filter: {actions: [USER_UPDATED]}) { nodes { actor { id } details } } }`
)

// The own address changes when the token that was mailed to the new one comes back, and not before.
func TestOwnAddressIsConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const to = "Mo@new.example"
	client, old := w.As(t, w.member), w.member.Email
	if _, err := w.Pool.Exec("UPDATE users SET email_verified_at = '2020-01-01' WHERE id = $1", w.member.ID); err != nil {
		t.Fatal(err)
	}
	data := client.Query(t, moveTo, "id", w.member.ID, "e", to, "n", "Mo Moved")
	if got := fmt.Sprint(data.At("r.user").Raw()); got != "map[email:"+old+" emailVerifiedAt:2020-01-01T00:00:00Z name:Mo Moved]" {
		t.Errorf("asked for: %s", got)
	}
	token := w.Outbox.Token(t, to, 1)
	if mail := w.Outbox.To(to)[0]; !strings.Contains(mail.Text, "\n"+apitest.AppURL+"/verify-email#token=dossier_address_") {
		t.Errorf("%+v", mail)
	}
	w.Outbox.Token(t, old, 1)
	if mail := w.Outbox.To(old)[0]; !strings.Contains(mail.Text, to) || strings.Contains(mail.Text, "token=") {
		t.Errorf("to the present address: %+v", mail)
	}
	if log := fmt.Sprint(w.As(t, w.manager).Query(t, emails).Raw()); strings.Contains(log, to) {
		t.Errorf("the audit log before: %s", log)
	}
	if got := w.Anonymous().Query(t, verify, "t", token); got.Text("r.verifiedEmail") != to {
		t.Errorf("confirmed: %v", got.Raw())
	}
	me := client.Query(t, `{ me { email emailVerifiedAt } }`)
	if at := me.Text("me.emailVerifiedAt"); me.Text("me.email") != to || at == "<nil>" || strings.HasPrefix(at, "2020") {
		t.Errorf("confirmed: %v", me.Raw())
	}
	w.Outbox.Token(t, old, 2)
	log := w.As(t, w.manager).Query(t, emails).List("auditLog.nodes")
	if len(log) != 2 || log[0].Text("actor.id") != w.member.ID.String() || log[0].Text("details.email") != "map[from:"+old+" to:"+to+"]" {
		t.Errorf("the audit log: %v", log)
	}
	if got := outcome(t, w.Anonymous(), verify, "t", token); got != "UNAUTHENTICATED" {
		t.Errorf("a second time: %q", got)
	}
}

// Nobody learns by an own new address who has an account, and nobody gets one of another's.
func TestOwnAddressTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.member)
	free := client.Do(t, moveTo, "id", w.member.ID, "e", "mo@free.example")
	token := w.Outbox.Token(t, "mo@free.example", 1)
	w.SQL.Reset()
	taken := client.Do(t, moveTo, "id", w.member.ID, "e", strings.ToUpper(w.stranger.Email))
	if taken.Body != free.Body || len(taken.Errors) > 0 {
		t.Errorf("taken: %s\nfree: %s", taken.Body, free.Body)
	}
	if got := w.Outbox.Token(t, strings.ToUpper(w.stranger.Email), 1); got != "" {
		t.Errorf("the other user was mailed the token %s", got)
	}
	if got := outcome(t, w.Anonymous(), verify, "t", token); got != "UNAUTHENTICATED" {
		t.Errorf("the replaced token: %q", got)
	}
	client.Query(t, moveTo, "id", w.member.ID, "e", "mo@free.example")
	token = w.Outbox.Token(t, "mo@free.example", 2)
	w.As(t, w.admin).Query(t, moveTo, "id", w.stranger.ID, "e", "MO@free.example")
	if got := outcome(t, w.Anonymous(), verify, "t", token); got != "CONFLICT token" {
		t.Errorf("taken meanwhile: %q", got)
	}
	if codes := client.Do(t, moveTo, "id", w.member.ID, "e", "mo@fourth.example", "n", "X").Codes(); !slices.Equal(codes, []string{"RATE_LIMITED"}) {
		t.Errorf("too often: %v", codes)
	}
	if got := client.Query(t, `{ me { name email } }`).Text("me"); got != "map[email:"+w.member.Email+" name:Mo Member]" {
		t.Errorf("it is now %s", got)
	}
}

// A change that is not confirmed yet ends with what it may have been asked by.
func TestUnconfirmedAddressEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.As(t, w.admin)
	ends := map[string]func(user *model.User, client apitest.Client){
		"another password": func(_ *model.User, client apitest.Client) {
			client.Query(t, change, "c", "correct horse", "n", "better horse")
		},
		"a reset": func(user *model.User, _ apitest.Client) {
			w.Anonymous().Query(t, requestReset, "e", user.Email)
			w.Outbox.Token(t, user.Email, 2) // the first one told of the change, or this one does
			for _, mail := range w.Outbox.To(user.Email) {
				if _, token, ok := strings.Cut(mail.Text, "#token="); ok {
					token, _, _ = strings.Cut(token, "\n")
					w.Anonymous().Query(t, reset, "t", token, "p", "better horse")
				}
			}
		},
		"another address": func(user *model.User, _ apitest.Client) {
			admin.Query(t, moveTo, "id", user.ID, "e", "right."+user.Email)
		},
		"a deactivation": func(user *model.User, _ apitest.Client) {
			admin.Query(t, `mutation($u: ID!) { deactivateUser(input: {userId: $u}) { user { id } } reactivateUser(input: {userId: $u}) { user { id } } }`, "u", user.ID)
		},
		"a day": func(user *model.User, _ apitest.Client) {
			if _, err := w.Pool.Exec("UPDATE one_time_tokens SET expires = expires - interval '1 day' WHERE user_id = $1", user.ID); err != nil {
				t.Fatal(err)
			}
		},
		"": func(*model.User, apitest.Client) {},
	}
	for name, end := range ends {
		user := w.User(t, w.company, model.RoleMember, strings.TrimSpace("Moe "+name))
		w.SetPassword(t, user, "correct horse")
		client := w.As(t, user)
		client.Query(t, moveTo, "id", user.ID, "e", "new."+user.Email)
		token := w.Outbox.Token(t, "new."+user.Email, 1)
		end(user, client)
		want := map[bool]string{true: "", false: "UNAUTHENTICATED"}[name == ""]
		if got := outcome(t, w.Anonymous(), verify, "t", token); got != want {
			t.Errorf("after %s: %q", name, got)
		}
	}
}

// Of someone who can sign in nobody but staff changes the address: a password is reset by it.
func TestWhoChangesAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, admin := w.As(t, w.manager), w.As(t, w.admin)
	for way, user := range w.signedIn(t) {
		if got := outcome(t, manager, moveTo, "id", user.ID, "e", "evil@own.example"); got != "error FORBIDDEN" {
			t.Errorf("by a MANAGER beside %s: %q", way, got)
		}
		if got := outcome(t, manager, moveTo, "id", user.ID, "e", user.Email, "n", "Renamed"); got != "" {
			t.Errorf("the name alone, beside %s: %q", way, got)
		}
		if data := admin.Query(t, moveTo, "id", user.ID, "e", "right."+user.Email); data.Text("r.user.email") != "right."+user.Email || data.Text("r.user.emailVerifiedAt") != "<nil>" {
			t.Errorf("by an ADMIN beside %s: %v", way, data.Raw())
		}
	}
	invited := w.User(t, w.company, model.RoleMember, "Ida Invited")
	w.Invite(t, invited)
	for name, c := range map[string]struct {
		client apitest.Client
		email  string
		want   string
	}{
		"by a MEMBER":        {w.As(t, w.member), "evil@own.example", "error FORBIDDEN"},
		"by a stranger":      {w.As(t, w.stranger), "evil@own.example", "NOT_FOUND id"},
		"to a taken one":     {manager, w.stranger.Email, "CONFLICT email"},
		"to what is no such": {manager, "x", "BAD_USER_INPUT email"},
	} {
		if got := outcome(t, c.client, moveTo, "id", invited.ID, "e", c.email); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if data := manager.Query(t, moveTo, "id", invited.ID, "e", "ida@own.example"); data.Text("r.user.email") != "ida@own.example" {
		t.Errorf("of who was invited: %v", data.Raw())
	}
}

// Without a way to send mail nobody confirms an address: the own one stays, and staff change it.
func TestOwnAddressWithoutMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Sessions.Post = nil })
	client := w.As(t, w.member)
	answer := client.Do(t, moveTo, "id", w.member.ID, "e", "mo@new.example", "n", "X")
	if !slices.Equal(answer.Codes(), []string{"UNAVAILABLE"}) || !strings.Contains(answer.Errors[0].Message, "cannot send mail") {
		t.Errorf("%s", answer.Body)
	}
	if got := client.Query(t, moveTo, "id", w.member.ID, "e", w.member.Email, "n", "Mo").Text("r.user.name"); got != "Mo" {
		t.Errorf("the name is %s", got)
	}
	if got := w.As(t, w.admin).Query(t, moveTo, "id", w.member.ID, "e", "mo@new.example").Text("r.user.email"); got != "mo@new.example" {
		t.Errorf("by an ADMIN: %s", got)
	}
}

// A MANAGER does not find out by many tries who has an account in other companies. The own colleagues are no secret.
func TestTakenAddressesAreNotSearched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, budgets)
	const create = `mutation($e: String!) { r: createUser(input: {name: "n", email: $e}) { user { id } userErrors { code field } } }`
	manager := w.As(t, w.manager)
	for range 5 {
		if got := outcome(t, manager, create, "e", w.member.Email); got != "CONFLICT email" {
			t.Errorf("of a colleague: %q", got)
		}
	}
	invited := w.User(t, w.company, model.RoleMember, "Ida Invited")
	tries := map[string]func(email string) apitest.Answer{
		"createUser": func(email string) apitest.Answer { return manager.Do(t, create, "e", email) },
		"inviteUser": func(email string) apitest.Answer {
			return manager.Do(t, invite, "in", map[string]any{"name": "n", "email": email})
		},
		"updateUser": func(email string) apitest.Answer { return manager.Do(t, moveTo, "id", invited.ID, "e", email) },
	}
	for name, try := range tries {
		if answer := try(w.stranger.Email); !strings.Contains(answer.Body, `"code":"CONFLICT"`) {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
	for name, try := range tries {
		wantHeldBack(t, name+" of a taken one", try(w.stranger.Email))
		wantHeldBack(t, name+" of a free one", try("free@own.example"))
	}
	if got := outcome(t, w.As(t, w.admin), `mutation($e: String!, $c: ID!) { r: createUser(input: {companyId: $c, name: "n", email: $e}) { userErrors { code field } } }`,
		"e", w.member.Email, "c", w.other.ID); got != "CONFLICT email" {
		t.Errorf("by an ADMIN: %q", got)
	}
	if got := manager.Query(t, `mutation($id: ID!) { r: updateUser(input: {id: $id, name: "Ida"}) { user { name } } }`, "id", invited.ID).Text("r.user.name"); got != "Ida" {
		t.Errorf("the name alone: %s", got)
	}
}
