package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/internal/limits"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The shapes of errors are what integrators build on: they change on purpose only.
func TestErrorShapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) {
		once := limits.Budget{Tries: 1, Every: time.Hour}
		c.Sessions.Tries = limits.NewThrottle(limits.Budgets{Address: once, Account: once, Owner: once})
	})
	w.Projects(t, w.member, 1)
	member, manager := w.As(t, w.member), w.As(t, w.manager)
	var text bytes.Buffer
	for _, c := range []struct {
		name   string
		client apitest.Client
		query  string
	}{
		{"does not parse", member, `{ me { name }`},
		{"does not validate", member, `{ me { nme } }`},
		{"no credential", w.Anonymous(), `{ me { name } }`},
		{"a bad credential", w.With("nonsense"), `{ me { name } }`},
		{"not allowed, by role", member, `mutation { createCompany(input: {name: "n"}) { company { id } } }`},
		{"not allowed, by owner", member, `mutation { updateUser(input: {id: "` + w.manager.ID.String() + `", name: "n"}) { user { id } userErrors { code } } }`},
		{"not found", member, `{ project(id: "project_00000000000000000000000000") { name } me { name } }`},
		{"not found, in a list of ids", member, `{ nodes(ids: ["project_00000000000000000000000000"]) { id } }`},
		{"not found, to change", manager, `mutation { updateProject(input: {id: "project_00000000000000000000000000", name: "n"}) { project { id } userErrors { code field message } } }`},
		{"a malformed id", member, `{ project(id: "x") { name } }`},
		{"a malformed argument", member, `{ me { company { projects(first: 0) { totalCount } } } }`},
		{"over a limit", member, `{ projects(first: 101) { totalCount } }`},
		{"input that breaks rules", manager, `mutation { createUser(input: {name: "", email: "x"}) { user { id } userErrors { code field message } } }`},
		{"a conflict", manager, `mutation { createUser(input: {name: "n", email: "mo.member@test.example"}) { user { id } userErrors { code field message } } }`},
		{"a bad reference", manager, `mutation { createProject(input: {name: "n", clientName: "c", ownerId: "user_00000000000000000000000000"}) { project { id } userErrors { code field message } } }`},
		{"wrong credentials", w.Anonymous(), `mutation { signIn(input: {email: "x@x.example", password: "x"}) { token user { id } userErrors { code field message } } }`},
		{"too many tries", w.Anonymous(), `mutation { signIn(input: {email: "x@x.example", password: "x"}) { token } }`},
	} {
		answer := c.client.Do(t, c.query)
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(answer.Body), "", "  "); err != nil {
			t.Fatal(err)
		}
		text.WriteString("# " + c.name + "\n" + c.query + "\n" + pretty.String() + "\n\n")
	}
	shapes := regexp.MustCompile(`_[0-9a-z]{26}`).ReplaceAllString(text.String(), "_…")
	golden(t, "testdata/errors.golden", retryAfter.ReplaceAllString(shapes, `"retryAfter": 60`))
}

func golden(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(gotLines), len(wantLines)) {
			if gotLines[i] != wantLines[i] {
				t.Fatalf("%s:%d: got %s\nwant %s\n(go test ./graph -run %s -update writes it anew)", path, i+1, gotLines[i], wantLines[i], t.Name())
			}
		}
		t.Fatalf("%s has another length", path)
	}
}
