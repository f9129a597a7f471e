package graph

import (
	"context"

	"dossier/internal/auth"
	"dossier/model"
)

type sessionMutations struct{ sessions auth.Sessions }

func (m sessionMutations) SignIn(ctx context.Context, in model.SignInInput) (*model.SignInPayload, error) {
	signedIn, err := m.sessions.SignIn(ctx, in, auth.ClientFrom(ctx))
	userErrors, err := splitUserErrors(err)
	payload := &model.SignInPayload{UserErrors: userErrors}
	if signedIn != nil {
		payload.Token, payload.ExpiresAt, payload.User = &signedIn.Token, &signedIn.Expires, signedIn.User
		model.Become(ctx, signedIn.Viewer)
	}
	return payload, err
}

func (m sessionMutations) SignOut(ctx context.Context) (*model.SignOutPayload, error) {
	signedOut, err := m.sessions.SignOut(ctx, model.ViewerFrom(ctx))
	if signedOut {
		model.Become(ctx, model.Viewer{})
	}
	userErrors, err := splitUserErrors(err)
	return &model.SignOutPayload{SignedOut: signedOut, UserErrors: userErrors}, err
}
