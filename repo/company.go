package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

func companyUUID(c *model.Company) uuid.UUID { return uuid.UUID(c.ID) }

var companyOrders = map[model.CompanyOrderField]order[model.Company]{
	model.CompaniesByName:      byText("name", func(c *model.Company) string { return c.Name }, companyUUID),
	model.CompaniesByCreatedAt: byTime("created_at", func(c *model.Company) time.Time { return c.CreatedAt }, companyUUID),
	model.CompaniesByUpdatedAt: byTime("updated_at", func(c *model.Company) time.Time { return c.UpdatedAt }, companyUUID),
}

func (r Reader) companies(f *model.CompanyFilter) func() *bun.SelectQuery {
	return func() *bun.SelectQuery {
		q := r.scope(r.db.NewSelect().Model((*model.Company)(nil)), "id").Err(granted[model.Company](r))
		if f == nil {
			return q
		}
		q = within(q, "created_at", f.CreatedAt)
		return search(q, f.Search, "name", "domain")
	}
}

// Companies lists the companies that the viewer may see.
func (r Reader) Companies(
	ctx context.Context, args model.PageArgs, f *model.CompanyFilter, by model.CompanyOrder,
) (*model.CompanyConnection, error) {
	p, err := newPage(args, f, companyOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.companies(f))
}

// CompaniesByIDs reads companies in any order; those not there or not visible are left out. There are few companies, they
// change rarely and everything leads to one: what the viewer may see of them may be cached.
func (r Reader) CompaniesByIDs(ctx context.Context, ids []model.CompanyID) ([]*model.Company, error) {
	if err := granted[model.Company](r); err != nil {
		return nil, err
	}
	if companies, ok := r.CompaniesInMemory(ids); ok {
		return companies, nil
	}
	read := r.cache.now()
	if r.cache != nil {
		r = r.Selecting(nil) // what is cached must be whole
	}
	companies, err := byIDs[model.Company](ctx, r, r.companies(nil)(), ids)
	for _, company := range companies {
		r.cache.keepCompany(read, *company)
	}
	return companies, err
}

// CompaniesInMemory gives copies of the companies, if the viewer may see all of them and all are cached.
func (r Reader) CompaniesInMemory(ids []model.CompanyID) ([]*model.Company, bool) {
	if granted[model.Company](r) != nil {
		return nil, false
	}
	companies := make([]*model.Company, len(ids))
	for i, id := range ids {
		visible := r.viewer.IsStaff() || r.viewer.CompanyID != nil && *r.viewer.CompanyID == id
		company, ok := r.cache.company(id)
		if !visible || !ok {
			return nil, false
		}
		companies[i] = company
	}
	return model.Join(companies), true
}

func (tx *Tx) lockCompany(
	ctx context.Context, to strength, id model.CompanyID, expected *int32,
) (*model.Company, error) {
	return lock(ctx, tx, tx.companies(nil)(), to, "company", id, expected, func(c *model.Company) int32 { return c.Version })
}

// CreateCompany adds a company.
func (tx *Tx) CreateCompany(ctx context.Context, in model.CreateCompanyInput) (*model.Company, error) {
	company := &model.Company{ID: model.NewID[model.CompanyID](), Name: in.Name, Domain: in.Domain}
	also := tx.recorded(model.CompanyCreated, entry{company.AuditSubject(), map[string]any{"name": company.Name}})
	if err := insert(ctx, tx, also, company); err != nil {
		return nil, fmt.Errorf("create company: %w", err)
	}
	return company, nil
}

// UpdateCompany changes what the input names.
func (tx *Tx) UpdateCompany(ctx context.Context, in model.UpdateCompanyInput) (*model.Company, error) {
	company, err := tx.lockCompany(ctx, toChange, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "update company", in.ID)
	}
	var c changes
	set(&c, "name", &company.Name, in.Name)
	if domain, ok := in.Domain.ValueOK(); ok {
		setNull(&c, "domain", &company.Domain, domain)
	}
	if len(c.columns) == 0 {
		return company, nil
	}
	err = save(ctx, tx, company, &company.Version, c,
		tx.recorded(model.CompanyUpdated, entry{company.AuditSubject(), c.details}))
	return company, wrap(err, "update company", in.ID)
}

// DeleteCompany removes a company that nothing belongs to any more.
func (tx *Tx) DeleteCompany(ctx context.Context, in model.DeleteCompanyInput) error {
	company, err := tx.lockCompany(ctx, toRemove, in.ID, in.ExpectedVersion)
	if err != nil {
		return wrap(err, "delete company", in.ID)
	}
	// The lock keeps others from adding to the company: their foreign keys wait for it.
	var left struct{ Users, Projects, Documents, Themes, Conversations int32 }
	err = tx.db.NewRaw(`SELECT
		(SELECT count(*) FROM users WHERE company_id = ?0) AS users,
		(SELECT count(*) FROM projects WHERE company_id = ?0) AS projects,
		(SELECT count(*) FROM documents WHERE company_id = ?0) AS documents,
		(SELECT count(*) FROM themes WHERE company_id = ?0) AS themes,
		(SELECT count(*) FROM conversations WHERE company_id = ?0) AS conversations`, in.ID).Scan(ctx, &left)
	if err != nil {
		return wrap(err, "delete company", in.ID)
	}
	if left.Users+left.Projects+left.Documents+left.Themes+left.Conversations > 0 {
		return fault.New(fault.Conflict, "The company is not empty: it has %d users, %d projects, %d documents, %d themes and %d conversations.",
			left.Users, left.Projects, left.Documents, left.Themes, left.Conversations).At("id")
	}
	err = remove(ctx, tx, company,
		tx.recorded(model.CompanyDeleted, entry{company.AuditSubject(), map[string]any{"name": company.Name}}))
	return wrap(err, "delete company", in.ID)
}
