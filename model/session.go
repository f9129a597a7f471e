package model

import (
	"time"

	"github.com/uptrace/bun"
)

// Session is a sign-in that has not ended. Its token is known to the client alone; the hash of it is stored.
type Session struct {
	bun.BaseModel `bun:"table:sessions,alias:session"`

	ID        SessionID `bun:",pk"`
	CreatedAt time.Time `bun:",nullzero,default:now()"`
	UpdatedAt time.Time `bun:",nullzero,default:now()"`
	TokenHash []byte    // SHA-256
	UserID    UserID
	Expires   time.Time
	UserAgent *string
	Address   *string
}

// SignInInput is a user's email and password.
type SignInInput struct {
	noRules

	Email    string
	Password string
}

// SignInPayload has the session's token, shown this once.
type SignInPayload struct {
	Token      *string
	ExpiresAt  *time.Time
	User       *User
	UserErrors []UserError
}

// SignOutPayload says whether a session was ended.
type SignOutPayload struct {
	SignedOut  bool
	UserErrors []UserError
}
