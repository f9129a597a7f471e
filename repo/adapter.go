package repo

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// What an Auth.js frontend reads and writes by its API key. The scope auth:adapter is enough for all of it, and nothing else
// is: the frontend signs people in, and so must not be anyone who has signed in.

// mayAdapt refuses who is no such frontend. A key is never good for more than its maker, who may have been a MANAGER once.
func (r Reader) mayAdapt() error {
	if !r.viewer.May(model.ScopeAuthAdapter) || !r.viewer.Role.AtLeast(model.RoleManager) {
		return fault.Denied("This needs an API key with the scope %s.", model.ScopeAuthAdapter)
	}
	return nil
}

// adapterUsers selects whom the frontend may sign in: the users of the key's company, or of every company where staff made the
// key. Staff themselves are not among them, whoever made it: a frontend that is broken into does not open the platform.
func (r Reader) adapterUsers() *bun.SelectQuery {
	return r.scope(r.db.NewSelect().Model((*model.User)(nil)), "company_id").
		Where("?TableAlias.role <> ? AND ?TableAlias.deactivated_at IS NULL", model.RoleAdmin).Err(r.mayAdapt())
}

// ofAdapterUsers selects what belongs to those users.
func ofAdapterUsers[T any](r Reader) *bun.SelectQuery {
	// Without ?TableAlias, which beside a subquery is the subquery's.
	return r.db.NewSelect().Model((*T)(nil)).Where("user_id IN (?)", r.adapterUsers().Column("id")).Err(r.mayAdapt())
}

// stored is a time as PostgreSQL keeps it: a frontend that has given it is told no other one than it reads later.
func stored(at time.Time) time.Time { return at.Truncate(time.Microsecond) }

func (r Reader) adapterUser(ctx context.Context, q *bun.SelectQuery) (*model.User, error) {
	users, err := all[model.User](ctx, q.ExcludeColumn("password_hash"))
	return only(users, err, "user")
}

// AdapterUser finds a user by id.
func (r Reader) AdapterUser(ctx context.Context, id model.UserID) (*model.User, error) {
	return r.adapterUser(ctx, r.adapterUsers().Where("?TableAlias.id = ?", id))
}

// AdapterUserByEmail finds a user by the whole address, whatever its case.
func (r Reader) AdapterUserByEmail(ctx context.Context, email string) (*model.User, error) {
	return r.adapterUser(ctx, r.adapterUsers().Where("lower(?TableAlias.email) = lower(?)", email))
}

// AdapterUserByAccount finds the user whom an account is linked to.
func (r Reader) AdapterUserByAccount(ctx context.Context, key model.AccountKey) (*model.User, error) {
	return r.adapterUser(ctx, r.adapterUsers().Join("JOIN accounts AS account ON account.user_id = ?TableAlias.id").
		Where("account.provider = ? AND account.provider_account_id = ?", key.Provider, key.ProviderAccountID))
}

// AdapterAccount finds an account link.
func (r Reader) AdapterAccount(ctx context.Context, key model.AccountKey) (*model.Account, error) {
	accounts, err := all[model.Account](ctx, ofAdapterUsers[model.Account](r).
		Where("provider = ? AND provider_account_id = ?", key.Provider, key.ProviderAccountID))
	return only(accounts, err, "account")
}

// AdapterSession finds a session that is not over, and its user.
func (r Reader) AdapterSession(ctx context.Context, tokenHash []byte) (*model.AdapterSession, error) {
	sessions, err := scan[sessionUser](ctx, r.adapterUsers().ExcludeColumn("password_hash").
		ColumnExpr("session.expires AS session_expires_at").Join("JOIN sessions AS session ON session.user_id = ?TableAlias.id").
		Where("session.token_hash = ? AND session.expires > now()", tokenHash))
	session, err := only(sessions, err, "session")
	if err != nil {
		return nil, err
	}
	return &model.AdapterSession{ExpiresAt: session.SessionExpiresAt, User: &session.User}, nil
}

func (tx *Tx) lockAdapterUser(ctx context.Context, to strength, id model.UserID) (*model.User, error) {
	user, err := tx.adapterUser(ctx, tx.adapterUsers().Where("?TableAlias.id = ?", id).For(string(to)))
	return user, blameMissing(err, "id")
}

// CreateAdapterUser adds a MEMBER to the key's company.
func (tx *Tx) CreateAdapterUser(ctx context.Context, in model.CreateAdapterUserInput) (*model.User, error) {
	if err := tx.mayAdapt(); err != nil {
		return nil, err
	}
	if tx.viewer.CompanyID == nil {
		return nil, fault.New(fault.BadUserInput, "The key is of no company, and so would be the user: invite the user first.")
	}
	user := &model.User{
		ID: model.NewID[model.UserID](), CompanyID: tx.viewer.CompanyID, Name: in.UserName(), Email: in.Email,
		Role: model.RoleMember, Image: in.Image, EmailVerifiedAt: in.EmailVerifiedAt,
	}
	return user, tx.addUser(ctx, user)
}

// UpdateAdapterUser changes what the input names. A new address is not verified, unless the frontend says so.
func (tx *Tx) UpdateAdapterUser(ctx context.Context, in model.UpdateAdapterUserInput) (*model.User, error) {
	user, err := tx.lockAdapterUser(ctx, toChange, in.ID)
	if err != nil {
		return nil, wrap(err, "update user", in.ID)
	}
	var c changes
	set(&c, "name", &user.Name, in.Name)
	verified := user.EmailVerifiedAt
	if in.Email != nil && *in.Email != user.Email {
		set(&c, "email", &user.Email, in.Email)
		verified = nil
	}
	if at, ok := in.EmailVerifiedAt.ValueOK(); ok {
		verified = at
	}
	if verified != nil {
		verified = new(stored(*verified))
	}
	if verified == nil || user.EmailVerifiedAt == nil || !verified.Equal(*user.EmailVerifiedAt) {
		setNull(&c, "email_verified_at", &user.EmailVerifiedAt, verified)
	}
	if image, ok := in.Image.ValueOK(); ok {
		setNull(&c, "image", &user.Image, image)
	}
	return user, wrap(tx.saveProfile(ctx, user, c), "update user", in.ID)
}

// DeleteAdapterUser removes a user who owns nothing, with sessions, account links and passkeys.
func (tx *Tx) DeleteAdapterUser(ctx context.Context, in model.DeleteAdapterUserInput) (*model.User, error) {
	if err := tx.mayAdapt(); err != nil {
		return nil, err
	}
	if _, err := tx.lockManaged(ctx, in.ID, nil); err != nil {
		return nil, wrap(err, "delete user", in.ID)
	}
	user, err := tx.lockAdapterUser(ctx, toRemove, in.ID) // nobody may refer to the user from here on
	if err != nil {
		return nil, wrap(err, "delete user", in.ID)
	}
	if user.ID == tx.viewer.UserID {
		return nil, fault.New(fault.Conflict, "The user made the API key of this request, and cannot be deleted by it.").At("id")
	}
	owned, err := tx.owned(ctx, user.ID)
	if err == nil && owned != (model.Reassigned{}) {
		err = fault.New(fault.Conflict, "The user owns %d projects, %d documents and %d conversations: a MANAGER must give them to someone else.",
			owned.Projects, owned.Documents, owned.Conversations).At("id")
	}
	if err != nil {
		return nil, wrap(err, "delete user", in.ID)
	}
	err = remove(ctx, tx, user, tx.recorded(model.UserDeleted,
		entry{user.AuditSubject(), map[string]any{"name": user.Name, "email": user.Email}}))
	return user, wrap(err, "delete user", in.ID)
}

// LinkAdapterAccount links an account at a provider to a user, whose invitation ends.
func (tx *Tx) LinkAdapterAccount(ctx context.Context, in model.LinkAdapterAccountInput) (*model.Account, error) {
	user, err := tx.lockAdapterUser(ctx, toChange, in.UserID)
	if err != nil {
		return nil, wrap(blameUser(err), "link account of", in.UserID)
	}
	return tx.link(ctx, user, in.Account())
}

// UnlinkAdapterAccount removes an account link, be it the last one. Of two who do so at the same time, the second waits for
// the user and finds nothing.
func (tx *Tx) UnlinkAdapterAccount(ctx context.Context, in model.UnlinkAdapterAccountInput) (*model.Account, error) {
	account, err := tx.AdapterAccount(ctx, model.AccountKey(in))
	if err != nil {
		return nil, err
	}
	user, err := tx.lockAdapterUser(ctx, toChange, account.UserID)
	if err != nil {
		return nil, wrap(err, "unlink account", account.ID)
	}
	account, err = tx.AdapterAccount(ctx, model.AccountKey(in))
	if err != nil {
		return nil, err
	}
	return account, wrap(tx.unlink(ctx, user, account), "unlink account", account.ID)
}

// CreateAdapterSession starts a session of a user. The user stays in the company until that is done: a user who goes to another one
// leaves no session to the frontend of the old one.
func (tx *Tx) CreateAdapterSession(
	ctx context.Context, in model.CreateAdapterSessionInput, tokenHash []byte,
) (*model.AdapterSession, error) {
	user, err := tx.lockAdapterUser(ctx, toRefer, in.UserID)
	if err != nil {
		return nil, wrap(blameUser(err), "start session of", in.UserID)
	}
	if err := tx.holdAPIKey(ctx); err != nil {
		return nil, wrap(err, "start session of", in.UserID)
	}
	session := &model.Session{TokenHash: tokenHash, ExpiresAt: stored(in.ExpiresAt)}
	err = tx.startSession(ctx, session, user.ID, user.AuditSubject())
	return &model.AdapterSession{ExpiresAt: session.ExpiresAt, User: user}, wrap(err, "start session of", in.UserID)
}

// lockAdapterSession locks a session that is not over, and reads its user.
func (tx *Tx) lockAdapterSession(ctx context.Context, tokenHash []byte) (*model.Session, *model.User, error) {
	sessions, err := all[model.Session](ctx, ofAdapterUsers[model.Session](tx.Reader).
		Where("token_hash = ? AND expires > now()", tokenHash).For(string(toRemove)))
	session, err := only(sessions, err, "session")
	if err != nil {
		return nil, nil, err
	}
	user, err := tx.AdapterUser(ctx, session.UserID)
	return session, user, err
}

// UpdateAdapterSession changes when a session ends, if the input says so.
func (tx *Tx) UpdateAdapterSession(
	ctx context.Context, tokenHash []byte, expiresAt *time.Time,
) (*model.AdapterSession, error) {
	session, user, err := tx.lockAdapterSession(ctx, tokenHash)
	if err != nil {
		return nil, err
	}
	if expiresAt != nil {
		session.ExpiresAt = stored(*expiresAt)
		tx.outdate(session)
		_, err = tx.db.NewUpdate().Model(session).Column("expires", "updated_at").
			Value("updated_at", "clock_timestamp()").WherePK().Exec(ctx)
	}
	return &model.AdapterSession{ExpiresAt: session.ExpiresAt, User: user}, wrap(err, "update session", session.ID)
}

// DeleteAdapterSession ends a session, as its user signs out.
func (tx *Tx) DeleteAdapterSession(ctx context.Context, tokenHash []byte) (*model.AdapterSession, error) {
	session, user, err := tx.lockAdapterSession(ctx, tokenHash)
	if err != nil {
		return nil, err
	}
	err = remove(ctx, tx, session, tx.recorded(model.UserSignedOut, entry{subject: user.AuditSubject()}))
	return &model.AdapterSession{ExpiresAt: session.ExpiresAt, User: user}, wrap(err, "delete session", session.ID)
}
