package repo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

var apiKeysByTime = byTime("created_at", func(k *model.APIKey) time.Time { return k.CreatedAt },
	func(k *model.APIKey) uuid.UUID { return uuid.UUID(k.ID) })

// apiKeys selects the API keys that the viewer may see: the own ones, those of the company for a MANAGER, all for staff.
func (r Reader) apiKeys() *bun.SelectQuery {
	q := from[model.APIKey](r)
	if r.viewer.Role.AtLeast(model.RoleManager) {
		return q
	}
	return q.Where("?TableAlias.user_id = ?", param{r.viewer.UserID})
}

// APIKeys lists the API keys that the viewer may see, newest first.
func (r Reader) APIKeys(ctx context.Context, args model.PageArgs) (*model.APIKeyConnection, error) {
	p, err := newPage(args, model.NoFilter{}, apiKeysByTime, model.Descending)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.apiKeys)
}

// APIKeysByUser lists each user's API keys, newest first.
func (r Reader) APIKeysByUser(
	ctx context.Context, users []model.UserID, args model.PageArgs,
) (map[model.UserID]*model.APIKeyConnection, error) {
	p, err := newPage(args, model.NoFilter{}, apiKeysByTime, model.Descending)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, users, byColumn("user_id"), r.apiKeys)
}

// APIKeysByIDs reads API keys in any order; those not there or not visible are left out.
func (r Reader) APIKeysByIDs(ctx context.Context, ids []model.APIKeyID) ([]*model.APIKey, error) {
	return byIDs[model.APIKey](ctx, r, r.apiKeys(), ids)
}

// CurrentAPIKey reads the API key that the viewer's credential is: every key may know itself.
func (r Reader) CurrentAPIKey(ctx context.Context) (*model.APIKey, error) {
	if !r.viewer.HasKey() {
		return nil, fault.Missing("API key")
	}
	keys, err := read[model.APIKey](ctx, r, r.db.NewSelect().Model((*model.APIKey)(nil)).
		Where("?TableAlias.id = ? AND ?TableAlias.user_id = ?", param{r.viewer.KeyID}, param{r.viewer.UserID}))
	return only(model.Join(keys), err, "API key")
}

// How many API keys a user may have that are live and that no other one has taken the place of, and how many with those. So
// all of them can be rotated.
const (
	apiKeysMax        = 50
	apiKeysRotatedMax = 2 * apiKeysMax
)

// CreateAPIKey adds an API key of the viewer, made by auth.NewAPIKey.
func (tx *Tx) CreateAPIKey(ctx context.Context, in model.CreateAPIKeyInput, made model.APIKey) (*model.APIKey, error) {
	if err := tx.mayGrant(in.Scopes); err != nil {
		return nil, err
	}
	live, _, err := tx.liveAPIKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("create API key: %w", err)
	}
	if live >= apiKeysMax {
		return nil, fault.New(fault.Conflict, "You have %d API keys, and no one may have more: revoke one that is not used.", live)
	}
	made.Name, made.Granted = in.Name, model.ScopesOf(in.Scopes...)
	if in.ExpiresAt != nil {
		made.ExpiresAt = new(in.ExpiresAt.Truncate(time.Microsecond))
	}
	if err := tx.addAPIKey(ctx, &made); err != nil {
		return nil, fmt.Errorf("create API key: %w", err)
	}
	return &made, nil
}

// mayGrant says whether the viewer may give these scopes to a key. What the role does not let do is no matter: it bounds the
// key each time that it is used.
func (tx *Tx) mayGrant(scopes []model.Scope) error {
	var faults fault.List
	for i, scope := range scopes {
		switch {
		case scope == model.ScopeAuthAdapter && !tx.viewer.Role.AtLeast(model.RoleManager):
			return fault.Denied("Only a MANAGER or an ADMIN may give a key the scope %s.", scope)
		case tx.viewer.IsStaff() && scope != model.ScopeAuthAdapter && scope != model.ScopeSchemaRead:
			faults = append(faults, fault.Invalid([]string{"scopes", strconv.Itoa(i)},
				"The scope %s is not for keys of an ADMIN: a key acts in one company, and an ADMIN belongs to none.", scope))
		}
	}
	return faults.OrNil()
}

// isLive is the condition of an API key that can be used.
const isLive = "revoked_at IS NULL AND (expires IS NULL OR expires > now())"

// liveAPIKeys counts the viewer's live API keys: those that no other one has taken the place of, and all. The viewer's row
// is locked before, so that what is counted is still true when a key is added, and whoever was deactivated adds none.
func (tx *Tx) liveAPIKeys(ctx context.Context) (live, withRotated int, err error) {
	user, err := tx.lockUser(ctx, toChange, tx.viewer.UserID, nil)
	if fault.Is(err, fault.NotFound) || err == nil && (user.DeactivatedAt != nil || user.Role != tx.viewer.Role) {
		return 0, 0, errAccessEnded
	}
	if err != nil {
		return 0, 0, err
	}
	err = tx.db.NewSelect().Table("api_keys").
		ColumnExpr("count(*) FILTER (WHERE rotated_at IS NULL), count(*)").
		Where("user_id = ?", user.ID).Where(isLive).Scan(ctx, &live, &withRotated)
	return live, withRotated, err
}

func (tx *Tx) addAPIKey(ctx context.Context, key *model.APIKey) error {
	key.ID, key.CompanyID, key.UserID = model.NewID[model.APIKeyID](), tx.viewer.CompanyID, tx.viewer.UserID
	details := map[string]any{"name": key.Name, "scopes": key.Scopes()}
	if key.ExpiresAt != nil {
		details["expires"] = timeText(*key.ExpiresAt)
	}
	return insert(ctx, tx, tx.recorded(model.APIKeyCreated, entry{key.AuditSubject(), details}), key)
}

func (tx *Tx) lockAPIKey(ctx context.Context, to strength, id model.APIKeyID) (*model.APIKey, error) {
	return lock(ctx, tx, tx.apiKeys(), to, "API key", id, nil, func(*model.APIKey) int32 { return 0 })
}

// RevokedAPIKey is an API key that has ended, and how many sessions and passkeys ended with it.
type RevokedAPIKey struct {
	*model.APIKey
	Sessions, Passkeys int32
}

// RevokeAPIKey ends an API key that the viewer may see, and what a frontend made by it if the input says so. One that was revoked before
// stays as it is; what it made can end later.
func (tx *Tx) RevokeAPIKey(ctx context.Context, in model.RevokeAPIKeyInput) (*RevokedAPIKey, error) {
	to := toChange
	if in.EndSessions {
		to = toRemove // which waits for those who hold it: what they make is found
	}
	key, err := tx.lockAPIKey(ctx, to, in.ID)
	if err != nil {
		return nil, wrap(err, "revoke API key", in.ID)
	}
	revoked := &RevokedAPIKey{APIKey: key}
	details := map[string]any{"name": key.Name, "userId": key.UserID.String()}
	if in.EndSessions {
		if err := tx.endMadeBy(ctx, revoked); err != nil {
			return nil, wrap(err, "revoke API key", in.ID)
		}
		details["sessions"], details["authenticators"] = revoked.Sessions, revoked.Passkeys
	}
	if key.RevokedAt != nil && revoked.Sessions+revoked.Passkeys == 0 {
		return revoked, nil
	}
	err = tx.saveAPIKey(ctx, key, tx.db.NewUpdate().Set("revoked_at = COALESCE(revoked_at, clock_timestamp())"),
		tx.recorded(model.APIKeyRevoked, entry{key.AuditSubject(), details}))
	return revoked, wrap(err, "revoke API key", in.ID)
}

// endMadeBy ends the sessions that a frontend started by its key, and removes the passkeys that it made.
func (tx *Tx) endMadeBy(ctx context.Context, key *RevokedAPIKey) error {
	if err := tx.confirmViewer(ctx); err != nil { // whose session may be one of them
		return err
	}
	var users []model.UserID
	_, err := tx.db.NewDelete().Model((*model.Session)(nil)).Where("api_key_id = ?", key.ID).Returning("user_id").Exec(ctx, &users)
	if err != nil {
		return err
	}
	for _, user := range users {
		tx.outdate(&model.Session{UserID: user})
	}
	key.Sessions = int32(len(users))
	key.Passkeys, err = count(tx.db.NewDelete().Model((*model.Authenticator)(nil)).Where("api_key_id = ?", key.ID).Exec(ctx))
	return err
}

// maker is the API key by which the viewer makes something, nil for none.
func (r Reader) maker() *model.APIKeyID {
	if !r.viewer.HasKey() {
		return nil
	}
	return &r.viewer.KeyID
}

// holdAPIKey keeps the viewer's API key as it is until what it makes is there: whoever ends all that it made finds that too, or has
// ended the key before.
func (tx *Tx) holdAPIKey(ctx context.Context) error {
	var held []model.APIKeyID
	err := tx.db.NewSelect().Model((*model.APIKey)(nil)).Column("id").Where("id = ?", tx.viewer.KeyID).Where(isLive).
		For(string(toRefer)).Scan(ctx, &held)
	if err == nil && len(held) == 0 {
		err = errAccessEnded
	}
	return err
}

// saveAPIKey changes a locked API key, and reads back when it ends.
func (tx *Tx) saveAPIKey(ctx context.Context, key *model.APIKey, q *bun.UpdateQuery, also along) error {
	tx.outdate(key)
	q = q.Model(key).Set("updated_at = clock_timestamp()").WherePK().Returning("updated_at, expires, revoked_at, rotated_at")
	changed, err := count(with(q, also).Exec(ctx))
	return wantRows(1, changed, err)
}

// RotatedAPIKey is a new API key, and the one that it takes the place of.
type RotatedAPIKey struct{ New, Previous *model.APIKey }

// RotateAPIKey puts a new API key, made by auth.NewAPIKey, in the place of one of the viewer's, which ends after the overlap.
// Nobody else may: whoever is shown the new key could act as its maker.
func (tx *Tx) RotateAPIKey(ctx context.Context, in model.RotateAPIKeyInput, made model.APIKey) (*RotatedAPIKey, error) {
	_, live, err := tx.liveAPIKeys(ctx)
	if err != nil {
		return nil, wrap(err, "rotate API key", in.ID)
	}
	key, err := tx.lockAPIKey(ctx, toChange, in.ID)
	if err != nil {
		return nil, wrap(err, "rotate API key", in.ID)
	}
	now := time.Now()
	switch {
	case key.UserID != tx.viewer.UserID:
		return nil, fault.Denied("Only its maker may rotate an API key. You may revoke it.")
	case key.HasEnded(now):
		return nil, fault.New(fault.Conflict, "The API key has ended: make a new one.").At("id")
	case key.RotatedAt != nil:
		return nil, fault.New(fault.Conflict, "The API key was rotated already: rotate the one that took its place.").At("id")
	case live >= apiKeysRotatedMax:
		return nil, fault.New(fault.Conflict, "You have %d API keys, and no one may have more: revoke one that is not used.", live)
	}
	if err := tx.mayGrant(key.Scopes()); err != nil {
		return nil, err
	}
	made.Name, made.Granted = key.Name, key.Granted
	if key.ExpiresAt != nil {
		made.ExpiresAt = new(now.Add(key.ExpiresAt.Sub(key.CreatedAt)).UTC().Truncate(time.Microsecond))
	}
	if err := tx.addAPIKey(ctx, &made); err != nil {
		return nil, wrap(err, "rotate API key", in.ID)
	}
	change := tx.db.NewUpdate().Set("rotated_at = clock_timestamp()").
		Set("expires = LEAST(expires, clock_timestamp() + make_interval(secs => ?))", in.OverlapSeconds)
	err = tx.saveAPIKey(ctx, key, change, tx.recorded(model.APIKeyRotated, entry{key.AuditSubject(),
		map[string]any{"name": key.Name, "newApiKeyId": made.ID.String(), "overlapSeconds": in.OverlapSeconds}}))
	return &RotatedAPIKey{&made, key}, wrap(err, "rotate API key", in.ID)
}

// revokeAPIKeys ends the live API keys of a user who is deactivated.
func (tx *Tx) revokeAPIKeys(user model.UserID) *bun.UpdateQuery {
	tx.outdate(&model.APIKey{UserID: user})
	return tx.db.NewUpdate().Model((*model.APIKey)(nil)).
		Set("revoked_at = clock_timestamp(), updated_at = clock_timestamp()").Where("user_id = ?", param{user}).Where(isLive)
}

// removeAPIKeys removes the API keys of a user who leaves the company: they are the company's.
func (tx *Tx) removeAPIKeys(user model.UserID) *bun.DeleteQuery {
	tx.outdate(&model.APIKey{UserID: user})
	return tx.db.NewDelete().Model((*model.APIKey)(nil)).Where("user_id = ?", param{user})
}
