package model

import (
	"time"

	"github.com/uptrace/bun"
)

// Authenticator is a passkey (WebAuthn) of a user of an Auth.js frontend: its public half.
type Authenticator struct {
	bun.BaseModel `bun:"table:authenticators,alias:authenticator"`

	ID                   AuthenticatorID `bun:",pk"`
	CreatedAt            time.Time       `bun:",nullzero,default:now()"`
	UpdatedAt            time.Time       `bun:",nullzero,default:now()"`
	UserID               UserID
	ProviderAccountID    string
	CredentialID         string
	CredentialPublicKey  string
	Counter              int64
	CredentialDeviceType string
	CredentialBackedUp   bool
	Transports           *string
	APIKeyID             *APIKeyID // of the frontend's key that made it
}

// AdapterAuthenticator is what an Auth.js frontend sees of one.
type AdapterAuthenticator = Authenticator

// AuthenticatorsMax is how many passkeys a user may have.
const AuthenticatorsMax = 50

// Limits of what describes a passkey, in characters.
const (
	publicKeyLengthMax  = 4096
	transportsLengthMax = 200
)

// CheckCredentialID reports what is wrong with the id of a passkey, before it is looked for.
func CheckCredentialID(field, value string) error {
	var c Checks
	c.bytes(field, value, accountIDBytesMax)
	return c.err()
}

// CreateAdapterAuthenticatorInput is a new passkey.
type CreateAdapterAuthenticatorInput struct {
	UserID               UserID
	ProviderAccountID    string
	CredentialID         string
	CredentialPublicKey  string
	Counter              int64
	CredentialDeviceType string
	CredentialBackedUp   bool
	Transports           *string
}

// Validate reports all that is wrong with it.
func (in CreateAdapterAuthenticatorInput) Validate() error {
	var c Checks
	c.bytes("providerAccountId", in.ProviderAccountID, accountIDBytesMax)
	c.bytes("credentialId", in.CredentialID, accountIDBytesMax)
	c.text("credentialPublicKey", in.CredentialPublicKey, publicKeyLengthMax)
	c.text("credentialDeviceType", in.CredentialDeviceType, providerLengthMax)
	ifSet(in.Transports, func(t string) { c.length("transports", t, transportsLengthMax) })
	return c.err()
}

// UpdateAdapterAuthenticatorInput says how often a passkey was used.
type UpdateAdapterAuthenticatorInput struct {
	CredentialID string
	Counter      int64
}

// Validate reports all that is wrong with it.
func (in UpdateAdapterAuthenticatorInput) Validate() error {
	return CheckCredentialID("credentialId", in.CredentialID)
}

// AdapterAuthenticatorPayload is the outcome of keeping a passkey or noting its use.
type AdapterAuthenticatorPayload struct {
	Authenticator *Authenticator
	UserErrors    []UserError
}

// The payloads that show a passkey to an Auth.js frontend.
type (
	CreateAdapterAuthenticatorPayload = AdapterAuthenticatorPayload
	UpdateAdapterAuthenticatorPayload = AdapterAuthenticatorPayload
)
