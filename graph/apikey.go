package graph

import (
	"context"

	"dossier/internal/auth"
	"dossier/model"
	"dossier/repo"
)

type apiKeyQueries struct{ reading }

func (q apiKeyQueries) APIKey(ctx context.Context, id model.GlobalID) (*model.APIKey, error) {
	return byID(ctx, "API key", id, q.as(ctx).APIKeysByIDs)
}

func (q apiKeyQueries) APIKeys(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
) (*model.APIKeyConnection, error) {
	return q.as(ctx).APIKeys(ctx, model.PageArgs{First: first, After: after, Last: last, Before: before})
}

func (q apiKeyQueries) CurrentAPIKey(ctx context.Context) (*model.APIKey, error) {
	return optional(q.as(ctx).CurrentAPIKey(ctx))
}

type apiKeyFields struct{ reading }

func (f apiKeyFields) User(ctx context.Context, k *model.APIKey) (*model.User, error) {
	return required(apiKeyUser.load(ctx, f.reading, k))
}

func (f apiKeyFields) Company(ctx context.Context, k *model.APIKey) (*model.Company, error) {
	return optional(apiKeyCompany.load(ctx, f.reading, k))
}

func (f userFields) APIKeys(
	ctx context.Context, u *model.User, first *int32, after *string, last *int32, before *string,
) (*model.APIKeyConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return userAPIKeys.load(ctx, u, func(ctx context.Context, ids []model.UserID) (map[model.UserID]*model.APIKeyConnection, error) {
		return f.as(ctx).APIKeysByUser(ctx, ids, page)
	})
}

type apiKeyMutations struct{ store *repo.Store }

func (m apiKeyMutations) CreateAPIKey(ctx context.Context, in model.CreateAPIKeyInput) (*model.CreateAPIKeyPayload, error) {
	token, made := auth.NewAPIKey()
	key, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.APIKey, error) {
		return tx.CreateAPIKey(ctx, in, made)
	})
	payload := &model.CreateAPIKeyPayload{APIKey: key, UserErrors: userErrors}
	if key != nil {
		payload.Token = &token
	}
	return payload, err
}

func (m apiKeyMutations) RevokeAPIKey(ctx context.Context, in model.RevokeAPIKeyInput) (*model.RevokeAPIKeyPayload, error) {
	revoked, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*repo.RevokedAPIKey, error) {
		return tx.RevokeAPIKey(ctx, in)
	})
	payload := &model.RevokeAPIKeyPayload{UserErrors: userErrors}
	if revoked != nil {
		payload.APIKey, payload.EndedSessionCount, payload.RemovedAuthenticatorCount = revoked.APIKey, revoked.Sessions, revoked.Passkeys
	}
	return payload, err
}

func (m apiKeyMutations) RotateAPIKey(ctx context.Context, in model.RotateAPIKeyInput) (*model.RotateAPIKeyPayload, error) {
	token, made := auth.NewAPIKey()
	rotated, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*repo.RotatedAPIKey, error) {
		return tx.RotateAPIKey(ctx, in, made)
	})
	payload := &model.RotateAPIKeyPayload{UserErrors: userErrors}
	if rotated != nil {
		payload.APIKey, payload.Token, payload.PreviousAPIKey = rotated.New, &token, rotated.Previous
	}
	return payload, err
}
