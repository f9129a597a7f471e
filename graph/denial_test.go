package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/model"
)

const denied = `{ auditLog(first: 100, filter: {actions: [WRITE_DENIED]}) { nodes { company { name } actor { name } subject { id } details } } }`

// denials are the entries that the viewer sees, each as a line.
func (w world) denials(t testing.TB, as *model.User) []string {
	t.Helper()
	var lines []string
	for _, entry := range w.As(t, as).Query(t, denied).List("auditLog.nodes") {
		company, _ := entry.At("company").Raw().(map[string]any)
		lines = append(lines, fmt.Sprint(entry.Text("actor.name"), " ", company["name"], " ", entry.Text("details.mutation"), ": ", entry.Text("details.reason")))
	}
	slices.Sort(lines)
	return lines
}

// What a known user was refused stands in the log of the user's company: by a rule or by the mutation, under whatever alias.
func TestDeniedWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.manager, 1)[0].ID.String()
	foreign := w.Projects(t, w.stranger, 1)[0].ID.String()
	for _, c := range []struct {
		as    *model.User
		query string
		codes string
	}{
		{w.member, `mutation { createTheme(input: {name: "n"}) { theme { id } } }`, "FORBIDDEN"},
		{w.member, `mutation M { disguise: updateProject(input: {id: "` + project + `", name: "n"}) { project { id } } }`, "FORBIDDEN"},
		{w.manager, `mutation { deleteCompany(input: {id: "` + w.other.ID.String() + `"}) { deletedCompanyId } }`, "FORBIDDEN"},
		{w.stranger, `mutation { createUser(input: {name: "n", email: "n@x.example", role: ADMIN}) { user { id } } }`, "FORBIDDEN"},
		{w.admin, `mutation { createProject(input: {name: "n", clientName: "c", ownerId: "` + w.admin.ID.String() + `"}) { userErrors { code } } }`, ""},
		{nil, `mutation { createTheme(input: {name: "n"}) { theme { id } } }`, "UNAUTHENTICATED"},
		{w.member, `{ auditLog { totalCount } }`, "FORBIDDEN"},
		{w.member, `mutation { updateProject(input: {id: "` + foreign + `", name: "n"}) { userErrors { code } } }`, ""},
	} {
		client := w.Anonymous()
		if c.as != nil {
			client = w.As(t, c.as)
		}
		if got := strings.Join(client.Do(t, c.query).Codes(), " "); got != c.codes {
			t.Errorf("%s: %q", c.query, got)
		}
	}
	own := []string{
		"Mia Manager Own deleteCompany: This needs the role ADMIN.",
		"Mo Member Own createTheme: This needs the role MANAGER.",
		"Mo Member Own updateProject: Only its owner or a MANAGER of the company may change the project.",
	}
	others := []string{"Sam Stranger Other createUser: You may not give the role ADMIN."}
	for viewer, want := range map[*model.User][]string{w.manager: own, w.stranger: others, w.admin: append(slices.Clone(own), others...)} {
		if got := w.denials(t, viewer); !slices.Equal(got, want) {
			t.Errorf("%s sees %q", viewer.Name, got)
		}
	}
	data := w.As(t, w.stranger).Query(t, denied)
	if got := data.Text("auditLog.nodes.0.subject.id"); got != w.stranger.ID.String() {
		t.Errorf("it is about %s", got)
	}
}

// The log is not filled by one user, who goes on being refused, nor kept from others.
func TestDeniedWritesAreFew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.member)
	const refused = `mutation { createTheme(input: {name: "n"}) { theme { id } } }`
	for range 25 {
		if codes := client.Do(t, refused).Codes(); !slices.Equal(codes, []string{"FORBIDDEN"}) {
			t.Fatal(codes)
		}
	}
	// Some time has passed: one more is allowed for each 6 seconds of it.
	if got := len(w.denials(t, w.manager)); got < 10 || got > 15 {
		t.Errorf("%d entries", got)
	}
	colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
	w.As(t, colleague).Do(t, refused)
	if got := w.denials(t, w.manager); !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "Cleo") }) {
		t.Errorf("%q", got)
	}
}

// An entry that cannot be written changes nothing of the answer.
func TestDenialThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.member)
	const refused = `mutation { createTheme(input: {name: "n"}) { theme { id } } }`
	want := client.Do(t, refused)
	if _, err := w.Pool.Exec("ALTER TABLE audit_log RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	if got := client.Do(t, refused); got.Body != want.Body || got.Status != want.Status {
		t.Errorf("%s\n%s", got.Body, want.Body)
	}
	if !strings.Contains(w.Log.String(), "a refused mutation is not in the audit log") {
		t.Error("nobody is told")
	}
}
