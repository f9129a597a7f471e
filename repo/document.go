package repo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

func documentUUID(d *model.Document) uuid.UUID { return uuid.UUID(d.ID) }

var documentOrders = map[model.DocumentOrderField]order[model.Document]{
	model.DocumentsByUpdatedAt: byTime("updated_at",
		func(d *model.Document) time.Time { return d.UpdatedAt }, documentUUID),
	model.DocumentsByCreatedAt: byTime("created_at",
		func(d *model.Document) time.Time { return d.CreatedAt }, documentUUID),
	model.DocumentsByName: byText("name", func(d *model.Document) string { return d.Name }, documentUUID),
}

func (r Reader) documents(f *model.DocumentFilter) func() *bun.SelectQuery {
	return func() *bun.SelectQuery {
		q := from[model.Document](r)
		if f == nil {
			return q
		}
		q = equal(q, "project_id", f.ProjectID)
		q = equal(q, "owner_id", f.OwnerID)
		q = equal(q, "company_id", f.CompanyID)
		q = belonging(q, themeDocuments, f.ThemeID)
		q = among(q, "status", f.Status)
		q = among(q, "content_type", f.ContentType)
		q = within(q, "created_at", f.CreatedAt)
		q = within(q, "updated_at", f.UpdatedAt)
		return search(q, f.Search, "name")
	}
}

// Documents lists the documents that the viewer may see.
func (r Reader) Documents(
	ctx context.Context, args model.PageArgs, f *model.DocumentFilter, by model.DocumentOrder,
) (*model.DocumentConnection, error) {
	p, err := newPage(args, f, documentOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.documents(f))
}

// DocumentsByProject lists each project's documents.
func (r Reader) DocumentsByProject(
	ctx context.Context, projects []model.ProjectID, args model.PageArgs, f *model.DocumentFilter, by model.DocumentOrder,
) (map[model.ProjectID]*model.DocumentConnection, error) {
	return documentLists(ctx, r, projects, args, f, by, byColumn("project_id"))
}

// DocumentsByOwner lists each user's documents.
func (r Reader) DocumentsByOwner(
	ctx context.Context, owners []model.UserID, args model.PageArgs, f *model.DocumentFilter, by model.DocumentOrder,
) (map[model.UserID]*model.DocumentConnection, error) {
	return documentLists(ctx, r, owners, args, f, by, byColumn("owner_id"))
}

// DocumentsByCompany lists each company's documents.
func (r Reader) DocumentsByCompany(
	ctx context.Context, companies []model.CompanyID, args model.PageArgs, f *model.DocumentFilter, by model.DocumentOrder,
) (map[model.CompanyID]*model.DocumentConnection, error) {
	return documentLists(ctx, r, companies, args, f, by, byColumn("company_id"))
}

// DocumentsByTheme lists the documents that each theme is attached to.
func (r Reader) DocumentsByTheme(
	ctx context.Context, themes []model.ThemeID, args model.PageArgs, f *model.DocumentFilter, by model.DocumentOrder,
) (map[model.ThemeID]*model.DocumentConnection, error) {
	return documentLists(ctx, r, themes, args, f, by, themeDocuments)
}

func documentLists[K model.ID](
	ctx context.Context, r Reader, parents []K, args model.PageArgs, f *model.DocumentFilter, by model.DocumentOrder,
	through link,
) (map[K]*model.DocumentConnection, error) {
	p, err := newPage(args, f, documentOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, parents, through, r.documents(f))
}

// DocumentsByIDs reads documents in any order; those not there or not visible are left out.
func (r Reader) DocumentsByIDs(ctx context.Context, ids []model.DocumentID) ([]*model.Document, error) {
	return byIDs[model.Document](ctx, r, r.documents(nil)(), ids)
}

// DocumentCountsByProject counts each project's documents; projects without any are left out.
func (r Reader) DocumentCountsByProject(
	ctx context.Context, projects []model.ProjectID,
) (map[model.ProjectID]int32, error) {
	return countBy(ctx, r, projects, byColumn("project_id"), r.documents(nil)())
}

// DocumentCountsByCompany counts each company's documents; companies without any are left out.
func (r Reader) DocumentCountsByCompany(
	ctx context.Context, companies []model.CompanyID,
) (map[model.CompanyID]int32, error) {
	return countBy(ctx, r, companies, byColumn("company_id"), r.documents(nil)())
}

// DocumentStatusCountsByCompany counts each company's documents in each status, in the order of processing, zero where
// there are none.
func (r Reader) DocumentStatusCountsByCompany(
	ctx context.Context, companies []model.CompanyID,
) (map[model.CompanyID][]*model.DocumentStatusCount, error) {
	var groups []struct {
		CompanyID model.CompanyID
		Status    model.DocumentStatus
		Count     int32
	}
	err := r.documents(nil)().ColumnExpr("?TableAlias.company_id, ?TableAlias.status, count(*) AS count").
		Where("?TableAlias.company_id IN (?)", bun.List(companies)).
		GroupExpr("?TableAlias.company_id, ?TableAlias.status").Scan(ctx, &groups)
	if err != nil {
		return nil, translate(err)
	}
	counts := make(map[model.CompanyID][]*model.DocumentStatusCount, len(companies))
	for _, company := range companies {
		for _, status := range model.DocumentStatuses {
			counts[company] = append(counts[company], &model.DocumentStatusCount{Status: status})
		}
	}
	for _, group := range groups {
		counts[group.CompanyID][slices.Index(model.DocumentStatuses, group.Status)].Count = group.Count
	}
	return counts, nil
}

func (tx *Tx) lockDocument(
	ctx context.Context, to strength, id model.DocumentID, expected *int32,
) (*model.Document, error) {
	document, err := lock(ctx, tx, tx.documents(nil)(), to, "document", id, expected,
		func(d *model.Document) int32 { return d.Version })
	if err != nil {
		return nil, err
	}
	return document, tx.mayChange("document", document.OwnerID, document.CompanyID)
}

// CreateDocuments adds documents in one statement, all or none, in the order of the input. Faults name the index.
func (tx *Tx) CreateDocuments(ctx context.Context, in []model.DocumentInput) ([]*model.Document, error) {
	owners, projects, err := tx.documentReferences(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("create documents: %w", err)
	}
	documents := make([]*model.Document, len(in))
	entries := make([]entry, len(in))
	var faults fault.List
	for i, d := range in {
		document, wrong := tx.newDocument(d, owners, projects)
		for _, f := range wrong {
			if f.Code == fault.Forbidden {
				return nil, f
			}
			faults = append(faults, f.At(append([]string{"documents", strconv.Itoa(i)}, f.Field...)...))
		}
		if len(faults) > 0 {
			continue
		}
		documents[i] = document
		entries[i] = entry{document.AuditSubject(), map[string]any{"name": document.Name}}
	}
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	also := tx.recorded(model.DocumentCreated, entries...)
	if err := insert(ctx, tx, also, documents...); err != nil {
		return nil, fmt.Errorf("create documents: %w", err)
	}
	return documents, nil
}

// CreateDocument adds one document.
func (tx *Tx) CreateDocument(ctx context.Context, in model.DocumentInput) (*model.Document, error) {
	documents, err := tx.CreateDocuments(ctx, []model.DocumentInput{in})
	if err == nil {
		return documents[0], nil
	}
	var faults fault.List
	for _, f := range fault.All(err) {
		if len(f.Field) > 2 { // documents, 0, and the field
			faults = append(faults, f.At(f.Field[2:]...))
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return nil, err
}

// documentReferences reads the owners and projects that new documents name, a statement each.
func (tx *Tx) documentReferences(
	ctx context.Context, in []model.DocumentInput,
) (map[model.UserID]*model.User, map[model.ProjectID]*model.Project, error) {
	owners := map[model.UserID]*model.User{}
	projects := map[model.ProjectID]*model.Project{}
	for _, d := range in {
		if d.OwnerID != nil {
			owners[*d.OwnerID] = nil
		}
		if d.ProjectID != nil {
			projects[*d.ProjectID] = nil
		}
	}
	err := readInto(ctx, owners, tx.UsersByIDs, func(u *model.User) model.UserID { return u.ID })
	if err != nil {
		return nil, nil, err
	}
	err = readInto(ctx, projects, tx.ProjectsByIDs, func(p *model.Project) model.ProjectID { return p.ID })
	return owners, projects, err
}

func readInto[K comparable, T any](
	ctx context.Context, rows map[K]*T, read func(context.Context, []K) ([]*T, error), id func(*T) K,
) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([]K, 0, len(rows))
	for key := range rows {
		ids = append(ids, key)
	}
	found, err := read(ctx, ids)
	for _, row := range found {
		rows[id(row)] = row
	}
	return err
}

// newDocument makes a row of the input, or says all that is wrong with what it refers to.
func (tx *Tx) newDocument(
	in model.DocumentInput, owners map[model.UserID]*model.User, projects map[model.ProjectID]*model.Project,
) (*model.Document, fault.List) {
	document := &model.Document{
		ID: model.NewID[model.DocumentID](), OwnerID: tx.viewer.UserID, ProjectID: in.ProjectID, Name: in.Name,
		Status: model.DocumentUploading, ContentType: in.ContentType, SizeBytes: in.SizeBytes,
	}
	var wrong fault.List
	company := tx.viewer.CompanyID
	if in.OwnerID != nil {
		owner := owners[*in.OwnerID]
		switch {
		case owner == nil || owner.CompanyID == nil:
			wrong = append(wrong, constraintFaults["documents_owner_id_fkey"])
		case owner.ID != tx.viewer.UserID && !tx.viewer.Manages(owner.CompanyID):
			return nil, fault.List{errOnlyOwn}
		default:
			document.OwnerID, company = owner.ID, owner.CompanyID
		}
	}
	if in.OwnerID == nil && company == nil {
		wrong = append(wrong,
			fault.Invalid([]string{"ownerId"}, "is required: an ADMIN belongs to no company and owns nothing."))
	}
	if in.ProjectID != nil {
		if project := projects[*in.ProjectID]; project == nil || company != nil && project.CompanyID != *company {
			wrong = append(wrong, constraintFaults["documents_project_id_fkey"])
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	document.CompanyID = *company
	return document, nil
}

// UpdateDocument changes what the input names.
func (tx *Tx) UpdateDocument(ctx context.Context, in model.UpdateDocumentInput) (*model.Document, error) {
	document, err := tx.lockDocument(ctx, toChange, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "update document", in.ID)
	}
	var c changes
	set(&c, "name", &document.Name, in.Name)
	if project, ok := in.ProjectID.ValueOK(); ok {
		setNull(&c, "project_id", &document.ProjectID, project) // its foreign key keeps it in the company
	}
	if len(c.columns) == 0 {
		return document, nil
	}
	err = save(ctx, tx, document, &document.Version, c,
		tx.recorded(model.DocumentUpdated, entry{document.AuditSubject(), c.details}))
	return document, wrap(err, "update document", in.ID)
}

// DeleteDocument removes a document, and later its bytes.
func (tx *Tx) DeleteDocument(ctx context.Context, in model.DeleteDocumentInput) error {
	document, err := tx.lockDocument(ctx, toRemove, in.ID, in.ExpectedVersion)
	if err != nil {
		return wrap(err, "delete document", in.ID)
	}
	also := slices.Concat(tx.enqueued(removalOf(document)...),
		tx.recorded(model.DocumentDeleted, entry{document.AuditSubject(), map[string]any{"name": document.Name}}))
	return wrap(remove(ctx, tx, document, also), "delete document", in.ID)
}
