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

// CreateAdapterAuthenticator keeps a user's new passkey. The user's row is locked before they are counted: two at the same time count one
// another.
func (tx *Tx) CreateAdapterAuthenticator(
	ctx context.Context, in model.CreateAdapterAuthenticatorInput,
) (*model.Authenticator, error) {
	user, err := tx.lockAdapterUser(ctx, toChange, in.UserID)
	if err != nil {
		return nil, wrap(blameUser(err), "create passkey of", in.UserID)
	}
	known, err := tx.db.NewSelect().Model((*model.Authenticator)(nil)).Where("user_id = ?", user.ID).Count(ctx)
	if err != nil {
		return nil, wrap(err, "create passkey of", in.UserID)
	}
	if known >= model.AuthenticatorsMax {
		return nil, fault.New(fault.Conflict, "The user has %d passkeys already, and may have no more.", known).At("userId")
	}
	passkey := &model.Authenticator{
		ID: model.NewID[model.AuthenticatorID](), UserID: user.ID, ProviderAccountID: in.ProviderAccountID,
		CredentialID: in.CredentialID, CredentialPublicKey: in.CredentialPublicKey, Counter: in.Counter,
		CredentialDeviceType: in.CredentialDeviceType, CredentialBackedUp: in.CredentialBackedUp, Transports: in.Transports,
	}
	_, err = tx.db.NewInsert().Model(passkey).Returning("NULL").Exec(ctx)
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
	passkey.Counter = in.Counter
	changed, err := count(tx.db.NewUpdate().Model(passkey).Column("counter", "updated_at").
		Value("updated_at", "clock_timestamp()").WherePK().Exec(ctx))
	if err != nil {
		return nil, fmt.Errorf("update passkey: %w", err)
	}
	if changed == 0 { // deleted since it was read
		return nil, fault.Missing("passkey").At("credentialId")
	}
	return passkey, nil
}
