package repo

import (
	"context"
	"time"

	"dossier/internal/fault"
	"dossier/model"
)

// Identity is whom a token of an identity provider is of: the user who has this email address, or else the one to whom the subject
// is linked as an account of the provider, or else the one whose id the subject is. It is good until it expires.
type Identity struct {
	Email     string
	Provider  string
	Subject   string
	UserID    *model.UserID // nil where the subject is no id of a user
	ExpiresAt time.Time
}

// ViewerByIdentity gives whose token has this hash, as identify says for one that is not known yet; UNAUTHENTICATED when there is
// no such user, or a deactivated one. A token that was asked for before costs no statement, and identify nothing.
func (s *Store) ViewerByIdentity(
	ctx context.Context, tokenHash []byte, identify func(context.Context) (Identity, error),
) (model.Viewer, error) {
	return s.viewerBy(tokenHash, func() (*credential, error) {
		identity, err := identify(ctx)
		if err != nil {
			return nil, err
		}
		return s.loadIdentity(ctx, identity)
	})
}

func (s *Store) loadIdentity(ctx context.Context, identity Identity) (*credential, error) {
	var found []*model.User
	q := s.db.NewSelect().Model(&found).ExcludeColumn("password_hash").Where("?TableAlias.deactivated_at IS NULL")
	if identity.Email != "" {
		// Anyone may say that an address is theirs, and would get to act with its owner's tokens.
		q = q.Where("lower(?TableAlias.email) = lower(?) AND ?TableAlias.email_verified_at IS NOT NULL", identity.Email)
	} else {
		q = q.Where("?TableAlias.id = COALESCE((SELECT id FROM users WHERE id = ?::uuid), (SELECT user_id FROM accounts WHERE provider = ? AND provider_account_id = ?))",
			identity.UserID, identity.Provider, identity.Subject)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, translate(err)
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Unauthenticated, "The token is of nobody who may sign in.")
	}
	return &credential{expiresAt: &identity.ExpiresAt, user: found[0]}, nil
}
