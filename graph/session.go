package graph

import (
	"context"
	"errors"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
)

type sessionMutations struct{ sessions auth.Sessions }

func (m sessionMutations) SignIn(ctx context.Context, in model.SignInInput) (*model.SignInPayload, error) {
	signedIn, err := m.sessions.SignIn(ctx, in, auth.ClientFrom(ctx))
	payload := &model.SignInPayload{UserErrors: []model.UserError{}}
	if errors.Is(err, auth.ErrWrongCredentials) { // elsewhere UNAUTHENTICATED is an error: here the input is to blame
		payload.UserErrors = []model.UserError{
			{Code: model.ErrorCode(fault.Unauthenticated), Message: auth.ErrWrongCredentials.Message}}
		return payload, nil
	}
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
	return &model.SignOutPayload{SignedOut: signedOut, UserErrors: []model.UserError{}}, err
}
