package model

import (
	"io"
	"time"

	"github.com/uptrace/bun"
)

// Project is a bid for a client.
type Project struct {
	bun.BaseModel `bun:"table:projects,alias:project"`
	Batched[Project]

	ID         ProjectID `bun:",pk"`
	CreatedAt  time.Time `bun:",nullzero,default:now()"`
	UpdatedAt  time.Time `bun:",nullzero,default:now()"`
	Version    int32     `bun:",nullzero,default:1"`
	CompanyID  CompanyID
	OwnerID    UserID
	Name       string
	ClientName string
	ArchivedAt *time.Time
}

// IsNode makes it a Node of the schema.
func (*Project) IsNode() {}

// GetID is the id that Node shows.
func (p *Project) GetID() GlobalID { return p.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*Project) ReadScope() Scope { return ScopeProjectsRead }

// AuditSubject is what audit entries about it say.
func (p *Project) AuditSubject() AuditSubject { return AuditSubject{p.ID.Global(), &p.CompanyID} }

// ProjectFilter narrows a list of projects.
type ProjectFilter struct {
	Search    *string
	OwnerID   *UserID
	CompanyID *CompanyID
	ThemeID   *ThemeID
	Archived  *bool
	CreatedAt *TimeRange
	UpdatedAt *TimeRange
}

// Validate reports all that is wrong with it.
func (f *ProjectFilter) Validate() error {
	var c Checks
	if f != nil {
		c.search("filter.search", f.Search)
		c.times("filter.createdAt", f.CreatedAt)
		c.times("filter.updatedAt", f.UpdatedAt)
	}
	return c.err()
}

// ProjectOrderField is what projects are sorted by.
type ProjectOrderField string

// What projects are sorted by.
const (
	ProjectsByName       ProjectOrderField = "NAME"
	ProjectsByClientName ProjectOrderField = "CLIENT_NAME"
	ProjectsByCreatedAt  ProjectOrderField = "CREATED_AT"
	ProjectsByUpdatedAt  ProjectOrderField = "UPDATED_AT"
)

// MarshalGQL writes the enum.
func (f ProjectOrderField) MarshalGQL(w io.Writer) { marshalEnum(w, f) }

// UnmarshalGQL reads the enum.
func (f *ProjectOrderField) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, f, ProjectsByName, ProjectsByClientName, ProjectsByCreatedAt, ProjectsByUpdatedAt)
}

// ProjectOrder sorts projects.
type ProjectOrder struct {
	Field     ProjectOrderField
	Direction OrderDirection
}

// CreateProjectInput is a new project. Without an owner it is the viewer's.
type CreateProjectInput struct {
	OwnerID    *UserID
	Name       string
	ClientName string
}

// Validate reports all that is wrong with it.
func (in CreateProjectInput) Validate() error {
	var c Checks
	c.text("name", in.Name, nameLengthMax)
	c.text("clientName", in.ClientName, nameLengthMax)
	return c.err()
}

// UpdateProjectInput changes what it names.
type UpdateProjectInput struct {
	ID              ProjectID
	ExpectedVersion *int32
	OwnerID         *UserID
	Name            *string
	ClientName      *string
	Archived        *bool
}

// Validate reports all that is wrong with it.
func (in UpdateProjectInput) Validate() error {
	var c Checks
	ifSet(in.Name, func(n string) { c.text("name", n, nameLengthMax) })
	ifSet(in.ClientName, func(n string) { c.text("clientName", n, nameLengthMax) })
	return c.err()
}

// ProjectDocuments is what becomes of a deleted project's documents.
type ProjectDocuments string

// What becomes of a deleted project's documents.
const (
	KeepDocuments   ProjectDocuments = "KEEP"
	DeleteDocuments ProjectDocuments = "DELETE"
)

// MarshalGQL writes the enum.
func (d ProjectDocuments) MarshalGQL(w io.Writer) { marshalEnum(w, d) }

// UnmarshalGQL reads the enum.
func (d *ProjectDocuments) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, d, KeepDocuments, DeleteDocuments)
}

// DeleteProjectInput names the project to delete.
type DeleteProjectInput struct {
	noRules

	ID              ProjectID
	ExpectedVersion *int32
	Documents       ProjectDocuments
}

// ProjectPayload is the outcome of creating or changing a project.
type ProjectPayload struct {
	Project    *Project
	UserErrors []UserError
}

// The payloads that show a project.
type (
	CreateProjectPayload = ProjectPayload
	UpdateProjectPayload = ProjectPayload
)

// DeleteProjectPayload says what is gone, and how many documents and conversations stay without a project.
type DeleteProjectPayload struct {
	DeletedProjectID      *ProjectID
	DeletedDocumentCount  int32
	KeptDocumentCount     int32
	KeptConversationCount int32
	UserErrors            []UserError
}
