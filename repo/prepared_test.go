package repo_test

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"testing"
	"time"

	"dossier/internal/pgconn"
	"dossier/model"
	"dossier/repo"
)

// preparing is a store over one connection, which keeps what it prepares.
type preparing struct {
	*repo.Store
	pool *sql.DB
}

func newPreparing(t testing.TB, url string) preparing {
	t.Helper()
	pool := must[*sql.DB](t)(pgconn.Open(pgconn.Config{URL: url, PoolMax: 1, Statements: 10_000}))
	t.Cleanup(func() { _ = pool.Close() })
	return preparing{repo.New(pool, repo.Options{Prepare: true}), pool}
}

// preparedStatement is one that the connection keeps.
type preparedStatement struct {
	name, text string
	parameters int
}

func (p preparing) statements(t testing.TB) (all []preparedStatement) {
	t.Helper()
	rows := must[*sql.Rows](t)(p.pool.QueryContext(t.Context(),
		"SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements ORDER BY statement"))
	defer rows.Close()
	for rows.Next() {
		var s preparedStatement
		if err := rows.Scan(&s.name, &s.text, &s.parameters); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// What is read by keys, a page and its parents' counts is prepared once, whatever the values. The total of a list is not:
// what a company has may be most of a table.
func TestShapesArePreparedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPreparing(t, w.URL)
	size := int32(2)
	byTime := model.ProjectOrder{Field: model.ProjectsByCreatedAt, Direction: model.Descending}
	read := func(owner *model.User) {
		t.Helper()
		r, ctx := p.Reader(viewer(owner)), t.Context()
		must[[]*model.User](t)(r.UsersByIDs(ctx, []model.UserID{owner.ID, w.manager.ID}))
		must[[]*model.User](t)(r.UsersByIDs(ctx, []model.UserID{owner.ID}))
		must[*model.User](t)(r.UserByEmail(ctx, owner.Email))
		filter := &model.ProjectFilter{OwnerID: &owner.ID}
		page := must[*model.ProjectConnection](t)(r.Projects(ctx, model.PageArgs{First: &size}, filter, byTime))
		must[int32](t)(page.TotalCount(ctx))
		must[*model.ProjectConnection](t)(r.Projects(ctx, model.PageArgs{First: &size, After: page.PageInfo().EndCursor}, filter, byTime))
		lists := must[map[model.UserID]*model.ProjectConnection](t)(
			r.ProjectsByOwner(ctx, []model.UserID{owner.ID, w.manager.ID}, model.PageArgs{First: &size}, nil, byTime))
		must[int32](t)(lists[owner.ID].TotalCount(ctx))
	}
	w.Projects(t, w.member, 3)
	w.Projects(t, w.manager, 3)
	read(w.manager)
	want := p.statements(t)
	if len(want) != 6 {
		t.Errorf("%d statements are prepared, want 6: %v", len(want), want)
	}
	read(w.member)
	if got := p.statements(t); len(got) != len(want) {
		t.Errorf("%d statements are prepared after other values, want %d: %v", len(got), len(want), got)
	}
}

// So is what a user may see of the own rows alone.
func TestPersonalShapesArePreparedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPreparing(t, w.URL)
	size := int32(2)
	want := 0
	for _, user := range []*model.User{w.member, w.User(t, w.company, model.RoleMember, "Mel Member")} {
		r, ctx := p.Reader(viewer(user)), t.Context()
		must[map[model.UserID]*model.SessionConnection](t)(r.SessionsByUser(ctx, []model.UserID{user.ID}, model.PageArgs{First: &size}))
		must[[]*model.Account](t)(r.AccountsByIDs(ctx, []model.AccountID{model.NewID[model.AccountID]()}))
		all := p.statements(t)
		if want == 0 {
			want = len(all)
		}
		if len(all) != 2 || len(all) != want {
			t.Errorf("%d statements are prepared: %v", len(all), all)
		}
	}
}

// A write that is prepared has no value in its text, or each one would be prepared anew.
func TestWritesArePreparedWithoutValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPreparing(t, w.URL)
	for _, c := range newChanges(t, w) {
		if err := p.InTx(t.Context(), viewer(c.as), c.do); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	written := map[string]int{}
	literal, value := regexp.MustCompile(`'[^']*'`), regexp.MustCompile(`'.*[0-9@]|"version" = [0-9]`)
	for _, s := range p.statements(t) {
		inLiterals := strings.Join(literal.FindAllString(s.text, -1), " ")
		if value.MatchString(inLiterals) || value.MatchString(literal.ReplaceAllString(s.text, "")) {
			t.Errorf("prepared with a value: %s", s.text)
		}
		for _, kind := range []string{"FOR UPDATE", "FOR NO KEY UPDATE", "INSERT INTO audit_log", "INSERT INTO river_job", `UPDATE "users"`, `UPDATE "projects"`} {
			if strings.Contains(s.text, kind) {
				written[kind]++
			}
		}
	}
	if len(written) != 6 {
		t.Errorf("prepared were only %v", written)
	}
}

// A migration while the server runs outdates what is prepared; nobody notices.
func TestWritesOutliveAMigration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPreparing(t, w.URL)
	project := w.Projects(t, w.member, 1)[0]
	rename := func(name string) {
		t.Helper()
		must[*model.Project](t)(repo.Do(t.Context(), p.Store, viewer(w.member), func(ctx context.Context, tx *repo.Tx) (*model.Project, error) {
			return tx.UpdateProject(ctx, model.UpdateProjectInput{ID: project.ID, Name: &name})
		}))
	}
	rename("Before")
	must[sql.Result](t)(w.Pool.Exec("ALTER TABLE projects ALTER client_name TYPE varchar(500)"))
	rename("After")
	if names := must[rowsOf](t)(query(w.DB, "SELECT name FROM projects")); len(names) != 1 || names[0] != "After" {
		t.Errorf("projects %q", names)
	}
}

// A prepared statement is planned once for all values: what is searched for, times and lists of values decide too much.
func TestSearchesAreNotPrepared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPreparing(t, w.URL)
	theme := must[*model.Theme](t)(inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Theme, error) {
		return tx.CreateTheme(ctx, model.CreateThemeInput{Name: "Theme"})
	}))
	text, now := "a", time.Now()
	r, ctx := p.Reader(viewer(w.manager)), t.Context()
	must[map[model.CompanyID]int32](t)(r.ProjectCountsByCompany(ctx, []model.CompanyID{w.company.ID}))
	byName := model.DocumentOrder{Field: model.DocumentsByName, Direction: model.Ascending}
	for _, filter := range []*model.DocumentFilter{
		{Search: &text}, {ThemeID: &theme.ID}, {CreatedAt: &model.TimeRange{From: &now}}, {UpdatedAt: &model.TimeRange{Until: &now}},
		{Status: []model.DocumentStatus{model.DocumentReady}}, {OwnerID: &w.member.ID, Search: &text},
	} {
		page := must[*model.DocumentConnection](t)(r.Documents(ctx, model.PageArgs{}, filter, byName))
		must[int32](t)(page.TotalCount(ctx))
		must[map[model.UserID]*model.DocumentConnection](t)(
			r.DocumentsByOwner(ctx, []model.UserID{w.member.ID}, model.PageArgs{}, filter, byName))
	}
	for _, s := range p.statements(t) {
		t.Errorf("prepared: %s", s.text)
	}
}

// A prepared statement has one plan, which is made for any values: that one, too, reads a page from the index of its order,
// and rows by their keys.
func (w planWorld) checkGenericPlans(t *testing.T) {
	p := newPreparing(t, w.URL)
	for _, viewer := range []model.Viewer{w.admin, w.small} {
		for _, l := range w.everyList() {
			for _, page := range l.pages() {
				for _, direction := range []model.OrderDirection{model.Ascending, model.Descending} {
					if err := l.read(t.Context(), p.Reader(viewer), page, direction); err != nil {
						t.Fatalf("%s: %v", l.name, err)
					}
				}
			}
		}
	}
	r, ctx := p.Reader(w.admin), t.Context()
	must[[]*model.Company](t)(r.CompaniesByIDs(ctx, planCompanies))
	must[[]*model.User](t)(r.UsersByIDs(ctx, planUsers))
	must[[]*model.Project](t)(r.ProjectsByIDs(ctx, planProjects))
	must[map[model.ProjectID]int32](t)(r.DocumentCountsByProject(ctx, planProjects))
	statements := p.statements(t)
	if len(statements) < 300 {
		t.Errorf("only %d statements are prepared", len(statements))
	}
	for _, s := range statements {
		values := strings.TrimSuffix(strings.Repeat("NULL, ", s.parameters), ", ")
		plan := explain(t, p.pool, `EXECUTE "`+s.name+`"(`+values+`)`)
		if strings.Contains(plan, "Seq Scan") || sorted(plan) > sortedMax {
			t.Errorf("%s\n%s", s.text, plan)
		}
	}
}
