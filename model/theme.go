package model

import (
	"io"
	"regexp"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/uptrace/bun"
)

// Theme is a reusable win theme of a company, which tags projects and documents.
type Theme struct {
	bun.BaseModel `bun:"table:themes,alias:theme"`
	Batched[Theme]

	ID          ThemeID   `bun:",pk"`
	CreatedAt   time.Time `bun:",nullzero,default:now()"`
	UpdatedAt   time.Time `bun:",nullzero,default:now()"`
	Version     int32     `bun:",nullzero,default:1"`
	CompanyID   CompanyID
	Name        string
	Description *string
	Color       *string
}

// IsNode makes it a Node of the schema.
func (*Theme) IsNode() {}

// GetID is the id that Node shows.
func (t *Theme) GetID() GlobalID { return t.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*Theme) ReadScope() Scope { return ScopeThemesRead }

// AuditSubject is what audit entries about it say.
func (t *Theme) AuditSubject() AuditSubject { return AuditSubject{t.ID.Global(), &t.CompanyID} }

// ProjectTheme says that a theme is attached to a project.
type ProjectTheme struct {
	bun.BaseModel `bun:"table:project_themes,alias:pair"`

	CreatedAt time.Time `bun:",nullzero,default:now()"`
	CompanyID CompanyID
	ProjectID ProjectID `bun:",pk"`
	ThemeID   ThemeID   `bun:",pk"`
}

// DocumentTheme says that a theme is attached to a document.
type DocumentTheme struct {
	bun.BaseModel `bun:"table:document_themes,alias:pair"`

	CreatedAt  time.Time `bun:",nullzero,default:now()"`
	CompanyID  CompanyID
	DocumentID DocumentID `bun:",pk"`
	ThemeID    ThemeID    `bun:",pk"`
}

// ThemeFilter narrows a list of themes.
type ThemeFilter struct {
	Search    *string
	CompanyID *CompanyID
	CreatedAt *TimeRange
}

// Validate reports all that is wrong with it.
func (f *ThemeFilter) Validate() error {
	var c Checks
	if f != nil {
		c.search("filter.search", f.Search)
		c.times("filter.createdAt", f.CreatedAt)
	}
	return c.err()
}

// ThemeOrderField is what themes are sorted by.
type ThemeOrderField string

// What themes are sorted by.
const (
	ThemesByName      ThemeOrderField = "NAME"
	ThemesByCreatedAt ThemeOrderField = "CREATED_AT"
)

// MarshalGQL writes the enum.
func (f ThemeOrderField) MarshalGQL(w io.Writer) { marshalEnum(w, f) }

// UnmarshalGQL reads the enum.
func (f *ThemeOrderField) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, f, ThemesByName, ThemesByCreatedAt)
}

// ThemeOrder sorts themes.
type ThemeOrder struct {
	Field     ThemeOrderField
	Direction OrderDirection
}

// colorPattern is a color in hexadecimal notation (CSS Color Module Level 4, section 5.2), of six digits.
var colorPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (c *Checks) color(field, value string) {
	if !colorPattern.MatchString(value) {
		c.fail(field, "must be a color such as #1a7f37.")
	}
}

// CreateThemeInput is a new theme. Without a company it is of the viewer's.
type CreateThemeInput struct {
	CompanyID   *CompanyID
	Name        string
	Description *string
	Color       *string
}

// Validate reports all that is wrong with it.
func (in CreateThemeInput) Validate() error {
	var c Checks
	c.text("name", in.Name, nameLengthMax)
	ifSet(in.Description, func(d string) { c.text("description", d, messageLengthMax) })
	ifSet(in.Color, func(color string) { c.color("color", color) })
	return c.err()
}

// UpdateThemeInput changes what it names; null removes.
type UpdateThemeInput struct {
	ID              ThemeID
	ExpectedVersion *int32
	Name            *string
	Description     graphql.Omittable[*string]
	Color           graphql.Omittable[*string]
}

// Validate reports all that is wrong with it.
func (in UpdateThemeInput) Validate() error {
	var c Checks
	ifSet(in.Name, func(n string) { c.text("name", n, nameLengthMax) })
	ifSet(in.Description.Value(), func(d string) { c.text("description", d, messageLengthMax) })
	ifSet(in.Color.Value(), func(color string) { c.color("color", color) })
	return c.err()
}

// DeleteThemeInput names the theme to delete.
type DeleteThemeInput struct {
	noRules

	ID              ThemeID
	ExpectedVersion *int32
}

// ThemePairsMax is how many pairs of a theme with a project or document one mutation ties or unties.
const ThemePairsMax = 1000

// ThemeTargets names themes, and the projects and documents to attach them to or to detach them from.
type ThemeTargets struct {
	ThemeIDs    []ThemeID
	ProjectIDs  []ProjectID
	DocumentIDs []DocumentID
}

// The inputs of both directions.
type (
	AttachThemesInput = ThemeTargets
	DetachThemesInput = ThemeTargets
)

// Validate reports all that is wrong with it.
func (in ThemeTargets) Validate() error {
	var c Checks
	if len(in.ThemeIDs) == 0 {
		c.fail("themeIds", "must not be empty.")
	}
	targets := len(in.ProjectIDs) + len(in.DocumentIDs)
	if targets == 0 {
		c.fail("projectIds", "Name a project or a document at least.")
	}
	// Each is bounded before they are multiplied.
	c.listLength("themeIds", len(in.ThemeIDs), ThemePairsMax)
	c.listLength("projectIds", len(in.ProjectIDs), ThemePairsMax)
	c.listLength("documentIds", len(in.DocumentIDs), ThemePairsMax)
	if pairs := len(in.ThemeIDs) * targets; len(c.faults) == 0 && pairs > ThemePairsMax {
		c.fail("themeIds", "times projects and documents must be at most %d pairs, not %d.", ThemePairsMax, pairs)
	}
	return c.err()
}

// ThemePayload is the outcome of creating or changing a theme.
type ThemePayload struct {
	Theme      *Theme
	UserErrors []UserError
}

// The payloads that show a theme.
type (
	CreateThemePayload = ThemePayload
	UpdateThemePayload = ThemePayload
)

// Tagged counts what themes were attached to, or are no longer.
type Tagged struct {
	Projects  int32
	Documents int32
}

// DeleteThemePayload says which theme is gone, and what it was attached to.
type DeleteThemePayload struct {
	DeletedThemeID *ThemeID
	Detached       *Tagged
	UserErrors     []UserError
}

// AttachThemesPayload has the themes, and how much they were newly attached to.
type AttachThemesPayload struct {
	Themes     []*Theme
	Attached   *Tagged
	UserErrors []UserError
}

// DetachThemesPayload has the themes, and how much they were detached from.
type DetachThemesPayload struct {
	Themes     []*Theme
	Detached   *Tagged
	UserErrors []UserError
}
