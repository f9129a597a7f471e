package graph

import (
	"context"

	"dossier/model"
	"dossier/repo"
)

type accountFields struct{ reading }

func (f accountFields) User(ctx context.Context, a *model.Account) (*model.User, error) {
	return required(accountUser.load(ctx, f.reading, a))
}

type accountMutations struct{ store *repo.Store }

func (m accountMutations) UnlinkAccount(
	ctx context.Context, in model.UnlinkAccountInput,
) (*model.UnlinkAccountPayload, error) {
	unlinked, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.AccountID, error) {
		return &in.ID, tx.UnlinkAccount(ctx, in)
	})
	return &model.UnlinkAccountPayload{UnlinkedAccountID: unlinked, UserErrors: userErrors}, err
}
