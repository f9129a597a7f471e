package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/model"
)

// The users of an Auth.js frontend, from the first sign-in on.
func TestAdapterUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter, manager := w.adapter(t, w.manager), w.As(t, w.manager)
	const create = `mutation($in: CreateAdapterUserInput!) { r: createAdapterUser(input: $in) { user { id name email emailVerifiedAt image } userErrors { code field } } }`
	const update = `mutation($in: UpdateAdapterUserInput!) { r: updateAdapterUser(input: $in) { user { name email emailVerifiedAt image } userErrors { code field } } }`
	at := time.Date(2026, 11, 22, 16, 45, 0, 123456000, time.UTC)
	made := adapter.Query(t, create, "in", map[string]any{"email": "Nia.New@x.example", "emailVerifiedAt": at, "image": "https://x.example/nia.png"})
	id := made.Text("r.user.id")
	if got := fmt.Sprint(made.At("r.user").Raw()); got != "map[email:Nia.New@x.example emailVerifiedAt:2026-11-22T16:45:00.123456Z id:"+id+" image:https://x.example/nia.png name:Nia.New]" {
		t.Errorf("it creates %s", got)
	}
	if data := manager.Query(t, `query($id: ID!) { user(id: $id) { role company { id } invitation { createdAt } } }`, "id", id); data.Text("user.role") != "MEMBER" || data.Text("user.company.id") != w.company.ID.String() {
		t.Errorf("the user is %v", data.Raw())
	}
	o := nobody()
	o.user, o.email = id, "NIA.NEW@X.EXAMPLE"
	for _, field := range []string{"adapterUser", "adapterUserByEmail"} {
		if got := adapter.Query(t, o.call(field)).Text("r.id"); got != id {
			t.Errorf("%s finds %s", field, got)
		}
	}
	for name, c := range map[string]struct {
		in   map[string]any
		want string
	}{
		"a taken address":       {map[string]any{"email": "nia.new@x.example"}, "CONFLICT email"},
		"no address":            {map[string]any{"email": "nia"}, "BAD_USER_INPUT email"},
		"a picture in the text": {map[string]any{"email": "x@x.example", "image": "data:image/png;base64,AAAA"}, "BAD_USER_INPUT image"},
		"a long name":           {map[string]any{"email": "x@x.example", "name": strings.Repeat("x", 201)}, "BAD_USER_INPUT name"},
		"an empty name":         {map[string]any{"email": "y@x.example", "name": " "}, ""},
	} {
		if got := outcome(t, adapter, create, "in", c.in); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, c := range []struct {
		in   map[string]any
		want string
	}{
		{map[string]any{}, "email:Nia.New@x.example emailVerifiedAt:2026-11-22T16:45:00.123456Z image:https://x.example/nia.png name:Nia.New"},
		{map[string]any{"name": nil, "email": nil, "emailVerifiedAt": at}, "email:Nia.New@x.example emailVerifiedAt:2026-11-22T16:45:00.123456Z image:https://x.example/nia.png name:Nia.New"},
		{map[string]any{"name": "Nia", "image": nil}, "email:Nia.New@x.example emailVerifiedAt:2026-11-22T16:45:00.123456Z image:<nil> name:Nia"},
		{map[string]any{"email": "nia@x.example"}, "email:nia@x.example emailVerifiedAt:<nil> image:<nil> name:Nia"},
		{map[string]any{"email": "n@x.example", "emailVerifiedAt": at.Add(time.Second)}, "email:n@x.example emailVerifiedAt:2026-11-22T16:45:01.123456Z image:<nil> name:Nia"},
		{map[string]any{"emailVerifiedAt": nil}, "email:n@x.example emailVerifiedAt:<nil> image:<nil> name:Nia"},
	} {
		c.in["id"] = id
		if got := fmt.Sprint(adapter.Query(t, update, "in", c.in).At("r.user").Raw()); got != "map["+c.want+"]" {
			t.Errorf("%v makes it %s", c.in, got)
		}
	}
	if data := manager.Query(t, `query($id: ID!) { user(id: $id) { version } }`, "id", id); data.Text("user.version") != "5" {
		t.Errorf("what changed nothing was written: %v", data.Raw())
	}
	if got := outcome(t, adapter, update, "in", map[string]any{"id": model.NewID[model.UserID](), "name": "X"}); got != "NOT_FOUND id" {
		t.Errorf("to change who is not there: %q", got)
	}
	if codes := adapter.Do(t, `{ adapterUser(id: "x") { id } }`).Codes(); !slices.Equal(codes, []string{"BAD_USER_INPUT"}) {
		t.Errorf("a malformed id: %v", codes)
	}
}

// Who owns something, or made the key, stays; with anyone else all that a frontend kept goes.
func TestAdapterDeletesUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	o := w.targetOf(t, adapter, w.member)
	w.Projects(t, w.member, 1)
	if got := outcome(t, adapter, o.call("deleteAdapterUser")); got != "CONFLICT id" {
		t.Errorf("who owns a project: %q", got)
	}
	own := o
	own.user = w.manager.ID.String()
	if got := outcome(t, adapter, own.call("deleteAdapterUser")); got != "CONFLICT id" {
		t.Errorf("who made the key: %q", got)
	}
	if _, err := w.Pool.Exec("DELETE FROM projects"); err != nil {
		t.Fatal(err)
	}
	if got := adapter.Query(t, o.call("deleteAdapterUser")).Text("r.user.id"); got != o.user {
		t.Errorf("deleted: %s", got)
	}
	for _, field := range []string{"adapterUser", "adapterUserByEmail", "adapterUserByAccount", "adapterAccount", "adapterSession", "adapterAuthenticator"} {
		if got := adapter.Query(t, o.call(field)).Text("r"); got != "<nil>" {
			t.Errorf("%s finds %s", field, got)
		}
	}
	if got := adapter.Query(t, o.call("deleteAdapterUser")).Text("r"); got != "map[user:<nil> userErrors:[]]" {
		t.Errorf("again: %s", got)
	}
}

// An account's tokens are kept, and shown nowhere. The last one can be unlinked: there is the mail.
func TestAdapterAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	w.Invite(t, w.member)
	in := map[string]any{"userId": w.member.ID, "type": "oidc", "provider": "google", "providerAccountId": "1", "scope": "openid",
		"expiresAt": "1970-01-31T00:00:00Z", "refreshToken": "secret 1", "accessToken": "secret 2", "idToken": "secret 3", "tokenType": "bearer", "sessionState": "secret 4"}
	const link = `mutation($in: LinkAdapterAccountInput!) { r: linkAdapterAccount(input: $in) { account { userId type provider providerAccountId scope expiresAt } userErrors { code field } } }`
	want := "map[expiresAt:1970-01-31T00:00:00Z provider:google providerAccountId:1 scope:openid type:oidc userId:" + w.member.ID.String() + "]"
	linked := adapter.Do(t, link, "in", in)
	if got := fmt.Sprint(linked.Data["r"].(map[string]any)["account"]); got != want || strings.Contains(linked.Body, "secret") {
		t.Errorf("linked: %s", linked.Body)
	}
	o := nobody()
	o.account = "1"
	read := adapter.Do(t, o.call("adapterAccount"))
	if got := fmt.Sprint(read.Data["r"]); got != want || strings.Contains(read.Body, "secret") {
		t.Errorf("read: %s", read.Body)
	}
	if got := adapter.Query(t, o.call("adapterUserByAccount")).Text("r.id"); got != w.member.ID.String() {
		t.Errorf("it is linked to %s", got)
	}
	var kept string
	err := w.Pool.QueryRow("SELECT concat_ws(',', refresh_token, access_token, id_token, token_type, session_state) FROM accounts").Scan(&kept)
	if err != nil || kept != "secret 1,secret 2,secret 3,bearer,secret 4" {
		t.Errorf("kept: %s, %v", kept, err)
	}
	if data := w.As(t, w.manager).Query(t, `query($id: ID!) { user(id: $id) { invitation { createdAt } } }`, "id", w.member.ID); data.Text("user.invitation") != "<nil>" {
		t.Error("the invitation goes on")
	}
	if got := outcome(t, adapter, link, "in", in); got != "CONFLICT providerAccountId" {
		t.Errorf("linked again: %q", got)
	}
	in["provider"], in["providerAccountId"], in["accessToken"] = "", strings.Repeat("é", 751), strings.Repeat("x", 16_385)
	if got := outcome(t, adapter, link, "in", in); got != "BAD_USER_INPUT provider, BAD_USER_INPUT providerAccountId, BAD_USER_INPUT accessToken" {
		t.Errorf("over the limits: %q", got)
	}
	for _, want := range []string{w.member.ID.String(), "<nil>"} {
		data := adapter.Query(t, o.call("unlinkAdapterAccount"))
		if got := data.Text("r.account"); got != "map[userId:"+want+"]" && got != want || len(data.List("r.userErrors")) > 0 {
			t.Errorf("unlinked: %v, want %s", data.Raw(), want)
		}
	}
	if got := adapter.Query(t, o.call("adapterUserByAccount")).Text("r"); got != "<nil>" {
		t.Errorf("it is still linked to %s", got)
	}
}

// Passkeys are kept up to a limit, and go with their account link, whoever unlinks it.
func TestAdapterAuthenticators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adapter := w.adapter(t, w.manager)
	const create = `mutation($in: CreateAdapterAuthenticatorInput!) { r: createAdapterAuthenticator(input: $in) {
		authenticator { userId providerAccountId credentialId credentialPublicKey counter credentialDeviceType credentialBackedUp transports } userErrors { code field } } }`
	passkey := func(id string) map[string]any {
		return map[string]any{"userId": w.member.ID, "providerAccountId": id, "credentialId": id, "credentialPublicKey": "key", "counter": 1 << 32,
			"credentialDeviceType": "multiDevice", "credentialBackedUp": true, "transports": "usb,nfc"}
	}
	link := func(user *model.User, id string) {
		in := map[string]any{"userId": user.ID, "type": "webauthn", "provider": "google", "providerAccountId": id}
		adapter.Query(t, `mutation($in: LinkAdapterAccountInput!) { linkAdapterAccount(input: $in) { account { userId } } }`, "in", in)
	}
	link(w.manager, "another's")
	for _, id := range []string{"nobody's", "another's"} {
		if got := outcome(t, adapter, create, "in", passkey(id)); got != "BAD_REFERENCE providerAccountId" {
			t.Errorf("of %s account: %q", id, got)
		}
	}
	link(w.member, "first")
	made := adapter.Query(t, create, "in", passkey("first"))
	want := "map[counter:4.294967296e+09 credentialBackedUp:true credentialDeviceType:multiDevice credentialId:first credentialPublicKey:key providerAccountId:first transports:usb,nfc userId:" + w.member.ID.String() + "]"
	if got := fmt.Sprint(made.At("r.authenticator").Raw()); got != want {
		t.Errorf("made: %s", got)
	}
	if got := outcome(t, adapter, create, "in", passkey("first")); got != "CONFLICT credentialId" {
		t.Errorf("again: %q", got)
	}
	for i := 1; i < model.AuthenticatorsMax; i++ {
		link(w.member, fmt.Sprint(i))
		if got := outcome(t, adapter, create, "in", passkey(fmt.Sprint(i))); got != "" {
			t.Fatal(got)
		}
	}
	if got := outcome(t, adapter, create, "in", passkey("over")); got != "CONFLICT userId" {
		t.Errorf("over the limit: %q", got)
	}
	o := target{user: w.member.ID.String(), passkey: "first", account: "first"}
	if list := adapter.Query(t, o.call("adapterAuthenticators")).Texts("r", "credentialId"); len(list) != model.AuthenticatorsMax || list[0] != "first" || list[1] != "1" {
		t.Errorf("they are %v", list)
	}
	for _, read := range []string{"updateAdapterAuthenticator", "adapterAuthenticator"} {
		if data := adapter.Do(t, o.call(read)); !strings.Contains(data.Body, `"counter":7`) {
			t.Errorf("%s: %s", read, data.Body)
		}
	}
	if got := outcome(t, adapter, nobody().call("updateAdapterAuthenticator")); got != "NOT_FOUND credentialId" {
		t.Errorf("one that is not there: %q", got)
	}
	adapter.Query(t, o.call("unlinkAdapterAccount"))
	account := w.As(t, w.member).Query(t, `{ me { accounts(last: 1) { nodes { id } } } }`).Text("me.accounts.nodes.0.id") // the one of passkey 1
	if got := outcome(t, w.As(t, w.member), unlink, "id", account); got != "" {
		t.Fatal(got)
	}
	if list := adapter.Query(t, o.call("adapterAuthenticators")).Texts("r", "credentialId"); len(list) != model.AuthenticatorsMax-2 || list[0] != "2" {
		t.Errorf("after two were unlinked they are %v", list)
	}
}
