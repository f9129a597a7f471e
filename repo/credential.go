package repo

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// apiKeyUser is the user of a live API key, with what the key adds.
type apiKeyUser struct {
	bun.BaseModel `bun:"table:users,alias:user"`
	model.User

	KeyID        model.APIKeyID `bun:",scanonly"`
	KeyScopes    model.Scopes   `bun:",scanonly"`
	KeyExpiresAt *time.Time     `bun:",scanonly"`
	KeyUseNoted  bool           `bun:",scanonly"`
}

// ViewerByAPIKey gives whose API key has this token hash, UNAUTHENTICATED when there is none, it has ended, or its user is
// deactivated. One that was asked for before costs no statement.
func (s *Store) ViewerByAPIKey(ctx context.Context, tokenHash []byte) (model.Viewer, error) {
	return s.viewerBy(tokenHash, func() (*credential, error) { return s.loadAPIKey(ctx, tokenHash) })
}

func (s *Store) loadAPIKey(ctx context.Context, tokenHash []byte) (*credential, error) {
	var found []*apiKeyUser
	err := s.db.NewSelect().Model(&found).ExcludeColumn("password_hash").
		ColumnExpr("api_key.id AS key_id, api_key.scopes AS key_scopes, api_key.expires AS key_expires_at").
		ColumnExpr("coalesce(api_key.last_used_at > now() - make_interval(secs => ?), false) AS key_use_noted", apiKeyUsePause.Seconds()).
		Join("JOIN api_keys AS api_key ON api_key.user_id = ?TableAlias.id AND api_key.company_id IS NOT DISTINCT FROM ?TableAlias.company_id").
		Where("api_key.token_hash = ? AND ?TableAlias.deactivated_at IS NULL", tokenHash).Where(isLive).
		Scan(ctx)
	if err != nil {
		return nil, translate(err)
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Unauthenticated, "The API key is unknown, or has ended: it expired or was revoked.")
	}
	if !found[0].KeyUseNoted {
		s.noteAPIKeyUse(ctx, found[0].KeyID)
	}
	return &credential{keyID: found[0].KeyID, scopes: found[0].KeyScopes, expiresAt: found[0].KeyExpiresAt, user: &found[0].User}, nil
}

// The use of an API key is noted once in so long, and no request waits longer for that.
const (
	apiKeyUsePause   = time.Minute
	apiKeyUseWaitMax = 250 * time.Millisecond
)

// noteAPIKeyUse notes that an API key is used. Nobody waits for a key that someone is about to change, and a request does not
// fail for it: the log of statements tells what went wrong. The trigger that tells of stale rows does not look at this column.
func (s *Store) noteAPIKeyUse(ctx context.Context, id model.APIKeyID) {
	ctx, cancel := context.WithTimeout(ctx, apiKeyUseWaitMax)
	defer cancel()
	_, _ = s.db.NewRaw(`UPDATE api_keys SET last_used_at = now() WHERE id = (SELECT id FROM api_keys WHERE id = ?
		AND (last_used_at IS NULL OR last_used_at <= now() - make_interval(secs => ?)) FOR NO KEY UPDATE SKIP LOCKED)`,
		id, apiKeyUsePause.Seconds()).Exec(ctx)
}
