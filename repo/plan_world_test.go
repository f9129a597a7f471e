package repo_test

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	"github.com/google/uuid"

	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// planWorld is a database of the size that plans are read at: 5,000 companies, 20,000 users, 30,000 projects, 600,000
// documents and 50,000 audit entries. Half of everything belongs to company 0, and a tenth of its documents to project 0;
// the rest is spread evenly. 1 in 9,973 documents is UPLOADING, 1 in 101 is FAILED, the others are READY.
type planWorld struct {
	*pgtest.DB
	admin, big, small model.Viewer // the managers of company 0 and of another one
	middle            middleRows
}

// middleRows stand in the middle of their lists.
type middleRows struct {
	company      *model.Company
	user         *model.User
	project      *model.Project
	document     *model.Document
	audit        *model.AuditEntry
	theme        *model.Theme
	conversation *model.Conversation
}

// planID is the id of row i of a table in planWorld, in SQL. Ids grow with time, as real ones do.
const planID = `CREATE FUNCTION plan_id(kind text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT (lpad(to_hex(i), 12, '0') || '70008000' || rpad(kind, 12, '0'))::uuid $$`

func planUUID(kind byte, i int) (id uuid.UUID) {
	for place := 5; i > 0; place-- {
		id[place], i = byte(i), i>>8
	}
	id[6], id[8], id[10] = 0x70, 0x80, kind
	return id
}

// fillStatements add the rows without checks of foreign keys, and make the indexes afterwards, which takes a fifth of the
// time.
var fillStatements = []string{
	"SET session_replication_role = replica", "SET maintenance_work_mem = '128MB'", "ALTER TABLE document_themes SET UNLOGGED",
	"ALTER TABLE chunk_codes SET UNLOGGED", "ALTER TABLE chunk_embeddings SET UNLOGGED", "ALTER TABLE document_chunks SET UNLOGGED",
	"ALTER TABLE documents SET UNLOGGED", planID,
	`CREATE TEMP TABLE later AS SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
		FROM pg_index WHERE NOT indisunique AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)`,
	`DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE 'DROP INDEX ' || i.name; END LOOP; END $$`,
	// company_of spreads rows: every second one is company 0's.
	`CREATE FUNCTION company_of(i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
		$$ SELECT plan_id('c0', CASE WHEN i % 2 = 0 THEN 0 ELSE i / 2 % 5000 END) $$`,
	`INSERT INTO companies (id, name, created_at, updated_at) SELECT plan_id('c0', i), 'Company ' || i,
		now() - (5000 - i) * interval '1 day', now() - i * interval '1 hour' FROM generate_series(0, 4999) i`,
	`INSERT INTO users (id, company_id, name, email, role, created_at)
		SELECT plan_id('a0', i), company_of(i), 'Name ' || i * 7919 % 20000, 'user' || i || '@mail.example', 'MEMBER',
			now() - (20000 - i) * interval '1 minute' FROM generate_series(0, 19999) i`,
	`INSERT INTO projects (id, company_id, owner_id, name, client_name, created_at, updated_at, archived_at)
		SELECT plan_id('b0', i), company_of(i), plan_id('a0', i % 20000), 'Project ' || i * 7919 % 30000, 'Client ' || i % 977,
			now() - (30000 - i) * interval '1 minute', now() - i * 7919 % 30000 * interval '1 minute', CASE WHEN i % 100 = 0 THEN now() END
		FROM generate_series(0, 29999) i`,
	`INSERT INTO documents (id, company_id, owner_id, project_id, name, status, content_type, size_bytes, created_at, updated_at)
		SELECT plan_id('d0', i), company_of(i), plan_id('a0', i % 20000), plan_id('b0', CASE WHEN i % 20 = 0 THEN 0 ELSE i % 30000 END),
			CASE WHEN i % 601 = 0 THEN 'Bid ' || i ELSE 'file' || i % 997 END,
			CASE WHEN i % 9973 = 0 THEN 'UPLOADING' WHEN i % 101 = 0 THEN 'FAILED' ELSE 'READY' END,
			CASE WHEN i % 53 = 0 THEN 'text/plain' ELSE 'application/pdf' END, 1,
			now() - (600000 - i) * interval '1 minute', now() - i * 7919 % 600000 * interval '1 minute'
		FROM generate_series(0, 599999::bigint) i`,
	`INSERT INTO audit_log (id, company_id, action, actor_id, subject_type, subject_id, created_at)
		SELECT plan_id('e0', i), company_of(i), CASE WHEN i % 9973 = 0 THEN 'USER_DELETED' ELSE 'USER_UPDATED' END,
			plan_id('a0', i % 20000), 'user', plan_id('a0', i % 20000), now() - (50000 - i) * interval '1 minute'
		FROM generate_series(0, 49999) i`,
}

var indexStatements = []string{
	`DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE i.definition; END LOOP; END $$`,
	"VACUUM ANALYZE", // as autovacuum does sooner or later, and plans change with it
}

func newPlanWorld(t testing.TB) planWorld {
	t.Helper()
	w := planWorld{DB: pgtest.New(t)}
	conn := must[*sql.Conn](t)(w.Pool.Conn(t.Context()))
	defer conn.Close()
	for _, statement := range slices.Concat(fillStatements, tagStatements, indexStatements) {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	w.admin = model.Viewer{UserID: model.NewID[model.UserID](), Role: model.RoleAdmin}
	manager := func(company int) model.Viewer {
		id := model.CompanyID(planUUID(0xc0, company))
		return model.Viewer{UserID: model.NewID[model.UserID](), CompanyID: &id, Role: model.RoleManager}
	}
	w.big, w.small = manager(0), manager(4001)
	r, ctx := w.Store.System(), t.Context()
	w.middle = middleRows{
		company:      must[[]*model.Company](t)(r.CompaniesByIDs(ctx, []model.CompanyID{model.CompanyID(planUUID(0xc0, 2500))}))[0],
		user:         must[[]*model.User](t)(r.UsersByIDs(ctx, []model.UserID{model.UserID(planUUID(0xa0, 10000))}))[0],
		project:      must[[]*model.Project](t)(r.ProjectsByIDs(ctx, []model.ProjectID{model.ProjectID(planUUID(0xb0, 15000))}))[0],
		document:     must[[]*model.Document](t)(r.DocumentsByIDs(ctx, []model.DocumentID{model.DocumentID(planUUID(0xd0, 300001))}))[0],
		audit:        must[[]*model.AuditEntry](t)(r.AuditEntriesByIDs(ctx, []model.AuditID{model.AuditID(planUUID(0xe0, 25000))}))[0],
		theme:        must[[]*model.Theme](t)(r.ThemesByIDs(ctx, []model.ThemeID{model.ThemeID(planUUID(0xf0, 5001))}))[0],
		conversation: must[[]*model.Conversation](t)(r.ConversationsByIDs(ctx, []model.ConversationID{model.ConversationID(planUUID(0x90, 30001))}))[0],
	}
	return w
}

// listing is one list in one order.
type listing struct {
	name   string
	middle string // the cursor of a row in the middle
	read   func(context.Context, repo.Reader, model.PageArgs, model.OrderDirection) error
}

// everyList is all lists in all their orders.
func (w planWorld) everyList() []listing {
	return slices.Concat(w.companyLists(nil), w.userLists(nil), w.projectLists(nil), w.documentLists(nil), w.auditLists(nil),
		w.themeLists(nil), w.conversationLists(nil))
}

func (w planWorld) auditLists(f *model.AuditFilter) []listing {
	return []listing{{"audit log", repo.CursorOf(w.middle.audit, model.AuditByCreatedAt),
		func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
			_, err := r.AuditLog(ctx, page, f, model.AuditOrder{Field: model.AuditByCreatedAt, Direction: d})
			return err
		}}}
}

func (w planWorld) companyLists(f *model.CompanyFilter) (all []listing) {
	for _, field := range []model.CompanyOrderField{model.CompaniesByName, model.CompaniesByCreatedAt, model.CompaniesByUpdatedAt} {
		all = append(all, listing{"companies by " + string(field), repo.CursorOf(w.middle.company, field),
			func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
				_, err := r.Companies(ctx, page, f, model.CompanyOrder{Field: field, Direction: d})
				return err
			}})
	}
	return all
}

var (
	planCompanies = []model.CompanyID{model.CompanyID(planUUID(0xc0, 0)), model.CompanyID(planUUID(0xc0, 4001))}
	planUsers     = []model.UserID{model.UserID(planUUID(0xa0, 0)), model.UserID(planUUID(0xa0, 8003))}
	planProjects  = []model.ProjectID{model.ProjectID(planUUID(0xb0, 0)), model.ProjectID(planUUID(0xb0, 8003))}
)

func (w planWorld) userLists(f *model.UserFilter) (all []listing) {
	for _, field := range []model.UserOrderField{model.UsersByName, model.UsersByEmail, model.UsersByCreatedAt} {
		for _, read := range []func(context.Context, repo.Reader, model.PageArgs, model.UserOrder) error{
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.UserOrder) error {
				_, err := r.Users(ctx, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.UserOrder) error {
				_, err := r.UsersByCompany(ctx, planCompanies, page, f, by)
				return err
			},
		} {
			all = append(all, listing{"users by " + string(field), repo.CursorOf(w.middle.user, field),
				func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
					return read(ctx, r, page, model.UserOrder{Field: field, Direction: d})
				}})
		}
	}
	return all
}

func (w planWorld) projectLists(f *model.ProjectFilter) (all []listing) {
	for _, field := range []model.ProjectOrderField{
		model.ProjectsByName, model.ProjectsByClientName, model.ProjectsByCreatedAt, model.ProjectsByUpdatedAt,
	} {
		for _, read := range []func(context.Context, repo.Reader, model.PageArgs, model.ProjectOrder) error{
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ProjectOrder) error {
				_, err := r.Projects(ctx, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ProjectOrder) error {
				_, err := r.ProjectsByCompany(ctx, planCompanies, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ProjectOrder) error {
				_, err := r.ProjectsByOwner(ctx, planUsers, page, f, by)
				return err
			},
		} {
			all = append(all, listing{"projects by " + string(field), repo.CursorOf(w.middle.project, field),
				func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
					return read(ctx, r, page, model.ProjectOrder{Field: field, Direction: d})
				}})
		}
	}
	return all
}

func (w planWorld) documentLists(f *model.DocumentFilter) (all []listing) {
	for _, field := range []model.DocumentOrderField{model.DocumentsByUpdatedAt, model.DocumentsByCreatedAt, model.DocumentsByName} {
		for _, read := range []func(context.Context, repo.Reader, model.PageArgs, model.DocumentOrder) error{
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.DocumentOrder) error {
				_, err := r.Documents(ctx, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.DocumentOrder) error {
				_, err := r.DocumentsByCompany(ctx, planCompanies, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.DocumentOrder) error {
				_, err := r.DocumentsByOwner(ctx, planUsers, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.DocumentOrder) error {
				_, err := r.DocumentsByProject(ctx, planProjects, page, f, by)
				return err
			},
		} {
			all = append(all, listing{"documents by " + string(field), repo.CursorOf(w.middle.document, field),
				func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
					return read(ctx, r, page, model.DocumentOrder{Field: field, Direction: d})
				}})
		}
	}
	return all
}
