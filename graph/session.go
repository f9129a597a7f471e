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
	return startSession(ctx, in.Cookie, auth.ErrWrongCredentials, func() (*auth.SignedIn, error) {
		return m.sessions.SignIn(ctx, in, auth.ClientFrom(ctx))
	})
}

func (m sessionMutations) AcceptInvitation(
	ctx context.Context, in model.AcceptInvitationInput,
) (*model.AcceptInvitationPayload, error) {
	return startSession(ctx, in.Cookie, repo.ErrNoInvitation, func() (*auth.SignedIn, error) {
		return m.sessions.AcceptInvitation(ctx, in, auth.ClientFrom(ctx))
	})
}

// startSession makes whoever signs in the viewer of the rest of the request, and gives the client the session's token: as a cookie,
// if it wants that, and then shown nowhere else. Where no cookie can be set, none is started.
func startSession(
	ctx context.Context, cookie bool, refusal *fault.Error, start func() (*auth.SignedIn, error),
) (*model.SignInPayload, error) {
	if cookie {
		if err := auth.CookieRefused(ctx); err != nil {
			return nil, err
		}
	}
	signedIn, err := start()
	userErrors, err := splitRefusal(err, refusal)
	payload := &model.SignInPayload{UserErrors: userErrors}
	if signedIn == nil {
		return payload, err
	}
	payload.ExpiresAt, payload.User = &signedIn.Expires, signedIn.User
	model.Become(ctx, signedIn.Viewer)
	if cookie {
		auth.SetCookie(ctx, signedIn.Token, signedIn.Viewer.SessionID)
	} else {
		payload.Token = &signedIn.Token
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
