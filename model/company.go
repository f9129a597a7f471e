package model

import (
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/uptrace/bun"
)

// Company is a tenant: its users, and all that they own.
type Company struct {
	bun.BaseModel `bun:"table:companies,alias:company"`
	Batched[Company]

	ID        CompanyID `bun:",pk"`
	CreatedAt time.Time `bun:",nullzero,default:now()"`
	UpdatedAt time.Time `bun:",nullzero,default:now()"`
	Version   int32     `bun:",nullzero,default:1"`
	Name      string
	Domain    *string
}

// IsNode makes it a Node of the schema.
func (*Company) IsNode() {}

// GetID is the id that Node shows.
func (c *Company) GetID() GlobalID { return c.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*Company) ReadScope() Scope { return ScopeCompaniesRead }

// AuditSubject is what audit entries about it say.
func (c *Company) AuditSubject() AuditSubject { return AuditSubject{c.ID.Global(), &c.ID} }

// CompanyFilter narrows a list of companies.
type CompanyFilter struct {
	Search    *string
	CreatedAt *TimeRange
}

// Validate reports all that is wrong with it.
func (f *CompanyFilter) Validate() error {
	var c Checks
	if f != nil {
		c.search("filter.search", f.Search)
		c.times("filter.createdAt", f.CreatedAt)
	}
	return c.err()
}

// CompanyOrderField is what companies are sorted by.
type CompanyOrderField string

// What companies are sorted by.
const (
	CompaniesByName      CompanyOrderField = "NAME"
	CompaniesByCreatedAt CompanyOrderField = "CREATED_AT"
	CompaniesByUpdatedAt CompanyOrderField = "UPDATED_AT"
)

// MarshalGQL writes the enum.
func (f CompanyOrderField) MarshalGQL(w io.Writer) { marshalEnum(w, f) }

// UnmarshalGQL reads the enum.
func (f *CompanyOrderField) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, f, CompaniesByName, CompaniesByCreatedAt, CompaniesByUpdatedAt)
}

// CompanyOrder sorts companies.
type CompanyOrder struct {
	Field     CompanyOrderField
	Direction OrderDirection
}

// CreateCompanyInput is a new company.
type CreateCompanyInput struct {
	Name   string
	Domain *string
}

// Validate reports all that is wrong with it.
func (in CreateCompanyInput) Validate() error {
	var c Checks
	c.text("name", in.Name, nameLengthMax)
	ifSet(in.Domain, func(d string) { c.domain("domain", d) })
	return c.err()
}

// UpdateCompanyInput changes what it names; null removes.
type UpdateCompanyInput struct {
	ID              CompanyID
	ExpectedVersion *int32
	Name            *string
	Domain          graphql.Omittable[*string]
}

// Validate reports all that is wrong with it.
func (in UpdateCompanyInput) Validate() error {
	var c Checks
	ifSet(in.Name, func(n string) { c.text("name", n, nameLengthMax) })
	ifSet(in.Domain.Value(), func(d string) { c.domain("domain", d) })
	return c.err()
}

// DeleteCompanyInput names the company to delete.
type DeleteCompanyInput struct {
	noRules

	ID              CompanyID
	ExpectedVersion *int32
}

// CompanyPayload is the outcome of creating or changing a company.
type CompanyPayload struct {
	Company    *Company
	UserErrors []UserError
}

// The payloads that show a company.
type (
	CreateCompanyPayload = CompanyPayload
	UpdateCompanyPayload = CompanyPayload
)

// DeleteCompanyPayload says which company is gone.
type DeleteCompanyPayload struct {
	DeletedCompanyID *CompanyID
	UserErrors       []UserError
}
