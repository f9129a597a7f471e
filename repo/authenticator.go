package repo

import (
	"context"
	"fmt"

	"dossier/internal/fault"
	"dossier/model"
)

// AdapterAuthenticator finds a passkey.
func (r Reader) AdapterAuthenticator(ctx context.Context, credentialID string) (*model.Authenticator, error) {
	passkeys, err := scan[model.Authenticator](ctx,
		ofAdapterUsers[model.Authenticator](r).Where("credential_id = ?", credentialID))
	return only(passkeys, err, "passkey")
}

// AdapterAuthenticators lists a user's passkeys, the oldest first.
func (r Reader) AdapterAuthenticators(ctx context.Context, user model.UserID) ([]*model.Authenticator, error) {
	return scan[model.Authenticator](ctx, ofAdapterUsers[model.Authenticator](r).
		Where("user_id = ?", user).OrderExpr("created_at, id").Limit(model.AuthenticatorsMax))
}

// CreateAdapterAuthenticator keeps a user's new passkey of an account that is linked to the user, as Auth.js links it before. The user's row
// is locked before: two at the same time count one another, and the account stays.
func (tx *Tx) CreateAdapterAuthenticator(
	ctx context.Context, in model.CreateAdapterAuthenticatorInput,
) (*model.Authenticator, error) {
	user, err := tx.lockAdapterUser(ctx, toChange, in.UserID)
	if err != nil {
		return nil, wrap(blameUser(err), "create passkey of", in.UserID)
	}
	var has struct {
		Passkeys int
		Account  bool
	}
	err = tx.db.NewSelect().
		ColumnExpr("(SELECT count(*) FROM authenticators WHERE user_id = ?) AS passkeys", user.ID).
		ColumnExpr("EXISTS (SELECT FROM accounts WHERE user_id = ? AND provider_account_id = ?) AS account", user.ID, in.ProviderAccountID).
		Scan(ctx, &has)
	switch {
	case err != nil:
		return nil, wrap(err, "create passkey of", in.UserID)
	case has.Passkeys >= model.AuthenticatorsMax:
		return nil, fault.New(fault.Conflict, "The user has %d passkeys already, and may have no more.", has.Passkeys).At("userId")
	case !has.Account:
		return nil, fault.New(fault.BadReference, "The user has no such account: link it first.").At("providerAccountId")
	}
	if err := tx.holdAPIKey(ctx); err != nil {
		return nil, wrap(err, "create passkey of", in.UserID)
	}
	passkey := &model.Authenticator{
		ID: model.NewID[model.AuthenticatorID](), UserID: user.ID, ProviderAccountID: in.ProviderAccountID,
		CredentialID: in.CredentialID, CredentialPublicKey: in.CredentialPublicKey, Counter: in.Counter,
		CredentialDeviceType: in.CredentialDeviceType, CredentialBackedUp: in.CredentialBackedUp, Transports: in.Transports,
		APIKeyID: tx.maker(),
	}
	recorded := tx.recorded(model.AuthenticatorCreated, entry{user.AuditSubject(), map[string]any{"credentialId": passkey.CredentialID}})
	_, err = with(tx.db.NewInsert().Model(passkey).Returning("NULL"), recorded).Exec(ctx)
	return passkey, wrap(err, "create passkey of", in.UserID)
}

// UpdateAdapterAuthenticator notes how often a passkey was used.
func (tx *Tx) UpdateAdapterAuthenticator(
	ctx context.Context, in model.UpdateAdapterAuthenticatorInput,
) (*model.Authenticator, error) {
	passkey, err := tx.AdapterAuthenticator(ctx, in.CredentialID)
	if err != nil {
		return nil, blameMissing(err, "credentialId")
	}
	user, err := tx.lockAdapterUser(ctx, toChange, passkey.UserID) // as whoever deletes a passkey does
	if err != nil {
		return nil, blameMissing(err, "credentialId")
	}
	recorded := tx.recorded(model.AuthenticatorUpdated, entry{user.AuditSubject(), map[string]any{
		"credentialId": passkey.CredentialID, "counter": map[string]any{"from": passkey.Counter, "to": in.Counter}}})
	passkey.Counter = in.Counter
	changed, err := count(with(tx.db.NewUpdate().Model(passkey).Column("counter", "updated_at").
		Value("updated_at", "clock_timestamp()").WherePK(), recorded).Exec(ctx))
	if err != nil {
		return nil, fmt.Errorf("update passkey: %w", err)
	}
	if changed == 0 { // deleted since it was read: nothing is recorded
		return nil, fault.Missing("passkey").At("credentialId")
	}
	return passkey, nil
}
