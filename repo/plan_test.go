package repo_test

import (
	"context"
	"database/sql"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/model"
)

// The default settings decide what PostgreSQL does; with sorts priced out, a plan without one is taken wherever there is an
// index that has the order.
const (
	defaultPlans = "SELECT 1"
	pricedOut    = "SET enable_sort = off; SET enable_incremental_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off"
)

// planner explains statements with one set of settings, each statement once. It keeps its connection until the test ends:
// no other gets its settings.
type planner struct {
	w    planWorld
	conn *sql.Conn
	seen map[string]bool
}

func (w planWorld) planner(t testing.TB, settings string) planner {
	t.Helper()
	conn := must[*sql.Conn](t)(w.Pool.Conn(t.Context()))
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.ExecContext(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	return planner{w, conn, map[string]bool{}}
}

// plan gives the statement that read would send, which is not run, and its plan; "" if it was explained before.
func (p planner) plan(t testing.TB, read func(context.Context) error) (statement, plan string) {
	t.Helper()
	p.w.SQL.FailAt(1)
	if err := read(t.Context()); err == nil {
		t.Fatal("it was to fail")
	}
	statements := p.w.SQL.Statements(false)
	if len(statements) != 1 {
		t.Fatalf("%d statements", len(statements))
	}
	statement = statements[0]
	if p.seen[statement] {
		return statement, ""
	}
	p.seen[statement] = true
	return statement, explain(t, p.conn, statement)
}

func explain(t testing.TB, on interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, statement string) (plan string) {
	t.Helper()
	rows := must[*sql.Rows](t)(on.QueryContext(t.Context(), "EXPLAIN "+statement))
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan += line + "\n"
	}
	return plan
}

// each explains a list in both directions, at these pages.
func (p planner) each(
	t testing.TB, viewer model.Viewer, l listing, pages []model.PageArgs, check func(statement, plan string) (complaint string),
) {
	t.Helper()
	for _, page := range pages {
		for _, direction := range []model.OrderDirection{model.Ascending, model.Descending} {
			statement, plan := p.plan(t, func(ctx context.Context) error {
				return l.read(ctx, p.w.Store.Reader(viewer), page, direction)
			})
			if plan == "" {
				continue
			}
			if complaint := check(statement, plan); complaint != "" {
				t.Errorf("%s as %s of %v, %s: %s\n%s\n%s", l.name, viewer.Role, viewer.CompanyID, direction, complaint, statement, plan)
			}
		}
	}
}

// pages are the first page, one after and one before a row in the middle, and the first of the rows before it.
func (l listing) pages() []model.PageArgs {
	size := int32(20)
	return []model.PageArgs{
		{First: &size}, {First: &size, After: &l.middle}, {Last: &size, Before: &l.middle}, {First: &size, Before: &l.middle},
	}
}

var sortInput = regexp.MustCompile(`(?m)-> +(?:Incremental )?Sort +\(cost=\S+ rows=(\d+)|^Sort +\(cost=\S+ rows=(\d+)`)

// sorted is the number of rows that the plan sorts, by the planner's estimate; -1 without a sort.
func sorted(plan string) int {
	most := -1
	for _, match := range sortInput.FindAllStringSubmatch(plan, -1) {
		rows, _ := strconv.Atoi(match[1] + match[2])
		most = max(most, rows)
	}
	return most
}

// sortedMax is how many rows a list without a filter may sort: as many as a page reads. The planner sorts where it knows
// from its statistics that the whole list, or the list of even the largest parent, is no longer than that.
const sortedMax = 21

// sortedByFilterMax is how many rows a filtered list may sort: what an index of the filter has left.
const sortedByFilterMax = 1000

// nothing is what a plan says that sees that no row can be found.
var nothing = regexp.MustCompile(`One-Time Filter: \(?false`)

var parentColumn = regexp.MustCompile(`\.\"?(\w+)\"? = parent\.id`)

// condition is what the index must be entered by: the parent of a nested list, the company of a list of one company.
// Either will do for another parent's list in a small company.
func condition(viewer model.Viewer, statement string) string {
	parent := parentColumn.FindStringSubmatch(statement)
	switch {
	case parent != nil && viewer.CompanyID == nil:
		return "Index Cond: (" + parent[1] + " = parent.id"
	case viewer.CompanyID == nil:
		return "Index"
	case parent != nil && parent[1] != "company_id":
		return "Index Cond: ("
	case strings.Contains(statement, `FROM "companies"`):
		return "Index Cond: (id = "
	default:
		return "Index Cond: (company_id = "
	}
}

// Plans are read at 600,000 documents. What is true of them:
//   - A list reads a page from the index of its order, whoever reads it, from wherever: no sort, no sequential scan.
//     Lists that are known to be no longer than a page may be sorted, since that costs no more.
//   - A filter is served by walking the order until the page is full, or by an index of the filter and a sort of what
//     that leaves, as the planner estimates. It does not read the whole table. Archived projects and content types have
//     no index: what is rare among them is found by reading the list.
//   - A search for something rare goes by trigrams.
func TestPlans(t *testing.T) {
	t.Parallel()
	w := newPlanWorld(t)
	viewers := []model.Viewer{w.admin, w.big, w.small}
	byDefault, withoutSorts := w.planner(t, defaultPlans), w.planner(t, pricedOut)

	t.Run("every list reads a page from the index of its order", func(t *testing.T) {
		for _, viewer := range viewers {
			for _, l := range w.everyList() {
				// The statistics know of large companies and projects, and of no large owner.
				large := strings.HasPrefix(l.name, "documents") && (viewer.CompanyID == nil || *viewer.CompanyID == *w.big.CompanyID)
				byDefault.each(t, viewer, l, l.pages(), func(statement, plan string) string {
					switch rows := sorted(plan); {
					case strings.Contains(plan, "Seq Scan"):
						return "it reads the whole table"
					case rows > sortedMax, rows >= 0 && large && !strings.Contains(statement, `"owner_id" = parent.id`):
						return "it sorts"
					}
					return ""
				})
			}
		}
	})

	t.Run("every order of every list has an index", func(t *testing.T) {
		for _, viewer := range []model.Viewer{w.admin, w.small} {
			for _, l := range w.everyList() {
				withoutSorts.each(t, viewer, l, l.pages()[:1], func(statement, plan string) string {
					// A viewer of one company has one company, found by its key.
					oneCompany := viewer.CompanyID != nil && strings.Contains(statement, `FROM "companies"`)
					if strings.Contains(plan, "Sort") && !oneCompany || !strings.Contains(plan, condition(viewer, statement)) {
						return "it does not go by " + condition(viewer, statement)
					}
					return ""
				})
			}
		}
	})

	t.Run("filters", func(t *testing.T) {
		for _, viewer := range viewers {
			for _, l := range w.filteredLists() {
				byDefault.each(t, viewer, l, l.pages()[:2], func(_, plan string) string {
					switch {
					case nothing.MatchString(plan): // another company's rows
						return ""
					case strings.Contains(plan, "Seq Scan"):
						return "it reads the whole table"
					case sorted(plan) > sortedByFilterMax:
						return "it sorts too many rows"
					}
					return ""
				})
			}
		}
	})

	t.Run("plans for any values", w.checkGenericPlans)
	t.Run("many to many", func(t *testing.T) { w.checkTags(t, byDefault, withoutSorts) })
	t.Run("sessions and accounts", func(t *testing.T) { w.checkPersonal(t, withoutSorts) })
	t.Run("foreign keys of owners", w.checkOwners)
	t.Run("counts of companies", func(t *testing.T) { w.checkCounts(t, withoutSorts) })
	t.Run("a search for something rare goes by trigrams", func(t *testing.T) {
		for index, l := range w.searches() {
			byDefault.each(t, w.admin, l, l.pages()[:1], func(_, plan string) string {
				if !strings.Contains(plan, "Bitmap Index Scan on "+index) {
					return "it does not go by " + index
				}
				return ""
			})
		}
	})
}

// filteredLists are the lists of documents and projects, in every order, with each filter that has an index.
func (w planWorld) filteredLists() (all []listing) {
	ago := func(days int) *time.Time { at := time.Now().AddDate(0, 0, -days); return &at }
	day, recent := &model.TimeRange{From: ago(201), Until: ago(200)}, &model.TimeRange{From: ago(1)}
	uploading, unfinished := []model.DocumentStatus{model.DocumentUploading}, []model.DocumentStatus{
		model.DocumentUploading, model.DocumentPending, model.DocumentExtracting, model.DocumentFailed}
	for _, f := range []model.DocumentFilter{
		{OwnerID: &planUsers[0]}, {ProjectID: &planProjects[0]}, {ProjectID: &planProjects[1]}, {CompanyID: w.small.CompanyID},
		{Status: uploading}, {Status: []model.DocumentStatus{model.DocumentReady}}, {Status: []model.DocumentStatus{model.DocumentPending}},
		{Status: []model.DocumentStatus{model.DocumentFailed}}, {Status: unfinished}, {ProjectID: &planProjects[0], Status: uploading},
		{CreatedAt: day}, {CreatedAt: recent}, {UpdatedAt: day}, {UpdatedAt: recent}, {CreatedAt: day, UpdatedAt: day},
		{ProjectID: &planProjects[0], CreatedAt: day}, {OwnerID: &planUsers[0], Status: unfinished, UpdatedAt: recent},
	} {
		all = append(all, w.documentLists(&f)...)
	}
	yes, no := true, false
	for _, f := range []model.ProjectFilter{
		{OwnerID: &planUsers[0]}, {CompanyID: w.small.CompanyID}, {Archived: &yes}, {Archived: &no},
		{CreatedAt: recent}, {UpdatedAt: recent}, {Archived: &no, CreatedAt: recent},
	} {
		all = append(all, w.projectLists(&f)...)
	}
	return all
}

// searches are searches for something rare, by the index that is to find it.
func (w planWorld) searches() map[string]listing {
	company, user, project, document := "ny 4321", "ser19777@", "ct 12345", "bid 123"
	theme, talk := "eme 4321", "alk 54321"
	return map[string]listing{
		"companies_search_idx":     w.companyLists(&model.CompanyFilter{Search: &company})[0],
		"users_search_idx":         w.userLists(&model.UserFilter{Search: &user})[0],
		"projects_search_idx":      w.projectLists(&model.ProjectFilter{Search: &project})[0],
		"themes_search_idx":        w.themeLists(&model.ThemeFilter{Search: &theme})[0],
		"conversations_search_idx": w.conversationLists(&model.ConversationFilter{Search: &talk})[0],
		"documents_search_idx":     w.documentLists(&model.DocumentFilter{Search: &document})[0],
	}
}
