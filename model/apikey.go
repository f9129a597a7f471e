package model

import (
	"time"

	"github.com/uptrace/bun"
)

// APIKey lets a program act as its maker, in the maker's company and within its scopes. The key is known to whoever made it
// alone; the hash of it is stored.
type APIKey struct {
	bun.BaseModel `bun:"table:api_keys,alias:api_key"`
	Batched[APIKey]

	ID         APIKeyID   `bun:",pk"`
	CreatedAt  time.Time  `bun:",nullzero,default:now()"`
	UpdatedAt  time.Time  `bun:",nullzero,default:now()"`
	CompanyID  *CompanyID // nil for staff's
	UserID     UserID
	Name       string
	Hint       string     // the key's last characters
	TokenHash  []byte     // SHA-256
	Granted    Scopes     `bun:"scopes,type:text"`
	ExpiresAt  *time.Time `bun:"expires"`
	RevokedAt  *time.Time
	LastUsedAt *time.Time
}

// IsNode makes it a Node of the schema.
func (*APIKey) IsNode() {}

// GetID is the id that Node shows.
func (k *APIKey) GetID() GlobalID { return k.ID.Global() }

// AuditSubject is what audit entries about it say.
func (k *APIKey) AuditSubject() AuditSubject { return AuditSubject{k.ID.Global(), k.CompanyID} }

// Scopes are the scopes of the key.
func (k *APIKey) Scopes() []Scope { return k.Granted.List() }
