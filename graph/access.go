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
	token, invitation := auth.NewInvitation()
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.InviteUser(ctx, in, invitation)
	})
	return m.invited(user, token, invitation, userErrors), err
}

func (m accessMutations) RenewInvitation(
	ctx context.Context, in model.RenewInvitationInput,
) (*model.RenewInvitationPayload, error) {
	token, invitation := auth.NewInvitation()
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.RenewInvitation(ctx, in, invitation)
	})
	return m.invited(user, token, invitation, userErrors), err
}

// invited mails the invitation too.
func (m accessMutations) invited(
	user *model.User, token string, invitation *model.Invitation, userErrors []model.UserError,
) *model.InvitationPayload {
	if user == nil {
		return &model.InvitationPayload{UserErrors: userErrors}
	}
	m.post.Invite(user, token, invitation)
	return &model.InvitationPayload{User: user, Token: &token, ExpiresAt: &invitation.ExpiresAt, UserErrors: userErrors}
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
