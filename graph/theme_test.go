package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// userErrors are an answer's user errors as "CODE field", with commas between.
func userErrors(v apitest.Value, field string) string {
	var got []string
	for _, e := range v.List(field + ".userErrors") {
		got = append(got, strings.TrimSuffix(e.Text("code")+" "+e.Text("field"), " <nil>"))
	}
	return strings.Join(got, ", ")
}

// theme creates a theme and gives its id.
func theme(t testing.TB, client apitest.Client, name string) string {
	t.Helper()
	data := client.Query(t, `mutation($n: String!) { createTheme(input: {name: $n, description: "Why we win.", color: "#1A7f37"}) {
		theme { id version company { name } } userErrors { code field message } } }`, "n", name)
	if got := userErrors(data, "createTheme"); got != "" {
		t.Fatal(got)
	}
	return data.Text("createTheme.theme.id")
}

const attach = `mutation($t: [ID!]!, $p: [ID!], $d: [ID!]) { attachThemes(input: {themeIds: $t, projectIds: $p, documentIds: $d}) {
	themes { name projects { nodes { name } totalCount } documents { totalCount } } attached { projects documents }
	userErrors { code field message } } }`

const detach = `mutation($t: [ID!]!, $p: [ID!], $d: [ID!]) { detachThemes(input: {themeIds: $t, projectIds: $p, documentIds: $d}) {
	themes { name projects { totalCount } documents { totalCount } } detached { projects documents } userErrors { code field message } } }`

// A theme is written, found, tied to many projects and documents at once, seen from both sides, and untied.
func TestThemes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, member := w.As(t, w.manager), w.As(t, w.member)
	projects := w.Projects(t, w.member, 3)
	documents := w.Documents(t, w.member, projects[0], 4)
	green, onTime := theme(t, manager, "Green"), theme(t, manager, "On time")

	data := member.Query(t, attach, "t", []any{green, onTime, green}, "p", []any{projects[0].ID, projects[1].ID},
		"d", []any{documents[0].ID, documents[1].ID, documents[2].ID, documents[0].ID})
	if got := fmt.Sprint(data.At("attachThemes").Raw()); got != "map[attached:map[documents:6 projects:4] themes:["+
		"map[documents:map[totalCount:3] name:Green projects:map[nodes:[map[name:Project 1 of Mo Member] map[name:Project 0 of Mo Member]] totalCount:2]] "+
		"map[documents:map[totalCount:3] name:On time projects:map[nodes:[map[name:Project 1 of Mo Member] map[name:Project 0 of Mo Member]] totalCount:2]]] userErrors:[]]" {
		t.Errorf("attached: %s", got)
	}
	data = member.Query(t, attach, "t", []any{green}, "p", []any{projects[1].ID, projects[2].ID}, "d", nil)
	if data.Text("attachThemes.attached.projects") != "1" {
		t.Errorf("attached again: %v", data.At("attachThemes.attached").Raw())
	}
	data = member.Query(t, `query($t: ID!) {
		projects(filter: {themeId: $t}, orderBy: {field: NAME, direction: ASC}) { totalCount nodes { name themes { totalCount nodes { name color } } } }
		documents(filter: {themeId: $t}) { totalCount nodes { themes(first: 1) { nodes { name } pageInfo { hasNextPage } } } }
		me { company { themes(filter: {search: "GREE"}) { nodes { name description } } } projects(filter: {themeId: $t}) { totalCount } } }`, "t", green)
	for path, want := range map[string]string{
		"projects.totalCount": "3", "projects.nodes.2.themes.totalCount": "1", "projects.nodes.0.themes.totalCount": "2",
		"projects.nodes.0.themes.nodes.1.name": "On time", "projects.nodes.0.themes.nodes.0.color": "#1A7f37",
		"documents.totalCount": "3", "documents.nodes.0.themes.pageInfo.hasNextPage": "true",
		"me.company.themes.nodes.0.description": "Why we win.", "me.projects.totalCount": "3",
	} {
		if got := data.Text(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	data = member.Query(t, detach, "t", []any{green, onTime}, "p", []any{projects[2].ID}, "d", []any{documents[0].ID, documents[3].ID})
	if got := fmt.Sprint(data.At("detachThemes.detached").Raw()); got != "map[documents:2 projects:1]" {
		t.Errorf("detached: %s", got)
	}
	data = manager.Query(t, `mutation($t: ID!) { deleteTheme(input: {id: $t, expectedVersion: 1}) { deletedThemeId detached { projects documents } userErrors { code } } }`, "t", green)
	if got := fmt.Sprint(data.At("deleteTheme.detached").Raw()); got != "map[documents:2 projects:2]" || data.Text("deleteTheme.deletedThemeId") != green {
		t.Errorf("deleted: %v", data.Raw())
	}
	data = member.Query(t, `{ projects { nodes { themes { nodes { name } } } } auditLog: me { id } }`)
	if got := fmt.Sprint(data.At("projects").Raw()); strings.Contains(got, "Green") || strings.Count(got, "On time") != 2 {
		t.Errorf("left: %s", got)
	}
	log := manager.Query(t, `{ auditLog(filter: {actions: [THEME_CREATED, THEME_ATTACHED, THEME_DETACHED, THEME_DELETED]}) { nodes { action details } } }`)
	if got := strings.Join(log.Texts("auditLog.nodes", "action"), " "); got != "THEME_DELETED THEME_DETACHED THEME_DETACHED THEME_ATTACHED THEME_ATTACHED THEME_ATTACHED THEME_CREATED THEME_CREATED" {
		t.Errorf("audited: %s", got)
	}
	if got := log.Text("auditLog.nodes.3.details"); got != fmt.Sprintf("map[projectIds:[%s] projects:1]", projects[2].ID) {
		t.Errorf("details of what was new: %s", got)
	}
}

// What cannot be attached is told with its place, and then nothing is.
func TestThemeErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, member, stranger, admin := w.As(t, w.manager), w.As(t, w.member), w.As(t, w.stranger), w.As(t, w.admin)
	own, foreign := w.Projects(t, w.member, 1)[0], w.Projects(t, w.stranger, 1)[0]
	others := w.Projects(t, w.manager, 1)[0]
	document := w.Documents(t, w.manager, nil, 1)[0]
	green, alien := theme(t, manager, "Green"), theme(t, stranger, "Green") // of two companies, one name
	blue := theme(t, manager, "Blue")
	greens, owns := slices.Repeat([]any{green}, 26), slices.Repeat([]any{own.ID}, 40)
	for name, c := range map[string]struct {
		client apitest.Client
		t, p   []any
		want   string
	}{
		"nothing to attach":         {manager, []any{}, []any{own.ID}, "BAD_USER_INPUT [themeIds]"},
		"nothing to attach to":      {manager, []any{green}, []any{}, "BAD_USER_INPUT [projectIds]"},
		"too many pairs":            {manager, greens, owns, "BAD_USER_INPUT [themeIds]"},
		"another company's theme":   {manager, []any{green, alien}, []any{own.ID}, "BAD_REFERENCE [themeIds 1]"},
		"another company's project": {manager, []any{green}, []any{own.ID, foreign.ID}, "BAD_REFERENCE [projectIds 1]"},
		"no such project":           {manager, []any{green}, []any{model.NewID[model.ProjectID](), own.ID}, "BAD_REFERENCE [projectIds 0]"},
		"all that is wrong":         {manager, []any{alien}, []any{foreign.ID}, "BAD_REFERENCE [themeIds 0], BAD_REFERENCE [projectIds 0]"},
		"across companies":          {admin, []any{green}, []any{foreign.ID}, "BAD_REFERENCE [projectIds 0]"},
		"themes of two companies":   {admin, []any{green, alien}, []any{own.ID}, "BAD_USER_INPUT [themeIds]"},
	} {
		for field, mutation := range map[string]string{"attachThemes": attach, "detachThemes": detach} {
			if got := userErrors(c.client.Query(t, mutation, "t", c.t, "p", c.p, "d", nil), field); got != c.want {
				t.Errorf("%s, %s: %s, want %s", field, name, got, c.want)
			}
		}
	}
	if got := manager.Query(t, attach, "t", []any{alien}, "p", []any{own.ID}, "d", nil).Text("attachThemes.userErrors.0.message"); got != "There is no such theme in the company." {
		t.Errorf("another company's theme: %s", got)
	}
	for name, variables := range map[string][]any{
		"project":  {"t", []any{green}, "p", []any{own.ID, others.ID}, "d", nil},
		"document": {"t", []any{green}, "p", nil, "d", []any{document.ID}},
	} {
		for _, mutation := range []string{attach, detach} {
			if codes := member.Do(t, mutation, variables...).Codes(); strings.Join(codes, " ") != "FORBIDDEN" {
				t.Errorf("someone else's %s: %v", name, codes)
			}
		}
	}
	if got := manager.Query(t, `{ themes(filter: {search: "green"}) { nodes { projects { totalCount } documents { totalCount } } } }`).Text("themes.nodes.0"); got != "map[documents:map[totalCount:0] projects:map[totalCount:0]]" {
		t.Errorf("something was attached: %s", got)
	}
	for query, want := range map[string]string{
		`createTheme(input: {name: "GREEN"})`:                                                "CONFLICT [name]",
		`createTheme(input: {name: " ", description: "", color: "green"})`:                   "BAD_USER_INPUT [name], BAD_USER_INPUT [description], BAD_USER_INPUT [color]",
		`createTheme(input: {name: "n", companyId: "` + w.other.ID.String() + `"})`:          "BAD_REFERENCE [companyId]",
		`updateTheme(input: {id: "` + green + `", name: "", color: "#12"})`:                  "BAD_USER_INPUT [name], BAD_USER_INPUT [color]",
		`updateTheme(input: {id: "` + green + `", expectedVersion: 7, name: "x"})`:           "CONFLICT [expectedVersion]",
		`updateTheme(input: {id: "` + alien + `", name: "x"})`:                               "NOT_FOUND [id]",
		`deleteTheme(input: {id: "` + alien + `"})`:                                          "NOT_FOUND [id]",
		`updateTheme(input: {id: "` + blue + `", name: "Bluer", description: null})`:         "",
		`updateTheme(input: {id: "` + blue + `", name: "GREEN"})`:                            "CONFLICT [name]",
		`createTheme(input: {name: "Own", companyId: "` + w.company.ID.String() + `"})`:      "",
		`createTheme(input: {name: "n", color: "#123456", description: "` + "two\\n" + `"})`: "",
	} {
		if got := userErrors(manager.Query(t, `mutation { r: `+query+` { userErrors { code field message } } }`), "r"); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := userErrors(admin.Query(t, `mutation { r: createTheme(input: {name: "n"}) { userErrors { code field message } } }`), "r"); got != "BAD_USER_INPUT [companyId]" {
		t.Errorf("an ADMIN without a company: %s", got)
	}
	if codes := member.Do(t, `mutation { createTheme(input: {name: "n"}) { theme { id } } }`).Codes(); strings.Join(codes, " ") != "FORBIDDEN" {
		t.Errorf("a MEMBER's theme: %v", codes)
	}
}

// Both sides of many to many take one statement a level, however many parents there are.
func TestThemeStatementsAreConstant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.manager)
	var themes []any
	for i := range 3 {
		themes = append(themes, theme(t, client, fmt.Sprint("Theme ", i)))
	}
	for _, n := range []int{1, 10, 60} {
		for _, project := range w.Projects(t, w.member, n) {
			documents := w.Documents(t, w.member, project, 2)
			client.Query(t, attach, "t", themes, "p", []any{project.ID}, "d", []any{documents[0].ID, documents[1].ID})
		}
		w.SQL.Reset()
		data := client.Query(t, `{ projects(first: 60) { nodes { themes { totalCount nodes { name } }
			documents { nodes { themes(first: 2) { nodes { name company { name } } } } } } } }`)
		w.WantSQL(t, 6)
		for _, project := range data.List("projects.nodes") {
			if project.Text("themes.totalCount") != "3" || len(project.List("documents.nodes.1.themes.nodes")) != 2 {
				t.Errorf("%v", project.Raw())
			}
		}
		w.SQL.Reset()
		client.Query(t, `{ themes { nodes { projects { totalCount nodes { name owner { name } } } documents(first: 3) { totalCount nodes { name } } } } }`)
		w.WantSQL(t, 6)
	}
}

// An entry about many pairs says how many, and names some: a page of such entries stays small.
func TestEntriesAboutManyPairsAreShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.As(t, w.manager)
	green := theme(t, manager, "Green")
	var ids []any
	for _, document := range w.Documents(t, w.member, nil, 120) {
		ids = append(ids, document.ID)
	}
	manager.Query(t, `mutation($t: [ID!]!, $d: [ID!]) { attachThemes(input: {themeIds: $t, documentIds: $d}) { userErrors { code } } }`, "t", []any{green}, "d", ids)
	details := manager.Query(t, `{ auditLog(filter: {actions: THEME_ATTACHED}) { nodes { details } } }`).At("auditLog.nodes.0.details")
	if details.Text("documents") != "120" || len(details.List("documentIds")) != 50 {
		t.Errorf("%v", details.Raw())
	}
}
