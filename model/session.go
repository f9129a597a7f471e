package model

import (
	"time"

	"github.com/uptrace/bun"
)

// Session is a sign-in that has not ended. Its token is known to the client alone; the hash of it is stored.
type Session struct {
	bun.BaseModel `bun:"table:sessions,alias:session"`
	Batched[Session]

	ID        SessionID `bun:",pk"`
	CreatedAt time.Time `bun:",nullzero,default:now()"`
	UpdatedAt time.Time `bun:",nullzero,default:now()"`
	TokenHash []byte    // SHA-256
	UserID    UserID
	ExpiresAt time.Time `bun:"expires"`
	UserAgent *string
	Address   *string
	APIKeyID  *APIKeyID // of the frontend's key that started it; nil for a sign-in here
}

// IsNode makes it a Node of the schema.
func (*Session) IsNode() {}

// GetID is the id that Node shows.
func (s *Session) GetID() GlobalID { return s.ID.Global() }

// SignInInput is a user's email and password, and whether the session is to be kept as a cookie.
type SignInInput struct {
	noRules

	Email    string
	Password string
	Cookie   bool
}

// SignInPayload has the session's token, shown this once, unless it is set as a cookie.
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

// EndSessionInput names the session to end.
type EndSessionInput struct {
	noRules

	ID SessionID
}

// EndSessionPayload says which session is over.
type EndSessionPayload struct {
	EndedSessionID *SessionID
	UserErrors     []UserError
}

// EndSessionsInput names the user whose sessions end. The request's own one stays if it is to be kept.
type EndSessionsInput struct {
	noRules

	UserID      UserID
	KeepCurrent bool
}

// EndSessionsPayload says how many sessions were ended.
type EndSessionsPayload struct {
	EndedSessionCount int32
	UserErrors        []UserError
}
