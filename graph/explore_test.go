package graph_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/model"
)

// misspelled are queries with a mistake of each kind for which validation has a suggestion.
var misspelled = []string{
	`{ projcts { totalCount } }`, `{ users }`, `{ users(fist: 1) { totalCount } }`, `{ me { ...F } } fragment F on Usr { id }`, `{ node(id: "x") { name } }`,
	`{ me { name @include(iff: true) } }`,
	`{ users(filter: {serch: "x"}) { totalCount } }`, `{ users(filter: {role: [MEMBR]}) { totalCount } }`, `{ users(filter: {role: ["MEMBER"]}) { totalCount } }`,
}

func suggests(answer apitest.Answer) bool { return strings.Contains(answer.Body, "Did you mean") }

// Where the schema is not shown to everyone, it is to API keys with the scope for it, and to no other credential.
func TestSchemaReadExplores(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Explorable = false })
	staffs, members := w.With(w.Key(t, w.admin, model.ScopeSchemaRead)), w.With(w.Key(t, w.member, model.ScopeSchemaRead, model.ScopeUsersRead))
	for range 2 { // what one was answered is kept, and is no answer to the others
		for name, explorer := range map[string]apitest.Client{"staff's key": staffs, "member's key": members} {
			if got := explorer.Query(t, introspection.Query).Text("__schema.queryType.name"); got != "Query" {
				t.Errorf("the %s: %s", name, got)
			}
			for _, query := range misspelled {
				if answer := explorer.Do(t, query); !suggests(answer) {
					t.Errorf("the %s is told no names: %s", name, answer.Body)
				}
			}
		}
		for name, client := range map[string]apitest.Client{
			"nobody": w.Anonymous(), "a bad credential": w.With("nonsense"), "an ADMIN": w.As(t, w.admin), "a MANAGER": w.As(t, w.manager),
			"a key without the scope": w.With(w.Key(t, w.manager, model.ScopeUsersWrite)),
		} {
			for _, query := range []string{introspection.Query, `{ __type(name: "User") { name } }`, `{ ...F } fragment F on Query { ... { __schema { queryType { name } } } }`} {
				if answer := client.Do(t, query); !slices.Equal(answer.Codes(), []string{"FORBIDDEN"}) || len(answer.Data) > 0 {
					t.Errorf("%s is told: %.300s", name, answer.Body)
				}
			}
			for _, query := range misspelled {
				if answer := client.Do(t, query); len(answer.Codes()) == 0 || suggests(answer) {
					t.Errorf("%s is told names: %s", name, answer.Body)
				}
			}
		}
	}
	if data := members.Query(t, `{ me { name __typename } }`); data.Text("me.__typename") != "User" {
		t.Errorf("%v", data.Raw())
	}
}

// All who are served share the room for what runs at a time, and the limits.
func TestExplorersHaveTheSameLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Explorable, c.Limits.Depth = false, 3 })
	for name, client := range map[string]apitest.Client{"nobody": w.Anonymous(), "a key": w.With(w.Key(t, w.member, model.ScopeSchemaRead))} {
		if codes := client.Do(t, `{ me { company { users { nodes { id } } } } }`).Codes(); !slices.Equal(codes, []string{"QUERY_TOO_COMPLEX"}) {
			t.Errorf("%s: %v", name, codes)
		}
	}
}
