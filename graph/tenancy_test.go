package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// Every list shows the own company's rows to everyone of it, and all rows to staff.
func TestListsShowTheOwnCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, owner := range []*model.User{w.member, w.stranger} {
		w.Documents(t, owner, w.Projects(t, owner, 1)[0], 1)
	}
	for name, manager := range map[string]*model.User{"Own": w.manager, "Other": w.stranger} {
		theme(t, w.As(t, manager), name)
		w.As(t, manager).Query(t, `mutation($t: String!) { createConversation(input: {title: $t}) { conversation { id } } }`, "t", name)
	}
	const query = `{ companies { totalCount nodes { name } } users { totalCount nodes { name } }
		projects { totalCount nodes { company { name } } } documents { totalCount nodes { company { name } } }
		themes { totalCount nodes { name } } conversations { totalCount nodes { title } } }`
	for role, c := range map[string]struct {
		client apitest.Client
		want   string
	}{
		"MEMBER":  {w.As(t, w.member), "1 2 1 1 1 1"},
		"MANAGER": {w.As(t, w.manager), "1 2 1 1 1 1"},
		"ADMIN":   {w.As(t, w.admin), "2 4 2 2 2 2"},
	} {
		data := c.client.Query(t, query)
		got := data.Text("companies.totalCount") + " " + data.Text("users.totalCount") + " " +
			data.Text("projects.totalCount") + " " + data.Text("documents.totalCount") + " " +
			data.Text("themes.totalCount") + " " + data.Text("conversations.totalCount")
		if got != c.want {
			t.Errorf("%s: %s, want %s", role, got, c.want)
		}
		if role != "ADMIN" && strings.Contains(fmt.Sprint(data.Raw()), "Other") {
			t.Errorf("%s sees the other company: %v", role, data.Raw())
		}
	}
}

// What a role may not give, or ask for, is refused where the field itself is not.
func TestNobodyRisesAboveTheOwnRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.As(t, w.manager).Do(t, `mutation { createUser(input: {name: "n", email: "n@x.example", role: ADMIN}) { user { id } } }`)
	if codes := got.Codes(); len(codes) != 1 || codes[0] != "FORBIDDEN" {
		t.Errorf("a MANAGER makes an ADMIN: %s", got.Body)
	}
	foreign := w.As(t, w.member).Do(t, fmt.Sprintf(`{ userByEmail(email: "%s") { id } }`, w.stranger.Email))
	if nobody := w.As(t, w.member).Do(t, `{ userByEmail(email: "nobody@x.example") { id } }`); foreign.Body != nobody.Body {
		t.Errorf("userByEmail: %s, %s", foreign.Body, nobody.Body)
	}
}
