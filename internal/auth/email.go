package auth

import (
	"context"
	"strings"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// UpdateUser changes a user's profile. The viewer's own new address becomes it when the token that is mailed there comes back to
// VerifyEmail: who has got hold of a session, and does not know the password, does not get the account by its address. The present
// address is written to as well.
func (s Sessions) UpdateUser(
	ctx context.Context, viewer model.Viewer, in model.UpdateUserInput, client Client,
) (*model.User, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	token, own, err := s.newAddress(ctx, viewer, in, client)
	if err != nil {
		return nil, err
	}
	user, err := repo.Do(ctx, s.Store, viewer, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.UpdateUser(ctx, in, own)
	})
	if err != nil || own == nil {
		return user, err
	}
	return user, s.Post.changeEmail(user, own.Email, token)
}

// newAddress makes a token for the viewer's own new address, none where the input does not name one.
func (s Sessions) newAddress(
	ctx context.Context, viewer model.Viewer, in model.UpdateUserInput, client Client,
) (string, *model.OneTimeToken, error) {
	if in.Email == nil || in.ID != viewer.UserID || viewer.HasKey() {
		return "", nil, nil
	}
	user, err := s.self(ctx, viewer)
	if err != nil || *in.Email == user.Email {
		return "", nil, err
	}
	if err := s.spendMail(ctx, user.Email, client); err != nil {
		return "", nil, err
	}
	token, own := newOneTimeToken(user, model.ToChangeEmail)
	own.Email = *in.Email
	return token, own, nil
}

var errVerified = fault.New(fault.Conflict, "Your email address is verified already.")

// RequestEmailVerification has a token mailed to the viewer's own address, unless that is verified already.
func (s Sessions) RequestEmailVerification(ctx context.Context, viewer model.Viewer, client Client) error {
	user, err := s.self(ctx, viewer)
	if err != nil {
		return err
	}
	if user.EmailVerifiedAt != nil {
		return errVerified
	}
	if err := s.spendMail(ctx, user.Email, client); err != nil {
		return err
	}
	return s.Post.verifyEmail(user)
}

// VerifyEmail notes that the address to which the token was mailed is its user's, and gives it; one that is to become the user's does.
// A token that no one can use is repo.ErrNoToken.
func (s Sessions) VerifyEmail(ctx context.Context, in model.VerifyEmailInput, client Client) (string, error) {
	purpose, verify := model.ToVerifyEmail, (*repo.Tx).VerifyEmail
	if strings.HasPrefix(in.Token, mailedTokens[model.ToChangeEmail].prefix) {
		purpose, verify = model.ToChangeEmail, (*repo.Tx).ChangeEmail
	}
	user, err := s.userByToken(ctx, purpose, in.Token, client)
	if err != nil {
		return "", err
	}
	viewer := model.Viewer{UserID: user.ID, CompanyID: user.CompanyID, Role: user.Role}
	verified, err := repo.Do(ctx, s.Store, viewer, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return verify(tx, ctx, HashToken(in.Token))
	})
	switch {
	case fault.Is(err, fault.Unauthenticated): // used, replaced or deactivated since the token was looked up
		return "", repo.ErrNoToken
	case fault.Is(err, fault.Conflict): // someone has got the address since the token was mailed to it
		return "", fault.Blame(err, "token")
	case err != nil:
		return "", err
	}
	if verified.Email != user.Email {
		s.Post.emailChanged(user.Email, verified.Email)
	}
	return verified.Email, nil
}
