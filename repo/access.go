package repo

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// lockManaged locks the user whose access changes, together with the viewer, and confirms the viewer again: of two
// managers who take each other's access away at the same time, the second one finds out here. All lock in the order of
// ids, so that nobody waits in a ring.
func (tx *Tx) lockManaged(ctx context.Context, id model.UserID, expected *int32) (*model.User, error) {
	users, err := all[model.User](ctx, tx.users(nil)().
		Where("?TableAlias.id IN (?)", bun.List([]model.UserID{id, tx.viewer.UserID})).
		OrderExpr("?TableAlias.id").For(string(toChange)))
	if err != nil {
		return nil, err
	}
	var user *model.User
	confirmed := tx.viewer == system
	for _, locked := range users {
		if locked.ID == tx.viewer.UserID {
			confirmed = locked.Role == tx.viewer.Role && locked.DeactivatedAt == nil
		}
		if locked.ID == id {
			user = locked
		}
	}
	switch {
	case !confirmed:
		return nil, errAccessEnded
	case user == nil:
		return nil, fault.Missing("user").At("id")
	case !tx.viewer.Manages(user.CompanyID):
		return nil, fault.Denied("Only a MANAGER of the company may do this to the user.")
	}
	return user, expectVersion("user", expected, user.Version)
}

// mayGiveRole lets nobody give more than the own role, and an API key none above MEMBER: who is invited or given another role by it
// could be whoever has the key.
func (tx *Tx) mayGiveRole(role model.Role) error {
	switch {
	case !tx.viewer.Role.AtLeast(role):
		return fault.Denied("You may not give the role %s.", role)
	case tx.viewer.HasKey() && role != model.RoleMember:
		return fault.Denied("An API key gives no role but MEMBER: sign in to give the role %s.", role)
	}
	return nil
}

// ChangeUserRole makes a MEMBER a MANAGER, or the other way around. Staff are created as such, and stay it.
func (tx *Tx) ChangeUserRole(ctx context.Context, in model.ChangeUserRoleInput) (*model.User, error) {
	user, err := tx.lockManaged(ctx, in.UserID, in.ExpectedVersion)
	switch {
	case err != nil:
		return nil, wrap(blameUser(err), "change role of", in.UserID)
	case user.ID == tx.viewer.UserID:
		return nil, fault.New(fault.Conflict, "You cannot change your own role.").At("userId")
	case user.Role == model.RoleAdmin:
		return nil, fault.Invalid([]string{"userId"}, "is platform staff, whose role does not change.")
	}
	if err := tx.mayGiveRole(in.Role); err != nil {
		return nil, err
	}
	var c changes
	set(&c, "role", &user.Role, &in.Role)
	return user, tx.saveUser(ctx, model.UserRoleChanged, user, c)
}

// DeactivateUser keeps a user from signing in, and ends the sessions, the API keys and a change of the address. What the user owns stays.
func (tx *Tx) DeactivateUser(ctx context.Context, in model.DeactivateUserInput) (*model.User, error) {
	user, err := tx.lockManaged(ctx, in.UserID, in.ExpectedVersion)
	switch {
	case err != nil:
		return nil, wrap(blameUser(err), "deactivate user", in.UserID)
	case user.ID == tx.viewer.UserID:
		return nil, fault.New(fault.Conflict, "You cannot deactivate yourself.").At("userId")
	case user.DeactivatedAt != nil:
		return user, nil
	}
	return user, tx.setDeactivated(ctx, model.UserDeactivated, user, new(time.Now().UTC().Truncate(time.Microsecond)))
}

// ReactivateUser lets a deactivated user sign in again. A session or API key that the deactivation did not see does not come
// back to life: it ends too.
func (tx *Tx) ReactivateUser(ctx context.Context, in model.ReactivateUserInput) (*model.User, error) {
	user, err := tx.lockManaged(ctx, in.UserID, in.ExpectedVersion)
	switch {
	case err != nil:
		return nil, wrap(blameUser(err), "reactivate user", in.UserID)
	case user.DeactivatedAt == nil:
		return user, nil
	}
	return user, tx.setDeactivated(ctx, model.UserReactivated, user, nil)
}

func (tx *Tx) setDeactivated(ctx context.Context, action model.AuditAction, user *model.User, at *time.Time) error {
	var c changes
	setNull(&c, "deactivated_at", &user.DeactivatedAt, at)
	return tx.saveUser(ctx, action, user, c,
		tx.endSessions(user.ID, model.SessionID{}), tx.revokeAPIKeys(user.ID), tx.endTokens(user.ID, model.ToChangeEmail))
}

// saveUser writes what changed of a user, if anything did, with what goes along.
func (tx *Tx) saveUser(
	ctx context.Context, action model.AuditAction, user *model.User, c changes, also ...bun.Query,
) error {
	if len(c.columns) == 0 {
		return nil
	}
	also = append(also, tx.recorded(action, entry{user.AuditSubject(), c.details})...)
	return wrap(save(ctx, tx, user, &user.Version, c, also), "save user", user.ID)
}

// blameMissing puts the blame for what is not there on a field of the input.
func blameMissing(err error, field string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Blame(err, field)
	}
	return err
}

// blameUser puts the blame for a missing user on the input's userId.
func blameUser(err error) error { return blameMissing(err, "userId") }
