package model

import (
	"time"

	"github.com/uptrace/bun"
)

// TokenPurpose is what a token that is mailed to a user is good for.
type TokenPurpose string

// The purposes of tokens.
const (
	ToResetPassword TokenPurpose = "PASSWORD_RESET"
	ToVerifyEmail   TokenPurpose = "EMAIL_VERIFICATION"
	ToChangeEmail   TokenPurpose = "EMAIL_CHANGE"
)

// OneTimeToken is mailed to a user and used once. The hash of it is stored, with the address that it was mailed to: it
// is good for as long as that is the user's, or makes it the user's.
type OneTimeToken struct {
	bun.BaseModel `bun:"table:one_time_tokens,alias:one_time_token"`

	ID        OneTimeTokenID `bun:",pk"`
	CreatedAt time.Time      `bun:",nullzero,default:now()"`
	UpdatedAt time.Time      `bun:",nullzero,default:now()"`
	UserID    UserID
	Purpose   TokenPurpose
	Email     string
	TokenHash []byte    // SHA-256
	ExpiresAt time.Time `bun:"expires"`
}

// VerificationToken is one that an Auth.js frontend mails to whoever signs in by mail. The hash of it is stored.
type VerificationToken struct {
	bun.BaseModel `bun:"table:verification_tokens,alias:verification_token"`

	ID         VerificationTokenID `bun:",pk"`
	CreatedAt  time.Time           `bun:",nullzero,default:now()"`
	UpdatedAt  time.Time           `bun:",nullzero,default:now()"`
	CompanyID  *CompanyID          // of the frontend's key
	Identifier string              // an email address
	TokenHash  []byte              // SHA-256
	ExpiresAt  time.Time           `bun:"expires"`
}
