package repo

import (
	"context"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// ErrNoInvitation is a token that is of no invitation, or of one that is used, expired or of a deactivated user; which
// of them is not told.
var ErrNoInvitation = fault.New(fault.Unauthenticated, "The invitation is unknown or has ended: ask for a new one.")

// InvitationsByUser reads the users' invitations; those not there or not visible are left out.
func (r Reader) InvitationsByUser(
	ctx context.Context, users []model.UserID,
) (map[model.UserID]*model.Invitation, error) {
	rows, err := scan[model.Invitation](ctx,
		personal[model.Invitation](r).Where("?TableAlias.user_id IN (?)", bun.List(users)))
	invitations := make(map[model.UserID]*model.Invitation, len(rows))
	for _, row := range rows {
		invitations[row.UserID] = row
	}
	return invitations, err
}

// UserByInvitation gives who may accept the invitation with this token hash.
func (s *Store) UserByInvitation(ctx context.Context, tokenHash []byte) (*model.User, error) {
	users, err := all[model.User](ctx, s.System().users(nil)().
		Join("JOIN invitations AS invitation ON invitation.user_id = ?TableAlias.id").
		Where("invitation.token_hash = ? AND invitation.expires > now()", tokenHash).
		Where("?TableAlias.deactivated_at IS NULL AND ?TableAlias.password_hash IS NULL"))
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, ErrNoInvitation
	}
	return users[0], nil
}

// InviteUser adds a user without a password, and the invitation to set one.
func (tx *Tx) InviteUser(
	ctx context.Context, in model.InviteUserInput, invitation *model.Invitation,
) (*model.User, error) {
	user, err := tx.CreateUser(ctx, in.User(), nil)
	if err != nil {
		return nil, err
	}
	return user, wrap(tx.invite(ctx, model.UserInvited, user, invitation), "invite user", user.ID)
}

// signsIn reports whether the user has a way to sign in, or has ever been here: whoever could invite the user anew, or choose the
// address at which a password is reset, could become that user. What the user did tells of a token of an identity provider, which
// leaves nothing else behind.
func (tx *Tx) signsIn(ctx context.Context, user *model.User) (signsIn bool, err error) {
	if user.PasswordHash != nil || user.EmailVerifiedAt != nil {
		return true, nil
	}
	err = tx.db.NewRaw(`SELECT EXISTS (SELECT FROM accounts WHERE user_id = ?0) OR EXISTS (SELECT FROM sessions WHERE user_id = ?0)
		OR EXISTS (SELECT FROM audit_log WHERE actor_id = ?0)
		OR EXISTS (SELECT FROM audit_log WHERE subject_id = ?0 AND action = ?1)`, user.ID, model.UserSignedIn).Scan(ctx, &signsIn)
	return signsIn, err
}

// RenewInvitation puts a new invitation in the place of the user's, or of none, while the user has no way to sign in.
func (tx *Tx) RenewInvitation(
	ctx context.Context, in model.RenewInvitationInput, invitation *model.Invitation,
) (*model.User, error) {
	user, err := tx.lockUser(ctx, toChange, in.UserID, nil)
	if err != nil {
		return nil, wrap(blameUser(err), "renew invitation of", in.UserID)
	}
	switch {
	case !tx.viewer.Manages(user.CompanyID):
		return nil, fault.Denied("Only a MANAGER of the company may invite the user.")
	case user.DeactivatedAt != nil:
		return nil, fault.New(fault.Conflict, "The user is deactivated.").At("userId")
	}
	signsIn, err := tx.signsIn(ctx, user)
	if err != nil {
		return nil, wrap(err, "renew invitation of", in.UserID)
	}
	if signsIn {
		return nil, fault.New(fault.Conflict, "The user can sign in already: requestPasswordReset lets the user set a password.").At("userId")
	}
	if _, err := tx.endInvitation(user.ID).Exec(ctx); err != nil { // before the new one: a user has one
		return nil, wrap(err, "renew invitation of", in.UserID)
	}
	err = tx.invite(ctx, model.InvitationRenewed, user, invitation)
	return user, wrap(err, "renew invitation of", in.UserID)
}

func (tx *Tx) invite(
	ctx context.Context, action model.AuditAction, user *model.User, invitation *model.Invitation,
) error {
	invitation.ID, invitation.UserID = model.NewID[model.InvitationID](), user.ID
	_, err := with(tx.db.NewInsert().Model(invitation).Returning("NULL"), tx.recorded(action,
		entry{user.AuditSubject(), map[string]any{"expires": timeText(invitation.ExpiresAt)}})).Exec(ctx)
	return err
}

func (tx *Tx) endInvitation(user model.UserID) *bun.DeleteQuery {
	return tx.db.NewDelete().Model((*model.Invitation)(nil)).Where("user_id = ?", param{user})
}

// AcceptInvitation sets the password of the transaction's viewer, whose invitation ends. The user's row is locked first:
// of two who accept at the same time one does, and a renewed or deactivated one is seen.
func (tx *Tx) AcceptInvitation(ctx context.Context, tokenHash []byte, passwordHash string) (*model.User, error) {
	user, err := tx.lockUser(ctx, toChange, tx.viewer.UserID, nil)
	if err != nil {
		return nil, wrap(err, "accept invitation of", tx.viewer.UserID)
	}
	if user.DeactivatedAt != nil {
		return nil, ErrNoInvitation
	}
	ended, err := count(tx.endInvitation(user.ID).Where("token_hash = ? AND expires > now()", tokenHash).Exec(ctx))
	if err != nil {
		return nil, wrap(err, "accept invitation of", user.ID)
	}
	if ended == 0 {
		return nil, ErrNoInvitation
	}
	user.PasswordHash = &passwordHash
	var c changes
	c.secretly("password_hash", passwordHash)
	err = save(ctx, tx, user, &user.Version, c,
		tx.recorded(model.InvitationAccepted, entry{subject: user.AuditSubject()}))
	return user, wrap(err, "accept invitation of", user.ID)
}
