package repo_test

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"testing"

	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// fill adds rows straight in SQL: 100 companies, 20,000 users, 10,000 projects, 20,000 documents and as many audit
// entries; 2,000 of the users have sessions and accounts.
func fill(t testing.TB, pool *sql.DB) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO companies (id, name) SELECT md5('c' || i)::uuid, 'Company ' || i FROM generate_series(0, 99) i`,
		`INSERT INTO users (id, company_id, name, email, role, created_at)
			SELECT md5('u' || i)::uuid, md5('c' || i % 100)::uuid, 'Name ' || md5('n' || i), 'user' || i || '@mail.example',
				'MEMBER', now() - i * interval '1 minute' FROM generate_series(0, 19999) i`,
		`INSERT INTO projects (id, company_id, owner_id, name, client_name, created_at)
			SELECT md5('p' || i)::uuid, md5('c' || i % 100)::uuid, md5('u' || i % 20000)::uuid, 'Project ' || md5('' || i), 'Client',
				now() - i * interval '1 minute' FROM generate_series(0, 9999) i`,
		`INSERT INTO documents (id, company_id, owner_id, project_id, name, status, content_type, size_bytes, created_at, updated_at)
			SELECT md5('d' || i)::uuid, md5('c' || i % 100)::uuid, md5('u' || i % 20000)::uuid, md5('p' || i % 10000)::uuid,
				'Document', 'READY', 'application/pdf', 1, now() - i * interval '1 minute', now() - i * interval '1 second'
			FROM generate_series(0, 19999) i`,
		`INSERT INTO audit_log (id, company_id, action, actor_id, subject_type, subject_id, created_at)
			SELECT md5('a' || i)::uuid, md5('c' || i % 100)::uuid, 'USER_UPDATED', md5('u' || i % 20000)::uuid, 'user',
				md5('u' || i)::uuid, now() - i * interval '1 minute' FROM generate_series(0, 19999) i`,
		`INSERT INTO sessions (id, token_hash, user_id, expires, created_at)
			SELECT md5('s' || i)::uuid, sha256(('s' || i)::bytea), md5('u' || i % 2000)::uuid, now() + interval '1 day',
				now() - i * interval '1 minute' FROM generate_series(0, 9999) i`,
		`INSERT INTO accounts (id, user_id, type, provider, provider_account_id, created_at)
			SELECT md5('l' || i)::uuid, md5('u' || i % 2000)::uuid, 'oidc', 'google', i, now() - i * interval '1 minute'
			FROM generate_series(0, 9999) i`,
		`ANALYZE`,
	} {
		if _, err := pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// explain gives the plans of the SELECTs that fn sends, each below its statement, planned with these settings.
func explain(t testing.TB, db *pgtest.DB, settings string, fn func(context.Context)) []string {
	t.Helper()
	db.SQL.Reset()
	fn(t.Context())
	conn := must[*sql.Conn](t)(db.Pool.Conn(t.Context()))
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	var plans []string
	for _, statement := range db.SQL.Statements(false) {
		rows := must[*sql.Rows](t)(conn.QueryContext(t.Context(), "EXPLAIN "+statement))
		plan := statement + "\n"
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan += line + "\n"
		}
		rows.Close()
		plans = append(plans, plan)
	}
	return plans
}

// everyList asks for a page of each list in each order, as the reader.
func everyList(t testing.TB, ctx context.Context, r repo.Reader, direction model.OrderDirection) {
	t.Helper()
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	companies, users, projects := []model.CompanyID{{1}, {2}}, []model.UserID{{1}, {2}}, []model.ProjectID{{1}, {2}}
	for _, f := range []model.CompanyOrderField{model.CompaniesByName, model.CompaniesByCreatedAt} {
		check(r.Companies(ctx, first(20), model.CompanyOrder{Field: f, Direction: direction}))
	}
	for _, f := range []model.UserOrderField{model.UsersByName, model.UsersByCreatedAt} {
		by := model.UserOrder{Field: f, Direction: direction}
		check(r.Users(ctx, first(20), nil, by))
		check(r.UsersByCompany(ctx, companies, first(20), nil, by))
	}
	for _, f := range []model.ProjectOrderField{model.ProjectsByName, model.ProjectsByCreatedAt} {
		by := model.ProjectOrder{Field: f, Direction: direction}
		check(r.Projects(ctx, first(20), nil, by))
		check(r.ProjectsByCompany(ctx, companies, first(20), nil, by))
		check(r.ProjectsByOwner(ctx, users, first(20), nil, by))
	}
	for _, f := range []model.DocumentOrderField{model.DocumentsByUpdatedAt, model.DocumentsByCreatedAt} {
		by := model.DocumentOrder{Field: f, Direction: direction}
		check(r.Documents(ctx, first(20), nil, by))
		check(r.DocumentsByCompany(ctx, companies, first(20), nil, by))
		check(r.DocumentsByOwner(ctx, users, first(20), nil, by))
		check(r.DocumentsByProject(ctx, projects, first(20), nil, by))
	}
	check(r.AuditLog(ctx, first(20), nil))
	if direction == model.Descending { // they have one order
		check(r.SessionsByUser(ctx, users, first(20)))
		check(r.AccountsByUser(ctx, users, first(20)))
	}
}

var parentColumn = regexp.MustCompile(`\.\"?(\w+)\"? = parent\.id`)

// condition is what the index must be entered by: the parent of a nested list, the company of a list of one company.
func condition(viewer *model.User, plan string) string {
	statement, _, _ := strings.Cut(plan, "\n")
	parent := parentColumn.FindStringSubmatch(statement)
	if parent != nil && !(parent[1] == "company_id" && viewer.CompanyID != nil) {
		return "Index Cond: (" + parent[1] + " = parent.id"
	}
	switch {
	case viewer.CompanyID == nil:
		return "Index"
	case strings.Contains(statement, `FROM "companies"`):
		return "Index Cond: (id = "
	default:
		return "Index Cond: (company_id = "
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fill(t, w.Pool)

	// Where an index has the order, a plan without a sort exists, and is taken when sorts are priced out. A viewer of one
	// company has one company, found by its key.
	t.Run("every order of every list has an index", func(t *testing.T) {
		var company model.CompanyID
		if err := w.Pool.QueryRow("SELECT company_id FROM users WHERE email = 'user0@mail.example'").Scan(&company); err != nil {
			t.Fatal(err)
		}
		manager := &model.User{ID: model.NewID[model.UserID](), CompanyID: &company, Role: model.RoleManager}
		for _, viewer := range []*model.User{w.admin, manager} {
			for _, direction := range []model.OrderDirection{model.Ascending, model.Descending} {
				plans := explain(t, w.DB, "SET enable_sort = off; SET enable_incremental_sort = off; SET enable_seqscan = off",
					func(ctx context.Context) { everyList(t, ctx, w.reader(viewer), direction) })
				for _, plan := range plans {
					oneCompany := viewer != w.admin && strings.Contains(plan, `FROM "companies"`)
					if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") && !oneCompany ||
						!strings.Contains(plan, condition(viewer, plan)) {
						t.Errorf("%s %s, %q:\n%s", viewer.Role, direction, condition(viewer, plan), plan)
					}
				}
			}
		}
	})

	t.Run("the counts of a company go by an index", func(t *testing.T) {
		plans := explain(t, w.DB, "SET enable_seqscan = off", func(ctx context.Context) {
			r, ids := w.reader(w.admin), []model.CompanyID{w.company.ID, w.other.ID}
			must[map[model.CompanyID]int32](t)(r.UserCountsByCompany(ctx, ids))
			must[map[model.CompanyID]int32](t)(r.ProjectCountsByCompany(ctx, ids))
			must[map[model.CompanyID]int32](t)(r.DocumentCountsByCompany(ctx, ids))
			must[map[model.CompanyID][]*model.DocumentStatusCount](t)(r.DocumentStatusCountsByCompany(ctx, ids))
		})
		for _, plan := range plans {
			if !strings.Contains(plan, "Index Cond: (company_id = ANY") {
				t.Error(plan)
			}
		}
	})

	t.Run("a search of users goes by trigrams", func(t *testing.T) {
		term, found := "ser19777@", 0
		plans := explain(t, w.DB, "RESET ALL", func(ctx context.Context) {
			page := must[*model.UserConnection](t)(w.reader(w.admin).Users(ctx, first(20), &model.UserFilter{Search: &term},
				model.UserOrder{Field: model.UsersByCreatedAt, Direction: model.Descending}))
			found = len(page.Nodes)
		})
		if found != 1 || len(plans) != 1 || !strings.Contains(plans[0], "users_search_idx") {
			t.Errorf("%d users found by:\n%s", found, strings.Join(plans, "\n"))
		}
	})
}
