package model

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// What an Auth.js frontend sees of rows: fewer fields, and no way on from them.
type (
	AdapterUser         = User
	AdapterAccount      = Account
	AdapterVerification = VerificationToken
)

// AdapterSession is a session as an Auth.js frontend sees one.
type AdapterSession struct {
	ExpiresAt time.Time
	User      *User
}

// Limits of what an Auth.js frontend gives, in characters. Ids at a provider are counted in bytes: an index takes 2,704.
const (
	providerLengthMax      = 100
	accountIDBytesMax      = 1500
	providerTokenLengthMax = 16_384 // an id_token with a few hundred groups has 8 KB
	providerTextLengthMax  = 2000
	adapterTokenLengthMin  = 32 // of chance that nobody guesses: 128 bits, in hexadecimal
	adapterTokenLengthMax  = 512
)

// adapterDaysMax is how far ahead an Auth.js frontend may set an end: as long as browsers keep a cookie (RFC 6265bis, section
// 5.5), in days.
const adapterDaysMax = 400

func (c *Checks) adapterExpiry(field string, at time.Time) {
	switch left := time.Until(at); {
	case left <= 0:
		c.fail(field, "must be in the future.")
	case left > adapterDaysMax*24*time.Hour:
		c.fail(field, "must be at most %d days from now.", adapterDaysMax)
	}
}

func (c *Checks) bytes(field, value string, bytesMax int) {
	switch {
	case value == "":
		c.fail(field, "must not be empty.")
	case len(value) > bytesMax:
		c.fail(field, "must have at most %d bytes, not %d.", bytesMax, len(value))
	}
}

// adapterToken checks a token that a frontend made. It is looked up by a plain hash, which could be searched for a short one.
func (c *Checks) adapterToken(field, value string) {
	switch length := utf8.RuneCountInString(value); {
	case length < adapterTokenLengthMin:
		c.fail(field, "must have at least %d characters, so that nobody can guess it.", adapterTokenLengthMin)
	case length > adapterTokenLengthMax:
		c.fail(field, "must have at most %d characters.", adapterTokenLengthMax)
	}
}

// sessionTokenPattern is what can be sent as a bearer token (RFC 6750, section 2.1), without the dots of a JWT.
var sessionTokenPattern = regexp.MustCompile(`^[A-Za-z0-9_~+/-]+=*$`)

// ownTokenPrefix is what the tokens that we make begin with, each kind in its own way.
const ownTokenPrefix = "dossier_"

// AccountKey names an account at a provider.
type AccountKey struct {
	Provider          string
	ProviderAccountID string
}

// Validate reports all that is wrong with it.
func (k AccountKey) Validate() error {
	var c Checks
	c.accountKey(k.Provider, k.ProviderAccountID)
	return c.err()
}

func (c *Checks) accountKey(provider, id string) {
	c.text("provider", provider, providerLengthMax)
	c.bytes("providerAccountId", id, accountIDBytesMax)
}

// CreateAdapterUserInput is a user whom an Auth.js frontend meets for the first time.
type CreateAdapterUserInput struct {
	Name            *string
	Email           string
	EmailVerifiedAt *time.Time
	Image           *string
}

// Validate reports all that is wrong with it.
func (in CreateAdapterUserInput) Validate() error {
	var c Checks
	ifSet(in.Name, func(n string) { c.length("name", n, nameLengthMax) })
	c.email("email", in.Email)
	ifSet(in.Image, func(i string) { c.webAddress("image", i) })
	return c.err()
}

// UserName is the user's name: who signs in by mail alone has not been asked for one, and gets what stands before the @.
func (in CreateAdapterUserInput) UserName() string {
	if in.Name != nil && strings.TrimSpace(*in.Name) != "" {
		return *in.Name
	}
	name, _, _ := strings.Cut(in.Email, "@")
	if runes := []rune(name); len(runes) > nameLengthMax {
		return string(runes[:nameLengthMax])
	}
	return name
}

// UpdateAdapterUserInput changes what it names; null removes.
type UpdateAdapterUserInput struct {
	ID              UserID
	Name            *string
	Email           *string
	EmailVerifiedAt graphql.Omittable[*time.Time]
	Image           graphql.Omittable[*string]
}

// Validate reports all that is wrong with it.
func (in UpdateAdapterUserInput) Validate() error {
	return UpdateUserInput{Name: in.Name, Email: in.Email, Image: in.Image}.Validate()
}

// DeleteAdapterUserInput names the user to delete.
type DeleteAdapterUserInput struct {
	noRules

	ID UserID
}

// AdapterUserPayload is the outcome of creating, changing or deleting a user.
type AdapterUserPayload struct {
	User       *User
	UserErrors []UserError
}

// The payloads that show a user to an Auth.js frontend.
type (
	CreateAdapterUserPayload = AdapterUserPayload
	UpdateAdapterUserPayload = AdapterUserPayload
	DeleteAdapterUserPayload = AdapterUserPayload
)

// LinkAdapterAccountInput is an account at a provider, with the tokens that the provider gave.
type LinkAdapterAccountInput struct {
	UserID            UserID
	Type              string
	Provider          string
	ProviderAccountID string
	Scope             *string
	ExpiresAt         *time.Time
	RefreshToken      *string
	AccessToken       *string
	IDToken           *string
	TokenType         *string
	SessionState      *string
}

// Validate reports all that is wrong with it.
func (in LinkAdapterAccountInput) Validate() error {
	var c Checks
	c.text("type", in.Type, providerLengthMax)
	c.accountKey(in.Provider, in.ProviderAccountID)
	for _, text := range []struct {
		field     string
		value     *string
		lengthMax int
	}{
		{"scope", in.Scope, providerTextLengthMax}, {"refreshToken", in.RefreshToken, providerTokenLengthMax},
		{"accessToken", in.AccessToken, providerTokenLengthMax}, {"idToken", in.IDToken, providerTokenLengthMax},
		{"tokenType", in.TokenType, providerLengthMax}, {"sessionState", in.SessionState, providerTextLengthMax},
	} {
		ifSet(text.value, func(v string) { c.length(text.field, v, text.lengthMax) })
	}
	return c.err()
}

// Account is the account to link.
func (in LinkAdapterAccountInput) Account() LinkedAccount {
	return LinkedAccount{
		Account: Account{
			UserID: in.UserID, Type: in.Type, Provider: in.Provider, ProviderAccountID: in.ProviderAccountID,
			Scope: in.Scope, ExpiresAt: in.ExpiresAt,
		},
		RefreshToken: in.RefreshToken, AccessToken: in.AccessToken, IDToken: in.IDToken,
		TokenType: in.TokenType, SessionState: in.SessionState,
	}
}

// UnlinkAdapterAccountInput names the account to unlink.
type UnlinkAdapterAccountInput struct {
	Provider          string
	ProviderAccountID string
}

// Validate reports all that is wrong with it.
func (in UnlinkAdapterAccountInput) Validate() error { return AccountKey(in).Validate() }

// AdapterAccountPayload is the outcome of linking or unlinking an account.
type AdapterAccountPayload struct {
	Account    *Account
	UserErrors []UserError
}

// The payloads that show an account to an Auth.js frontend.
type (
	LinkAdapterAccountPayload   = AdapterAccountPayload
	UnlinkAdapterAccountPayload = AdapterAccountPayload
)

// CreateAdapterSessionInput is a session by a token that an Auth.js frontend made.
type CreateAdapterSessionInput struct {
	SessionToken string
	UserID       UserID
	ExpiresAt    time.Time
}

// Validate reports all that is wrong with it.
func (in CreateAdapterSessionInput) Validate() error {
	var c Checks
	c.adapterToken("sessionToken", in.SessionToken)
	if !sessionTokenPattern.MatchString(in.SessionToken) || strings.HasPrefix(in.SessionToken, ownTokenPrefix) {
		c.fail("sessionToken", "must be of the characters A to Z, a to z, 0 to 9 and -_~+/=, and not begin with %s.", ownTokenPrefix)
	}
	c.adapterExpiry("expiresAt", in.ExpiresAt)
	return c.err()
}

// UpdateAdapterSessionInput changes when a session ends, if it says so.
type UpdateAdapterSessionInput struct {
	SessionToken string
	ExpiresAt    *time.Time
}

// Validate reports all that is wrong with it.
func (in UpdateAdapterSessionInput) Validate() error {
	var c Checks
	ifSet(in.ExpiresAt, func(at time.Time) { c.adapterExpiry("expiresAt", at) })
	return c.err()
}

// DeleteAdapterSessionInput names the session to end.
type DeleteAdapterSessionInput struct {
	noRules

	SessionToken string
}

// AdapterSessionPayload is the outcome of starting, changing or ending a session.
type AdapterSessionPayload struct {
	Session    *AdapterSession
	UserErrors []UserError
}

// The payloads that show a session to an Auth.js frontend.
type (
	CreateAdapterSessionPayload = AdapterSessionPayload
	UpdateAdapterSessionPayload = AdapterSessionPayload
	DeleteAdapterSessionPayload = AdapterSessionPayload
)

// CreateAdapterVerificationTokenInput is a token that an Auth.js frontend mails.
type CreateAdapterVerificationTokenInput struct {
	Identifier string
	Token      string
	ExpiresAt  time.Time
}

// Validate reports all that is wrong with it.
func (in CreateAdapterVerificationTokenInput) Validate() error {
	var c Checks
	c.text("identifier", in.Identifier, emailLengthMax)
	c.adapterToken("token", in.Token)
	c.adapterExpiry("expiresAt", in.ExpiresAt)
	return c.err()
}

// UseAdapterVerificationTokenInput is a token that was mailed.
type UseAdapterVerificationTokenInput struct {
	Identifier string
	Token      string
}

// Validate reports all that is wrong with it.
func (in UseAdapterVerificationTokenInput) Validate() error {
	var c Checks
	c.length("identifier", in.Identifier, emailLengthMax)
	return c.err()
}

// AdapterVerificationPayload is the outcome of keeping or using a token that is mailed.
type AdapterVerificationPayload struct {
	Verification *VerificationToken
	UserErrors   []UserError
}

// The payloads that show what a mailed token is good for.
type (
	CreateAdapterVerificationTokenPayload = AdapterVerificationPayload
	UseAdapterVerificationTokenPayload    = AdapterVerificationPayload
)
