package model

import (
	"database/sql/driver"
	"io"

	"github.com/google/uuid"
)

// Each id declares its methods itself: gqlgen binds neither promoted nor generic ones, and without Value Bun would send
// an array of bytes as bytea.

// CompanyID is the id of a company.
type CompanyID [16]byte

func (id CompanyID) Global() GlobalID             { return GlobalID{"company", uuid.UUID(id)} }
func (id CompanyID) String() string               { return id.Global().String() }
func (id CompanyID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id CompanyID) MarshalGQL(w io.Writer)       { marshalID(w, "company", id) }
func (id *CompanyID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id CompanyID) Value() (driver.Value, error) { return idValue(id) }
func (id *CompanyID) Scan(src any) error          { return scanID(src, id) }

// UserID is the id of a user.
type UserID [16]byte

func (id UserID) Global() GlobalID             { return GlobalID{"user", uuid.UUID(id)} }
func (id UserID) String() string               { return id.Global().String() }
func (id UserID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id UserID) MarshalGQL(w io.Writer)       { marshalID(w, "user", id) }
func (id *UserID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id UserID) Value() (driver.Value, error) { return idValue(id) }
func (id *UserID) Scan(src any) error          { return scanID(src, id) }

// SessionID is the id of a session.
type SessionID [16]byte

func (id SessionID) Global() GlobalID             { return GlobalID{"session", uuid.UUID(id)} }
func (id SessionID) String() string               { return id.Global().String() }
func (id SessionID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id SessionID) MarshalGQL(w io.Writer)       { marshalID(w, "session", id) }
func (id *SessionID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id SessionID) Value() (driver.Value, error) { return idValue(id) }
func (id *SessionID) Scan(src any) error          { return scanID(src, id) }

// ProjectID is the id of a project.
type ProjectID [16]byte

func (id ProjectID) Global() GlobalID             { return GlobalID{"project", uuid.UUID(id)} }
func (id ProjectID) String() string               { return id.Global().String() }
func (id ProjectID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id ProjectID) MarshalGQL(w io.Writer)       { marshalID(w, "project", id) }
func (id *ProjectID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id ProjectID) Value() (driver.Value, error) { return idValue(id) }
func (id *ProjectID) Scan(src any) error          { return scanID(src, id) }

// DocumentID is the id of a document.
type DocumentID [16]byte

func (id DocumentID) Global() GlobalID             { return GlobalID{"document", uuid.UUID(id)} }
func (id DocumentID) String() string               { return id.Global().String() }
func (id DocumentID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id DocumentID) MarshalGQL(w io.Writer)       { marshalID(w, "document", id) }
func (id *DocumentID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id DocumentID) Value() (driver.Value, error) { return idValue(id) }
func (id *DocumentID) Scan(src any) error          { return scanID(src, id) }

// UploadID is the id of an upload that was made.
type UploadID [16]byte

func (id UploadID) Global() GlobalID             { return GlobalID{"upload", uuid.UUID(id)} }
func (id UploadID) String() string               { return id.Global().String() }
func (id UploadID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id UploadID) MarshalGQL(w io.Writer)       { marshalID(w, "upload", id) }
func (id *UploadID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id UploadID) Value() (driver.Value, error) { return idValue(id) }
func (id *UploadID) Scan(src any) error          { return scanID(src, id) }

// ThemeID is the id of a theme.
type ThemeID [16]byte

func (id ThemeID) Global() GlobalID             { return GlobalID{"theme", uuid.UUID(id)} }
func (id ThemeID) String() string               { return id.Global().String() }
func (id ThemeID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id ThemeID) MarshalGQL(w io.Writer)       { marshalID(w, "theme", id) }
func (id *ThemeID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id ThemeID) Value() (driver.Value, error) { return idValue(id) }
func (id *ThemeID) Scan(src any) error          { return scanID(src, id) }

// ConversationID is the id of a conversation.
type ConversationID [16]byte

func (id ConversationID) Global() GlobalID             { return GlobalID{"conversation", uuid.UUID(id)} }
func (id ConversationID) String() string               { return id.Global().String() }
func (id ConversationID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id ConversationID) MarshalGQL(w io.Writer)       { marshalID(w, "conversation", id) }
func (id *ConversationID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id ConversationID) Value() (driver.Value, error) { return idValue(id) }
func (id *ConversationID) Scan(src any) error          { return scanID(src, id) }

// ChunkID is the id of a document's chunk.
type ChunkID [16]byte

func (id ChunkID) Global() GlobalID             { return GlobalID{"chunk", uuid.UUID(id)} }
func (id ChunkID) String() string               { return id.Global().String() }
func (id ChunkID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id ChunkID) MarshalGQL(w io.Writer)       { marshalID(w, "chunk", id) }
func (id *ChunkID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id ChunkID) Value() (driver.Value, error) { return idValue(id) }
func (id *ChunkID) Scan(src any) error          { return scanID(src, id) }

// AuditID is the id of an audit entry.
type AuditID [16]byte

func (id AuditID) Global() GlobalID             { return GlobalID{"audit", uuid.UUID(id)} }
func (id AuditID) String() string               { return id.Global().String() }
func (id AuditID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id AuditID) MarshalGQL(w io.Writer)       { marshalID(w, "audit", id) }
func (id *AuditID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id AuditID) Value() (driver.Value, error) { return idValue(id) }
func (id *AuditID) Scan(src any) error          { return scanID(src, id) }

// AccountID is the id of an account link.
type AccountID [16]byte

func (id AccountID) Global() GlobalID             { return GlobalID{"account", uuid.UUID(id)} }
func (id AccountID) String() string               { return id.Global().String() }
func (id AccountID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id AccountID) MarshalGQL(w io.Writer)       { marshalID(w, "account", id) }
func (id *AccountID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id AccountID) Value() (driver.Value, error) { return idValue(id) }
func (id *AccountID) Scan(src any) error          { return scanID(src, id) }

// InvitationID is the id of an invitation.
type InvitationID [16]byte

func (id InvitationID) Global() GlobalID             { return GlobalID{"invitation", uuid.UUID(id)} }
func (id InvitationID) String() string               { return id.Global().String() }
func (id InvitationID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id InvitationID) MarshalGQL(w io.Writer)       { marshalID(w, "invitation", id) }
func (id *InvitationID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id InvitationID) Value() (driver.Value, error) { return idValue(id) }
func (id *InvitationID) Scan(src any) error          { return scanID(src, id) }

// APIKeyID is the id of an API key.
type APIKeyID [16]byte

func (id APIKeyID) Global() GlobalID             { return GlobalID{"key", uuid.UUID(id)} }
func (id APIKeyID) String() string               { return id.Global().String() }
func (id APIKeyID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id APIKeyID) MarshalGQL(w io.Writer)       { marshalID(w, "key", id) }
func (id *APIKeyID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id APIKeyID) Value() (driver.Value, error) { return idValue(id) }
func (id *APIKeyID) Scan(src any) error          { return scanID(src, id) }

// OneTimeTokenID is the id of a token that is mailed.
type OneTimeTokenID [16]byte

func (id OneTimeTokenID) Global() GlobalID             { return GlobalID{"token", uuid.UUID(id)} }
func (id OneTimeTokenID) String() string               { return id.Global().String() }
func (id OneTimeTokenID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id OneTimeTokenID) MarshalGQL(w io.Writer)       { marshalID(w, "token", id) }
func (id *OneTimeTokenID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id OneTimeTokenID) Value() (driver.Value, error) { return idValue(id) }
func (id *OneTimeTokenID) Scan(src any) error          { return scanID(src, id) }

// VerificationTokenID is the id of a token of an Auth.js frontend.
type VerificationTokenID [16]byte

func (id VerificationTokenID) Global() GlobalID             { return GlobalID{"verification", uuid.UUID(id)} }
func (id VerificationTokenID) String() string               { return id.Global().String() }
func (id VerificationTokenID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id VerificationTokenID) MarshalGQL(w io.Writer)       { marshalID(w, "verification", id) }
func (id *VerificationTokenID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id VerificationTokenID) Value() (driver.Value, error) { return idValue(id) }
func (id *VerificationTokenID) Scan(src any) error          { return scanID(src, id) }

// AuthenticatorID is the id of a passkey of an Auth.js frontend.
type AuthenticatorID [16]byte

func (id AuthenticatorID) Global() GlobalID             { return GlobalID{"authenticator", uuid.UUID(id)} }
func (id AuthenticatorID) String() string               { return id.Global().String() }
func (id AuthenticatorID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id AuthenticatorID) MarshalGQL(w io.Writer)       { marshalID(w, "authenticator", id) }
func (id *AuthenticatorID) UnmarshalGQL(v any) error    { return unmarshalID(v, id) }
func (id AuthenticatorID) Value() (driver.Value, error) { return idValue(id) }
func (id *AuthenticatorID) Scan(src any) error          { return scanID(src, id) }
