package main

import (
	"context"
	"log/slog"

	"dossier/internal/auth"
	"dossier/internal/config"
	"dossier/repo"
)

// newCredentials tells whose the tokens of requests are, as configured.
func newCredentials(ctx context.Context, c config.Config, store *repo.Store, logger *slog.Logger) (auth.Credentials, error) {
	credentials := auth.Credentials{Store: store}
	if !c.HasJWT() {
		return credentials, nil
	}
	var err error
	credentials.JWT, err = auth.NewJWT(ctx, auth.JWTConfig{
		Secret: string(c.JWTSecret), JWKSURL: c.JWTKeysURL, Issuer: c.JWTIssuer, Audience: c.JWTAudience, ClockSkew: c.JWTClockSkew,
		ByEmail: c.JWTUser == config.JWTUserByEmail, Provider: c.JWTProvider,
	}, logger)
	return credentials, err
}
