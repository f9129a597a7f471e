package auth

import (
	"context"

	"dossier/model"
	"dossier/repo"
)

// Credentials tells whose the token is that a request brings.
type Credentials struct {
	Store *repo.Store
}

// Viewer gives whose the token is, UNAUTHENTICATED if nobody's.
func (c Credentials) Viewer(ctx context.Context, token string) (model.Viewer, error) {
	switch {
	case IsAPIKey(token):
		return c.apiKeyViewer(ctx, token)
	default:
		return c.Store.ViewerBySession(ctx, hashToken(token))
	}
}
