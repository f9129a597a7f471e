package graph_test

import (
	"slices"
	"strings"
	"testing"

	"dossier/model"
)

const accountsOf = `query($u: ID!) { user(id: $u) { accounts { totalCount nodes { id type provider providerAccountId scope expiresAt createdAt user { name } } } } }`

// The user, a MANAGER of the company and an ADMIN see a user's account links; to a colleague there are none. What reads
// them does not read their tokens.
func TestAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Account(t, w.member, "github")
	account := w.Account(t, w.member, "google")
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	for _, c := range []struct {
		viewer *model.User
		seen   int
	}{{w.member, 2}, {w.manager, 2}, {w.admin, 2}, {colleague, 0}} {
		client := w.As(t, c.viewer)
		w.SQL.Reset()
		data := client.Query(t, accountsOf, "u", w.member.ID)
		for _, statement := range w.SQL.Statements(true) {
			if strings.Contains(statement, "token") || strings.Contains(statement, "session_state") {
				t.Errorf("it reads tokens: %s", statement)
			}
		}
		if seen := data.List("user.accounts.nodes"); len(seen) != c.seen || data.Text("user.accounts.totalCount") != map[int]string{0: "0", 2: "2"}[c.seen] ||
			c.seen > 0 && (seen[0].Text("provider") != "google" || seen[0].Text("providerAccountId") != w.member.Email || seen[1].Text("user.name") != "Mo Member") {
			t.Errorf("%s sees %v", c.viewer.Name, data.Raw())
		}
		answer := client.Do(t, `query($id: ID!) { node(id: $id) { ... on Account { provider user { name } } } }`, "id", account.ID)
		if codes := answer.Codes(); c.seen > 0 && len(codes) > 0 || c.seen == 0 && !slices.Equal(codes, []string{"NOT_FOUND"}) {
			t.Errorf("%s by id: %v", c.viewer.Name, codes)
		}
		if strings.Contains(answer.Body, "secret") {
			t.Errorf("a token: %s", answer.Body)
		}
	}
}

const unlink = `mutation($id: ID!) { r: unlinkAccount(input: {id: $id}) { unlinkedAccountId userErrors { code field } } }`

// Whoever may see an account link may remove it, but not a user's last way to sign in.
func TestUnlinkAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	last := w.Account(t, w.member, "google")
	member, manager := w.As(t, w.member), w.As(t, w.manager)
	for i, viewer := range []*model.User{w.member, w.manager, w.admin} {
		other := w.Account(t, w.member, []string{"a", "b", "c"}[i])
		for _, stranger := range []*model.User{colleague, w.stranger} {
			if got := outcome(t, w.As(t, stranger), unlink, "id", other.ID); got != "NOT_FOUND id" {
				t.Errorf("%s: %q", stranger.Name, got)
			}
		}
		if got := outcome(t, w.As(t, viewer), unlink, "id", other.ID); got != "" {
			t.Errorf("%s: %q", viewer.Name, got)
		}
		if got := outcome(t, w.As(t, viewer), unlink, "id", other.ID); got != "NOT_FOUND id" {
			t.Errorf("%s, again: %q", viewer.Name, got)
		}
		if got := outcome(t, w.As(t, viewer), unlink, "id", last.ID); got != "CONFLICT id" {
			t.Errorf("%s, the last: %q", viewer.Name, got)
		}
	}
	w.SetPassword(t, w.member, "correct horse")
	if got := outcome(t, member, unlink, "id", last.ID); got != "" {
		t.Errorf("the last, beside a password: %q", got)
	}
	log := manager.Query(t, `{ auditLog(filter: {actions: [ACCOUNT_LINKED, ACCOUNT_UNLINKED]}) { nodes { action subjectId details } } }`)
	entries := log.List("auditLog.nodes")
	if len(entries) != 8 || entries[0].Text("action") != "ACCOUNT_UNLINKED" || entries[0].Text("subjectId") != last.ID.String() ||
		entries[0].Text("details.provider") != "google" || entries[0].Text("details.userId") != w.member.ID.String() {
		t.Errorf("the audit log: %v", log.Raw())
	}
}
