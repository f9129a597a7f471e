package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"dossier/model"
)

const (
	changeRole = `mutation($u: ID!, $r: Role!, $v: Int) { r: changeUserRole(input: {userId: $u, role: $r, expectedVersion: $v}) { user { role version } userErrors { code field message } } }`
	deactivate = `mutation($u: ID!, $v: Int) { r: deactivateUser(input: {userId: $u, expectedVersion: $v}) { user { deactivatedAt version } userErrors { code field message } } }`
	reactivate = `mutation($u: ID!, $v: Int) { r: reactivateUser(input: {userId: $u, expectedVersion: $v}) { user { deactivatedAt version } userErrors { code field message } } }`
)

// A MANAGER gives roles in the own company, an ADMIN in any; nobody gives more than the own role, or changes it.
func TestChangeUserRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := w.User(t, w.company, model.RoleManager, "Max Manager")
	staff := w.User(t, nil, model.RoleAdmin, "Abe Admin")
	for name, c := range map[string]struct {
		viewer, user *model.User
		role         model.Role
		want         string
	}{
		"by a MEMBER":            {w.member, second, model.RoleMember, "error FORBIDDEN"},
		"a stranger's":           {w.manager, w.stranger, model.RoleMember, "NOT_FOUND userId"},
		"the own, MANAGER":       {w.manager, w.manager, model.RoleMember, "CONFLICT userId"},
		"the own, unchanged":     {w.manager, w.manager, model.RoleManager, "CONFLICT userId"},
		"the own, ADMIN":         {w.admin, w.admin, model.RoleMember, "CONFLICT userId"},
		"above the own":          {w.manager, second, model.RoleAdmin, "BAD_USER_INPUT role"},
		"ADMIN by an ADMIN":      {w.admin, second, model.RoleAdmin, "BAD_USER_INPUT role"},
		"taken from an ADMIN":    {w.admin, staff, model.RoleMember, "BAD_USER_INPUT userId"},
		"an ADMIN's, to MANAGER": {w.manager, staff, model.RoleMember, "NOT_FOUND userId"},
	} {
		if got := outcome(t, w.As(t, c.viewer), changeRole, "u", c.user.ID, "r", c.role); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	manager := w.As(t, w.manager)
	member := w.As(t, w.member)
	data := manager.Query(t, changeRole, "u", w.member.ID, "r", "MANAGER", "v", 1)
	if data.Text("r.user.role") != "MANAGER" || data.Text("r.user.version") != "2" {
		t.Errorf("%v", data.Raw())
	}
	// The new role holds at once, in the session that was there before.
	if codes := member.Do(t, `{ auditLog { totalCount } }`).Codes(); len(codes) > 0 {
		t.Errorf("the new MANAGER: %v", codes)
	}
	if got := outcome(t, manager, changeRole, "u", w.member.ID, "r", "MEMBER", "v", 1); got != "CONFLICT expectedVersion" {
		t.Errorf("a stale version: %q", got)
	}
	if data := manager.Query(t, changeRole, "u", w.member.ID, "r", "MANAGER"); data.Text("r.user.version") != "2" {
		t.Errorf("the same role again: %v", data.Raw())
	}
	if data := w.As(t, w.admin).Query(t, changeRole, "u", w.stranger.ID, "r", "MEMBER"); data.Text("r.user.role") != "MEMBER" {
		t.Errorf("by an ADMIN: %v", data.Raw())
	}
	log := manager.Query(t, `{ auditLog(filter: {actions: [USER_ROLE_CHANGED]}) { nodes { details actor { name } subject { id } } } }`)
	if entries := log.List("auditLog.nodes"); len(entries) != 1 || fmt.Sprint(entries[0].At("details").Raw()) != "map[role:map[from:MEMBER to:MANAGER]]" {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// A deactivated user is out at once and cannot come back in; what the user owns stays.
func TestDeactivateUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	staff := w.User(t, nil, model.RoleAdmin, "Abe Admin")
	w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 2)
	w.SetPassword(t, w.member, "correct horse")
	for name, c := range map[string]struct {
		viewer, user *model.User
		want         string
	}{
		"by a MEMBER":          {w.member, w.manager, "error FORBIDDEN"},
		"oneself":              {w.manager, w.manager, "CONFLICT userId"},
		"an ADMIN, oneself":    {w.admin, w.admin, "CONFLICT userId"},
		"a stranger":           {w.manager, w.stranger, "NOT_FOUND userId"},
		"an ADMIN by MANAGER":  {w.manager, staff, "NOT_FOUND userId"},
		"an ADMIN by an ADMIN": {w.admin, staff, ""},
	} {
		for _, mutation := range []string{deactivate, reactivate} {
			want := c.want
			if mutation == reactivate && want == "CONFLICT userId" {
				want = "" // who may ask is not deactivated
			}
			if got := outcome(t, w.As(t, c.viewer), mutation, "u", c.user.ID); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
	token := w.Token(t, w.member)
	manager := w.As(t, w.manager)
	data := manager.Query(t, deactivate, "u", w.member.ID, "v", 1)
	if data.Text("r.user.deactivatedAt") == "<nil>" || data.Text("r.user.version") != "2" {
		t.Errorf("%v", data.Raw())
	}
	at := data.Text("r.user.deactivatedAt")
	if data := manager.Query(t, deactivate, "u", w.member.ID); data.Text("r.user.deactivatedAt") != at || data.Text("r.user.version") != "2" {
		t.Errorf("again: %v", data.Raw())
	}
	if got := outcome(t, manager, reactivate, "u", w.member.ID, "v", 1); got != "CONFLICT expectedVersion" {
		t.Errorf("a stale version: %q", got)
	}
	if codes := w.With(token).Do(t, `{ me { name } }`).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
		t.Errorf("the session: %v", codes)
	}
	const signIn = `mutation($e: String!, $p: String!) { signIn(input: {email: $e, password: $p}) { token user { id } userErrors { code field message } } }`
	wrong := w.Anonymous().Do(t, signIn, "e", w.member.Email, "p", "wrong horse").Body
	if got := w.Anonymous().Do(t, signIn, "e", w.member.Email, "p", "correct horse").Body; got != wrong {
		t.Errorf("signing in tells more:\n%s\n%s", got, wrong)
	}
	if data := manager.Query(t, `query($u: ID!) { user(id: $u) { projects { totalCount } documents { totalCount } } }`, "u", w.member.ID); data.Text("user.projects.totalCount") != "1" || data.Text("user.documents.totalCount") != "2" {
		t.Errorf("what the user owned: %v", data.Raw())
	}
	for filter, want := range map[string]string{`deactivated: true`: "[Mo Member]", `deactivated: false`: "[Mia Manager]", `role: [MANAGER]`: "[Mia Manager]",
		`role: [MEMBER, ADMIN], deactivated: null`: "[Mo Member]", `role: []`: "[]"} {
		data := manager.Query(t, `{ users(filter: {`+filter+`}) { totalCount nodes { name } } }`)
		if got := fmt.Sprint(data.Texts("users.nodes", "name")); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	if codes := manager.Do(t, `{ users(filter: {role: [MEMBER, MEMBER, MEMBER, MEMBER]}) { totalCount } }`).Codes(); !slices.Equal(codes, []string{"BAD_USER_INPUT"}) {
		t.Errorf("four roles: %v", codes)
	}
	if data := manager.Query(t, reactivate, "u", w.member.ID, "v", 2); data.Text("r.user.deactivatedAt") != "<nil>" || data.Text("r.user.version") != "3" {
		t.Errorf("%v", data.Raw())
	}
	if codes := w.With(token).Do(t, `{ me { name } }`).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
		t.Errorf("a session came back to life: %v", codes)
	}
	if data := w.Anonymous().Query(t, signIn, "e", w.member.Email, "p", "correct horse"); data.Text("signIn.user.id") != w.member.ID.String() {
		t.Errorf("signing in again: %v", data.Raw())
	}
	log := manager.Query(t, `{ auditLog(filter: {actions: [USER_DEACTIVATED, USER_REACTIVATED]}) { nodes { action subject { id } } } }`)
	if got := log.Texts("auditLog.nodes", "action"); !slices.Equal(got, []string{"USER_REACTIVATED", "USER_DEACTIVATED"}) {
		t.Errorf("the audit log: %v", log.Raw())
	}
}

// The counts of a company, and those of a hundred by as many statements.
func TestCompanyCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.Company(t, "Empty")
	w.Documents(t, w.member, w.Projects(t, w.member, 3)[0], 5)
	w.Documents(t, w.stranger, nil, 1)
	if _, err := w.Pool.Exec("UPDATE documents SET status = 'READY' WHERE id IN (SELECT id FROM documents WHERE company_id = $1 LIMIT 2)", w.company.ID); err != nil {
		t.Fatal(err)
	}
	const counts = `userCount projectCount documentCount documentCountByStatus { status count }`
	admin := w.As(t, w.admin)
	w.SQL.Reset()
	data := admin.Query(t, `{ companies { nodes { name `+counts+` } } }`)
	w.WantSQL(t, 5)
	const none = "PENDING 0 EXTRACTING 0 CHUNKING 0 EMBEDDING 0"
	want := map[string]string{
		"Own":   "2 3 5 UPLOADING 3 " + none + " READY 2 FAILED 0 CANCELED 0",
		"Other": "1 0 1 UPLOADING 1 " + none + " READY 0 FAILED 0 CANCELED 0",
		"Empty": "0 0 0 UPLOADING 0 " + none + " READY 0 FAILED 0 CANCELED 0",
	}
	for _, company := range data.List("companies.nodes") {
		got := company.Text("userCount") + " " + company.Text("projectCount") + " " + company.Text("documentCount")
		for _, one := range company.List("documentCountByStatus") {
			got += " " + one.Text("status") + " " + one.Text("count")
		}
		if got != want[company.Text("name")] {
			t.Errorf("%s: %s", company.Text("name"), got)
		}
	}
	for i := range 50 {
		w.Company(t, fmt.Sprintf("Company %d", i))
	}
	w.SQL.Reset()
	admin.Query(t, `{ companies(first: 100) { nodes { `+counts+` } } }`)
	w.WantSQL(t, 5)
	if got := w.As(t, w.manager).Query(t, `{ me { company { userCount documentCount } } }`); got.Text("me.company.userCount") != "2" || got.Text("me.company.documentCount") != "5" {
		t.Errorf("%s beside %s: %v", w.company.Name, empty.Name, got.Raw())
	}
}
