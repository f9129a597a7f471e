package graph_test

import (
	"strings"
	"testing"
)

// How a selection is executed (GraphQL, section 6) is in part code of ours: the answer has what was selected, in its order, once.
func TestExecution(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	projects := w.Projects(t, w.manager, 2)
	ids := strings.NewReplacer("$user", w.manager.ID.String(), "$project", projects[0].ID.String(), "$other", projects[1].ID.String(),
		"$missing", "project_00000000000000000000000000")
	manager := w.As(t, w.manager)
	for name, c := range map[string]struct{ query, data string }{
		"aliases, in order": {`{ b: me { role a: role name } a: me { role } __typename }`,
			`{"b":{"role":"MANAGER","a":"MANAGER","name":"Mia Manager"},"a":{"role":"MANAGER"},"__typename":"Query"}`},
		"fragments are merged": {`{ me { ...F role ... on User { role company { a: __typename } } ... on Node { id } } } fragment F on User { id company { b: __typename } }`,
			`{"me":{"id":"$user","company":{"b":"Company","a":"Company"},"role":"MANAGER"}}`},
		"nothing is left": {`{ me { name @skip(if: true) company @include(if: false) { name } } }`, `{"me":{}}`},
		"by type": {`{ node(id: "$project") { __typename id ... on User { email } ... on Project { id name } } }`,
			`{"node":{"__typename":"Project","id":"$project","name":"Project 0 of Mia Manager"}}`},
		"null in its place": {`{ nodes(ids: ["$missing", "$user", "$missing"]) { __typename } }`,
			`{"nodes":[null,{"__typename":"User"},null]}`},
		"an error leaves the others": {`{ project(id: "$missing") { name } me { role } }`, `{"project":null,"me":{"role":"MANAGER"}}`},
		"introspection": {`{ __type(name: "Role") { kind enumValues { name } } }`,
			`{"__type":{"kind":"ENUM","enumValues":[{"name":"MEMBER"},{"name":"MANAGER"},{"name":"ADMIN"}]}}`},
		"mutations, one after the other": {`mutation { __typename b: updateProject(input: {id: "$other", name: "first"}) { project { name version } }
			a: updateProject(input: {id: "$other", name: "second"}) { project { name version } } }`,
			`{"__typename":"Mutation","b":{"project":{"name":"first","version":2}},"a":{"project":{"name":"second","version":3}}}`},
	} {
		answer := manager.Do(t, ids.Replace(c.query))
		if want := ids.Replace(c.data); !strings.HasSuffix(strings.TrimSpace(answer.Body), `"data":`+want+`}`) {
			t.Errorf("%s:\n%s, want\n%s", name, answer.Body, want)
		}
	}
}
