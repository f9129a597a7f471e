package model

import (
	"io"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/uptrace/bun"
)

// DocumentStatus is how far a document's processing has come.
type DocumentStatus string

// The statuses, in the order of processing; the last three end it.
const (
	DocumentUploading  DocumentStatus = "UPLOADING"
	DocumentPending    DocumentStatus = "PENDING"
	DocumentExtracting DocumentStatus = "EXTRACTING"
	DocumentChunking   DocumentStatus = "CHUNKING"
	DocumentEmbedding  DocumentStatus = "EMBEDDING"
	DocumentReady      DocumentStatus = "READY"
	DocumentFailed     DocumentStatus = "FAILED"
	DocumentCanceled   DocumentStatus = "CANCELED"
)

// DocumentStatuses are all there are, in the order of processing.
var DocumentStatuses = []DocumentStatus{
	DocumentUploading, DocumentPending, DocumentExtracting, DocumentChunking, DocumentEmbedding, DocumentReady,
	DocumentFailed, DocumentCanceled,
}

// DocumentStatusCount is how many documents are in a status.
type DocumentStatusCount struct {
	Status DocumentStatus
	Count  int32
}

// documentTransitions is the whole table: from a status, the statuses that may follow.
var documentTransitions = map[DocumentStatus][]DocumentStatus{
	DocumentUploading:  {DocumentPending, DocumentFailed, DocumentCanceled},
	DocumentPending:    {DocumentExtracting, DocumentFailed, DocumentCanceled},
	DocumentExtracting: {DocumentChunking, DocumentFailed, DocumentCanceled},
	DocumentChunking:   {DocumentEmbedding, DocumentFailed, DocumentCanceled},
	DocumentEmbedding:  {DocumentReady, DocumentFailed, DocumentCanceled},
	DocumentReady:      {DocumentPending},
	DocumentFailed:     {DocumentPending},
	DocumentCanceled:   {DocumentPending},
}

// Next are the statuses that may follow this one.
func (s DocumentStatus) Next() []DocumentStatus { return documentTransitions[s] }

// CanBecome reports whether next may follow this status.
func (s DocumentStatus) CanBecome(next DocumentStatus) bool { return slices.Contains(s.Next(), next) }

// MarshalGQL writes the enum.
func (s DocumentStatus) MarshalGQL(w io.Writer) { marshalEnum(w, s) }

// UnmarshalGQL reads the enum.
func (s *DocumentStatus) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, s, DocumentStatuses...)
}

// Document is a file of a tender pack and what is known of it.
type Document struct {
	bun.BaseModel `bun:"table:documents,alias:document"`
	Batched[Document]

	ID            DocumentID `bun:",pk"`
	CreatedAt     time.Time  `bun:",nullzero,default:now()"`
	UpdatedAt     time.Time  `bun:",nullzero,default:now()"`
	Version       int32      `bun:",nullzero,default:1"`
	CompanyID     CompanyID
	ProjectID     *ProjectID
	OwnerID       UserID
	Name          string
	Status        DocumentStatus
	ContentType   string
	SizeBytes     int64
	SHA256        Hash `bun:"sha256"`
	ContainerName *string
	BlobName      *string
	ErrorCode     *string
	ErrorMessage  *string
	Attempt       int32 // how often processing was begun
	Tries         int32 // those of them since somebody asked for it
	Progress      float64
	Notice        *string
	Pages         *int32 `bun:"page_count"`
	// Until when whoever processes it will be heard of; nil where that is not Dossier.
	LeaseExpiresAt *time.Time
}

// IsNode makes it a Node of the schema.
func (*Document) IsNode() {}

// GetID is the id that Node shows.
func (d *Document) GetID() GlobalID { return d.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*Document) ReadScope() Scope { return ScopeDocumentsRead }

// AuditSubject is what audit entries about it say.
func (d *Document) AuditSubject() AuditSubject { return AuditSubject{d.ID.Global(), &d.CompanyID} }

// DocumentFilter narrows a list of documents.
type DocumentFilter struct {
	Search      *string
	ProjectID   *ProjectID
	OwnerID     *UserID
	CompanyID   *CompanyID
	ThemeID     *ThemeID
	Status      []DocumentStatus
	ContentType []string
	CreatedAt   *TimeRange
	UpdatedAt   *TimeRange
}

// Validate reports all that is wrong with it.
func (f *DocumentFilter) Validate() error {
	var c Checks
	if f != nil {
		c.search("filter.search", f.Search)
		c.listLength("filter.status", len(f.Status), len(documentTransitions))
		c.contentTypes("filter.contentType", f.ContentType)
		c.times("filter.createdAt", f.CreatedAt)
		c.times("filter.updatedAt", f.UpdatedAt)
	}
	return c.err()
}

// DocumentOrderField is what documents are sorted by.
type DocumentOrderField string

// What documents are sorted by.
const (
	DocumentsByUpdatedAt DocumentOrderField = "UPDATED_AT"
	DocumentsByCreatedAt DocumentOrderField = "CREATED_AT"
	DocumentsByName      DocumentOrderField = "NAME"
)

// MarshalGQL writes the enum.
func (f DocumentOrderField) MarshalGQL(w io.Writer) { marshalEnum(w, f) }

// UnmarshalGQL reads the enum.
func (f *DocumentOrderField) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, f, DocumentsByUpdatedAt, DocumentsByCreatedAt, DocumentsByName)
}

// DocumentOrder sorts documents.
type DocumentOrder struct {
	Field     DocumentOrderField
	Direction OrderDirection
}

// DocumentsPerCallMax is how many documents one createDocuments takes.
const DocumentsPerCallMax = 1000

// DocumentInput describes a new document. Without an owner it is the viewer's.
type DocumentInput struct {
	ProjectID   *ProjectID
	OwnerID     *UserID
	Name        string
	ContentType string
	SizeBytes   int64
}

func (in DocumentInput) check(c *Checks) {
	c.text("name", in.Name, nameLengthMax)
	c.text("contentType", in.ContentType, contentTypeLengthMax)
}

// CreateDocumentInput is a new document.
type CreateDocumentInput = DocumentInput

// Validate reports all that is wrong with it.
func (in DocumentInput) Validate() error {
	var c Checks
	in.check(&c)
	return c.err()
}

// CreateDocumentsInput is many new documents: all are made, or none.
type CreateDocumentsInput struct {
	Documents []DocumentInput
}

// Validate reports all that is wrong, each with the index of its document.
func (in CreateDocumentsInput) Validate() error {
	var c Checks
	if len(in.Documents) < 1 || len(in.Documents) > DocumentsPerCallMax {
		c.fail("documents", "must have 1 to %d items, not %d.", DocumentsPerCallMax, len(in.Documents))
		return c.err()
	}
	for i, document := range in.Documents {
		c.under("documents", i, document.check)
	}
	return c.err()
}

// UpdateDocumentInput changes what it names; a null project takes the document out of its project.
type UpdateDocumentInput struct {
	ID              DocumentID
	ExpectedVersion *int32
	Name            *string
	ProjectID       graphql.Omittable[*ProjectID]
}

// Validate reports all that is wrong with it.
func (in UpdateDocumentInput) Validate() error {
	var c Checks
	ifSet(in.Name, func(n string) { c.text("name", n, nameLengthMax) })
	return c.err()
}

// UpdateDocumentStatusInput moves a document on in its processing.
type UpdateDocumentStatusInput struct {
	ID              DocumentID
	ExpectedVersion *int32
	Status          DocumentStatus
	Progress        *float64
	ErrorCode       *string
	ErrorMessage    *string
}

// Validate reports all that is wrong with it.
func (in UpdateDocumentStatusInput) Validate() error {
	var c Checks
	if in.Status != DocumentFailed && (in.ErrorCode != nil || in.ErrorMessage != nil) {
		c.fail("errorCode", "can be given with the status %s only.", DocumentFailed)
	}
	ifSet(in.Progress, func(progress float64) {
		if !(progress >= 0 && progress <= 1) {
			c.fail("progress", "must be between 0 and 1.")
		}
	})
	ifSet(in.ErrorCode, func(v string) { c.text("errorCode", v, nameLengthMax) })
	ifSet(in.ErrorMessage, func(v string) { c.text("errorMessage", v, messageLengthMax) })
	return c.err()
}

// DeleteDocumentInput names the document to delete.
type DeleteDocumentInput struct {
	noRules

	ID              DocumentID
	ExpectedVersion *int32
}

// DocumentPayload is the outcome of creating or changing a document.
type DocumentPayload struct {
	Document   *Document
	UserErrors []UserError
}

// The payloads that show a document.
type (
	CreateDocumentPayload       = DocumentPayload
	UpdateDocumentPayload       = DocumentPayload
	UpdateDocumentStatusPayload = DocumentPayload
)

// CreateDocumentsPayload has the new documents in the order of the input, or none.
type CreateDocumentsPayload struct {
	Documents  []*Document
	UserErrors []UserError
}

// DeleteDocumentPayload says which document is gone.
type DeleteDocumentPayload struct {
	DeletedDocumentID *DocumentID
	UserErrors        []UserError
}
