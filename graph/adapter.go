package graph

import (
	"context"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// What an Auth.js frontend asks of its database. Where Auth.js expects null for what is not there, that is no error.

type adapterQueries struct{ reading }

func (q adapterQueries) AdapterUser(ctx context.Context, id model.GlobalID) (*model.AdapterUser, error) {
	user, err := model.As[model.UserID](id)
	if err != nil {
		return nil, fault.Blame(err, "id")
	}
	return optional(q.as(ctx).AdapterUser(ctx, user))
}

func (q adapterQueries) AdapterUserByEmail(ctx context.Context, email string) (*model.AdapterUser, error) {
	if err := model.CheckEmailLength("email", email); err != nil {
		return nil, err
	}
	return optional(q.as(ctx).AdapterUserByEmail(ctx, email))
}

func (q adapterQueries) AdapterUserByAccount(
	ctx context.Context, provider string, providerAccountID string,
) (*model.AdapterUser, error) {
	key := model.AccountKey{Provider: provider, ProviderAccountID: providerAccountID}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	return optional(q.as(ctx).AdapterUserByAccount(ctx, key))
}

func (q adapterQueries) AdapterAccount(
	ctx context.Context, provider string, providerAccountID string,
) (*model.AdapterAccount, error) {
	key := model.AccountKey{Provider: provider, ProviderAccountID: providerAccountID}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	return optional(q.as(ctx).AdapterAccount(ctx, key))
}

func (q adapterQueries) AdapterSession(ctx context.Context, sessionToken string) (*model.AdapterSession, error) {
	return optional(q.as(ctx).AdapterSession(ctx, auth.HashToken(sessionToken)))
}

func (q adapterQueries) AdapterAuthenticator(
	ctx context.Context, credentialID string,
) (*model.AdapterAuthenticator, error) {
	if err := model.CheckCredentialID("credentialId", credentialID); err != nil {
		return nil, err
	}
	return optional(q.as(ctx).AdapterAuthenticator(ctx, credentialID))
}

func (q adapterQueries) AdapterAuthenticators(
	ctx context.Context, userID model.GlobalID,
) ([]*model.AdapterAuthenticator, error) {
	user, err := model.As[model.UserID](userID)
	if err != nil {
		return nil, fault.Blame(err, "userId")
	}
	return q.as(ctx).AdapterAuthenticators(ctx, user)
}

type adapterMutations struct{ store *repo.Store }

func (m adapterMutations) CreateAdapterUser(
	ctx context.Context, in model.CreateAdapterUserInput,
) (*model.CreateAdapterUserPayload, error) {
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.CreateAdapterUser(ctx, in)
	})
	return &model.CreateAdapterUserPayload{User: user, UserErrors: userErrors}, err
}

func (m adapterMutations) UpdateAdapterUser(
	ctx context.Context, in model.UpdateAdapterUserInput,
) (*model.UpdateAdapterUserPayload, error) {
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.UpdateAdapterUser(ctx, in)
	})
	return &model.UpdateAdapterUserPayload{User: user, UserErrors: userErrors}, err
}

func (m adapterMutations) DeleteAdapterUser(
	ctx context.Context, in model.DeleteAdapterUserInput,
) (*model.DeleteAdapterUserPayload, error) {
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return optional(tx.DeleteAdapterUser(ctx, in))
	})
	return &model.DeleteAdapterUserPayload{User: user, UserErrors: userErrors}, err
}

func (m adapterMutations) LinkAdapterAccount(
	ctx context.Context, in model.LinkAdapterAccountInput,
) (*model.LinkAdapterAccountPayload, error) {
	account, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Account, error) {
		return tx.LinkAdapterAccount(ctx, in)
	})
	return &model.LinkAdapterAccountPayload{Account: account, UserErrors: userErrors}, err
}

func (m adapterMutations) UnlinkAdapterAccount(
	ctx context.Context, in model.UnlinkAdapterAccountInput,
) (*model.UnlinkAdapterAccountPayload, error) {
	account, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Account, error) {
		return optional(tx.UnlinkAdapterAccount(ctx, in))
	})
	return &model.UnlinkAdapterAccountPayload{Account: account, UserErrors: userErrors}, err
}

func (m adapterMutations) CreateAdapterSession(
	ctx context.Context, in model.CreateAdapterSessionInput,
) (*model.CreateAdapterSessionPayload, error) {
	session, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.AdapterSession, error) {
		return tx.CreateAdapterSession(ctx, in, auth.HashToken(in.SessionToken))
	})
	return &model.CreateAdapterSessionPayload{Session: session, UserErrors: userErrors}, err
}

func (m adapterMutations) UpdateAdapterSession(
	ctx context.Context, in model.UpdateAdapterSessionInput,
) (*model.UpdateAdapterSessionPayload, error) {
	session, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.AdapterSession, error) {
		return optional(tx.UpdateAdapterSession(ctx, auth.HashToken(in.SessionToken), in.ExpiresAt))
	})
	return &model.UpdateAdapterSessionPayload{Session: session, UserErrors: userErrors}, err
}

func (m adapterMutations) DeleteAdapterSession(
	ctx context.Context, in model.DeleteAdapterSessionInput,
) (*model.DeleteAdapterSessionPayload, error) {
	session, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.AdapterSession, error) {
		return optional(tx.DeleteAdapterSession(ctx, auth.HashToken(in.SessionToken)))
	})
	return &model.DeleteAdapterSessionPayload{Session: session, UserErrors: userErrors}, err
}

func (m adapterMutations) CreateAdapterVerificationToken(
	ctx context.Context, in model.CreateAdapterVerificationTokenInput,
) (*model.CreateAdapterVerificationTokenPayload, error) {
	token, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.VerificationToken, error) {
		return tx.CreateAdapterVerificationToken(ctx, in, auth.HashToken(in.Token))
	})
	return &model.CreateAdapterVerificationTokenPayload{Verification: token, UserErrors: userErrors}, err
}

func (m adapterMutations) UseAdapterVerificationToken(
	ctx context.Context, in model.UseAdapterVerificationTokenInput,
) (*model.UseAdapterVerificationTokenPayload, error) {
	token, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.VerificationToken, error) {
		return optional(tx.UseAdapterVerificationToken(ctx, in, auth.HashToken(in.Token)))
	})
	return &model.UseAdapterVerificationTokenPayload{Verification: token, UserErrors: userErrors}, err
}

func (m adapterMutations) CreateAdapterAuthenticator(
	ctx context.Context, in model.CreateAdapterAuthenticatorInput,
) (*model.CreateAdapterAuthenticatorPayload, error) {
	passkey, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Authenticator, error) {
		return tx.CreateAdapterAuthenticator(ctx, in)
	})
	return &model.CreateAdapterAuthenticatorPayload{Authenticator: passkey, UserErrors: userErrors}, err
}

func (m adapterMutations) UpdateAdapterAuthenticator(
	ctx context.Context, in model.UpdateAdapterAuthenticatorInput,
) (*model.UpdateAdapterAuthenticatorPayload, error) {
	passkey, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Authenticator, error) {
		return tx.UpdateAdapterAuthenticator(ctx, in)
	})
	return &model.UpdateAdapterAuthenticatorPayload{Authenticator: passkey, UserErrors: userErrors}, err
}
