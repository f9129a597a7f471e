package auth

import (
	"context"
	"crypto/rand"
	"time"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// invitationLifetime is how long an invitation may be accepted.
const invitationLifetime = 7 * 24 * time.Hour

// invitationPrefix lets secret scanners and people recognize an invitation's token.
const invitationPrefix = "dossier_invitation_"

// invitationLengthMax bounds the text that is looked up as an invitation's token, in bytes; no token is longer.
const invitationLengthMax = 100

// NewInvitation makes a token and the invitation to store for it, which its user and id are still to be given.
func NewInvitation() (string, *model.Invitation) {
	token := invitationPrefix + rand.Text()
	return token, &model.Invitation{
		TokenHash: hashToken(token), ExpiresAt: time.Now().Add(invitationLifetime).UTC().Truncate(time.Second),
	}
}

// AcceptInvitation sets the password of the invited user and starts a session. A token that no one can use is
// repo.ErrNoInvitation. The password is hashed for a good token only, and outside of the transaction, which would be held
// up by it.
func (s Sessions) AcceptInvitation(
	ctx context.Context, in model.AcceptInvitationInput, client Client,
) (*SignedIn, error) {
	if len(in.Token) > invitationLengthMax {
		return nil, repo.ErrNoInvitation
	}
	tokenHash := hashToken(in.Token)
	user, err := s.Store.UserByInvitation(ctx, tokenHash)
	if err != nil {
		return nil, err
	}
	passwordHash, err := HashPassword(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	signedIn, err := s.start(ctx, user, client, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.AcceptInvitation(ctx, tokenHash, passwordHash)
	})
	if fault.Is(err, fault.Unauthenticated) { // accepted, renewed or deactivated since the token was looked up
		err = repo.ErrNoInvitation
	}
	return signedIn, err
}
