package graph

import (
	"context"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

type sessionFields struct{ reading }

func (f sessionFields) Current(ctx context.Context, s *model.Session) (bool, error) {
	return s.ID == model.ViewerFrom(ctx).SessionID, nil
}

func (f sessionFields) User(ctx context.Context, s *model.Session) (*model.User, error) {
	return required(sessionUser.load(ctx, f.reading, s))
}

type sessionMutations struct{ sessions auth.Sessions }

func (m sessionMutations) SignIn(ctx context.Context, in model.SignInInput) (*model.SignInPayload, error) {
	if err := mayKeepInCookie(ctx, in.Cookie); err != nil {
		return nil, err
	}
	signedIn, err := m.sessions.SignIn(ctx, in, auth.ClientFrom(ctx))
	payload, err := signInPayload(ctx, signedIn, err, auth.ErrWrongCredentials)
	return keepInCookie(ctx, in.Cookie, payload), err
}

func (m sessionMutations) AcceptInvitation(
	ctx context.Context, in model.AcceptInvitationInput,
) (*model.AcceptInvitationPayload, error) {
	if err := in.Validate(); err != nil {
		return signInPayload(ctx, nil, err, nil)
	}
	if err := mayKeepInCookie(ctx, in.Cookie); err != nil {
		return nil, err
	}
	signedIn, err := m.sessions.AcceptInvitation(ctx, in, auth.ClientFrom(ctx))
	payload, err := signInPayload(ctx, signedIn, err, repo.ErrNoInvitation)
	return keepInCookie(ctx, in.Cookie, payload), err
}

// mayKeepInCookie refuses a session as a cookie, before it is started, where none can be set.
func mayKeepInCookie(ctx context.Context, wanted bool) error {
	if !wanted {
		return nil
	}
	return auth.CookieRefused(ctx)
}

// keepInCookie gives the client a new session's token as a cookie, if it wants that, and then shows it nowhere else.
func keepInCookie(ctx context.Context, wanted bool, payload *model.SignInPayload) *model.SignInPayload {
	if wanted && payload != nil && payload.Token != nil {
		auth.SetCookie(ctx, *payload.Token, model.ViewerFrom(ctx).SessionID)
		payload.Token = nil
	}
	return payload
}

// signInPayload makes whoever signed in the viewer of the rest of the request.
func signInPayload(
	ctx context.Context, signedIn *auth.SignedIn, err error, refusal *fault.Error,
) (*model.SignInPayload, error) {
	userErrors, err := splitRefusal(err, refusal)
	payload := &model.SignInPayload{UserErrors: userErrors}
	if signedIn != nil {
		payload.Token, payload.ExpiresAt, payload.User = &signedIn.Token, &signedIn.Expires, signedIn.User
		model.Become(ctx, signedIn.Viewer)
	}
	return payload, err
}

func (m sessionMutations) SignOut(ctx context.Context) (*model.SignOutPayload, error) {
	viewer := model.ViewerFrom(ctx)
	signedOut, err := m.sessions.SignOut(ctx, viewer)
	if signedOut {
		auth.RemoveCookie(ctx, viewer.SessionID)
		model.Become(ctx, model.Viewer{})
	}
	return &model.SignOutPayload{SignedOut: signedOut, UserErrors: []model.UserError{}}, err
}

func (m sessionMutations) EndSession(ctx context.Context, in model.EndSessionInput) (*model.EndSessionPayload, error) {
	ended, userErrors, err := mutate(ctx, m.sessions.Store, in, func(ctx context.Context, tx *repo.Tx) (*model.SessionID, error) {
		return &in.ID, tx.EndSession(ctx, in)
	})
	if ended != nil {
		auth.RemoveCookie(ctx, *ended)
	}
	if ended != nil && *ended == model.ViewerFrom(ctx).SessionID {
		model.Become(ctx, model.Viewer{})
	}
	return &model.EndSessionPayload{EndedSessionID: ended, UserErrors: userErrors}, err
}

func (m sessionMutations) EndSessions(ctx context.Context, in model.EndSessionsInput) (*model.EndSessionsPayload, error) {
	ended, userErrors, err := mutate(ctx, m.sessions.Store, in, func(ctx context.Context, tx *repo.Tx) (int32, error) {
		return tx.EndSessions(ctx, in)
	})
	viewer := model.ViewerFrom(ctx) // whose credential may be no session
	if ended > 0 && !in.KeepCurrent && in.UserID == viewer.UserID && viewer.SessionID != (model.SessionID{}) {
		auth.RemoveCookie(ctx, viewer.SessionID)
		model.Become(ctx, model.Viewer{})
	}
	return &model.EndSessionsPayload{EndedSessionCount: ended, UserErrors: userErrors}, err
}
