package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// sessionLifetime is how long a session lasts after it was last used; repo moves its end.
const sessionLifetime = 30 * 24 * time.Hour

// userAgentLengthMax bounds what is kept of a User-Agent header, in bytes.
const userAgentLengthMax = 300

// tokenPrefix lets secret scanners and people recognize a session token.
const tokenPrefix = "dossier_session_"

// Sessions starts and ends sessions.
type Sessions struct {
	Store *repo.Store
}

// Client is what is noted of the client that signs in.
type Client struct {
	UserAgent string
	Address   string
}

// SignedIn is a new session. The token is known here and to the client, and nowhere else.
type SignedIn struct {
	Token   string
	Expires time.Time
	Viewer  model.Viewer
	User    *model.User
}

// ErrWrongCredentials is a sign-in with a wrong email or password; which of them is not told.
var ErrWrongCredentials = fault.New(fault.Unauthenticated, "The email or the password is wrong.")

// SignIn checks the password and starts a session. What is wrong is UNAUTHENTICATED, and says no more.
func (s Sessions) SignIn(ctx context.Context, in model.SignInInput, client Client) (*SignedIn, error) {
	user, err := s.Store.System().UserByEmail(ctx, in.Email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	var hash *string
	if user != nil && user.DeactivatedAt == nil {
		hash = user.PasswordHash
	}
	// The limit keeps a long text from being hashed; no password is longer.
	if len(in.Password) > 4*model.PasswordLengthMax {
		in.Password, hash = "", nil
	}
	if ok, err := checkPassword(ctx, in.Password, hash); err != nil || !ok {
		if err == nil {
			err = ErrWrongCredentials
		}
		return nil, err
	}
	signedIn, err := s.start(ctx, user, client, func(context.Context, *repo.Tx) (*model.User, error) { return user, nil })
	if fault.Is(err, fault.Unauthenticated) { // deactivated or deleted since the password was checked
		err = ErrWrongCredentials
	}
	return signedIn, err
}

// start starts a session of the user, in one transaction with what comes before it.
func (s Sessions) start(
	ctx context.Context, user *model.User, client Client, before func(context.Context, *repo.Tx) (*model.User, error),
) (*SignedIn, error) {
	token, session := NewSession(sessionLifetime, client)
	viewer := model.Viewer{UserID: user.ID, CompanyID: user.CompanyID, Role: user.Role}
	user, err := repo.Do(ctx, s.Store, viewer, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		user, err := before(ctx, tx)
		if err != nil {
			return nil, err
		}
		return user, tx.CreateSession(ctx, session)
	})
	if err != nil {
		return nil, err
	}
	viewer.SessionID = session.ID
	return &SignedIn{Token: token, Expires: session.ExpiresAt, Viewer: viewer, User: user}, nil
}

// HasPassword reports whether there is a user with this email and this password.
func (s Sessions) HasPassword(ctx context.Context, email, password string) (bool, error) {
	user, err := s.Store.System().UserByEmail(ctx, email)
	if fault.Is(err, fault.NotFound) || err == nil && user.PasswordHash == nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return checkPassword(ctx, password, user.PasswordHash)
}

// NewSession makes a token and the session to store for it, which its user and id are still to be given.
func NewSession(lifetime time.Duration, client Client) (string, *model.Session) {
	token := tokenPrefix + rand.Text()
	return token, &model.Session{
		TokenHash: hashToken(token), ExpiresAt: time.Now().Add(lifetime).UTC().Truncate(time.Second),
		UserAgent: optional(client.UserAgent), Address: optional(client.Address),
	}
}

// SignOut ends the viewer's session and reports whether there was one.
func (s Sessions) SignOut(ctx context.Context, viewer model.Viewer) (bool, error) {
	return repo.Do(ctx, s.Store, viewer, func(ctx context.Context, tx *repo.Tx) (bool, error) {
		return tx.SignOut(ctx)
	})
}

// hashToken is what is stored of a token. A token has 128 bits of chance or more, so that a plain hash cannot be searched.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	if len(text) > userAgentLengthMax {
		text = text[:userAgentLengthMax]
	}
	if _, err := model.UnmarshalString(text); err != nil {
		return nil
	}
	return &text
}
