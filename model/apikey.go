package model

import (
	"slices"
	"strconv"
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
	RotatedAt  *time.Time // when another key took its place
	LastUsedAt *time.Time // to the minute
}

// IsNode makes it a Node of the schema.
func (*APIKey) IsNode() {}

// GetID is the id that Node shows.
func (k *APIKey) GetID() GlobalID { return k.ID.Global() }

// AuditSubject is what audit entries about it say.
func (k *APIKey) AuditSubject() AuditSubject { return AuditSubject{k.ID.Global(), k.CompanyID} }

// Scopes are the scopes of the key.
func (k *APIKey) Scopes() []Scope { return k.Granted.List() }

// HasEnded reports whether the key was revoked or has expired.
func (k *APIKey) HasEnded(now time.Time) bool {
	return k.RevokedAt != nil || k.ExpiresAt != nil && !now.Before(*k.ExpiresAt)
}

// Bounds of API keys.
const (
	keyYearsMax          = 10
	keyOverlapSecondsMax = 7 * 24 * 60 * 60
)

// CreateAPIKeyInput is a new API key of whoever makes it.
type CreateAPIKeyInput struct {
	Name      string
	Scopes    []Scope
	ExpiresAt *time.Time // nil for never
}

// Validate reports all that is wrong with it.
func (in CreateAPIKeyInput) Validate() error {
	var c Checks
	c.text("name", in.Name, nameLengthMax)
	c.scopes("scopes", in.Scopes)
	ifSet(in.ExpiresAt, func(at time.Time) {
		switch now := time.Now(); {
		case !at.After(now):
			c.fail("expiresAt", "must be in the future.")
		case at.After(now.AddDate(keyYearsMax, 0, 0)):
			c.fail("expiresAt", "must be within %d years; without it the key does not expire.", keyYearsMax)
		}
	})
	return c.err()
}

func (c *Checks) scopes(field string, scopes []Scope) {
	if len(scopes) == 0 {
		c.fail(field, "must have at least 1 item.")
	}
	c.listLength(field, len(scopes), len(AllScopes))
	for i, scope := range scopes[:min(len(scopes), len(AllScopes))] {
		if slices.Contains(scopes[:i], scope) {
			c.fail(field+"."+strconv.Itoa(i), "The scope %s is in the list already.", scope)
		}
	}
}

// RevokeAPIKeyInput names the API key to end, and whether what it made ends too.
type RevokeAPIKeyInput struct {
	noRules

	ID          APIKeyID
	EndSessions bool
}

// RotateAPIKeyInput names the API key to replace, and how long it goes on beside the new one.
type RotateAPIKeyInput struct {
	ID             APIKeyID
	OverlapSeconds int32
}

// Validate reports all that is wrong with it.
func (in RotateAPIKeyInput) Validate() error {
	var c Checks
	if in.OverlapSeconds < 0 || in.OverlapSeconds > keyOverlapSecondsMax {
		c.fail("overlapSeconds", "must be from 0 to %d, which is 7 days.", keyOverlapSecondsMax)
	}
	return c.err()
}

// CreateAPIKeyPayload has the key's token, shown this once.
type CreateAPIKeyPayload struct {
	APIKey     *APIKey
	Token      *string
	UserErrors []UserError
}

// RevokeAPIKeyPayload shows the key that is over, and how much ended that it had made.
type RevokeAPIKeyPayload struct {
	APIKey                    *APIKey
	EndedSessionCount         int32
	RemovedAuthenticatorCount int32
	UserErrors                []UserError
}

// RotateAPIKeyPayload has the new key's token, shown this once, and the key that it takes the place of.
type RotateAPIKeyPayload struct {
	APIKey         *APIKey
	Token          *string
	PreviousAPIKey *APIKey
	UserErrors     []UserError
}
