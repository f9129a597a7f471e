package auth

import (
	"context"
	"crypto/rand"
	"time"

	"dossier/model"
	"dossier/repo"
)

// invitationLifetime is how long an invitation may be accepted.
const invitationLifetime = 7 * 24 * time.Hour

// invitationPrefix lets secret scanners and people recognize an invitation's token.
const invitationPrefix = "dossier_invitation_"

// NewInvitation makes a token and the invitation to store for it, which its user and id are still to be given.
func NewInvitation() (string, *model.Invitation) {
	token := invitationPrefix + rand.Text()
	return token, &model.Invitation{
		TokenHash: HashToken(token), ExpiresAt: time.Now().Add(invitationLifetime).UTC().Truncate(time.Second),
	}
}

// AcceptInvitation sets the password of the invited user and starts a session. A token that no one can use is
// repo.ErrNoInvitation.
func (s Sessions) AcceptInvitation(
	ctx context.Context, in model.AcceptInvitationInput, client Client,
) (*SignedIn, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	user, err := s.tryToken(ctx, client, repo.ErrNoInvitation, in.Token, func(tokenHash []byte) (*model.User, error) {
		return s.Store.UserByInvitation(ctx, tokenHash)
	})
	if err != nil {
		return nil, err
	}
	return s.startWith(ctx, in.Password, user, client, repo.ErrNoInvitation,
		func(ctx context.Context, tx *repo.Tx, passwordHash string) (*model.User, error) {
			return tx.AcceptInvitation(ctx, HashToken(in.Token), passwordHash)
		})
}
