package repo

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

var (
	// ErrNoToken is a mailed token that is unknown, used, replaced or expired, was mailed to an address that is no longer its
	// user's, or is of a deactivated user; which of them is not told.
	ErrNoToken = fault.New(fault.Unauthenticated, "The link is unknown, used or has expired: ask for a new one.")

	// ErrPasswordChanged is a password that was replaced while it was checked.
	ErrPasswordChanged = fault.New(fault.Unauthenticated, "The password was changed in the meantime.")
)

// sessionAddressesMax bounds how many of a user's sessions are asked for their addresses; older ones do not count.
const sessionAddressesMax = 100

// AddressesByEmail gives the addresses from which the live sessions of a user were started, those of the newest first.
func (s *Store) AddressesByEmail(ctx context.Context, email string) ([]string, error) {
	var addresses []string
	err := s.db.NewSelect().TableExpr("sessions AS session").ColumnExpr("session.address").
		Join("JOIN users AS owner ON owner.id = session.user_id").
		Where("lower(owner.email) = lower(?)", email).
		Where("session.expires > now() AND session.address IS NOT NULL").
		OrderExpr("session.created_at DESC").Limit(sessionAddressesMax).Scan(ctx, &addresses)
	return addresses, translate(err)
}

// UserByToken gives whose token of the purpose has this hash.
func (s *Store) UserByToken(ctx context.Context, purpose model.TokenPurpose, tokenHash []byte) (*model.User, error) {
	users, err := all[model.User](ctx, s.System().users(nil)().
		Join("JOIN one_time_tokens AS token ON token.user_id = ?TableAlias.id").
		Where("(token.purpose = ? OR lower(token.email) = lower(?TableAlias.email))", model.ToChangeEmail).
		Where("token.token_hash = ? AND token.purpose = ? AND token.expires > now()", tokenHash, purpose).
		Where("?TableAlias.deactivated_at IS NULL"))
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, ErrNoToken
	}
	return users[0], nil
}

// KeepToken stores a token that is to be mailed, in the place of an earlier one of the user and purpose.
func (tx *Tx) KeepToken(ctx context.Context, token *model.OneTimeToken) error {
	token.ID = model.NewID[model.OneTimeTokenID]()
	q := tx.db.NewInsert().Model(token).On("CONFLICT (user_id, purpose) DO UPDATE").Returning("NULL")
	for _, column := range []string{"id", "email", "token_hash", "expires", "created_at", "updated_at"} {
		q = q.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
	}
	_, err := q.Exec(ctx)
	return wrap(err, "keep token of", token.UserID)
}

// endTokens deletes the user's tokens of these purposes.
func (tx *Tx) endTokens(user model.UserID, purposes ...model.TokenPurpose) *bun.DeleteQuery {
	return tx.db.NewDelete().Model((*model.OneTimeToken)(nil)).Where("user_id = ? AND purpose IN (?)", param{user}, bun.List(purposes))
}

// useToken locks the transaction's viewer, whose token is used up by it, and gives the address that it was mailed to: of two who use
// it at the same time one does, and a replaced one, another address or a deactivation is seen.
func (tx *Tx) useToken(ctx context.Context, purpose model.TokenPurpose, tokenHash []byte) (*model.User, string, error) {
	user, err := tx.lockUser(ctx, toChange, tx.viewer.UserID, nil)
	if err != nil {
		return nil, "", err
	}
	if user.DeactivatedAt != nil {
		return nil, "", ErrNoToken
	}
	var mailedTo []string
	err = tx.endTokens(user.ID, purpose).Where("token_hash = ? AND expires > now()", tokenHash).
		Where("(purpose = ? OR lower(email) = lower(?))", model.ToChangeEmail, user.Email).Returning("email").Scan(ctx, &mailedTo)
	if err != nil {
		return nil, "", err
	}
	if len(mailedTo) == 0 {
		return nil, "", ErrNoToken
	}
	return user, mailedTo[0], nil
}

// verifyEmail notes that the user's address is the user's: a token that was mailed to it came back.
func verifyEmail(c *changes, user *model.User) {
	if user.EmailVerifiedAt == nil {
		setNull(c, "email_verified_at", &user.EmailVerifiedAt, new(time.Now().UTC().Truncate(time.Microsecond)))
	}
}

// ResetPassword sets the password of the transaction's viewer, who has a token for it. All sessions end, an invitation too, and
// what one of them asked for; the address is verified.
func (tx *Tx) ResetPassword(ctx context.Context, tokenHash []byte, passwordHash string) (*model.User, error) {
	user, _, err := tx.useToken(ctx, model.ToResetPassword, tokenHash)
	if err != nil {
		return nil, wrap(err, "reset password of", tx.viewer.UserID)
	}
	var c changes
	verifyEmail(&c, user)
	also := append(tx.recorded(model.PasswordReset, entry{user.AuditSubject(), c.details}),
		tx.endSessions(user.ID, model.SessionID{}), tx.endInvitation(user.ID), tx.endTokens(user.ID, model.ToChangeEmail))
	user.PasswordHash = &passwordHash
	c.secretly("password_hash", passwordHash)
	err = save(ctx, tx, user, &user.Version, c, also)
	return user, wrap(err, "reset password of", user.ID)
}

// ChangePassword replaces the password of the transaction's viewer, if it is the one that was checked. The other sessions end,
// which are counted, and what could set a password without knowing this one.
func (tx *Tx) ChangePassword(ctx context.Context, checkedHash, passwordHash string) (*model.User, int32, error) {
	user, err := tx.lockUser(ctx, toChange, tx.viewer.UserID, nil)
	if err != nil {
		return nil, 0, wrap(err, "change password of", tx.viewer.UserID)
	}
	if user.PasswordHash == nil || *user.PasswordHash != checkedHash {
		return nil, 0, ErrPasswordChanged
	}
	ended, err := count(tx.endSessions(user.ID, tx.viewer.SessionID).Exec(ctx))
	if err != nil {
		return nil, 0, wrap(err, "change password of", user.ID)
	}
	user.PasswordHash = &passwordHash
	also := append(tx.recorded(model.PasswordChanged, entry{user.AuditSubject(), map[string]any{"sessions": ended}}),
		tx.endInvitation(user.ID), tx.endTokens(user.ID, model.ToResetPassword, model.ToChangeEmail))
	var c changes
	c.secretly("password_hash", passwordHash)
	err = save(ctx, tx, user, &user.Version, c, also)
	return user, ended, wrap(err, "change password of", user.ID)
}

// ConfirmPassword fails with ErrPasswordChanged unless the viewer's hash is still the one that was checked, and keeps it so
// until the transaction ends: a session of a password that is being replaced would outlive those that end with it. An upgraded
// hash of the same password takes its place, which is no change that anyone sees.
func (tx *Tx) ConfirmPassword(ctx context.Context, checkedHash string, upgradedHash *string) error {
	var confirmed []model.UserID
	var err error
	if upgradedHash != nil {
		err = tx.db.NewUpdate().Model((*model.User)(nil)).Set("password_hash = ?", *upgradedHash).
			Where("id = ? AND password_hash = ?", tx.viewer.UserID, checkedHash).Returning("id").Scan(ctx, &confirmed)
	} else {
		err = tx.db.NewSelect().TableExpr("users").ColumnExpr("id").
			Where("id = ? AND password_hash = ?", tx.viewer.UserID, checkedHash).For("SHARE").Scan(ctx, &confirmed)
	}
	if err != nil {
		return wrap(err, "confirm password of", tx.viewer.UserID)
	}
	if len(confirmed) == 0 {
		return ErrPasswordChanged
	}
	return nil
}

// VerifyEmail notes that the address of the transaction's viewer is the viewer's, who has a token that was mailed to it.
func (tx *Tx) VerifyEmail(ctx context.Context, tokenHash []byte) (*model.User, error) {
	user, _, err := tx.useToken(ctx, model.ToVerifyEmail, tokenHash)
	if err != nil {
		return nil, wrap(err, "verify email of", tx.viewer.UserID)
	}
	var c changes
	verifyEmail(&c, user)
	return user, wrap(tx.saveUser(ctx, model.EmailVerified, user, c), "verify email of", user.ID)
}

// ChangeEmail gives the transaction's viewer the address to which the viewer's token was mailed, and which is verified by that.
func (tx *Tx) ChangeEmail(ctx context.Context, tokenHash []byte) (*model.User, error) {
	user, email, err := tx.useToken(ctx, model.ToChangeEmail, tokenHash)
	if err != nil {
		return nil, wrap(err, "change email of", tx.viewer.UserID)
	}
	var c changes
	set(&c, "email", &user.Email, &email)
	setNull(&c, "email_verified_at", &user.EmailVerifiedAt, new(time.Now().UTC().Truncate(time.Microsecond)))
	return user, wrap(tx.saveProfile(ctx, user, c), "change email of", user.ID)
}
