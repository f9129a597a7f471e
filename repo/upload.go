package repo

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// StorageByCompany sums up the bytes of each company's documents, 0 for one without any.
func (r Reader) StorageByCompany(ctx context.Context, companies []model.CompanyID) (map[model.CompanyID]int64, error) {
	var sums []struct {
		CompanyID model.CompanyID
		Used      int64
	}
	err := r.documents(nil)().ColumnExpr("?TableAlias.company_id, sum(?TableAlias.size_bytes) AS used").
		Where("?TableAlias.company_id IN (?) AND ?TableAlias.blob_name IS NOT NULL", bun.List(companies)).
		GroupExpr("?TableAlias.company_id").Scan(ctx, &sums)
	if err != nil {
		return nil, translate(err)
	}
	used := make(map[model.CompanyID]int64, len(companies))
	for _, company := range companies {
		used[company] = 0
	}
	for _, sum := range sums {
		used[sum.CompanyID] = sum.Used
	}
	return used, nil
}

// reserve refuses the company more bytes than it may keep, those of uploads on their way counted. Until the transaction ends
// nobody else reserves any, so that two together do not get more than there is. A limit of 0 is none.
func (tx *Tx) reserve(ctx context.Context, company *model.CompanyID, except model.UploadID, more, limit int64) error {
	if company == nil || limit == 0 {
		return nil
	}
	if _, err := tx.db.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('dossier storage ' || ?, 0))", company.String()); err != nil {
		return translate(err)
	}
	var used int64
	err := tx.db.NewRaw(`SELECT
		(SELECT coalesce(sum(size_bytes), 0) FROM documents WHERE company_id = ?0 AND blob_name IS NOT NULL) +
		(SELECT coalesce(sum(size_bytes), 0) FROM uploads WHERE company_id = ?0 AND id <> ?1 AND expires_at > now())`,
		company, except).Scan(ctx, &used)
	if err != nil {
		return translate(err)
	}
	if used+more > limit {
		return fault.New(fault.Conflict, "The company has no room for %d bytes more: it may keep %d, and has %d, uploads on their way included.",
			more, limit, used)
	}
	return nil
}

// Uploaded is a new document, and the oldest other one of its project that has the same bytes, nil for none.
type Uploaded struct {
	Document, DuplicateOf *model.Document
}

// UploadDocument makes a document of a file that came with the request, where the company has room for it below the limit.
func (tx *Tx) UploadDocument(ctx context.Context, in model.UploadDocumentInput, limit int64) (*Uploaded, error) {
	if in.Name == nil {
		in.Name = &in.File.Name
	}
	return tx.createStored(ctx, in.UploadedDocument, in.File.File, model.UploadID{}, limit, "file")
}

// createStored adds the document of a file that is kept. The bytes that an upload has reserved are its own; a file that the company
// has no room for is blamed on the field.
func (tx *Tx) createStored(
	ctx context.Context, in model.UploadedDocument, file model.File, reserved model.UploadID, limit int64, field string,
) (*Uploaded, error) {
	if len(in.ThemeIDs) > 0 && !tx.viewer.May(model.ScopeThemesWrite) {
		return nil, fault.Denied("Attaching themes too needs the scope %s.", model.ScopeThemesWrite)
	}
	input := model.DocumentInput{
		ProjectID: in.ProjectID, OwnerID: in.OwnerID, Name: *in.Name, ContentType: file.ContentType, SizeBytes: file.SizeBytes,
	}
	owners, projects, err := tx.documentReferences(ctx, []model.DocumentInput{input})
	if err != nil {
		return nil, fmt.Errorf("upload document: %w", err)
	}
	document, wrong := tx.newDocument(input, owners, projects)
	if err := wrong.OrNil(); err != nil {
		return nil, err
	}
	if err := tx.reserve(ctx, &document.CompanyID, reserved, file.SizeBytes, limit); err != nil {
		return nil, fault.Blame(err, field)
	}
	document.Status, document.SHA256 = model.DocumentPending, file.SHA256
	document.ContainerName, document.BlobName = &file.ContainerName, &file.BlobName
	document.LeaseExpiresAt = leaseUntil(pendingLease)
	also := slices.Concat(tx.enqueued(processingOf(document)),
		tx.recorded(model.DocumentCreated, entry{document.AuditSubject(), map[string]any{"name": document.Name}}))
	if err := insert(ctx, tx, also, document); err != nil {
		return nil, fmt.Errorf("upload document: %w", err)
	}
	if len(in.ThemeIDs) > 0 {
		targets := model.ThemeTargets{ThemeIDs: in.ThemeIDs, DocumentIDs: []model.DocumentID{document.ID}}
		if _, err := tx.AttachThemes(ctx, targets); err != nil {
			return nil, err
		}
	}
	same, err := tx.sameBytes(ctx, document)
	return &Uploaded{document, same}, err
}

// sameBytes gives the oldest other document of the project that has the document's bytes.
func (tx *Tx) sameBytes(ctx context.Context, document *model.Document) (*model.Document, error) {
	if document.ProjectID == nil {
		return nil, nil
	}
	found, err := all[model.Document](ctx, tx.documents(nil)().
		Where("?TableAlias.project_id = ? AND ?TableAlias.sha256 = ?", document.ProjectID, document.SHA256).
		Where("?TableAlias.id <> ?", document.ID).OrderExpr("?TableAlias.created_at, ?TableAlias.id").Limit(1))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// CreateUpload adds an upload of the viewer, for which the company must have room.
func (tx *Tx) CreateUpload(ctx context.Context, upload *model.PendingUpload, limit int64) error {
	upload.UserID, upload.CompanyID = tx.viewer.UserID, tx.viewer.CompanyID
	if err := tx.reserve(ctx, upload.CompanyID, upload.ID, upload.SizeBytes, limit); err != nil {
		return fault.Blame(err, "sizeBytes")
	}
	_, err := tx.db.NewInsert().Model(upload).Exec(ctx)
	return wrap(err, "create upload", upload.ID)
}

// Upload gives an upload that has not expired: the viewer's own, or any to the system.
func (r Reader) Upload(ctx context.Context, id model.UploadID) (*model.PendingUpload, error) {
	q := r.db.NewSelect().Model((*model.PendingUpload)(nil)).Where("?TableAlias.id = ? AND ?TableAlias.expires_at > now()", id)
	if r.viewer != system {
		q = q.Where("?TableAlias.user_id = ?", r.viewer.UserID)
	}
	uploads, err := scan[model.PendingUpload](ctx, q)
	return only(uploads, err, "upload")
}

// CompleteUpload makes a document of an upload's file, as UploadDocument does of one that came with the request. The upload is gone
// then; without one it is NOT_FOUND.
func (tx *Tx) CompleteUpload(
	ctx context.Context, in model.CompleteUploadInput, file model.File, limit int64,
) (*Uploaded, error) {
	gone, err := count(tx.db.NewDelete().Model((*model.PendingUpload)(nil)).
		Where("id = ? AND user_id = ?", in.UploadID, tx.viewer.UserID).Exec(ctx))
	if err == nil && gone == 0 {
		err = fault.Missing("upload").At("uploadId")
	}
	if err != nil {
		return nil, wrap(err, "complete upload", in.UploadID)
	}
	return tx.createStored(ctx, in.UploadedDocument, file, in.UploadID, limit, "uploadId")
}

// AddUploadPart notes that an upload has come so far by another part. It reports false where another part came first: this one
// is not needed.
func (tx *Tx) AddUploadPart(ctx context.Context, upload *model.PendingUpload, part string, size int64) (bool, error) {
	changed, err := count(tx.db.NewUpdate().Model((*model.PendingUpload)(nil)).
		Set("parts = array_append(parts, ?)", part).Set("received_bytes = received_bytes + ?", size).Set("updated_at = clock_timestamp()").
		Where("id = ? AND received_bytes = ? AND received_sha256 IS NULL", upload.ID, upload.ReceivedBytes).Exec(ctx))
	return changed == 1, wrap(err, "add part to upload", upload.ID)
}

// ReceiveUpload notes where all bytes of an upload are, and what they are. It reports false where that was known already, or the
// upload is gone.
func (tx *Tx) ReceiveUpload(ctx context.Context, id model.UploadID, file model.File) (bool, error) {
	changed, err := count(tx.db.NewUpdate().Model((*model.PendingUpload)(nil)).
		Set("container_name = ?", file.ContainerName).Set("blob_name = ?", file.BlobName).
		Set("received_bytes = size_bytes").Set("parts = '{}'").
		Set("received_sha256 = ?", []byte(file.SHA256)).Set("content_type = ?", file.ContentType).Set("updated_at = clock_timestamp()").
		Where("id = ? AND received_sha256 IS NULL", id).Exec(ctx))
	return changed == 1, wrap(err, "receive upload", id)
}

// DeleteUpload forgets an upload of which not all has come yet, or any, and gives what it was.
func (tx *Tx) DeleteUpload(ctx context.Context, id model.UploadID, whole bool) (*model.PendingUpload, error) {
	var gone []*model.PendingUpload
	err := tx.db.NewDelete().Model((*model.PendingUpload)(nil)).Where("id = ? AND (received_sha256 IS NULL OR ?)", id, whole).
		Returning("*").Scan(ctx, &gone)
	return only(gone, wrap(err, "delete upload", id), "upload")
}

// DeleteExpiredUploads forgets the uploads whose time is over, up to 1,000, and gives what they were.
func (tx *Tx) DeleteExpiredUploads(ctx context.Context) ([]*model.PendingUpload, error) {
	var gone []*model.PendingUpload
	over := tx.db.NewSelect().Model((*model.PendingUpload)(nil)).Column("id").Where("expires_at <= now()").
		OrderExpr("expires_at").Limit(ExpiredMax).For("UPDATE SKIP LOCKED")
	err := tx.db.NewDelete().Model((*model.PendingUpload)(nil)).Where("id IN (?)", over).Returning("*").Scan(ctx, &gone)
	if err != nil {
		return nil, fmt.Errorf("delete expired uploads: %w", err)
	}
	return gone, nil
}

// blobsPerJob is how many blobs one job removes.
const blobsPerJob = 100

// removalOf are the jobs that remove the documents' bytes.
func removalOf(documents ...*model.Document) []Job {
	var blobs []model.BlobRef
	for _, document := range documents {
		if document.BlobName != nil {
			ref := model.BlobRef{Name: *document.BlobName}
			if document.ContainerName != nil {
				ref.Container = *document.ContainerName
			}
			blobs = append(blobs, ref)
		}
	}
	var jobs []Job
	for some := range slices.Chunk(blobs, blobsPerJob) {
		jobs = append(jobs, model.RemoveBlobs{Blobs: some})
	}
	return jobs
}

// BlobsInUse gives which of the names a document, a conversation or an upload has, whatever the container.
func (r Reader) BlobsInUse(ctx context.Context, names []string) ([]string, error) {
	var used []string
	err := r.db.NewRaw(`SELECT blob_name FROM documents WHERE blob_name IN (?0)
		UNION SELECT blob_name FROM uploads WHERE blob_name IN (?0)
		UNION SELECT blob_name FROM conversations WHERE blob_name IN (?0)
		UNION SELECT part FROM uploads, unnest(parts) AS part WHERE parts && ARRAY[?0]`, bun.List(names)).Scan(ctx, &used)
	return used, translate(err)
}

// storedPageSize is how many rows StoredDocuments gives at once.
const storedPageSize = 1000

// StoredDocuments lists documents whose bytes are in a container by the names of their blobs: up to 1,000 of those after a name, up
// to another one.
func (r Reader) StoredDocuments(ctx context.Context, container, after, to string) ([]*model.Document, error) {
	return scan[model.Document](ctx, r.documents(nil)().Column("id", "company_id", "container_name", "blob_name").
		Where("?TableAlias.container_name = ? AND ?TableAlias.blob_name > ? AND ?TableAlias.blob_name <= ?", container, after, to).
		OrderExpr("?TableAlias.blob_name").Limit(storedPageSize))
}
