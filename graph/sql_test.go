package graph_test

import (
	"fmt"
	"regexp"
	"sync"
	"testing"

	"dossier/model"
)

// deep goes from company to owner through every level that a client would.
const deep = `query Deep($id: ID!) { company(id: $id) { name
	users(first: 100) { totalCount nodes { name company { name }
		projects(first: 5) { totalCount nodes { name documentCount company { name }
			documents(first: 5) { totalCount edges { cursor node { name owner { name role } project { name } } } } } } } } } }`

// deepStatements: company; users and their count; their company; projects, their count, document counts and company;
// documents, their count, owners and projects.
const deepStatements = 12

// team adds n users with two projects of two documents each, and gives their company.
func (w world) team(t testing.TB, n int) *model.Company {
	t.Helper()
	company := w.Company(t, fmt.Sprintf("Team of %d", n))
	for i := range n {
		user := w.User(t, company, model.RoleMember, fmt.Sprintf("User %d of %d", i, n))
		for _, project := range w.Projects(t, user, 2) {
			w.Documents(t, user, project, 2)
		}
	}
	return company
}

// The number of statements depends on the query, not on the rows: one, ten or a hundred parents.
func TestStatementsAreConstant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.admin)
	for _, n := range []int{1, 10, 100} {
		company := w.team(t, n)
		w.SQL.Reset()
		data := client.Query(t, deep, "id", company.ID)
		w.WantSQL(t, deepStatements)
		users := data.List("company.users.nodes")
		if len(users) != n || data.Text("company.users.totalCount") != fmt.Sprint(n) {
			t.Errorf("%d users of %s, want %d", len(users), data.Text("company.users.totalCount"), n)
		}
		for _, user := range users {
			document := user.At("projects.nodes.1.documents.edges.1.node")
			if document.Text("owner.name") != user.Text("name") || document.Text("project.name") != user.Text("projects.nodes.1.name") {
				t.Errorf("rows in wrong places: %v", document.Raw())
			}
		}
	}
}

// ... and not on what else goes on: no key of a level escapes its batch.
func TestStatementsAreConstantUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	company := w.team(t, 10)
	client := w.As(t, w.admin)
	const clients, each = 64, 3
	w.SQL.Reset()
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for range each {
				if answer := client.Do(t, deep, "id", company.ID); len(answer.Errors) > 0 {
					t.Errorf("%s", answer.Body)
				}
			}
		})
	}
	wait.Wait()
	w.WantSQL(t, clients*each*deepStatements)
}

// What each list and field costs: totalCount a statement when it is selected, and only then.
func TestStatementsOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 3)[0]
	w.Documents(t, w.member, project, 3)
	w.Account(t, w.member, "google")
	w.Account(t, w.manager, "google")
	w.Token(t, w.member)
	w.Key(t, w.member, model.ScopeProjectsRead)
	client := w.As(t, w.manager)
	for query, want := range map[string]int{
		`{ me { name } }`:                                                      1,
		`{ me { name company { name } } }`:                                     2,
		`{ users { nodes { name } } }`:                                         1,
		`{ users { nodes { name } totalCount } }`:                              2,
		`{ users { totalCount } }`:                                             2,
		`{ projects { nodes { documentCount } } }`:                             2,
		`{ projects { nodes { owner { name } documents { nodes { id } } } } }`: 3,
		`{ projects { nodes { a: documents(first: 1) { nodes { id } } b: documents(first: 2) { nodes { id } } } } }`: 3,
		`{ projects { nodes { owner { name } } edges { node { owner { email } } } } }`:                               2,
		`{ projects { ...P } } fragment P on ProjectConnection { nodes { owner { company { name } } } }`:             3,
		`{ users { nodes { company { users { nodes { company { name } } } } } } }`:                                   4,
		`{ a: users { nodes { id } } b: users { nodes { id } } }`:                                                    2,
		`{ documents { nodes { project { owner { name } } owner { name } } } }`:                                      4,
		`{ users { nodes { sessions { nodes { current user { name } } } } } }`:                                       3,
		`{ users { nodes { sessions { totalCount } accounts { totalCount nodes { user { name } } } } } }`:            6,
		`{ users { nodes { apiKeys { totalCount nodes { user { name } company { name } } } } } }`:                    5,
		`{ apiKeys { totalCount nodes { name } } }`:                                                                  2,
		`{ users { nodes { invitation { expiresAt } deactivatedAt } } }`:                                             2,
		`{ auditLog(first: 5) { nodes { actor { name } company { name } } } }`:                                       3,
	} {
		w.SQL.Reset()
		client.Query(t, query)
		t.Log(query)
		w.WantSQL(t, want)
	}
}

var manyParents = regexp.MustCompile(`unnest\('\{[^}]*,`)

// Nothing is loaded for the row that is read to see whether there is a next page.
func TestLookAheadRowIsNotLoadedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.manager)
	w.Projects(t, w.member, 3)
	for _, query := range []string{
		`{ users(first: 1) { nodes { projects(first: 1) { nodes { documents(first: 1) { nodes { id } } } } } } }`,
		`{ me { company { projects(first: 1) { nodes { documents(first: 1) { nodes { id } } } } } } }`,
	} {
		w.SQL.Reset()
		client.Query(t, query)
		for _, statement := range w.SQL.Statements(true) {
			if manyParents.MatchString(statement) {
				t.Errorf("%s loads for more than one parent:\n%s", query, statement)
			}
		}
	}
}

// The check of a session is one statement, before the operation.
func TestSessionCheckIsOneStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.member)
	w.SQL.Reset()
	client.Query(t, `{ me { name } }`)
	if sent := w.SQL.Statements(false); len(sent) != 2 {
		t.Errorf("%d statements: %v", len(sent), sent)
	}
}
