package model

import (
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// AuditAction is what was done.
type AuditAction string

// What can be done, one name per mutation that changes something, and one for all that are refused.
const (
	CompanyCreated        AuditAction = "COMPANY_CREATED"
	CompanyUpdated        AuditAction = "COMPANY_UPDATED"
	CompanyDeleted        AuditAction = "COMPANY_DELETED"
	UserCreated           AuditAction = "USER_CREATED"
	UserUpdated           AuditAction = "USER_UPDATED"
	UserDeleted           AuditAction = "USER_DELETED"
	UserTransferred       AuditAction = "USER_TRANSFERRED"
	UserSignedIn          AuditAction = "USER_SIGNED_IN"
	UserSignedOut         AuditAction = "USER_SIGNED_OUT"
	UserRoleChanged       AuditAction = "USER_ROLE_CHANGED"
	UserDeactivated       AuditAction = "USER_DEACTIVATED"
	UserReactivated       AuditAction = "USER_REACTIVATED"
	UserInvited           AuditAction = "USER_INVITED"
	InvitationRenewed     AuditAction = "INVITATION_RENEWED"
	InvitationAccepted    AuditAction = "INVITATION_ACCEPTED"
	PasswordChanged       AuditAction = "PASSWORD_CHANGED"
	PasswordReset         AuditAction = "PASSWORD_RESET"
	EmailVerified         AuditAction = "EMAIL_VERIFIED"
	SessionEnded          AuditAction = "SESSION_ENDED"
	SessionsEnded         AuditAction = "SESSIONS_ENDED"
	WriteDenied           AuditAction = "WRITE_DENIED"
	AccountLinked         AuditAction = "ACCOUNT_LINKED"
	AccountUnlinked       AuditAction = "ACCOUNT_UNLINKED"
	APIKeyCreated         AuditAction = "API_KEY_CREATED"
	APIKeyRevoked         AuditAction = "API_KEY_REVOKED"
	APIKeyRotated         AuditAction = "API_KEY_ROTATED"
	AuthenticatorCreated  AuditAction = "AUTHENTICATOR_CREATED"
	AuthenticatorUpdated  AuditAction = "AUTHENTICATOR_UPDATED"
	ProjectCreated        AuditAction = "PROJECT_CREATED"
	ProjectUpdated        AuditAction = "PROJECT_UPDATED"
	ProjectDeleted        AuditAction = "PROJECT_DELETED"
	DocumentCreated       AuditAction = "DOCUMENT_CREATED"
	DocumentUpdated       AuditAction = "DOCUMENT_UPDATED"
	DocumentStatusChanged AuditAction = "DOCUMENT_STATUS_CHANGED"
	DocumentChunksPut     AuditAction = "DOCUMENT_CHUNKS_PUT"
	DocumentDeleted       AuditAction = "DOCUMENT_DELETED"
	ThemeCreated          AuditAction = "THEME_CREATED"
	ThemeUpdated          AuditAction = "THEME_UPDATED"
	ThemeDeleted          AuditAction = "THEME_DELETED"
	ThemeAttached         AuditAction = "THEME_ATTACHED"
	ThemeDetached         AuditAction = "THEME_DETACHED"
	ConversationCreated   AuditAction = "CONVERSATION_CREATED"
	ConversationUpdated   AuditAction = "CONVERSATION_UPDATED"
	ConversationDeleted   AuditAction = "CONVERSATION_DELETED"
)

// MarshalGQL writes the enum.
func (a AuditAction) MarshalGQL(w io.Writer) { marshalEnum(w, a) }

// UnmarshalGQL reads the enum.
func (a *AuditAction) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, a, auditActions...)
}

// AuditSubject is what an action was done to, and the company that may read of it.
type AuditSubject struct {
	ID        GlobalID
	CompanyID *CompanyID
}

// AuditEntry is one thing that was done. It outlives its actor and its subject.
type AuditEntry struct {
	bun.BaseModel `bun:"table:audit_log,alias:audit"`
	Batched[AuditEntry]

	ID          AuditID   `bun:",pk"`
	CreatedAt   time.Time `bun:",nullzero,default:now()"`
	UpdatedAt   time.Time `bun:",nullzero,default:now()"`
	CompanyID   *CompanyID
	Action      AuditAction
	ActorID     *UserID
	SubjectType string    // the prefix of the subject's id
	SubjectUUID uuid.UUID `bun:"subject_id"`
	Details     JSON      `bun:"type:jsonb"`
}

// IsNode makes it a Node of the schema.
func (*AuditEntry) IsNode() {}

// GetID is the id that Node shows.
func (a *AuditEntry) GetID() GlobalID { return a.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*AuditEntry) ReadScope() Scope { return ScopeAuditRead }

// SubjectID is the subject's id as clients see it.
func (a *AuditEntry) SubjectID() GlobalID { return GlobalID{a.SubjectType, a.SubjectUUID} }

// AuditFilter narrows the audit log.
type AuditFilter struct {
	CompanyID *CompanyID
	ActorID   *UserID
	SubjectID *GlobalID
	Actions   []AuditAction
	CreatedAt *TimeRange
}

// auditActions are all there are.
var auditActions = []AuditAction{
	CompanyCreated, CompanyUpdated, CompanyDeleted, UserCreated, UserUpdated, UserDeleted, UserTransferred, UserSignedIn,
	UserSignedOut, UserRoleChanged, UserDeactivated, UserReactivated, UserInvited, InvitationRenewed, InvitationAccepted,
	PasswordChanged, PasswordReset, EmailVerified,
	SessionEnded, SessionsEnded, WriteDenied, AccountLinked, AccountUnlinked, APIKeyCreated, APIKeyRevoked, APIKeyRotated,
	AuthenticatorCreated, AuthenticatorUpdated,
	ProjectCreated, ProjectUpdated, ProjectDeleted, DocumentCreated, DocumentUpdated, DocumentStatusChanged, DocumentChunksPut, DocumentDeleted,
	ThemeCreated, ThemeUpdated, ThemeDeleted,
	ThemeAttached, ThemeDetached, ConversationCreated, ConversationUpdated, ConversationDeleted,
}

// Validate reports all that is wrong with it.
func (f *AuditFilter) Validate() error {
	var c Checks
	if f != nil {
		c.listLength("filter.actions", len(f.Actions), len(auditActions))
		c.times("filter.createdAt", f.CreatedAt)
	}
	return c.err()
}

// AuditOrderField is what the audit log is sorted by.
type AuditOrderField string

// What the audit log is sorted by.
const AuditByCreatedAt AuditOrderField = "CREATED_AT"

// MarshalGQL writes the enum.
func (f AuditOrderField) MarshalGQL(w io.Writer) { marshalEnum(w, f) }

// UnmarshalGQL reads the enum.
func (f *AuditOrderField) UnmarshalGQL(v any) error { return unmarshalEnum(v, f, AuditByCreatedAt) }

// AuditOrder sorts the audit log.
type AuditOrder struct {
	Field     AuditOrderField
	Direction OrderDirection
}
