package model

import (
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/uptrace/bun"
)

// Conversation is a talk about a company's documents. Its messages are in the blob store.
type Conversation struct {
	bun.BaseModel `bun:"table:conversations,alias:conversation"`
	Batched[Conversation]

	ID            ConversationID `bun:",pk"`
	CreatedAt     time.Time      `bun:",nullzero,default:now()"`
	UpdatedAt     time.Time      `bun:",nullzero,default:now()"`
	Version       int32          `bun:",nullzero,default:1"`
	CompanyID     CompanyID
	OwnerID       UserID
	ProjectID     *ProjectID
	Title         string
	ContainerName *string
	BlobName      *string
}

// IsNode makes it a Node of the schema.
func (*Conversation) IsNode() {}

// GetID is the id that Node shows.
func (c *Conversation) GetID() GlobalID { return c.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*Conversation) ReadScope() Scope { return ScopeConversationsRead }

// AuditSubject is what audit entries about it say.
func (c *Conversation) AuditSubject() AuditSubject { return AuditSubject{c.ID.Global(), &c.CompanyID} }

// ConversationFilter narrows a list of conversations.
type ConversationFilter struct {
	OwnerID   *UserID
	ProjectID *ProjectID
	CompanyID *CompanyID
	Search    *string
	CreatedAt *TimeRange
	UpdatedAt *TimeRange
}

// Validate reports all that is wrong with it.
func (f *ConversationFilter) Validate() error {
	var c Checks
	if f != nil {
		c.search("filter.search", f.Search)
		c.times("filter.createdAt", f.CreatedAt)
		c.times("filter.updatedAt", f.UpdatedAt)
	}
	return c.err()
}

// ConversationOrderField is what conversations are sorted by.
type ConversationOrderField string

// What conversations are sorted by.
const (
	ConversationsByUpdatedAt ConversationOrderField = "UPDATED_AT"
	ConversationsByCreatedAt ConversationOrderField = "CREATED_AT"
	ConversationsByTitle     ConversationOrderField = "TITLE"
)

// MarshalGQL writes the enum.
func (f ConversationOrderField) MarshalGQL(w io.Writer) { marshalEnum(w, f) }

// UnmarshalGQL reads the enum.
func (f *ConversationOrderField) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, f, ConversationsByUpdatedAt, ConversationsByCreatedAt, ConversationsByTitle)
}

// ConversationOrder sorts conversations.
type ConversationOrder struct {
	Field     ConversationOrderField
	Direction OrderDirection
}

// Limits of names of the blob store, in characters: Azure Blob Storage, "Naming and Referencing Containers, Blobs, and
// Metadata", whose bounds hold for the stores of Amazon and Google too.
const (
	containerNameLengthMax = 63
	blobNameLengthMax      = 1024
)

// CreateConversationInput is a new conversation. Without an owner it is the viewer's.
type CreateConversationInput struct {
	OwnerID       *UserID
	ProjectID     *ProjectID
	Title         string
	ContainerName *string
	BlobName      *string
}

// Validate reports all that is wrong with it.
func (in CreateConversationInput) Validate() error {
	var c Checks
	c.text("title", in.Title, nameLengthMax)
	ifSet(in.ContainerName, func(n string) { c.text("containerName", n, containerNameLengthMax) })
	ifSet(in.BlobName, func(n string) { c.text("blobName", n, blobNameLengthMax) })
	if (in.ContainerName == nil) != (in.BlobName == nil) {
		c.fail("blobName", "and containerName must be given together.")
	}
	return c.err()
}

// UpdateConversationInput changes what it names; a null project takes the conversation out of its project.
type UpdateConversationInput struct {
	ID              ConversationID
	ExpectedVersion *int32
	Title           *string
	ProjectID       graphql.Omittable[*ProjectID]
}

// Validate reports all that is wrong with it.
func (in UpdateConversationInput) Validate() error {
	var c Checks
	ifSet(in.Title, func(t string) { c.text("title", t, nameLengthMax) })
	return c.err()
}

// DeleteConversationInput names the conversation to delete.
type DeleteConversationInput struct {
	noRules

	ID              ConversationID
	ExpectedVersion *int32
}

// ConversationPayload is the outcome of creating or changing a conversation.
type ConversationPayload struct {
	Conversation *Conversation
	UserErrors   []UserError
}

// The payloads that show a conversation.
type (
	CreateConversationPayload = ConversationPayload
	UpdateConversationPayload = ConversationPayload
)

// DeleteConversationPayload says which conversation is gone.
type DeleteConversationPayload struct {
	DeletedConversationID *ConversationID
	UserErrors            []UserError
}
