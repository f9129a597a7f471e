package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"dossier/internal/fault"
	"dossier/internal/limits"
	"dossier/model"
	"dossier/repo"
)

// sessionLifetime is how long a session lasts after it was last used; repo moves its end.
const sessionLifetime = 30 * 24 * time.Hour

// userAgentLengthMax bounds what is kept of a User-Agent header, in bytes.
const userAgentLengthMax = 300

// tokenPrefix lets secret scanners and people recognize a session token.
const tokenPrefix = "dossier_session_"

// Sessions starts and ends sessions, by passwords and by tokens that are mailed.
type Sessions struct {
	Store    *repo.Store
	Tries    *limits.Throttle // of passwords and tokens that may be wrong
	Requests *limits.Throttle // for mails
	Taken    *limits.Throttle // for addresses that users of other companies have
	Post     *Post            // nil where no mail can be sent
}

// NewSessions holds back who tries too often.
func NewSessions(store *repo.Store, post *Post) Sessions {
	return Sessions{Store: store, Tries: limits.NewThrottle(tryBudgets), Requests: limits.NewThrottle(requestBudgets),
		Taken: limits.NewThrottle(tryBudgets), Post: post}
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

// SignIn checks the password and starts a session. What is wrong is UNAUTHENTICATED, and says no more; whoever is wrong too often
// is RATE_LIMITED.
func (s Sessions) SignIn(ctx context.Context, in model.SignInInput, client Client) (*SignedIn, error) {
	began := time.Now()
	try := s.Tries.Try(client.Address, in.Email, s.addressesOf(in.Email))
	if err := try.Check(ctx); err != nil {
		return nil, err
	}
	signedIn, err := s.signIn(ctx, in, client, try)
	if errors.Is(err, repo.ErrPasswordChanged) { // perhaps to a better hash of the same one, by another sign-in
		signedIn, err = s.signIn(ctx, in, client, try)
	}
	if fault.Is(err, fault.Unauthenticated) { // also: deactivated or deleted since the password was checked
		err = ErrWrongCredentials
		holdBack(ctx, began)
	}
	if err == nil {
		try.Succeeded()
	}
	return signedIn, err
}

func (s Sessions) signIn(ctx context.Context, in model.SignInInput, client Client, try *limits.Try) (*SignedIn, error) {
	user, err := s.Store.System().UserByEmail(ctx, in.Email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	var hash *string
	if user != nil && user.DeactivatedAt == nil {
		hash = user.PasswordHash
	}
	if ok, err := checkPassword(ctx, try, in.Password, hash); err != nil || !ok {
		if err == nil {
			err = ErrWrongCredentials
		}
		return nil, err
	}
	upgraded, err := upgrade(ctx, in.Password, *hash)
	if err != nil {
		return nil, err
	}
	return s.start(ctx, user, client, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return user, tx.ConfirmPassword(ctx, *hash, upgraded)
	})
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
	return checkPassword(ctx, nil, password, user.PasswordHash)
}

// NewSession makes a token and the session to store for it, which its user and id are still to be given.
func NewSession(lifetime time.Duration, client Client) (string, *model.Session) {
	token := tokenPrefix + rand.Text()
	return token, &model.Session{
		TokenHash: HashToken(token), ExpiresAt: time.Now().Add(lifetime).UTC().Truncate(time.Second),
		UserAgent: optional(client.UserAgent), Address: optional(client.Address),
	}
}

// SignOut ends the viewer's session and reports whether there was one.
func (s Sessions) SignOut(ctx context.Context, viewer model.Viewer) (bool, error) {
	return repo.Do(ctx, s.Store, viewer, func(ctx context.Context, tx *repo.Tx) (bool, error) {
		return tx.SignOut(ctx)
	})
}

// HashToken is what is stored of a token, also of one that an Auth.js frontend made. A token has 128 bits of chance or more, so that a
// plain hash cannot be searched.
func HashToken(token string) []byte {
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
