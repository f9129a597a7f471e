package auth

import (
	"context"

	"dossier/model"
	"dossier/repo"
)

// Credentials tells whose the token is that a request brings.
type Credentials struct {
	Store *repo.Store
	JWT   *JWT // nil for none
}

// Viewer gives whose the token is, UNAUTHENTICATED if nobody's.
func (c Credentials) Viewer(ctx context.Context, token string) (model.Viewer, error) {
	switch {
	case IsAPIKey(token):
		return c.apiKeyViewer(ctx, token)
	case c.JWT != nil && looksLikeJWT(token):
		return c.Store.ViewerByIdentity(ctx, HashToken(token), func(ctx context.Context) (repo.Identity, error) {
			return c.JWT.identify(ctx, token)
		})
	default:
		return c.Store.ViewerBySession(ctx, HashToken(token))
	}
}
