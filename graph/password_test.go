package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/model"
)

const (
	signIn       = `mutation($e: String!, $p: String!) { r: signIn(input: {email: $e, password: $p}) { token user { id } userErrors { code field message } } }`
	change       = `mutation($c: String!, $n: String!) { r: changePassword(input: {currentPassword: $c, newPassword: $n}) { user { name } endedSessionCount userErrors { code field message } } }`
	requestReset = `mutation($e: String!) { r: requestPasswordReset(input: {email: $e}) { userErrors { code field message } } }`
	reset        = `mutation($t: String!, $p: String!) { r: resetPassword(input: {token: $t, password: $p}) {
		token expiresAt user { name emailVerifiedAt company { name } invitation { expiresAt } } userErrors { code field message } } }`
	requestVerification = `mutation { r: requestEmailVerification { userErrors { code field message } } }`
	verify              = `mutation($t: String!) { r: verifyEmail(input: {token: $t}) { verifiedEmail userErrors { code field message } } }`
)

// Whoever knows the password replaces it. What others had in their hands ends: sessions, and a mailed token.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetPassword(t, w.member, "correct horse")
	own, others := w.As(t, w.member), []apitest.Client{w.As(t, w.member), w.As(t, w.member)}
	w.Anonymous().Query(t, requestReset, "e", w.member.Email)
	mailed := w.Outbox.Token(t, w.member.Email, 1)
	for name, c := range map[string]struct{ got, want string }{
		"a wrong one":     {outcome(t, own, change, "c", "wrong horse", "n", "better horse"), "UNAUTHENTICATED currentPassword"},
		"a long one":      {outcome(t, own, change, "c", strings.Repeat("x", 5000), "n", "better horse"), "UNAUTHENTICATED currentPassword"},
		"to a short one":  {outcome(t, own, change, "c", "correct horse", "n", "short"), "BAD_USER_INPUT newPassword"},
		"without one":     {outcome(t, w.As(t, w.manager), change, "c", "", "n", "better horse"), "CONFLICT currentPassword"},
		"not signed in":   {outcome(t, w.Anonymous(), change, "c", "correct horse", "n", "better horse"), "error UNAUTHENTICATED"},
		"of someone else": {outcome(t, w.As(t, w.stranger), change, "c", "correct horse", "n", "better horse"), "CONFLICT currentPassword"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
	others[0].Query(t, `{ me { name } }`) // nothing has ended so far
	data := own.Query(t, change, "c", "correct horse", "n", "better horse")
	if data.Text("r.endedSessionCount") != "2" || data.Text("r.user.name") != w.member.Name {
		t.Errorf("%v", data.Raw())
	}
	own.Query(t, `{ me { name } }`)
	for _, other := range others {
		if codes := other.Do(t, `{ me { name } }`).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
			t.Errorf("another session: %v", codes)
		}
	}
	if got := outcome(t, w.Anonymous(), reset, "t", mailed, "p", "stolen horse"); got != "UNAUTHENTICATED" {
		t.Errorf("a token that was mailed before: %q", got)
	}
	if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", "correct horse"); got != "UNAUTHENTICATED" {
		t.Errorf("the old one: %q", got)
	}
	if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", "better horse"); got != "" {
		t.Errorf("the new one: %q", got)
	}
	log := w.As(t, w.manager).Query(t, `{ auditLog(filter: {actions: [PASSWORD_CHANGED]}) { nodes { subject { id } actor { id } details } } }`)
	if entries := log.List("auditLog.nodes"); len(entries) != 1 || entries[0].Text("actor.id") != w.member.ID.String() ||
		entries[0].Text("subject.id") != w.member.ID.String() || fmt.Sprint(entries[0].At("details").Raw()) != "map[sessions:2]" {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// From the forgotten password, or none at all, to a session.
func TestResetPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invitation := w.Invite(t, w.member)
	old := w.As(t, w.member)
	if got := outcome(t, w.Anonymous(), requestReset, "e", strings.ToUpper(w.member.Email)); got != "" {
		t.Fatal(got)
	}
	token := w.Outbox.Token(t, w.member.Email, 1)
	mail := w.Outbox.To(w.member.Email)[0]
	if !strings.Contains(mail.Text, "\n"+apitest.AppURL+"/reset-password#token=dossier_reset_") || len(token) != len("dossier_reset_")+26 {
		t.Errorf("%+v", mail)
	}
	if got := outcome(t, w.Anonymous(), reset, "t", token, "p", "short"); got != "BAD_USER_INPUT password" {
		t.Errorf("a short password: %q", got)
	}
	old.Query(t, `{ me { name } }`)
	// The payload, and later fields of the same request, are the new viewer's.
	data := w.Anonymous().Query(t, strings.TrimSuffix(reset, "}")+
		` p: createProject(input: {name: "p", clientName: "c"}) { project { owner { name } } } }`, "t", token, "p", "correct horse")
	if data.Text("r.user.company.name") != "Own" || data.Text("r.user.invitation") != "<nil>" || data.Text("r.user.emailVerifiedAt") == "<nil>" ||
		data.Text("p.project.owner.name") != w.member.Name {
		t.Errorf("%v", data.Raw())
	}
	w.With(data.Text("r.token")).Query(t, `{ me { name } }`)
	if codes := old.Do(t, `{ me { name } }`).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
		t.Errorf("the session from before: %v", codes)
	}
	if got := outcome(t, w.Anonymous(), reset, "t", token, "p", "another horse"); got != "UNAUTHENTICATED" {
		t.Errorf("a second time: %q", got)
	}
	if got := outcome(t, w.Anonymous(), accept, "t", invitation, "p", "another horse"); got != "UNAUTHENTICATED" {
		t.Errorf("the invitation: %q", got)
	}
	if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", "correct horse"); got != "" {
		t.Errorf("signing in: %q", got)
	}
	log := w.As(t, w.admin).Query(t, `{ auditLog(first: 50) { nodes { action subjectId actor { id } details } } }`)
	if actions := fmt.Sprint(log.Texts("auditLog.nodes", "action")); !strings.Contains(actions, "USER_SIGNED_IN PASSWORD_RESET") {
		t.Errorf("the audit log: %s", actions)
	}
	if all := fmt.Sprint(log.Raw()); strings.Contains(all, token) || strings.Contains(all, "argon2") {
		t.Errorf("a secret in the audit log: %s", all)
	}
	if text := w.Log.String(); strings.Contains(text, token) || strings.Contains(text, w.member.Email) {
		t.Errorf("a secret in the log: %s", text)
	}
}

// A token that cannot be used answers the same, whatever the reason.
func TestTokensThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(name string) (*model.User, string) {
		user := w.User(t, w.company, model.RoleMember, name)
		if got := outcome(t, w.Anonymous().From(t, "127.0.0.2"), requestReset, "e", user.Email); got != "" {
			t.Fatal(got)
		}
		return user, w.Outbox.Token(t, user.Email, 1)
	}
	anew, replaced := ask("Ann Anew")
	w.Anonymous().Query(t, requestReset, "e", anew.Email)
	good := w.Outbox.Token(t, anew.Email, 2)
	late, expired := ask("Lou Late")
	gone, deactivated := ask("Lee Left")
	moved, another := ask("May Moved")
	for _, statement := range []string{
		"UPDATE one_time_tokens SET expires = now() WHERE user_id = '" + late.ID.Global().UUID.String() + "'",
		"UPDATE users SET deactivated_at = now() WHERE id = '" + gone.ID.Global().UUID.String() + "'",
		"UPDATE users SET email = 'new@test.example' WHERE id = '" + moved.ID.Global().UUID.String() + "'",
	} {
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	w.As(t, w.member).Query(t, requestVerification)
	verification := w.Outbox.Token(t, w.member.Email, 1)
	unknown := w.Anonymous().Do(t, reset, "t", "dossier_reset_x", "p", "correct horse").Body
	if !strings.Contains(unknown, `"code":"UNAUTHENTICATED"`) || !strings.Contains(unknown, `"token":null`) {
		t.Errorf("unknown: %s", unknown)
	}
	for name, token := range map[string]string{"replaced": replaced, "expired": expired, "deactivated": deactivated, "of another address": another,
		"of another purpose": verification, "empty": "", "long": strings.Repeat("x", 10_000)} {
		if got := w.Anonymous().Do(t, reset, "t", token, "p", "correct horse").Body; got != unknown {
			t.Errorf("%s tells more:\n%s\n%s", name, got, unknown)
		}
	}
	unverified := w.Anonymous().Do(t, verify, "t", "dossier_verify_x").Body
	if got := w.Anonymous().Do(t, verify, "t", good).Body; got != unverified || !strings.Contains(got, `"code":"UNAUTHENTICATED"`) {
		t.Errorf("a reset's token verifies: %s", got)
	}
	if got := outcome(t, w.Anonymous(), reset, "t", good, "p", "correct horse"); got != "" {
		t.Errorf("the good one: %q", got)
	}
	var stored int
	if err := w.Pool.QueryRow("SELECT count(*) FROM one_time_tokens WHERE encode(token_hash, 'escape') LIKE '%dossier%'").Scan(&stored); err != nil || stored > 0 {
		t.Errorf("a token is stored: %v", err)
	}
}

// Who asks for a reset learns nothing of who there is, and nobody but a user who may sign in gets a mail.
func TestResetRequestsTellNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := w.User(t, w.company, model.RoleMember, "Lee Left")
	if _, err := w.Pool.Exec("UPDATE users SET deactivated_at = now() WHERE id = $1", gone.ID); err != nil {
		t.Fatal(err)
	}
	known := w.Anonymous().Do(t, requestReset, "e", w.member.Email).Body
	for _, email := range []string{"nobody@test.example", gone.Email} {
		w.SQL.Reset()
		if got := w.Anonymous().Do(t, requestReset, "e", email).Body; got != known {
			t.Errorf("%s: %s\n%s", email, got, known)
		}
	}
	if got := outcome(t, w.Anonymous(), requestReset, "e", "no address"); got != "BAD_USER_INPUT email" {
		t.Errorf("what is no address: %q", got)
	}
	w.Outbox.Close()
	if n := len(w.Outbox.To(w.member.Email)); n != 1 {
		t.Errorf("%d mails to the user", n)
	}
	for _, email := range []string{"nobody@test.example", gone.Email} {
		if mails := w.Outbox.To(email); len(mails) > 0 {
			t.Errorf("mails to %s: %v", email, mails)
		}
	}
	if answer := w.Anonymous().Do(t, requestReset, "e", w.manager.Email); len(answer.Errors) > 0 {
		t.Errorf("while the server stops: %s", answer.Body) // it is written by nobody, which is not told either
	}
}

// The own address is verified by a token that was mailed to it, as long as it is the own one.
func TestVerifyEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.member)
	if got := outcome(t, client, requestVerification); got != "" {
		t.Fatal(got)
	}
	token := w.Outbox.Token(t, w.member.Email, 1)
	if mail := w.Outbox.To(w.member.Email)[0]; !strings.Contains(mail.Text, "\n"+apitest.AppURL+"/verify-email#token=dossier_verify_") {
		t.Errorf("%+v", mail)
	}
	var left time.Duration
	if err := w.Pool.QueryRow("SELECT (extract(epoch FROM expires - now()) * 1e9)::bigint FROM one_time_tokens").Scan((*int64)(&left)); err != nil ||
		left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("it can be used for %s: %v", left, err)
	}
	// A new address is not verified by what was mailed to the former one.
	const move = `mutation($id: ID!, $e: String!) { r: updateUser(input: {id: $id, email: $e}) { user { emailVerifiedAt } userErrors { code field } } }`
	w.As(t, w.admin).Query(t, move, "id", w.member.ID, "e", "mo@new.example")
	if got := outcome(t, w.Anonymous(), verify, "t", token); got != "UNAUTHENTICATED" {
		t.Errorf("the token of the former address: %q", got)
	}
	client.Query(t, requestVerification)
	token = w.Outbox.Token(t, "mo@new.example", 1)
	data := w.Anonymous().Query(t, verify, "t", token)
	if data.Text("r.verifiedEmail") != "mo@new.example" {
		t.Errorf("%v", data.Raw())
	}
	if got := client.Query(t, `{ me { emailVerifiedAt } }`).Text("me.emailVerifiedAt"); got == "<nil>" {
		t.Error("it is not verified")
	}
	if got := outcome(t, w.Anonymous(), verify, "t", token); got != "UNAUTHENTICATED" {
		t.Errorf("a second time: %q", got)
	}
	if got := outcome(t, client, requestVerification); got != "CONFLICT" {
		t.Errorf("of a verified address: %q", got)
	}
	log := w.As(t, w.manager).Query(t, `{ auditLog(filter: {actions: [EMAIL_VERIFIED]}) { nodes { subject { id } actor { id } } } }`)
	if entries := log.List("auditLog.nodes"); len(entries) != 1 || entries[0].Text("actor.id") != w.member.ID.String() {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// An invitation is mailed too; whoever invited has the token all the same.
func TestInvitationsAreMailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.As(t, w.manager)
	made := manager.Query(t, invite, "in", map[string]any{"name": "Nia New", "email": "nia@own.example"})
	if got := w.Outbox.Token(t, "nia@own.example", 1); got != made.Text("r.token") {
		t.Errorf("mailed %s, answered %s", got, made.Text("r.token"))
	}
	renewed := manager.Query(t, renew, "u", made.Text("r.user.id"))
	token := w.Outbox.Token(t, "nia@own.example", 2)
	if token != renewed.Text("r.token") || token == made.Text("r.token") {
		t.Errorf("mailed %s, answered %s", token, renewed.Text("r.token"))
	}
	// Nobody's box is filled with them.
	for range 3 {
		token = manager.Query(t, renew, "u", made.Text("r.user.id")).Text("r.token")
	}
	if got := outcome(t, w.Anonymous(), accept, "t", token, "p", "correct horse"); got != "" {
		t.Errorf("%q", got)
	}
	w.Outbox.Close()
	if n := len(w.Outbox.To("nia@own.example")); n != 3 {
		t.Errorf("%d mails", n)
	}
}

// Without a way to send mail, what needs it says so, and the rest works.
func TestWithoutMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Sessions.Post = nil })
	for _, email := range []string{w.member.Email, "nobody@test.example"} {
		answer := w.Anonymous().Do(t, requestReset, "e", email)
		if !slices.Equal(answer.Codes(), []string{"UNAVAILABLE"}) || !strings.Contains(answer.Errors[0].Message, "cannot send mail") {
			t.Errorf("a reset: %s", answer.Body)
		}
	}
	if codes := w.As(t, w.member).Do(t, requestVerification).Codes(); !slices.Equal(codes, []string{"UNAVAILABLE"}) {
		t.Errorf("a verification: %v", codes)
	}
	made := w.As(t, w.manager).Query(t, invite, "in", map[string]any{"name": "Nia New", "email": "nia@own.example"})
	if got := outcome(t, w.Anonymous(), accept, "t", made.Text("r.token"), "p", "correct horse"); got != "" {
		t.Errorf("an invitation: %q", got)
	}
}
