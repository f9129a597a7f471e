package repo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"dossier/model"
	"dossier/repo"
)

// tagStatements add what planWorld needs for themes and conversations, sessions, accounts and API keys: 10,000 themes, each on 3
// projects and 20 documents on average, but theme 0 on a tenth of the documents; 60,000 conversations; 20,000 sessions and
// as many accounts and API keys of 2,000 users.
var tagStatements = []string{
	`INSERT INTO themes (id, company_id, name, created_at) SELECT plan_id('f0', i), company_of(i), 'Theme ' || i * 7919 % 10000,
		now() - (10000 - i) * interval '1 minute' FROM generate_series(0, 9999) i`,
	`INSERT INTO project_themes (company_id, project_id, theme_id)
		SELECT company_of(i % 10000), plan_id('b0', i), plan_id('f0', i % 10000) FROM generate_series(0, 29999) i`,
	`INSERT INTO document_themes (company_id, document_id, theme_id)
		SELECT company_of(i % 10000), plan_id('d0', i), plan_id('f0', i % 10000) FROM generate_series(0, 199999) i
		UNION SELECT company_of(0), plan_id('d0', 10 * i), plan_id('f0', 0) FROM generate_series(0, 59999) i`,
	`INSERT INTO conversations (id, company_id, owner_id, project_id, title, created_at, updated_at)
		SELECT plan_id('90', i), company_of(i), plan_id('a0', i % 20000), plan_id('b0', CASE WHEN i % 20 = 0 THEN 0 ELSE i % 30000 END),
			'Talk ' || i * 7919 % 60000, now() - (60000 - i) * interval '1 minute', now() - i * 7919 % 60000 * interval '1 minute'
		FROM generate_series(0, 59999) i`,
	`INSERT INTO sessions (id, token_hash, user_id, expires, created_at)
		SELECT plan_id('80', i), sha256(i::text::bytea), plan_id('a0', i % 2000), now() + interval '1 day', now() - i * interval '1 minute'
		FROM generate_series(0, 19999) i`,
	`INSERT INTO accounts (id, user_id, type, provider, provider_account_id, created_at)
		SELECT plan_id('70', i), plan_id('a0', i % 2000), 'oidc', 'google', i, now() - i * interval '1 minute'
		FROM generate_series(0, 19999) i`,
	`INSERT INTO api_keys (id, company_id, user_id, name, hint, token_hash, scopes, created_at)
		SELECT plan_id('60', i), company_of(i % 2000), plan_id('a0', i % 2000), 'Key ' || i, 'HINT', sha256(i::text::bytea), 'projects:read',
			now() - i * interval '1 minute' FROM generate_series(0, 19999) i`,
}

var planDocuments = []model.DocumentID{model.DocumentID(planUUID(0xd0, 0)), model.DocumentID(planUUID(0xd0, 8003))}

var planThemes = []model.ThemeID{model.ThemeID(planUUID(0xf0, 0)), model.ThemeID(planUUID(0xf0, 8003))}

func (w planWorld) themeLists(f *model.ThemeFilter) (all []listing) {
	for _, field := range []model.ThemeOrderField{model.ThemesByName, model.ThemesByCreatedAt} {
		for _, read := range []func(context.Context, repo.Reader, model.PageArgs, model.ThemeOrder) error{
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ThemeOrder) error {
				_, err := r.Themes(ctx, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ThemeOrder) error {
				_, err := r.ThemesByCompany(ctx, planCompanies, page, f, by)
				return err
			},
		} {
			all = append(all, listing{"themes by " + string(field), repo.CursorOf(w.middle.theme, field),
				func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
					return read(ctx, r, page, model.ThemeOrder{Field: field, Direction: d})
				}})
		}
	}
	return all
}

func (w planWorld) conversationLists(f *model.ConversationFilter) (all []listing) {
	for _, field := range []model.ConversationOrderField{
		model.ConversationsByUpdatedAt, model.ConversationsByCreatedAt, model.ConversationsByTitle,
	} {
		for _, read := range []func(context.Context, repo.Reader, model.PageArgs, model.ConversationOrder) error{
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ConversationOrder) error {
				_, err := r.Conversations(ctx, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ConversationOrder) error {
				_, err := r.ConversationsByCompany(ctx, planCompanies, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ConversationOrder) error {
				_, err := r.ConversationsByOwner(ctx, planUsers, page, f, by)
				return err
			},
			func(ctx context.Context, r repo.Reader, page model.PageArgs, by model.ConversationOrder) error {
				_, err := r.ConversationsByProject(ctx, planProjects, page, f, by)
				return err
			},
		} {
			all = append(all, listing{"conversations by " + string(field), repo.CursorOf(w.middle.conversation, field),
				func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
					return read(ctx, r, page, model.ConversationOrder{Field: field, Direction: d})
				}})
		}
	}
	return all
}

// tagLists are the lists of many to many, in every order.
func (w planWorld) tagLists() (all []listing) {
	add := func(name string, read func(context.Context, repo.Reader, model.PageArgs, model.OrderDirection) error) {
		all = append(all, listing{name: name, read: read})
	}
	for _, field := range []model.ThemeOrderField{model.ThemesByName, model.ThemesByCreatedAt} {
		add("themes of projects by "+string(field), func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
			_, err := r.ThemesByProject(ctx, planProjects, page, nil, model.ThemeOrder{Field: field, Direction: d})
			return err
		})
	}
	for _, field := range []model.ThemeOrderField{model.ThemesByName, model.ThemesByCreatedAt} {
		add("themes of documents by "+string(field), func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
			_, err := r.ThemesByDocument(ctx, planDocuments, page, nil, model.ThemeOrder{Field: field, Direction: d})
			return err
		})
	}
	for _, field := range []model.ProjectOrderField{
		model.ProjectsByName, model.ProjectsByClientName, model.ProjectsByCreatedAt, model.ProjectsByUpdatedAt,
	} {
		add("projects of themes by "+string(field), func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
			_, err := r.ProjectsByTheme(ctx, planThemes, page, nil, model.ProjectOrder{Field: field, Direction: d})
			return err
		})
	}
	for _, field := range []model.DocumentOrderField{model.DocumentsByUpdatedAt, model.DocumentsByCreatedAt, model.DocumentsByName} {
		add("documents of themes by "+string(field), func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
			_, err := r.DocumentsByTheme(ctx, planThemes, page, nil, model.DocumentOrder{Field: field, Direction: d})
			return err
		})
		for i, theme := range planThemes {
			add("documents with theme "+string(rune('0'+i))+" by "+string(field), func(ctx context.Context, r repo.Reader, page model.PageArgs, d model.OrderDirection) error {
				_, err := r.Documents(ctx, page, &model.DocumentFilter{ThemeID: &theme}, model.DocumentOrder{Field: field, Direction: d})
				return err
			})
		}
	}
	return all
}

// What goes through pairs reads no whole table: it walks the list's order and probes the pairs, or sorts what the pairs of
// one theme, project or document lead to. Priced out, the sort gives way: every order has its index here too.
func (w planWorld) checkTags(t *testing.T, byDefault, withoutSorts planner) {
	size := int32(20)
	first := []model.PageArgs{{First: &size}}
	for _, viewer := range []model.Viewer{w.admin, w.big, w.small} {
		for _, l := range w.tagLists() {
			byDefault.each(t, viewer, l, first, func(_, plan string) string {
				for _, large := range []string{"Seq Scan on documents", "Seq Scan on document_themes", "Seq Scan on projects"} {
					if strings.Contains(plan, large) {
						return "it reads a whole table: " + large
					}
				}
				return ""
			})
			withoutSorts.each(t, viewer, l, first, func(_, plan string) string {
				if strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") {
					return "there is no plan without a sort"
				}
				return ""
			})
		}
	}
}

// Sessions and accounts have one order, and are listed for users only. API keys are listed for a company too.
func (w planWorld) checkPersonal(t *testing.T, withoutSorts planner) {
	size := int32(20)
	for name, read := range map[string]func(context.Context, repo.Reader, model.PageArgs) error{
		"sessions": func(ctx context.Context, r repo.Reader, page model.PageArgs) error {
			_, err := r.SessionsByUser(ctx, planUsers, page)
			return err
		},
		"accounts": func(ctx context.Context, r repo.Reader, page model.PageArgs) error {
			_, err := r.AccountsByUser(ctx, planUsers, page)
			return err
		},
		"API keys": func(ctx context.Context, r repo.Reader, page model.PageArgs) error {
			_, err := r.APIKeysByUser(ctx, planUsers, page)
			return err
		},
	} {
		l := listing{name: name, read: func(ctx context.Context, r repo.Reader, page model.PageArgs, _ model.OrderDirection) error {
			return read(ctx, r, page)
		}}
		by := func(model.Viewer, string) string { return "Index Cond: (user_id = parent.id" }
		if name == "API keys" { // which have a company, too
			by = condition
		}
		for _, viewer := range []model.Viewer{w.admin, w.big, w.small} {
			withoutSorts.each(t, viewer, l, []model.PageArgs{{First: &size}}, func(statement, plan string) string {
				if strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, by(viewer, statement)) {
					return "it does not go by the user"
				}
				return ""
			})
		}
	}
	keys := listing{name: "all API keys", read: func(ctx context.Context, r repo.Reader, page model.PageArgs, _ model.OrderDirection) error {
		_, err := r.APIKeys(ctx, page)
		return err
	}}
	for _, viewer := range []model.Viewer{w.admin, w.small} {
		withoutSorts.each(t, viewer, keys, []model.PageArgs{{First: &size}}, func(statement, plan string) string {
			if strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, condition(viewer, statement)) {
				return "it does not go by " + condition(viewer, statement)
			}
			return ""
		})
	}
}

// The counts of companies go by an index that begins with the company. Where one has half of the documents, another index may be
// read whole as well: documents are counted of small ones.
func (w planWorld) checkCounts(t *testing.T, withoutSorts planner) {
	small := []model.CompanyID{*w.small.CompanyID, model.CompanyID(planUUID(0xc0, 4003))}
	for name, read := range map[string]func(context.Context, repo.Reader) error{
		"users": func(ctx context.Context, r repo.Reader) error {
			_, err := r.UserCountsByCompany(ctx, planCompanies)
			return err
		},
		"projects": func(ctx context.Context, r repo.Reader) error {
			_, err := r.ProjectCountsByCompany(ctx, planCompanies)
			return err
		},
		"documents": func(ctx context.Context, r repo.Reader) error {
			_, err := r.DocumentCountsByCompany(ctx, small)
			return err
		},
		"documents by status": func(ctx context.Context, r repo.Reader) error {
			_, err := r.DocumentStatusCountsByCompany(ctx, planCompanies)
			return err
		},
	} {
		_, plan := withoutSorts.plan(t, func(ctx context.Context) error { return read(ctx, w.Store.Reader(w.admin)) })
		if !strings.Contains(plan, "Index Cond: (company_id = ANY") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
}

// checkOwners reads the plans of what foreign keys ask when a user goes to another company: they go by an index of both columns,
// or would read all rows of the company.
func (w planWorld) checkOwners(t *testing.T) {
	generic := w.planner(t, "SET plan_cache_mode = force_generic_plan")
	for _, table := range []string{"projects", "documents", "conversations"} {
		prepare := fmt.Sprintf(`PREPARE owned_%[1]s (uuid, uuid) AS
			SELECT 1 FROM ONLY %[1]s x WHERE $1 = company_id AND $2 = owner_id FOR KEY SHARE OF x`, table)
		if _, err := generic.conn.ExecContext(t.Context(), prepare); err != nil {
			t.Fatal(err)
		}
		plan := explain(t, generic.conn, "EXECUTE owned_"+table+" (NULL, NULL)")
		if !strings.Contains(plan, "Index Cond: ((owner_id = $2) AND (company_id = $1))") {
			t.Errorf("%s\n%s", table, plan)
		}
	}
}
