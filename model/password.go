package model

// ChangePasswordInput is the password to replace, and its successor.
type ChangePasswordInput struct {
	CurrentPassword string
	NewPassword     string
}

// Validate reports all that is wrong with it.
func (in ChangePasswordInput) Validate() error {
	var c Checks
	c.password("newPassword", in.NewPassword)
	return c.err()
}

// ChangePasswordPayload says whose password was changed, and how many other sessions were ended.
type ChangePasswordPayload struct {
	User              *User
	EndedSessionCount int32
	UserErrors        []UserError
}

// RequestPasswordResetInput is the email address of whoever forgot the password.
type RequestPasswordResetInput struct {
	Email string
}

// Validate reports all that is wrong with it.
func (in RequestPasswordResetInput) Validate() error {
	var c Checks
	c.email("email", in.Email)
	return c.err()
}

// RequestPayload is the outcome of asking for a mail, which does not tell whether there is one.
type RequestPayload struct {
	UserErrors []UserError
}

// The payloads of mutations that ask for a mail.
type (
	RequestPasswordResetPayload     = RequestPayload
	RequestEmailVerificationPayload = RequestPayload
)

// ResetPasswordInput is a mailed token and the password to set, and whether the session is to be kept as a cookie.
type ResetPasswordInput struct {
	Token    string
	Password string
	Cookie   bool
}

// Validate reports all that is wrong with it.
func (in ResetPasswordInput) Validate() error {
	var c Checks
	c.password("password", in.Password)
	return c.err()
}

// ResetPasswordPayload is a new session's, as that of a sign-in.
type ResetPasswordPayload = SignInPayload

// VerifyEmailInput is a mailed token.
type VerifyEmailInput struct {
	noRules

	Token string
}

// VerifyEmailPayload says which address was verified.
type VerifyEmailPayload struct {
	VerifiedEmail *string
	UserErrors    []UserError
}
