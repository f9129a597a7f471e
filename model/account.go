package model

import (
	"time"

	"github.com/uptrace/bun"
)

// Account links a user to an account at an OAuth provider, as an Auth.js frontend does. It has no tokens: what reads
// accounts does not read them.
type Account struct {
	bun.BaseModel `bun:"table:accounts,alias:account"`
	Batched[Account]

	ID                AccountID `bun:",pk"`
	CreatedAt         time.Time `bun:",nullzero,default:now()"`
	UpdatedAt         time.Time `bun:",nullzero,default:now()"`
	UserID            UserID
	Type              string
	Provider          string
	ProviderAccountID string
	Scope             *string
	ExpiresAt         *time.Time
}

// IsNode makes it a Node of the schema.
func (*Account) IsNode() {}

// GetID is the id that Node shows.
func (a *Account) GetID() GlobalID { return a.ID.Global() }

// LinkedAccount is an account link as it is written, with the provider's tokens.
type LinkedAccount struct {
	Account `bun:",extend"`

	RefreshToken *string
	AccessToken  *string
	IDToken      *string
	TokenType    *string
	SessionState *string
}

// UnlinkAccountInput names the account link to remove.
type UnlinkAccountInput struct {
	noRules

	ID AccountID
}

// UnlinkAccountPayload says which account link is gone.
type UnlinkAccountPayload struct {
	UnlinkedAccountID *AccountID
	UserErrors        []UserError
}
