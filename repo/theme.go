package repo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

func themeUUID(t *model.Theme) uuid.UUID { return uuid.UUID(t.ID) }

var themeOrders = map[model.ThemeOrderField]order[model.Theme]{
	model.ThemesByName:      byText("name", func(t *model.Theme) string { return t.Name }, themeUUID),
	model.ThemesByCreatedAt: byTime("created_at", func(t *model.Theme) time.Time { return t.CreatedAt }, themeUUID),
}

func (r Reader) themes(f *model.ThemeFilter) func() *bun.SelectQuery {
	return func() *bun.SelectQuery {
		q := from[model.Theme](r)
		if f == nil {
			return q
		}
		q = equal(q, "company_id", f.CompanyID)
		q = within(q, "created_at", f.CreatedAt)
		return search(q, f.Search, "name", "description")
	}
}

// Themes lists the themes that the viewer may see.
func (r Reader) Themes(
	ctx context.Context, args model.PageArgs, f *model.ThemeFilter, by model.ThemeOrder,
) (*model.ThemeConnection, error) {
	p, err := newPage(args, f, themeOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.themes(f))
}

// ThemesByCompany lists each company's themes.
func (r Reader) ThemesByCompany(
	ctx context.Context, companies []model.CompanyID, args model.PageArgs, f *model.ThemeFilter, by model.ThemeOrder,
) (map[model.CompanyID]*model.ThemeConnection, error) {
	return themeLists(ctx, r, companies, args, f, by, byColumn("company_id"))
}

// ThemesByProject lists the themes that are attached to each project.
func (r Reader) ThemesByProject(
	ctx context.Context, projects []model.ProjectID, args model.PageArgs, f *model.ThemeFilter, by model.ThemeOrder,
) (map[model.ProjectID]*model.ThemeConnection, error) {
	return themeLists(ctx, r, projects, args, f, by, projectThemes)
}

// ThemesByDocument lists the themes that are attached to each document.
func (r Reader) ThemesByDocument(
	ctx context.Context, documents []model.DocumentID, args model.PageArgs, f *model.ThemeFilter, by model.ThemeOrder,
) (map[model.DocumentID]*model.ThemeConnection, error) {
	return themeLists(ctx, r, documents, args, f, by, documentThemes)
}

func themeLists[K model.ID](
	ctx context.Context, r Reader, parents []K, args model.PageArgs, f *model.ThemeFilter, by model.ThemeOrder, through link,
) (map[K]*model.ThemeConnection, error) {
	p, err := newPage(args, f, themeOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, parents, through, r.themes(f))
}

// ThemesByIDs reads themes in any order; those not there or not visible are left out.
func (r Reader) ThemesByIDs(ctx context.Context, ids []model.ThemeID) ([]*model.Theme, error) {
	return byIDs[model.Theme](ctx, r, r.themes(nil)(), ids)
}

func (tx *Tx) lockTheme(ctx context.Context, to strength, id model.ThemeID, expected *int32) (*model.Theme, error) {
	return lock(ctx, tx, tx.themes(nil)(), to, "theme", id, expected, func(t *model.Theme) int32 { return t.Version })
}

// CreateTheme adds a theme to the viewer's company, or to the one that an ADMIN names.
func (tx *Tx) CreateTheme(ctx context.Context, in model.CreateThemeInput) (*model.Theme, error) {
	company, err := tx.companyFor(in.CompanyID)
	if err != nil {
		return nil, fmt.Errorf("create theme: %w", err)
	}
	theme := &model.Theme{
		ID: model.NewID[model.ThemeID](), CompanyID: company, Name: in.Name, Description: in.Description, Color: in.Color,
	}
	also := tx.recorded(model.ThemeCreated, entry{theme.AuditSubject(), map[string]any{"name": theme.Name}})
	if err := insert(ctx, tx, also, theme); err != nil {
		return nil, fmt.Errorf("create theme: %w", err)
	}
	return theme, nil
}

// UpdateTheme changes what the input names.
func (tx *Tx) UpdateTheme(ctx context.Context, in model.UpdateThemeInput) (*model.Theme, error) {
	theme, err := tx.lockTheme(ctx, toChange, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "update theme", in.ID)
	}
	var c changes
	set(&c, "name", &theme.Name, in.Name)
	if description, ok := in.Description.ValueOK(); ok {
		setNull(&c, "description", &theme.Description, description)
	}
	if color, ok := in.Color.ValueOK(); ok {
		setNull(&c, "color", &theme.Color, color)
	}
	if len(c.columns) == 0 {
		return theme, nil
	}
	err = save(ctx, tx, theme, &theme.Version, c,
		tx.recorded(model.ThemeUpdated, entry{theme.AuditSubject(), c.details}))
	return theme, wrap(err, "update theme", in.ID)
}

// DeleteTheme removes a theme, and tells what it was attached to.
func (tx *Tx) DeleteTheme(ctx context.Context, in model.DeleteThemeInput) (*model.Tagged, error) {
	theme, err := tx.lockTheme(ctx, toRemove, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "delete theme", in.ID)
	}
	// The lock keeps others from attaching it: their foreign keys wait for it.
	var was model.Tagged
	err = tx.db.NewRaw(`SELECT
		(SELECT count(*) FROM project_themes WHERE theme_id = ?0) AS projects,
		(SELECT count(*) FROM document_themes WHERE theme_id = ?0) AS documents`, in.ID).Scan(ctx, &was)
	if err != nil {
		return nil, wrap(err, "delete theme", in.ID)
	}
	err = remove(ctx, tx, theme, tx.recorded(model.ThemeDeleted, entry{theme.AuditSubject(), // its pairs go with it
		map[string]any{"name": theme.Name, "projects": was.Projects, "documents": was.Documents}}))
	return &was, wrap(err, "delete theme", in.ID)
}

// ThemesTagged are themes, with how much they were newly attached to or detached from.
type ThemesTagged struct {
	Themes []*model.Theme
	model.Tagged
}

// AttachThemes attaches each of the themes to each of the projects and documents; what is attached already stays so.
func (tx *Tx) AttachThemes(ctx context.Context, in model.ThemeTargets) (*ThemesTagged, error) {
	t, err := tx.themeTargets(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("attach themes: %w", err)
	}
	var projects []*model.ProjectTheme
	var documents []*model.DocumentTheme
	for _, theme := range t.themes {
		for _, project := range t.projects {
			projects = append(projects, &model.ProjectTheme{CompanyID: theme.CompanyID, ProjectID: project.ID, ThemeID: theme.ID})
		}
		for _, document := range t.documents {
			documents = append(documents, &model.DocumentTheme{CompanyID: theme.CompanyID, DocumentID: document.ID, ThemeID: theme.ID})
		}
	}
	if projects, err = insertNew(ctx, tx, projects); err != nil {
		return nil, fmt.Errorf("attach themes: %w", err)
	}
	if documents, err = insertNew(ctx, tx, documents); err != nil {
		return nil, fmt.Errorf("attach themes: %w", err)
	}
	return tx.tagged(ctx, model.ThemeAttached, t.themes, projects, documents)
}

// insertNew adds the pairs that are not there yet, and gives those.
func insertNew[T any](ctx context.Context, tx *Tx, pairs []*T) ([]*T, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	var added []*T
	err := tx.db.NewInsert().Model(&pairs).On("CONFLICT DO NOTHING").Returning("*").Scan(ctx, &added)
	return added, err
}

// DetachThemes detaches each of the themes from each of the projects and documents; what is not attached stays so.
func (tx *Tx) DetachThemes(ctx context.Context, in model.ThemeTargets) (*ThemesTagged, error) {
	t, err := tx.themeTargets(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("detach themes: %w", err)
	}
	projects, err := deletePairs[model.ProjectTheme](ctx, tx, projectThemes, in.ProjectIDs, in.ThemeIDs)
	if err != nil {
		return nil, fmt.Errorf("detach themes: %w", err)
	}
	documents, err := deletePairs[model.DocumentTheme](ctx, tx, documentThemes, in.DocumentIDs, in.ThemeIDs)
	if err != nil {
		return nil, fmt.Errorf("detach themes: %w", err)
	}
	return tx.tagged(ctx, model.ThemeDetached, t.themes, projects, documents)
}

// deletePairs removes the pairs of each of the parents with each of the themes, and gives those that were there.
func deletePairs[T any, K model.ID](
	ctx context.Context, tx *Tx, l link, parents []K, themes []model.ThemeID,
) ([]*T, error) {
	if len(parents) == 0 {
		return nil, nil
	}
	var gone []*T
	err := tx.db.NewDelete().Model(&gone).
		Where("? IN (?) AND ? IN (?)", bun.Ident(l.column), bun.List(parents), bun.Ident(l.row), bun.List(themes)).
		Returning("*").Scan(ctx)
	return gone, err
}

// tagged records what changed, an entry for each theme that it concerns.
func (tx *Tx) tagged(
	ctx context.Context, action model.AuditAction, themes []*model.Theme,
	projects []*model.ProjectTheme, documents []*model.DocumentTheme,
) (*ThemesTagged, error) {
	projectIDs := map[model.ThemeID][]model.ProjectID{}
	for _, pair := range projects {
		projectIDs[pair.ThemeID] = append(projectIDs[pair.ThemeID], pair.ProjectID)
	}
	documentIDs := map[model.ThemeID][]model.DocumentID{}
	for _, pair := range documents {
		documentIDs[pair.ThemeID] = append(documentIDs[pair.ThemeID], pair.DocumentID)
	}
	var entries []entry
	for _, theme := range themes {
		details := map[string]any{}
		noteIDs(details, "project", projectIDs[theme.ID])
		noteIDs(details, "document", documentIDs[theme.ID])
		if len(details) > 0 {
			entries = append(entries, entry{theme.AuditSubject(), details})
		}
	}
	done := &ThemesTagged{themes, model.Tagged{Projects: int32(len(projects)), Documents: int32(len(documents))}}
	if len(entries) == 0 {
		return done, nil
	}
	return done, tx.record(ctx, action, entries...)
}

// notedIDsMax is how many ids one audit entry has of a kind: a page of entries must not become megabytes.
const notedIDsMax = 50

// noteIDs notes how many there are of a kind, and which, up to notedIDsMax.
func noteIDs[K model.ID](details map[string]any, kind string, ids []K) {
	if len(ids) > 0 {
		details[kind+"s"], details[kind+"Ids"] = len(ids), ids[:min(len(ids), notedIDsMax)]
	}
}

// targets are the rows that an input names.
type targets struct {
	themes    []*model.Theme
	projects  []*model.Project
	documents []*model.Document
}

// themeTargets reads what the input names, a statement for each entity, and says all that is wrong with it: what is not
// visible or of another company than the first theme. What someone else owns is FORBIDDEN to a MEMBER.
func (tx *Tx) themeTargets(ctx context.Context, in model.ThemeTargets) (t targets, err error) {
	var faults fault.List
	t.themes, err = named(ctx, "themeIds", in.ThemeIDs, tx.ThemesByIDs, func(theme *model.Theme) model.ThemeID { return theme.ID },
		func(*model.Theme) bool { return true }, &faults)
	if err != nil {
		return t, err
	}
	var company model.CompanyID
	if len(t.themes) > 0 {
		company = t.themes[0].CompanyID
	}
	if slices.ContainsFunc(t.themes, func(theme *model.Theme) bool { return theme.CompanyID != company }) {
		faults = append(faults, fault.Invalid([]string{"themeIds"}, "must be of one company."))
	}
	t.projects, err = named(ctx, "projectIds", in.ProjectIDs, tx.ProjectsByIDs, func(p *model.Project) model.ProjectID { return p.ID },
		func(p *model.Project) bool { return p.CompanyID == company || len(t.themes) == 0 }, &faults)
	if err != nil {
		return t, err
	}
	t.documents, err = named(ctx, "documentIds", in.DocumentIDs, tx.DocumentsByIDs, func(d *model.Document) model.DocumentID { return d.ID },
		func(d *model.Document) bool { return d.CompanyID == company || len(t.themes) == 0 }, &faults)
	if err != nil {
		return t, err
	}
	if err := faults.OrNil(); err != nil {
		return t, err
	}
	for _, project := range t.projects {
		if err := tx.mayChange("project", project.OwnerID, project.CompanyID); err != nil {
			return t, err
		}
	}
	for _, document := range t.documents {
		if err := tx.mayChange("document", document.OwnerID, document.CompanyID); err != nil {
			return t, err
		}
	}
	return t, nil
}

// named reads the rows that a list of ids names, each once, in the list's order. An id of nothing that fits is a fault
// at its place in the list.
func named[K comparable, T any](
	ctx context.Context, field string, ids []K, read func(context.Context, []K) ([]*T, error), id func(*T) K,
	fits func(*T) bool, faults *fault.List,
) ([]*T, error) {
	rows := map[K]*T{}
	for _, key := range ids {
		rows[key] = nil
	}
	if err := readInto(ctx, rows, read, id); err != nil {
		return nil, err
	}
	var found []*T
	seen := map[K]bool{}
	for i, key := range ids {
		row := rows[key]
		switch {
		case row == nil || !fits(row):
			*faults = append(*faults, fault.New(fault.BadReference, "There is no such %s in the company.",
				strings.TrimSuffix(field, "Ids")).At(field, strconv.Itoa(i)))
		case !seen[key]:
			seen[key] = true
			found = append(found, row)
		}
	}
	return found, nil
}
