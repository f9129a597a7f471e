package graph

import (
	"context"
	"errors"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// passwordMutations are for whoever forgot a password, wants another one, or is to prove an address.
type passwordMutations struct{ sessions auth.Sessions }

func (m passwordMutations) ChangePassword(
	ctx context.Context, in model.ChangePasswordInput,
) (*model.ChangePasswordPayload, error) {
	user, ended, err := m.sessions.ChangePassword(ctx, model.ViewerFrom(ctx), in, auth.ClientFrom(ctx))
	userErrors, err := splitRefusal(err, auth.ErrWrongPassword)
	return &model.ChangePasswordPayload{User: user, EndedSessionCount: ended, UserErrors: userErrors}, err
}

func (m passwordMutations) RequestPasswordReset(
	ctx context.Context, in model.RequestPasswordResetInput,
) (*model.RequestPasswordResetPayload, error) {
	userErrors, err := splitUserErrors(m.sessions.RequestPasswordReset(ctx, in, auth.ClientFrom(ctx)))
	return &model.RequestPasswordResetPayload{UserErrors: userErrors}, err
}

func (m passwordMutations) ResetPassword(
	ctx context.Context, in model.ResetPasswordInput,
) (*model.ResetPasswordPayload, error) {
	return startSession(ctx, in.Cookie, repo.ErrNoToken, func() (*auth.SignedIn, error) {
		return m.sessions.ResetPassword(ctx, in, auth.ClientFrom(ctx))
	})
}

func (m passwordMutations) RequestEmailVerification(ctx context.Context) (*model.RequestEmailVerificationPayload, error) {
	userErrors, err := splitUserErrors(m.sessions.RequestEmailVerification(ctx, model.ViewerFrom(ctx), auth.ClientFrom(ctx)))
	return &model.RequestEmailVerificationPayload{UserErrors: userErrors}, err
}

func (m passwordMutations) VerifyEmail(ctx context.Context, in model.VerifyEmailInput) (*model.VerifyEmailPayload, error) {
	email, err := m.sessions.VerifyEmail(ctx, in, auth.ClientFrom(ctx))
	userErrors, err := splitRefusal(err, repo.ErrNoToken)
	payload := &model.VerifyEmailPayload{UserErrors: userErrors}
	if email != "" {
		payload.VerifiedEmail = &email
	}
	return payload, err
}

// splitRefusal is splitUserErrors where the refusal of what the input has for a credential is a user error. Elsewhere
// UNAUTHENTICATED is an error.
func splitRefusal(err error, refusal *fault.Error) ([]model.UserError, error) {
	if errors.Is(err, refusal) {
		return []model.UserError{{Code: model.ErrorCode(refusal.Code), Field: refusal.Field, Message: refusal.Message}}, nil
	}
	return splitUserErrors(err)
}
