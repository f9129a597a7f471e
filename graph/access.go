package graph

import (
	"context"

	"dossier/internal/auth"
	"dossier/model"
	"dossier/repo"
)

// accessMutations say who may sign in, and as what.
type accessMutations struct {
	store *repo.Store
	post  *auth.Post // nil where no mail can be sent
}

func (m accessMutations) InviteUser(ctx context.Context, in model.InviteUserInput) (*model.InviteUserPayload, error) {
	return m.invite(ctx, in, func(ctx context.Context, tx *repo.Tx, invitation *model.Invitation) (*model.User, error) {
		return tx.InviteUser(ctx, in, invitation)
	})
}

func (m accessMutations) RenewInvitation(
	ctx context.Context, in model.RenewInvitationInput,
) (*model.RenewInvitationPayload, error) {
	return m.invite(ctx, in, func(ctx context.Context, tx *repo.Tx, invitation *model.Invitation) (*model.User, error) {
		return tx.RenewInvitation(ctx, in, invitation)
	})
}

// invite makes an invitation, and mails it.
func (m accessMutations) invite(
	ctx context.Context, in interface{ Validate() error },
	add func(context.Context, *repo.Tx, *model.Invitation) (*model.User, error),
) (*model.InvitationPayload, error) {
	if model.ViewerFrom(ctx).HasKey() && m.post == nil { // nobody would get it
		return nil, auth.ErrNoPost
	}
	token, invitation := auth.NewInvitation()
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return add(ctx, tx, invitation)
	})
	if user == nil {
		return &model.InvitationPayload{UserErrors: userErrors}, err
	}
	m.post.Invite(user, token, invitation)
	return &model.InvitationPayload{User: user, Token: shown(ctx, token), ExpiresAt: &invitation.ExpiresAt, UserErrors: userErrors}, nil
}

// shown gives an invitation's token to people alone: an API key could sign in by it, and do more than its scopes.
func shown(ctx context.Context, token string) *string {
	if model.ViewerFrom(ctx).HasKey() {
		return nil
	}
	return &token
}

func (m accessMutations) ChangeUserRole(
	ctx context.Context, in model.ChangeUserRoleInput,
) (*model.ChangeUserRolePayload, error) {
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.ChangeUserRole(ctx, in)
	})
	return &model.ChangeUserRolePayload{User: user, UserErrors: userErrors}, err
}

func (m accessMutations) DeactivateUser(
	ctx context.Context, in model.DeactivateUserInput,
) (*model.DeactivateUserPayload, error) {
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.DeactivateUser(ctx, in)
	})
	return &model.DeactivateUserPayload{User: user, UserErrors: userErrors}, err
}

func (m accessMutations) ReactivateUser(
	ctx context.Context, in model.ReactivateUserInput,
) (*model.ReactivateUserPayload, error) {
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.ReactivateUser(ctx, in)
	})
	return &model.ReactivateUserPayload{User: user, UserErrors: userErrors}, err
}
