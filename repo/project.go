package repo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

func projectUUID(p *model.Project) uuid.UUID { return uuid.UUID(p.ID) }

var projectOrders = map[model.ProjectOrderField]order[model.Project]{
	model.ProjectsByName:       byText("name", func(p *model.Project) string { return p.Name }, projectUUID),
	model.ProjectsByClientName: byText("client_name", func(p *model.Project) string { return p.ClientName }, projectUUID),
	model.ProjectsByCreatedAt: byTime("created_at",
		func(p *model.Project) time.Time { return p.CreatedAt }, projectUUID),
	model.ProjectsByUpdatedAt: byTime("updated_at",
		func(p *model.Project) time.Time { return p.UpdatedAt }, projectUUID),
}

func (r Reader) projects(f *model.ProjectFilter) func() *bun.SelectQuery {
	return func() *bun.SelectQuery {
		q := from[model.Project](r)
		if f == nil {
			return q
		}
		q = equal(q, "owner_id", f.OwnerID)
		q = equal(q, "company_id", f.CompanyID)
		q = belonging(q, themeProjects, f.ThemeID)
		q = present(q, "archived_at", f.Archived)
		q = within(q, "created_at", f.CreatedAt)
		q = within(q, "updated_at", f.UpdatedAt)
		return search(q, f.Search, "name", "client_name")
	}
}

// Projects lists the projects that the viewer may see.
func (r Reader) Projects(
	ctx context.Context, args model.PageArgs, f *model.ProjectFilter, by model.ProjectOrder,
) (*model.ProjectConnection, error) {
	p, err := newPage(args, f, projectOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.projects(f))
}

// ProjectsByOwner lists each user's projects.
func (r Reader) ProjectsByOwner(
	ctx context.Context, owners []model.UserID, args model.PageArgs, f *model.ProjectFilter, by model.ProjectOrder,
) (map[model.UserID]*model.ProjectConnection, error) {
	return projectLists(ctx, r, owners, args, f, by, byColumn("owner_id"))
}

// ProjectsByCompany lists each company's projects.
func (r Reader) ProjectsByCompany(
	ctx context.Context, companies []model.CompanyID, args model.PageArgs, f *model.ProjectFilter, by model.ProjectOrder,
) (map[model.CompanyID]*model.ProjectConnection, error) {
	return projectLists(ctx, r, companies, args, f, by, byColumn("company_id"))
}

// ProjectsByTheme lists the projects that each theme is attached to.
func (r Reader) ProjectsByTheme(
	ctx context.Context, themes []model.ThemeID, args model.PageArgs, f *model.ProjectFilter, by model.ProjectOrder,
) (map[model.ThemeID]*model.ProjectConnection, error) {
	return projectLists(ctx, r, themes, args, f, by, themeProjects)
}

func projectLists[K model.ID](
	ctx context.Context, r Reader, parents []K, args model.PageArgs, f *model.ProjectFilter, by model.ProjectOrder,
	through link,
) (map[K]*model.ProjectConnection, error) {
	p, err := newPage(args, f, projectOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, parents, through, r.projects(f))
}

// ProjectCountsByCompany counts each company's projects; companies without any are left out.
func (r Reader) ProjectCountsByCompany(
	ctx context.Context, companies []model.CompanyID,
) (map[model.CompanyID]int32, error) {
	return countBy(ctx, r, companies, byColumn("company_id"), r.projects(nil)())
}

// ProjectsByIDs reads projects in any order; those not there or not visible are left out.
func (r Reader) ProjectsByIDs(ctx context.Context, ids []model.ProjectID) ([]*model.Project, error) {
	return byIDs[model.Project](ctx, r, r.projects(nil)(), ids)
}

func (tx *Tx) lockProject(
	ctx context.Context, to strength, id model.ProjectID, expected *int32,
) (*model.Project, error) {
	project, err := lock(ctx, tx, tx.projects(nil)(), to, "project", id, expected,
		func(p *model.Project) int32 { return p.Version })
	if err != nil {
		return nil, err
	}
	return project, tx.mayChange("project", project.OwnerID, project.CompanyID)
}

// CreateProject adds a project of the viewer, or of the owner that the input names.
func (tx *Tx) CreateProject(ctx context.Context, in model.CreateProjectInput) (*model.Project, error) {
	owner, company, err := tx.owner(ctx, in.OwnerID)
	if err != nil {
		return nil, fmt.Errorf("create project: %w", err)
	}
	project := &model.Project{
		ID: model.NewID[model.ProjectID](), CompanyID: company, OwnerID: owner, Name: in.Name, ClientName: in.ClientName,
	}
	also := tx.recorded(model.ProjectCreated,
		entry{project.AuditSubject(), map[string]any{"name": project.Name, "clientName": project.ClientName}})
	if err := insert(ctx, tx, also, project); err != nil {
		return nil, fmt.Errorf("create project: %w", err)
	}
	return project, nil
}

// UpdateProject changes what the input names.
func (tx *Tx) UpdateProject(ctx context.Context, in model.UpdateProjectInput) (*model.Project, error) {
	project, err := tx.lockProject(ctx, toChange, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "update project", in.ID)
	}
	if in.OwnerID != nil && *in.OwnerID != project.OwnerID && !tx.viewer.Manages(&project.CompanyID) {
		return nil, errOnlyOwn
	}
	var c changes
	set(&c, "owner_id", &project.OwnerID, in.OwnerID) // its foreign key keeps it in the company
	set(&c, "name", &project.Name, in.Name)
	set(&c, "client_name", &project.ClientName, in.ClientName)
	if in.Archived != nil && *in.Archived != (project.ArchivedAt != nil) {
		var at *time.Time
		if *in.Archived {
			now := time.Now().UTC().Truncate(time.Microsecond)
			at = &now
		}
		setNull(&c, "archived_at", &project.ArchivedAt, at)
	}
	if len(c.columns) == 0 {
		return project, nil
	}
	err = save(ctx, tx, project, &project.Version, c,
		tx.recorded(model.ProjectUpdated, entry{project.AuditSubject(), c.details}))
	return project, wrap(err, "update project", in.ID)
}

// DeletedProject says what went with a project, and what stays.
type DeletedProject struct{ DocumentsDeleted, DocumentsKept, ConversationsKept int32 }

// DeleteProject removes a project; its documents go with it, or stay without a project as its conversations do. An API key that
// may change projects only is not let delete documents.
func (tx *Tx) DeleteProject(ctx context.Context, in model.DeleteProjectInput) (*DeletedProject, error) {
	if in.Documents == model.DeleteDocuments && !tx.viewer.May(model.ScopeDocumentsWrite) {
		return nil, fault.Denied("Deleting the documents too needs the scope %s.", model.ScopeDocumentsWrite)
	}
	project, err := tx.lockProject(ctx, toRemove, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "delete project", in.ID)
	}
	var gone DeletedProject
	if in.Documents == model.DeleteDocuments {
		gone.DocumentsDeleted, err = tx.deleteDocumentsOf(ctx, project)
	} else {
		gone.DocumentsKept, err = count(changeAll[model.Document](tx, "project_id", project.ID, nil).Exec(ctx))
	}
	if err != nil {
		return nil, wrap(err, "delete project", in.ID)
	}
	gone.ConversationsKept, err = count(changeAll[model.Conversation](tx, "project_id", project.ID, nil).Exec(ctx))
	if err != nil {
		return nil, wrap(err, "delete project", in.ID)
	}
	err = remove(ctx, tx, project, tx.recorded(model.ProjectDeleted, entry{project.AuditSubject(), map[string]any{
		"name": project.Name, "documentsDeleted": gone.DocumentsDeleted, "documentsKept": gone.DocumentsKept,
		"conversationsKept": gone.ConversationsKept,
	}}))
	return &gone, wrap(err, "delete project", in.ID)
}

// documentsDeletedMax is how many documents go with their project at once.
const documentsDeletedMax = 10_000

// deleteDocumentsOf removes the project's documents. A MEMBER's project may hold a colleague's documents, which are not
// the MEMBER's to delete.
func (tx *Tx) deleteDocumentsOf(ctx context.Context, project *model.Project) (int32, error) {
	documents, err := all[model.Document](ctx, tx.documents(nil)().
		Where("?TableAlias.project_id = ?", project.ID).Limit(documentsDeletedMax+1).For("UPDATE"))
	if err != nil || len(documents) == 0 {
		return 0, err
	}
	if len(documents) > documentsDeletedMax {
		return 0, fault.New(fault.Conflict, "The project has more than %d documents: delete some of them before.", documentsDeletedMax).
			At("documents")
	}
	entries := make([]entry, len(documents))
	for i, document := range documents {
		if tx.mayChange("document", document.OwnerID, document.CompanyID) != nil {
			return 0, fault.Denied("The project has documents of others, which only they or a MANAGER may delete.")
		}
		entries[i] = entry{document.AuditSubject(), map[string]any{"name": document.Name}}
	}
	also := slices.Concat(tx.enqueued(removalOf(documents...)...), tx.recorded(model.DocumentDeleted, entries...))
	deleted, err := count(with(tx.db.NewDelete().Model(&documents).WherePK(), also).Exec(ctx))
	return deleted, wantRows(len(documents), deleted, err)
}
