package repo

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

var accountsByTime = byTime("created_at", func(a *model.Account) time.Time { return a.CreatedAt },
	func(a *model.Account) uuid.UUID { return uuid.UUID(a.ID) })

// accounts selects the account links that the viewer may see, without their tokens.
func (r Reader) accounts() *bun.SelectQuery { return personal[model.Account](r) }

// AccountsByUser lists each user's account links, newest first.
func (r Reader) AccountsByUser(
	ctx context.Context, users []model.UserID, args model.PageArgs,
) (map[model.UserID]*model.AccountConnection, error) {
	p, err := newPage(args, model.NoFilter{}, accountsByTime, model.Descending)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, users, byColumn("user_id"), r.accounts)
}

// AccountsByIDs reads account links in any order; those not there or not visible are left out.
func (r Reader) AccountsByIDs(ctx context.Context, ids []model.AccountID) ([]*model.Account, error) {
	return byIDs[model.Account](ctx, r, r.accounts(), ids)
}

// LinkAccount links an account at a provider to a user that the viewer may change. The account's id and times are made
// here. An invitation ends: whoever made it knows its token, and the user needs it no more.
func (tx *Tx) LinkAccount(ctx context.Context, account model.LinkedAccount) (*model.Account, error) {
	user, err := tx.lockUser(ctx, toChange, account.UserID, nil)
	if err != nil {
		return nil, wrap(blameUser(err), "link account of", account.UserID)
	}
	if err := tx.mayChangeUser(user); err != nil {
		return nil, err
	}
	return tx.link(ctx, user, account)
}

func (tx *Tx) link(ctx context.Context, user *model.User, account model.LinkedAccount) (*model.Account, error) {
	account.ID = model.NewID[model.AccountID]()
	also := append(tx.recorded(model.AccountLinked, accountEntry(&account.Account, user)), tx.endInvitation(user.ID))
	_, err := with(tx.db.NewInsert().Model(&account).Returning("created_at, updated_at"), also).Exec(ctx)
	return &account.Account, wrap(err, "link account of", account.UserID)
}

// UnlinkAccount removes an account link, unless the user could not sign in without it. The user's row is locked first: of
// two that are unlinked at the same time, the second sees what the first one left.
func (tx *Tx) UnlinkAccount(ctx context.Context, in model.UnlinkAccountInput) error {
	accounts, err := tx.AccountsByIDs(ctx, []model.AccountID{in.ID})
	if err != nil {
		return wrap(err, "unlink account", in.ID)
	}
	if len(accounts) == 0 {
		return fault.Missing("account").At("id")
	}
	user, err := tx.lockUser(ctx, toChange, accounts[0].UserID, nil)
	if err != nil {
		return wrap(err, "unlink account", in.ID)
	}
	var left struct{ This, Others int32 }
	err = tx.accounts().ColumnExpr("count(*) FILTER (WHERE ?TableAlias.id = ?) AS this", in.ID).
		ColumnExpr("count(*) FILTER (WHERE ?TableAlias.id <> ?) AS others", in.ID).
		Where("?TableAlias.user_id = ?", user.ID).Scan(ctx, &left)
	switch {
	case err != nil:
		return wrap(err, "unlink account", in.ID)
	case left.This == 0:
		return fault.Missing("account").At("id")
	case left.Others == 0 && user.PasswordHash == nil:
		return fault.New(fault.Conflict, "The user could not sign in any more: there is no password and no other account.").
			At("id")
	}
	return wrap(tx.unlink(ctx, user, accounts[0]), "unlink account", in.ID)
}

// unlink removes a link, and the passkey that it may be of.
func (tx *Tx) unlink(ctx context.Context, user *model.User, account *model.Account) error {
	passkey := tx.db.NewDelete().Model((*model.Authenticator)(nil)).
		Where("user_id = ? AND provider_account_id = ?", user.ID, account.ProviderAccountID)
	return remove(ctx, tx, account, append(tx.recorded(model.AccountUnlinked, accountEntry(account, user)), passkey))
}

func accountEntry(account *model.Account, user *model.User) entry {
	return entry{model.AuditSubject{ID: account.ID.Global(), CompanyID: user.CompanyID},
		map[string]any{"userId": user.ID.String(), "provider": account.Provider}}
}
