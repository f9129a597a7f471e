package graph_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// listCase is a list with what it is to show. Rows are told apart by one field; texts of rows are separated by spaces.
type listCase struct {
	list, field string            // Query.documents, shown by name
	orders      map[string]string // all rows by each order, ascending
	filters     map[string]string // the rows that meet each filter
	places      []listPlace       // where the list is, and the rows there
}

type listPlace struct {
	client apitest.Client
	around string // the query around the list, with %s in its place
	path   string // of the list in the answer
	rows   string
}

// listWorld has three companies, and rows in them that differ in all that lists are filtered and sorted by.
type listWorld struct {
	world
	projects map[string]*model.Project
	themes   map[string]themeID
}

// themeID is a theme's id as clients have it.
type themeID string

func (id themeID) String() string { return string(id) }

func newListWorld(t testing.TB) listWorld {
	t.Helper()
	w := listWorld{newWorld(t), map[string]*model.Project{}, map[string]themeID{}}
	w.Company(t, "Alpha")
	projects := append(w.Projects(t, w.member, 2), w.Projects(t, w.manager, 1)...)
	for i, name := range []string{"Tower", "Bridge", "Road"} {
		w.projects[name] = projects[i]
		w.exec(t, "UPDATE projects SET name = $1 WHERE id = $2", name, projects[i].ID)
	}
	abroad := w.Projects(t, w.stranger, 1)[0]
	w.projects["Canal"] = abroad
	w.exec(t, "UPDATE projects SET name = 'Canal' WHERE id = $1", abroad.ID)
	for _, d := range []struct {
		name    string
		owner   *model.User
		project *model.Project
	}{
		{"Annex", w.member, projects[0]}, {"Bid%", w.member, projects[1]}, {"Costs_", w.manager, projects[0]},
		{"draft", w.manager, nil}, {"Estimate", w.stranger, abroad},
	} {
		w.exec(t, "UPDATE documents SET name = $1 WHERE id = $2", d.name, w.Documents(t, d.owner, d.project, 1)[0].ID)
	}
	w.exec(t, `UPDATE companies c SET domain = v.domain, created_at = v.created, updated_at = v.updated FROM (VALUES
		('Own', 'zebra.example', timestamptz '2026-01-02Z', timestamptz '2026-02-01Z'), ('Other', NULL, '2026-01-01Z', '2026-02-02Z'),
		('Alpha', NULL, '2026-01-03Z', '2026-02-03Z'))
		v (name, domain, created, updated) WHERE v.name = c.name`)
	w.exec(t, `UPDATE users u SET created_at = v.created, email = v.email FROM (VALUES
		('Ada Admin', timestamptz '2026-01-03Z', 'q@staff.example'), ('Mia Manager', '2026-01-01Z', 'z@own.example'),
		('Mo Member', '2026-01-04Z', 'b@own.example'), ('Sam Stranger', '2026-01-02Z', 'm@other.example'))
		v (name, created, email) WHERE v.name = u.name`)
	w.exec(t, `UPDATE projects p SET client_name = v.client, created_at = v.created, updated_at = v.updated, archived_at = v.archived FROM (VALUES
		('Tower', 'City', timestamptz '2026-01-01Z', timestamptz '2026-02-02Z', now()), ('Bridge', 'State', '2026-01-04Z', '2026-02-01Z', NULL),
		('Road', 'Army', '2026-01-02Z', '2026-02-03Z', NULL), ('Canal', 'Bank', '2026-01-03Z', '2026-02-04Z', now()))
		v (name, client, created, updated, archived) WHERE v.name = p.name`)
	w.exec(t, `UPDATE documents d SET status = v.status, content_type = v.type, created_at = v.created, updated_at = v.updated FROM (VALUES
		('Annex', 'READY', 'application/pdf', timestamptz '2026-01-02Z', timestamptz '2026-02-05Z'),
		('Bid%', 'FAILED', 'text/plain', '2026-01-05Z', '2026-02-02Z'), ('Costs_', 'READY', 'text/plain', '2026-01-01Z', '2026-02-04Z'),
		('draft', 'UPLOADING', 'image/png', '2026-01-04Z', '2026-02-01Z'), ('Estimate', 'PENDING', 'application/pdf', '2026-01-03Z', '2026-02-03Z'))
		v (name, status, type, created, updated) WHERE v.name = d.name`)
	w.addTags(t)
	return w
}

// addTags adds themes that are attached to some of the rows, and conversations.
func (w listWorld) addTags(t testing.TB) {
	t.Helper()
	manager, stranger := w.As(t, w.manager), w.As(t, w.stranger)
	w.themes["Green"], w.themes["Fast"] = themeID(theme(t, manager, "Green")), themeID(theme(t, manager, "Fast"))
	w.themes["Alien"] = themeID(theme(t, stranger, "Alien"))
	w.exec(t, `INSERT INTO project_themes (company_id, project_id, theme_id) SELECT p.company_id, p.id, t.id FROM projects p JOIN themes t
		ON (p.name, t.name) IN (('Tower', 'Green'), ('Bridge', 'Green'), ('Tower', 'Fast'), ('Canal', 'Alien'))`)
	w.exec(t, `INSERT INTO document_themes (company_id, document_id, theme_id) SELECT d.company_id, d.id, t.id FROM documents d JOIN themes t
		ON (d.name, t.name) IN (('Annex', 'Green'), ('Bid%', 'Green'), ('Annex', 'Fast'), ('Estimate', 'Alien'))`)
	w.exec(t, `UPDATE themes t SET description = v.description, created_at = v.created FROM (VALUES
		('Green', 'Trees.', timestamptz '2026-01-02Z'), ('Fast', NULL, '2026-01-03Z'), ('Alien', 'Green men.', '2026-01-01Z'))
		v (name, description, created) WHERE v.name = t.name`)
	for _, c := range []struct {
		title   string
		owner   *model.User
		project *model.Project
	}{
		{"Kickoff", w.member, w.projects["Tower"]}, {"Prices%", w.member, nil}, {"Audit", w.manager, w.projects["Tower"]},
		{"Zoo", w.stranger, w.projects["Canal"]},
	} {
		in := map[string]any{"title": c.title}
		if c.project != nil {
			in["projectId"] = c.project.ID
		}
		w.As(t, c.owner).Query(t, `mutation($in: CreateConversationInput!) { createConversation(input: $in) { conversation { id } } }`, "in", in)
	}
	w.exec(t, `UPDATE conversations c SET created_at = v.created, updated_at = v.updated FROM (VALUES
		('Kickoff', timestamptz '2026-01-01Z', timestamptz '2026-02-03Z'), ('Prices%', '2026-01-04Z', '2026-02-01Z'),
		('Audit', '2026-01-02Z', '2026-02-04Z'), ('Zoo', '2026-01-03Z', '2026-02-02Z')) v (title, created, updated) WHERE v.title = c.title`)
}

func (w listWorld) exec(t testing.TB, statement string, values ...any) {
	t.Helper()
	if _, err := w.Pool.ExecContext(t.Context(), statement, values...); err != nil {
		t.Fatal(err)
	}
}

func (w listWorld) cases(t testing.TB) []listCase {
	admin, manager := w.As(t, w.admin), w.As(t, w.manager)
	all := func(list, rows string) listPlace { return listPlace{admin, "{ %s }", list, rows} }
	own := func(list, rows string) listPlace { return listPlace{manager, "{ %s }", list, rows} }
	under := func(parent, id, list, rows string) listPlace {
		return listPlace{manager, fmt.Sprintf(`{ %s(id: "%s") { %%s } }`, parent, id), parent + "." + list, rows}
	}
	return []listCase{{
		list: "companies", field: "name",
		orders: map[string]string{"NAME": "Alpha Other Own", "CREATED_AT": "Other Own Alpha", "UPDATED_AT": "Own Other Alpha"},
		filters: map[string]string{
			`search: "oWn"`: "Own", `search: "ZEBRA"`: "Own", `search: "%"`: "", `search: ""`: "Own Other Alpha", `search: null`: "Own Other Alpha",
			`createdAt: {until: "2026-01-02T00:00:00Z"}`: "Other", `createdAt: {from: "2026-01-02T00:00:00Z"}`: "Own Alpha",
			`search: "o", createdAt: {from: "2026-01-02T00:00:00Z"}`: "Own",
		},
		places: []listPlace{all("companies", "Other Own Alpha"), own("companies", "Own")},
	}, {
		list: "users", field: "email",
		orders: map[string]string{
			"NAME":       "q@staff.example z@own.example b@own.example m@other.example",
			"EMAIL":      "b@own.example m@other.example q@staff.example z@own.example",
			"CREATED_AT": "z@own.example m@other.example q@staff.example b@own.example",
		},
		filters: map[string]string{
			`search: "MIA"`: "z@own.example", `search: "own."`: "z@own.example b@own.example",
			w.id("companyId", w.other.ID):                                                                     "m@other.example",
			`createdAt: {from: "2026-01-03T00:00:00Z"}`:                                                       "q@staff.example b@own.example",
			`createdAt: {from: null, until: null}`:                                                            "q@staff.example z@own.example b@own.example m@other.example",
			`createdAt: null, search: null`:                                                                   "q@staff.example z@own.example b@own.example m@other.example",
			`createdAt: {from: "0001-01-01T00:00:00Z", until: "2026-01-02T00:00:00+00:00"}`:                   "z@own.example",
			`search: "m", ` + w.id("companyId", w.company.ID) + `, createdAt: {from: "2026-01-02T00:00:00Z"}`: "b@own.example",
		},
		places: []listPlace{
			all("users", "q@staff.example z@own.example b@own.example m@other.example"), own("users", "z@own.example b@own.example"),
			under("company", w.company.ID.String(), "users", "z@own.example b@own.example"),
		},
	}, {
		list: "projects", field: "name",
		orders: map[string]string{
			"NAME": "Bridge Canal Road Tower", "CLIENT_NAME": "Road Canal Tower Bridge",
			"CREATED_AT": "Tower Road Canal Bridge", "UPDATED_AT": "Bridge Tower Road Canal",
		},
		filters: map[string]string{
			w.id("ownerId", w.member.ID): "Tower Bridge", w.id("companyId", w.other.ID): "Canal",
			w.id("themeId", w.themes["Green"]): "Tower Bridge", w.id("themeId", w.themes["Green"]) + `, archived: true`: "Tower",
			`archived: true`: "Tower Canal", `archived: false`: "Bridge Road", `archived: null`: "Tower Bridge Road Canal",
			`search: "AR"`: "Road", `search: "ridge"`: "Bridge",
			`createdAt: {from: "2026-01-02T00:00:00Z", until: "2026-01-04T00:00:00Z"}`: "Road Canal",
			`updatedAt: {from: "2026-02-03T00:00:00Z"}`:                                "Road Canal",
			`updatedAt: {until: "2026-02-02T01:00:00+01:00"}`:                          "Bridge",
			w.id("ownerId", w.member.ID) + `, archived: true, search: "city"`:          "Tower",
			w.id("ownerId", w.member.ID) + `, ` + w.id("companyId", w.other.ID):        "",
		},
		places: []listPlace{
			all("projects", "Tower Bridge Road Canal"), own("projects", "Tower Bridge Road"),
			under("company", w.company.ID.String(), "projects", "Tower Bridge Road"),
			under("user", w.member.ID.String(), "projects", "Tower Bridge"),
			under("theme", w.themes["Green"].String(), "projects", "Tower Bridge"),
		},
	}, {
		list: "documents", field: "name",
		orders: map[string]string{
			"NAME": "Annex Bid% Costs_ Estimate draft", "CREATED_AT": "Costs_ Annex Estimate draft Bid%",
			"UPDATED_AT": "draft Bid% Estimate Costs_ Annex",
		},
		filters: map[string]string{
			w.id("projectId", w.projects["Tower"].ID): "Annex Costs_", w.id("ownerId", w.manager.ID): "Costs_ draft",
			w.id("themeId", w.themes["Green"]): "Annex Bid%", w.id("themeId", w.themes["Alien"]): "Estimate",
			w.id("themeId", w.themes["Green"]) + `, status: READY`: "Annex",
			w.id("companyId", w.other.ID):                          "Estimate", `status: READY`: "Annex Costs_", `status: [FAILED, PENDING]`: "Bid% Estimate",
			`status: []`: "", `contentType: []`: "", `status: null, contentType: null`: "Annex Bid% Costs_ draft Estimate",
			`contentType: "text/plain"`: "Bid% Costs_", `contentType: ["image/png", "application/pdf"]`: "draft Annex Estimate", `contentType: "TEXT/PLAIN"`: "",
			`search: "%"`: "Bid%", `search: "_"`: "Costs_", `search: "A"`: "Annex Estimate draft", `search: "\\"`: "",
			`createdAt: {from: "2026-01-02T00:00:00.000000001Z"}`:                      "Bid% draft Estimate",
			`createdAt: {until: "2026-01-02T00:00:00.000000001Z"}`:                     "Annex Costs_",
			`updatedAt: {from: "2026-02-02T00:00:00Z", until: "2026-02-04T00:00:00Z"}`: "Bid% Estimate",
			`updatedAt: {until: "9999-12-31T23:59:59.9999999Z"}`:                       "Annex Bid% Costs_ draft Estimate",
			`status: READY, contentType: "text/plain", search: "cost", createdAt: {until: "2026-01-02T00:00:00Z"}, updatedAt: {from: "2026-02-04T00:00:00Z"}, ` +
				w.id("ownerId", w.manager.ID) + `, ` + w.id("projectId", w.projects["Tower"].ID) + `, ` + w.id("companyId", w.company.ID): "Costs_",
		},
		places: []listPlace{
			all("documents", "Annex Bid% Costs_ draft Estimate"), own("documents", "Annex Bid% Costs_ draft"),
			under("company", w.company.ID.String(), "documents", "Annex Bid% Costs_ draft"),
			under("user", w.member.ID.String(), "documents", "Annex Bid%"),
			under("project", w.projects["Tower"].ID.String(), "documents", "Annex Costs_"),
			under("theme", w.themes["Green"].String(), "documents", "Annex Bid%"),
		},
	}, {
		list: "themes", field: "name",
		orders: map[string]string{"NAME": "Alien Fast Green", "CREATED_AT": "Alien Green Fast"},
		filters: map[string]string{
			`search: "GREEN"`: "Green Alien", `search: "tree"`: "Green", w.id("companyId", w.other.ID): "Alien",
			`createdAt: {from: "2026-01-02T00:00:00Z", until: "2026-01-03T00:00:00Z"}`:                   "Green",
			`search: "e", createdAt: {from: "2026-01-02T00:00:00Z"}, ` + w.id("companyId", w.company.ID): "Green",
		},
		places: []listPlace{
			all("themes", "Alien Fast Green"), own("themes", "Fast Green"), under("company", w.company.ID.String(), "themes", "Fast Green"),
			under("project", w.projects["Tower"].ID.String(), "themes", "Fast Green"),
			under("project", w.projects["Bridge"].ID.String(), "themes", "Green"),
		},
	}, {
		list: "conversations", field: "title",
		orders: map[string]string{
			"TITLE": "Audit Kickoff Prices% Zoo", "CREATED_AT": "Kickoff Audit Zoo Prices%", "UPDATED_AT": "Prices% Zoo Kickoff Audit",
		},
		filters: map[string]string{
			`search: "%"`: "Prices%", `search: "I"`: "Audit Kickoff Prices%", w.id("ownerId", w.member.ID): "Kickoff Prices%",
			w.id("projectId", w.projects["Tower"].ID): "Audit Kickoff", w.id("companyId", w.other.ID): "Zoo",
			`createdAt: {until: "2026-01-02T00:00:00Z"}`: "Kickoff", `updatedAt: {from: "2026-02-03T00:00:00Z"}`: "Audit Kickoff",
			`search: "k", updatedAt: {from: "2026-02-03T00:00:00Z"}, ` + w.id("ownerId", w.member.ID) + `, ` + w.id("companyId", w.company.ID): "Kickoff",
		},
		places: []listPlace{
			all("conversations", "Audit Kickoff Prices% Zoo"), own("conversations", "Audit Kickoff Prices%"),
			under("company", w.company.ID.String(), "conversations", "Audit Kickoff Prices%"),
			under("user", w.member.ID.String(), "conversations", "Kickoff Prices%"),
			under("project", w.projects["Tower"].ID.String(), "conversations", "Audit Kickoff"),
		},
	}}
}

func (w listWorld) id(field string, id fmt.Stringer) string { return field + `: "` + id.String() + `"` }

// want is the rows of a place that meet the filter, in the order.
func (c listCase) want(place listPlace, matching, order, direction string) []string {
	want := []string{}
	for _, name := range strings.Fields(c.orders[order]) {
		if slices.Contains(strings.Fields(place.rows), name) && slices.Contains(strings.Fields(matching), name) {
			want = append(want, name)
		}
	}
	if direction == "DESC" {
		slices.Reverse(want)
	}
	return want
}

// read asks for a page of the list and gives its rows, their total and where the page stands.
func (c listCase) read(t testing.TB, place listPlace, arguments string) (rows []string, total string, page apitest.Value) {
	t.Helper()
	data := place.client.Query(t, fmt.Sprintf(place.around, fmt.Sprintf(
		"%s(%s) { nodes { %s } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }", c.list, arguments, c.field))).At(place.path)
	return append([]string{}, data.Texts("nodes", c.field)...), data.Text("totalCount"), data.At("pageInfo")
}

// Every filter narrows to its rows, and every order sorts them, in every place that has the list.
func TestFiltersAndOrders(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	for _, c := range w.cases(t) {
		c.filters[""] = c.orders["CREATED_AT"] // which has all rows, as every order does
		for _, place := range c.places {
			for filter, matching := range c.filters {
				for order := range c.orders {
					directions := []string{"ASC", "DESC"}
					if filter != "" { // the sort does not know of it
						directions = directions[1:]
					}
					for _, direction := range directions {
						arguments := fmt.Sprintf("first: 100, filter: {%s}, orderBy: {field: %s, direction: %s}", filter, order, direction)
						want := c.want(place, matching, order, direction)
						if got, total, _ := c.read(t, place, arguments); !slices.Equal(got, want) || total != fmt.Sprint(len(want)) {
							t.Errorf("%s(%s): %v of %s, want %v", place.path, arguments, got, total, want)
						}
					}
				}
			}
		}
	}
}

// Pages of one row fit together in every order, forwards and backwards, and with a filter.
func TestCursorsOfEveryOrder(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	for _, c := range w.cases(t) {
		filters := slices.Sorted(maps.Keys(c.filters))
		for _, place := range c.places {
			for order := range c.orders {
				for _, direction := range []string{"ASC", "DESC"} {
					for _, filter := range []string{"", filters[len(filters)-1]} {
						matching := c.filters[filter]
						if filter == "" {
							matching = place.rows
						}
						sort := fmt.Sprintf("filter: {%s}, orderBy: {field: %s, direction: %s}", filter, order, direction)
						want := c.want(place, matching, order, direction)
						if got := c.walk(t, place, sort, "first: 1", "after", "hasNextPage", "endCursor"); !slices.Equal(got, want) {
							t.Errorf("%s(%s) forwards: %v, want %v", place.path, sort, got, want)
						}
						slices.Reverse(want)
						if got := c.walk(t, place, sort, "last: 1", "before", "hasPreviousPage", "startCursor"); !slices.Equal(got, want) {
							t.Errorf("%s(%s) backwards: %v, want %v", place.path, sort, got, want)
						}
					}
				}
			}
		}
	}
}

func (c listCase) walk(t testing.TB, place listPlace, sort, size, from, more, cursor string) (all []string) {
	t.Helper()
	arguments := sort + ", " + size
	for range 10 {
		rows, _, page := c.read(t, place, arguments)
		all = append(all, rows...)
		if page.Text(more) == "false" {
			return all
		}
		arguments = fmt.Sprintf(`%s, %s, %s: "%s"`, sort, size, from, page.Text(cursor))
	}
	t.Errorf("%s: there is no end", arguments)
	return all
}

// A cursor of one order is refused by another, also where both sort by text or time.
func TestCursorsNameTheirOrder(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	for _, c := range w.cases(t) {
		for made := range c.orders {
			_, _, page := c.read(t, c.places[0], fmt.Sprintf("first: 1, orderBy: {field: %s, direction: ASC}", made))
			for order := range c.orders {
				answer := c.places[0].client.Do(t, fmt.Sprintf(`{ %s(after: "%s", orderBy: {field: %s, direction: ASC}) { nodes { id } } }`,
					c.list, page.Text("endCursor"), order))
				if refused := len(answer.Errors) == 1 && answer.Errors[0].Extensions["argument"] == "after"; refused != (made != order) {
					t.Errorf("%s by %s with a cursor by %s: %s", c.list, order, made, answer.Body)
				}
			}
		}
	}
}
