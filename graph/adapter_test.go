package graph_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/model"
)

// adapterCalls call each field that an Auth.js frontend uses, on a target.
var adapterCalls = map[string]string{
	"adapterUser":           `{ r: adapterUser(id: "$user") { id name email emailVerifiedAt image } }`,
	"adapterUserByEmail":    `{ r: adapterUserByEmail(email: "$email") { id } }`,
	"adapterUserByAccount":  `{ r: adapterUserByAccount(provider: "google", providerAccountId: "$account") { id } }`,
	"adapterAccount":        `{ r: adapterAccount(provider: "google", providerAccountId: "$account") { userId type provider providerAccountId scope expiresAt } }`,
	"adapterSession":        `{ r: adapterSession(sessionToken: "$session") { expiresAt user { id } } }`,
	"adapterAuthenticator":  `{ r: adapterAuthenticator(credentialId: "$passkey") { userId counter } }`,
	"adapterAuthenticators": `{ r: adapterAuthenticators(userId: "$user") { credentialId } }`,
	"createAdapterUser":     `mutation { r: createAdapterUser(input: {email: "$new@x.example"}) { user { id } userErrors { code field message } } }`,
	"updateAdapterUser":     `mutation { r: updateAdapterUser(input: {id: "$user", name: "X"}) { user { id } userErrors { code field message } } }`,
	"deleteAdapterUser":     `mutation { r: deleteAdapterUser(input: {id: "$user"}) { user { id } userErrors { code field message } } }`,
	"linkAdapterAccount": `mutation { r: linkAdapterAccount(input: {userId: "$user", type: "oidc", provider: "github", providerAccountId: "$new"}) {
		account { userId } userErrors { code field message } } }`,
	"unlinkAdapterAccount": `mutation { r: unlinkAdapterAccount(input: {provider: "google", providerAccountId: "$account"}) { account { userId } userErrors { code field message } } }`,
	"createAdapterSession": `mutation { r: createAdapterSession(input: {userId: "$user", sessionToken: "$new", expiresAt: "$soon"}) {
		session { expiresAt user { id } } userErrors { code field message } } }`,
	"updateAdapterSession": `mutation { r: updateAdapterSession(input: {sessionToken: "$session", expiresAt: "$soon"}) { session { expiresAt user { id } } userErrors { code field message } } }`,
	"deleteAdapterSession": `mutation { r: deleteAdapterSession(input: {sessionToken: "$session"}) { session { user { id } } userErrors { code field message } } }`,
	"createAdapterVerificationToken": `mutation { r: createAdapterVerificationToken(input: {identifier: "$email", token: "$new", expiresAt: "$soon"}) {
		verification { identifier expiresAt } userErrors { code field message } } }`,
	"useAdapterVerificationToken": `mutation { r: useAdapterVerificationToken(input: {identifier: "$email", token: "$mailed"}) { verification { identifier } userErrors { code field message } } }`,
	"createAdapterAuthenticator": `mutation { r: createAdapterAuthenticator(input: {userId: "$user", providerAccountId: "$account", credentialId: "$new",
		credentialPublicKey: "key", counter: 0, credentialDeviceType: "singleDevice", credentialBackedUp: false}) { authenticator { credentialId } userErrors { code field message } } }`,
	"updateAdapterAuthenticator": `mutation { r: updateAdapterAuthenticator(input: {credentialId: "$passkey", counter: 7}) { authenticator { counter } userErrors { code field message } } }`,
}

// target is what the calls are about.
type target struct{ user, email, account, session, passkey, mailed string }

func newToken() string { return rand.Text() + rand.Text() }

// call gives a field's call on the target; what is new is new each time.
func (o target) call(field string) string {
	return strings.NewReplacer("$user", o.user, "$email", o.email, "$account", o.account, "$session", o.session, "$passkey", o.passkey,
		"$mailed", o.mailed, "$new", newToken(), "$soon", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)).Replace(adapterCalls[field])
}

// nobody is a target that is not there.
func nobody() target {
	return target{model.NewID[model.UserID]().String(), "nobody@x.example", newToken(), newToken(), newToken(), newToken()}
}

// adapter gives a client with an API key of the user for an Auth.js frontend, and for nothing else.
func (w world) adapter(t testing.TB, maker *model.User) apitest.Client {
	t.Helper()
	return w.With(w.Key(t, maker, model.ScopeAuthAdapter))
}

// targetOf gives a user all that a frontend may keep for one.
func (w world) targetOf(t testing.TB, adapter apitest.Client, user *model.User) target {
	t.Helper()
	o := nobody()
	o.user, o.email = user.ID.String(), user.Email
	for _, made := range []struct{ field, token, as string }{
		{"createAdapterSession", o.session, "$new"}, {"linkAdapterAccount", o.account, "$new"},
		{"createAdapterAuthenticator", o.passkey, "$new"}, {"createAdapterVerificationToken", o.mailed, "$new"},
	} {
		query := strings.ReplaceAll(adapterCalls[made.field], made.as, made.token)
		query = strings.NewReplacer("$user", o.user, "$email", o.email, "$account", o.account, "github", "google",
			"$soon", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)).Replace(query)
		if got := outcome(t, adapter, query); got != "" {
			t.Fatalf("%s: %s", made.field, got)
		}
	}
	return o
}

// Only a key with the scope may, made by someone who is a MANAGER or ADMIN now: a session is not enough, whoever's, as a
// frontend signs in whom it likes.
func TestAdapterNeedsAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var others []model.Scope
	for _, scope := range model.AllScopes {
		if scope != model.ScopeAuthAdapter {
			others = append(others, scope)
		}
	}
	demoted := w.User(t, w.company, model.RoleManager, "Dee Demoted")
	demotedKey := w.adapter(t, demoted)
	if got := outcome(t, w.As(t, w.manager), changeRole, "u", demoted.ID, "r", model.RoleMember); got != "" {
		t.Fatal(got)
	}
	refused := map[string]apitest.Client{
		"UNAUTHENTICATED anonymous": w.Anonymous(), "FORBIDDEN MEMBER": w.As(t, w.member), "FORBIDDEN MANAGER": w.As(t, w.manager),
		"FORBIDDEN ADMIN": w.As(t, w.admin), "FORBIDDEN other scopes": w.With(w.Key(t, w.manager, others...)),
		"FORBIDDEN demoted": demotedKey,
	}
	key := w.adapter(t, w.manager)
	schema := loadSchema(t)
	var fields []string
	for _, root := range []string{"Query", "Mutation"} {
		for _, field := range schema.Types[root].Fields {
			scope := ""
			if argument := field.Directives.ForName("access"); argument != nil && argument.Arguments.ForName("scope") != nil {
				scope = argument.Arguments.ForName("scope").Value.Raw
			}
			if strings.Contains(strings.ToLower(field.Name), "adapter") != (scope == string(model.ScopeAuthAdapter)) {
				t.Errorf("%s has the scope %q", field.Name, scope)
			}
			if scope == string(model.ScopeAuthAdapter) {
				fields = append(fields, field.Name)
			}
		}
	}
	slices.Sort(fields)
	if called := slices.Sorted(maps.Keys(adapterCalls)); !slices.Equal(called, fields) {
		t.Fatalf("the schema has %v, the test calls %v", fields, called)
	}
	for _, field := range fields {
		query := nobody().call(field)
		for name, client := range refused {
			want, _, _ := strings.Cut(name, " ")
			if got := strings.Join(client.Do(t, query).Codes(), " "); got != want {
				t.Errorf("%s as %s: %q", field, name, got)
			}
		}
		if codes := key.Do(t, query).Codes(); len(codes) > 0 {
			t.Errorf("%s with the key: %v", field, codes)
		}
	}
	// The scope opens nothing else.
	for _, query := range []string{`{ me { id } }`, `{ users { totalCount } }`, `mutation { signOut { signedOut } }`} {
		if codes := key.Do(t, query).Codes(); !slices.Equal(codes, []string{"FORBIDDEN"}) {
			t.Errorf("%s with the key: %v", query, codes)
		}
	}
	if codes := key.Do(t, `query($id: ID!) { node(id: $id) { id } }`, "id", w.member.ID).Codes(); !slices.Equal(codes, []string{"FORBIDDEN"}) {
		t.Errorf("a node with the key: %v", codes)
	}
}

// To a company's frontend another company's users, staff and who is deactivated are as if they were not there, with all that
// is theirs; to a frontend of staff only staff and who is deactivated are.
func TestAdapterSeesNoOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	staff, ours, theirs := w.adapter(t, w.admin), w.adapter(t, w.manager), w.adapter(t, w.stranger)
	gone := w.User(t, w.company, model.RoleMember, "Gus Gone")
	goneTarget := w.targetOf(t, ours, gone)
	if got := outcome(t, w.As(t, w.manager), deactivate, "u", gone.ID); got != "" {
		t.Fatal(got)
	}
	strange := w.targetOf(t, theirs, w.stranger)
	admin := nobody()
	admin.user, admin.email = w.admin.ID.String(), w.admin.Email
	admin.account, admin.session = w.Account(t, w.admin, "google").ProviderAccountID, w.Token(t, w.admin)
	for _, c := range []struct {
		name    string
		adapter apitest.Client
		hidden  target
	}{
		{"a company's, another's user", ours, strange}, {"a company's, an ADMIN", ours, admin}, {"staff's, an ADMIN", staff, admin},
		{"a company's, a deactivated user", ours, goneTarget}, {"staff's, a deactivated user", staff, goneTarget},
		{"another's, a deactivated user", theirs, goneTarget},
	} {
		if c.hidden == goneTarget {
			c.hidden.mailed = newToken() // what was mailed is for an address, and of no user yet
		}
		for field := range adapterCalls {
			if field == "createAdapterUser" || field == "createAdapterVerificationToken" { // about nobody who is there
				continue
			}
			hidden, missing := c.adapter.Do(t, c.hidden.call(field)), c.adapter.Do(t, nobody().call(field))
			if hidden.Body != missing.Body || hidden.Status != missing.Status || len(hidden.Errors) > 0 {
				t.Errorf("%s, %s:\nhidden  %s\nmissing %s", c.name, field, hidden.Body, missing.Body)
			}
		}
	}
	if got := theirs.Query(t, strange.call("adapterSession")).Text("r.user.id"); got != w.stranger.ID.String() {
		t.Errorf("the session is now of %s", got)
	}
	if got := staff.Query(t, strange.call("adapterUserByAccount")).Text("r.id"); got != w.stranger.ID.String() {
		t.Errorf("staff's frontend finds %s", got)
	}
	if got := theirs.Query(t, strange.call("adapterAuthenticator")).Text("r.counter"); got != "0" {
		t.Errorf("the passkey was used %s times", got)
	}
	if got := theirs.Query(t, strange.call("useAdapterVerificationToken")).Text("r.verification.identifier"); got != w.stranger.Email {
		t.Errorf("the token that was mailed is now for %s", got)
	}
	if data := w.As(t, w.admin).Query(t, `query($s: ID!, $a: ID!) { s: user(id: $s) { version accounts { totalCount } } a: user(id: $a) { version accounts { totalCount } } }`,
		"s", w.stranger.ID, "a", w.admin.ID); fmt.Sprint(data.Raw()) != "map[a:map[accounts:map[totalCount:1] version:1] s:map[accounts:map[totalCount:1] version:1]]" {
		t.Errorf("the hidden are now %v", data.Raw())
	}
}

// A key of staff is of no company: it signs in everyone's users, and creates none.
func TestAdapterOfStaff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	staff := w.adapter(t, w.admin)
	if got := outcome(t, staff, nobody().call("createAdapterUser")); got != "BAD_USER_INPUT" {
		t.Errorf("it creates a user: %q", got)
	}
	for _, user := range []*model.User{w.member, w.stranger} {
		o := w.targetOf(t, staff, user)
		if got := w.With(o.session).Query(t, `{ me { id } }`).Text("me.id"); got != o.user {
			t.Errorf("the session of %s is of %s", user.Name, got)
		}
		if got := outcome(t, w.adapter(t, w.manager), o.call("useAdapterVerificationToken")); got != "" {
			t.Error(got)
		}
		// What staff's frontend mailed is not a company's to use.
		if got := staff.Query(t, o.call("useAdapterVerificationToken")).Text("r.verification.identifier"); got != user.Email {
			t.Errorf("the token that was mailed is used up: %s", got)
		}
	}
}

// A token that was mailed is good once, whoever is fast; not for another address, and not when it is over.
func TestAdapterVerificationTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	use := func(o target) string {
		return adapter.Query(t, o.call("useAdapterVerificationToken")).Text("r.verification")
	}
	mailed := func() target {
		o := nobody()
		query := strings.ReplaceAll(adapterCalls["createAdapterVerificationToken"], "$new", o.mailed)
		adapter.Query(t, strings.NewReplacer("$email", o.email, "$soon", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)).Replace(query))
		return o
	}
	for range 5 {
		o := mailed()
		wrong := o
		wrong.email = "else@x.example"
		if got := use(wrong); got != "<nil>" {
			t.Errorf("for another address: %s", got)
		}
		var wait sync.WaitGroup
		var mu sync.Mutex
		good := 0
		for range 8 {
			wait.Go(func() {
				got := adapter.Do(t, o.call("useAdapterVerificationToken"))
				mu.Lock()
				defer mu.Unlock()
				if strings.Contains(got.Body, o.email) {
					good++
				} else if !strings.Contains(got.Body, `"verification":null,"userErrors":[]`) {
					t.Errorf("it answers %s", got.Body)
				}
			})
		}
		wait.Wait()
		if good != 1 {
			t.Errorf("it was good %d times", good)
		}
	}
	o := mailed()
	if _, err := w.Pool.Exec("UPDATE verification_tokens SET expires = now()"); err != nil {
		t.Fatal(err)
	}
	if got := use(o); got != "<nil>" {
		t.Errorf("one that is over: %s", got)
	}
	mailed() // which clears what is over
	var left int
	if err := w.Pool.QueryRow("SELECT count(*) FROM verification_tokens").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d are kept: %v", left, err)
	}
}
