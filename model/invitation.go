package model

import (
	"time"

	"github.com/uptrace/bun"
)

// Invitation lets a user who has no password set one. Its token is mailed, and known to the person who invited; the hash of it is
// stored.
type Invitation struct {
	bun.BaseModel `bun:"table:invitations,alias:invitation"`

	ID        InvitationID `bun:",pk"`
	CreatedAt time.Time    `bun:",nullzero,default:now()"`
	UpdatedAt time.Time    `bun:",nullzero,default:now()"`
	UserID    UserID
	TokenHash []byte    // SHA-256
	ExpiresAt time.Time `bun:"expires"`
}

// InviteUserInput is a new user who sets the password by an invitation.
type InviteUserInput struct {
	CompanyID *CompanyID
	Name      string
	Email     string
	Role      Role
	Image     *string
}

// User is the user to create.
func (in InviteUserInput) User() CreateUserInput {
	return CreateUserInput{CompanyID: in.CompanyID, Name: in.Name, Email: in.Email, Role: in.Role, Image: in.Image}
}

// Validate reports all that is wrong with it.
func (in InviteUserInput) Validate() error { return in.User().Validate() }

// RenewInvitationInput names the user whose invitation is made anew.
type RenewInvitationInput struct {
	noRules

	UserID UserID
}

// InvitationPayload has the invitation's token, shown this once, and to no API key.
type InvitationPayload struct {
	User       *User
	Token      *string
	ExpiresAt  *time.Time
	UserErrors []UserError
}

// The payloads that show an invitation's token.
type (
	InviteUserPayload      = InvitationPayload
	RenewInvitationPayload = InvitationPayload
)

// AcceptInvitationInput is an invitation's token and the password to set, and whether the session is to be kept as a cookie.
type AcceptInvitationInput struct {
	Token    string
	Password string
	Cookie   bool
}

// Validate reports all that is wrong with it.
func (in AcceptInvitationInput) Validate() error {
	var c Checks
	c.password("password", in.Password)
	return c.err()
}

// AcceptInvitationPayload is a new session's, as that of a sign-in.
type AcceptInvitationPayload = SignInPayload
