package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"dossier/internal/fault"
	"dossier/internal/limits"
	"dossier/model"
	"dossier/repo"
)

// mailedTokens are how long tokens that are mailed may be used, and what they begin with, so that secret scanners and people
// recognize them.
var mailedTokens = map[model.TokenPurpose]struct {
	prefix   string
	lifetime time.Duration
}{
	model.ToResetPassword: {"dossier_reset_", time.Hour},
	model.ToVerifyEmail:   {"dossier_verify_", 24 * time.Hour},
	model.ToChangeEmail:   {"dossier_address_", 24 * time.Hour},
}

// mailedTokenLengthMax bounds the text that is looked up as a mailed token, in bytes; no token is longer.
const mailedTokenLengthMax = 100

// newOneTimeToken makes a token for the user's address and what to store for it.
func newOneTimeToken(user *model.User, purpose model.TokenPurpose) (string, *model.OneTimeToken) {
	kind := mailedTokens[purpose]
	token := kind.prefix + rand.Text()
	return token, &model.OneTimeToken{
		UserID: user.ID, Purpose: purpose, Email: user.Email, TokenHash: HashToken(token),
		ExpiresAt: time.Now().Add(kind.lifetime).UTC().Truncate(time.Second),
	}
}

// ErrWrongPassword is a change of a password by someone who does not know it.
var ErrWrongPassword = fault.New(fault.Unauthenticated, "The current password is wrong.").At("currentPassword")

var errNoPassword = fault.New(fault.Conflict, "There is no password to change: requestPasswordReset lets you set one.").At("currentPassword")

// ChangePassword replaces the viewer's password, and counts the other sessions, which end. A wrong password is ErrWrongPassword.
func (s Sessions) ChangePassword(
	ctx context.Context, viewer model.Viewer, in model.ChangePasswordInput, client Client,
) (*model.User, int32, error) {
	if err := in.Validate(); err != nil {
		return nil, 0, err
	}
	user, err := s.self(ctx, viewer)
	if err != nil {
		return nil, 0, err
	}
	if user.PasswordHash == nil {
		return nil, 0, errNoPassword
	}
	try := s.Tries.Try(client.Address, user.Email, s.addressesOf(user.Email))
	ok, err := checkPassword(ctx, try, in.CurrentPassword, user.PasswordHash)
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, ErrWrongPassword
	}
	try.Succeeded()
	passwordHash, err := HashPassword(ctx, in.NewPassword)
	if err != nil {
		return nil, 0, err
	}
	var changed *model.User
	ended, err := repo.Do(ctx, s.Store, viewer, func(ctx context.Context, tx *repo.Tx) (ended int32, err error) {
		changed, ended, err = tx.ChangePassword(ctx, *user.PasswordHash, passwordHash)
		return ended, err
	})
	if errors.Is(err, repo.ErrPasswordChanged) {
		err = ErrWrongPassword
	}
	if err != nil {
		return nil, 0, err
	}
	return changed, ended, nil
}

// self reads the viewer's own row whole.
func (s Sessions) self(ctx context.Context, viewer model.Viewer) (*model.User, error) {
	users, err := s.Store.Reader(viewer).UsersByIDs(ctx, []model.UserID{viewer.UserID})
	if err == nil && len(users) == 0 {
		err = errNoCredential // the user was deleted since the credential was checked
	}
	if err != nil {
		return nil, err
	}
	return users[0], nil
}

// RequestPasswordReset has a token mailed to whoever has this email. Whether anyone does is not told, nor does it take longer. Over the
// account's budget nothing is mailed, and the token that was mailed last stays good: who asks for others' does not keep them from it.
func (s Sessions) RequestPasswordReset(ctx context.Context, in model.RequestPasswordResetInput, client Client) error {
	if err := in.Validate(); err != nil {
		return err
	}
	err := s.spendMail(ctx, in.Email, client)
	if errors.Is(err, limits.ErrAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Post.resetPassword(in.Email)
}

// spendMail refuses a mail that the account of this email, or the client, asks for too often, or that cannot be sent.
func (s Sessions) spendMail(ctx context.Context, email string, client Client) error {
	if s.Post == nil {
		return ErrNoPost
	}
	return s.Requests.Try(client.Address, email, s.addressesOf(email)).Spend(ctx)
}

// ResetPassword sets the password of whoever was mailed the token, and starts a session. A token that no one can use is
// repo.ErrNoToken.
func (s Sessions) ResetPassword(ctx context.Context, in model.ResetPasswordInput, client Client) (*SignedIn, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	user, err := s.userByToken(ctx, model.ToResetPassword, in.Token, client)
	if err != nil {
		return nil, err
	}
	return s.startWith(ctx, in.Password, user, client, repo.ErrNoToken,
		func(ctx context.Context, tx *repo.Tx, passwordHash string) (*model.User, error) {
			return tx.ResetPassword(ctx, HashToken(in.Token), passwordHash)
		})
}

// startWith sets the password of a token's user, and starts a session. The password is hashed for a good token only, and outside of
// the transaction, which would be held up by it. A token that was used, replaced or ended since it was looked up is the refusal.
func (s Sessions) startWith(
	ctx context.Context, password string, user *model.User, client Client, refusal error,
	set func(ctx context.Context, tx *repo.Tx, passwordHash string) (*model.User, error),
) (*SignedIn, error) {
	passwordHash, err := HashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	signedIn, err := s.start(ctx, user, client, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return set(ctx, tx, passwordHash)
	})
	if fault.Is(err, fault.Unauthenticated) {
		err = refusal
	}
	if err == nil {
		s.Tries.Try(client.Address, user.Email, nil).Succeeded()
	}
	return signedIn, err
}

// userByToken gives whose token it is. Whoever is wrong too often is RATE_LIMITED.
func (s Sessions) userByToken(
	ctx context.Context, purpose model.TokenPurpose, token string, client Client,
) (*model.User, error) {
	return s.tryToken(ctx, client, repo.ErrNoToken, token, func(tokenHash []byte) (*model.User, error) {
		return s.Store.UserByToken(ctx, purpose, tokenHash)
	})
}

// tryToken looks a token's user up. Who brings none that is good, which is the refusal, spends of the address's budget.
func (s Sessions) tryToken(
	ctx context.Context, client Client, refusal error, token string, find func(tokenHash []byte) (*model.User, error),
) (*model.User, error) {
	try := s.Tries.Try(client.Address, "", nil)
	if err := try.Check(ctx); err != nil {
		return nil, err
	}
	var user *model.User
	err := refusal
	if len(token) <= mailedTokenLengthMax {
		user, err = find(HashToken(token))
	}
	if errors.Is(err, refusal) {
		try.Failed()
	}
	return user, err
}
