package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

func userUUID(u *model.User) uuid.UUID { return uuid.UUID(u.ID) }

var userOrders = map[model.UserOrderField]order[model.User]{
	model.UsersByName:      byText("name", func(u *model.User) string { return u.Name }, userUUID),
	model.UsersByEmail:     byText("email", func(u *model.User) string { return u.Email }, userUUID),
	model.UsersByCreatedAt: byTime("created_at", func(u *model.User) time.Time { return u.CreatedAt }, userUUID),
}

func (r Reader) users(f *model.UserFilter) func() *bun.SelectQuery {
	return func() *bun.SelectQuery {
		q := from[model.User](r)
		if f == nil {
			return q
		}
		q = equal(q, "company_id", f.CompanyID)
		q = among(q, "role", f.Role)
		q = present(q, "deactivated_at", f.Deactivated)
		q = within(q, "created_at", f.CreatedAt)
		return search(q, f.Search, "name", "email")
	}
}

// Users lists the users that the viewer may see.
func (r Reader) Users(
	ctx context.Context, args model.PageArgs, f *model.UserFilter, by model.UserOrder,
) (*model.UserConnection, error) {
	p, err := newPage(args, f, userOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.users(f))
}

// UsersByCompany lists each company's users.
func (r Reader) UsersByCompany(
	ctx context.Context, companies []model.CompanyID, args model.PageArgs, f *model.UserFilter, by model.UserOrder,
) (map[model.CompanyID]*model.UserConnection, error) {
	p, err := newPage(args, f, userOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, companies, byColumn("company_id"), r.users(f))
}

// UserCountsByCompany counts each company's users; companies without any are left out.
func (r Reader) UserCountsByCompany(
	ctx context.Context, companies []model.CompanyID,
) (map[model.CompanyID]int32, error) {
	return countBy(ctx, r, companies, byColumn("company_id"), r.users(nil)())
}

// UsersByIDs reads users in any order; those not there or not visible are left out.
func (r Reader) UsersByIDs(ctx context.Context, ids []model.UserID) ([]*model.User, error) {
	return byIDs[model.User](ctx, r, r.users(nil)(), ids)
}

// Me reads the viewer's own row.
func (r Reader) Me(ctx context.Context) (*model.User, error) {
	if err := granted[model.User](r); err != nil {
		return nil, err
	}
	if user, ok := r.cache.user(r.viewer.UserID); ok {
		return model.Join([]*model.User{user})[0], nil
	}
	users, err := r.UsersByIDs(ctx, []model.UserID{r.viewer.UserID})
	return only(users, err, "user")
}

// UserByEmail finds a user by the whole address, whatever its case.
func (r Reader) UserByEmail(ctx context.Context, email string) (*model.User, error) {
	users, err := read[model.User](ctx, r, r.users(nil)().Where("lower(?TableAlias.email) = lower(?)", param{email}))
	return only(model.Join(users), err, "user")
}

func (tx *Tx) lockUser(
	ctx context.Context, to strength, id model.UserID, expected *int32,
) (*model.User, error) {
	return lock(ctx, tx, tx.users(nil)(), to, "user", id, expected, func(u *model.User) int32 { return u.Version })
}

// CreateUser adds a user; the password comes hashed, nil for none. An API key gives none: it could sign in by it, and do more than
// its scopes.
func (tx *Tx) CreateUser(ctx context.Context, in model.CreateUserInput, passwordHash *string) (*model.User, error) {
	if passwordHash != nil && tx.viewer.HasKey() {
		return nil, fault.Denied("An API key cannot set a password: inviteUser mails the user a link to set one.")
	}
	company, err := tx.companyForUser(in)
	if err != nil {
		return nil, err
	}
	user := &model.User{
		ID: model.NewID[model.UserID](), CompanyID: company, Name: in.Name, Email: in.Email,
		PasswordHash: passwordHash, Role: in.Role, Image: in.Image,
	}
	return user, tx.addUser(ctx, user)
}

func (tx *Tx) addUser(ctx context.Context, user *model.User) error {
	also := tx.recorded(model.UserCreated,
		entry{user.AuditSubject(), map[string]any{"name": user.Name, "email": user.Email, "role": user.Role}})
	if err := insert(ctx, tx, also, user); err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return nil
}

// companyFor says of which company a new row is: the viewer's, or the one that an ADMIN names. Another company is, to
// everyone else, a company that is not there.
func (tx *Tx) companyFor(named *model.CompanyID) (model.CompanyID, error) {
	switch {
	case tx.viewer.IsStaff() && named == nil:
		return model.CompanyID{}, fault.Invalid([]string{"companyId"}, "is required: an ADMIN belongs to no company.")
	case tx.viewer.IsStaff():
		return *named, nil
	case named != nil && *named != *tx.viewer.CompanyID:
		return model.CompanyID{}, errNoCompany
	default:
		return *tx.viewer.CompanyID, nil
	}
}

// companyForUser says which company a new user joins; platform staff join none.
func (tx *Tx) companyForUser(in model.CreateUserInput) (*model.CompanyID, error) {
	if err := tx.mayGiveRole(in.Role); err != nil {
		return nil, err
	}
	if in.Role == model.RoleAdmin {
		return nil, nil
	}
	company, err := tx.companyFor(in.CompanyID)
	return &company, err
}

// mayChangeUser lets everyone change themselves, and a MANAGER the users of the company.
func (tx *Tx) mayChangeUser(user *model.User) error {
	if tx.viewer.UserID == user.ID || tx.viewer.Manages(user.CompanyID) {
		return nil
	}
	return fault.Denied("Only the user or a MANAGER of the company may change the user.")
}

// UpdateUser changes what the input names. A new address is not verified, and ends an invitation. Of the viewer's own one the token
// for it is kept alone, which ChangeEmail takes; nil for none.
func (tx *Tx) UpdateUser(ctx context.Context, in model.UpdateUserInput, own *model.OneTimeToken) (*model.User, error) {
	user, err := tx.lockUser(ctx, toChange, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "update user", in.ID)
	}
	if err := tx.mayChangeUser(user); err != nil {
		return nil, err
	}
	var c changes
	set(&c, "name", &user.Name, in.Name)
	if in.Email != nil && *in.Email != user.Email {
		if err := tx.changeEmail(ctx, &c, user, *in.Email, own); err != nil {
			return nil, err
		}
	}
	if image, ok := in.Image.ValueOK(); ok {
		setNull(&c, "image", &user.Image, image)
	}
	return user, wrap(tx.saveProfile(ctx, user, c), "update user", in.ID)
}

// changeEmail gives the user another address, if the viewer may. Who reads the mail of an address can set the password: a user who
// can sign in loses the account by it to nobody but staff.
func (tx *Tx) changeEmail(ctx context.Context, c *changes, user *model.User, email string, own *model.OneTimeToken) error {
	switch {
	case tx.viewer.HasKey():
		return fault.Denied("An API key cannot change an email address: sign in.")
	case tx.viewer.UserID == user.ID && own == nil:
		return fault.New(fault.Conflict, "Your email address was changed in the meantime.").At("email")
	case tx.viewer.UserID == user.ID:
		return tx.KeepToken(ctx, own) // also for an address that someone else has: nothing tells
	case !tx.viewer.IsStaff():
		signsIn, err := tx.signsIn(ctx, user)
		if err != nil {
			return wrap(err, "change email of", user.ID)
		}
		if signsIn {
			return fault.Denied("Only the user or an ADMIN may change the email address of someone who can sign in.")
		}
	}
	set(c, "email", &user.Email, &email)
	setNull(c, "email_verified_at", &user.EmailVerifiedAt, nil)
	return nil
}

// saveProfile writes what changed of a user, if anything did. An invitation was mailed to the address of then, and ends with it, as
// does the change to yet another one; nor does whoever verified the address need an invitation.
func (tx *Tx) saveProfile(ctx context.Context, user *model.User, c changes) error {
	var also along
	_, moved := c.details["email"]
	if _, verified := c.details["emailVerifiedAt"]; moved || verified {
		also = along{tx.endInvitation(user.ID), tx.endTokens(user.ID, model.ToChangeEmail)}
	}
	return tx.saveUser(ctx, model.UserUpdated, user, c, also...)
}

// DeleteUser removes a user, whose sessions and API keys end with it, and gives what the user owned to the new owner.
func (tx *Tx) DeleteUser(ctx context.Context, in model.DeleteUserInput) (*model.Reassigned, error) {
	user, err := tx.lockManaged(ctx, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "delete user", in.ID)
	}
	if user.ID == tx.viewer.UserID {
		return nil, fault.New(fault.Conflict, "You cannot delete yourself.").At("id")
	}
	if _, err := tx.lockUser(ctx, toRemove, in.ID, nil); err != nil { // nobody may refer to the user from here on
		return nil, wrap(err, "delete user", in.ID)
	}
	reassigned, err := tx.reassign(ctx, user, in.NewOwnerID)
	if err != nil {
		return nil, wrap(err, "delete user", in.ID)
	}
	err = remove(ctx, tx, user, tx.recorded(model.UserDeleted, entry{user.AuditSubject(),
		withOwner(map[string]any{"name": user.Name, "email": user.Email}, in.NewOwnerID, reassigned)}))
	return reassigned, wrap(err, "delete user", in.ID)
}

// TransferUser moves a user to another company. What the user owns stays, as the new owner's; the sessions end, and so
// do API keys, which act in the old company, and an invitation, whose token it knows. Account links are the user's own, and go
// along.
func (tx *Tx) TransferUser(ctx context.Context, in model.TransferUserInput) (*model.User, *model.Reassigned, error) {
	user, err := tx.lockUser(ctx, toRemove, in.UserID, nil)
	if err != nil {
		return nil, nil, wrap(fault.Blame(err, "userId"), "transfer user", in.UserID)
	}
	if user.CompanyID == nil {
		return nil, nil, fault.Invalid([]string{"userId"}, "is platform staff, who belong to no company.")
	}
	if *user.CompanyID == in.CompanyID {
		return nil, nil, fault.New(fault.Conflict, "The user is in that company already.").At("companyId")
	}
	reassigned, err := tx.reassign(ctx, user, in.NewOwnerID)
	if err != nil {
		return nil, nil, wrap(err, "transfer user", in.UserID)
	}
	left := *user
	var c changes
	setNull(&c, "company_id", &user.CompanyID, &in.CompanyID)
	// Neither company learns of the other: what stayed is the old one's to know.
	also := append(tx.recorded(model.UserTransferred,
		entry{left.AuditSubject(), withOwner(map[string]any{}, in.NewOwnerID, reassigned)}, entry{subject: user.AuditSubject()}),
		tx.endSessions(user.ID, model.SessionID{}), tx.removeAPIKeys(user.ID), tx.endInvitation(user.ID))
	err = save(ctx, tx, user, &user.Version, c, also)
	return user, reassigned, wrap(err, "transfer user", in.UserID)
}

func withOwner(details map[string]any, newOwner *model.UserID, reassigned *model.Reassigned) map[string]any {
	if newOwner != nil {
		details["newOwnerId"] = newOwner.String()
		details["projects"], details["documents"] = reassigned.Projects, reassigned.Documents
		details["conversations"] = reassigned.Conversations
	}
	return details
}

// reassign gives what the user owns to the new owner, a user of the same company. Without one the user must own nothing.
func (tx *Tx) reassign(ctx context.Context, user *model.User, newOwner *model.UserID) (*model.Reassigned, error) {
	if newOwner == nil {
		return &model.Reassigned{}, tx.ownsNothing(ctx, user.ID)
	}
	ifHeir := func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Where("EXISTS (SELECT FROM heir)").Returning("id") }
	var done struct {
		model.Reassigned
		Heir bool
	}
	q, err := prepare(tx.Reader, tx.db.NewSelect().
		With("heir", tx.users(nil)().Column("id").
			Where("?TableAlias.id = ? AND ?TableAlias.company_id = ?", param{*newOwner}, param{user.CompanyID}).For("KEY SHARE")).
		With("given_projects", ifHeir(changeAll[model.Project](tx, "owner_id", user.ID, *newOwner))).
		With("given_documents", ifHeir(changeAll[model.Document](tx, "owner_id", user.ID, *newOwner))).
		With("given_conversations", ifHeir(changeAll[model.Conversation](tx, "owner_id", user.ID, *newOwner))).
		ColumnExpr("EXISTS (SELECT FROM heir) AS heir").
		ColumnExpr("(SELECT count(*) FROM given_projects) AS projects").
		ColumnExpr("(SELECT count(*) FROM given_documents) AS documents").
		ColumnExpr("(SELECT count(*) FROM given_conversations) AS conversations"))
	if err != nil {
		return nil, err
	}
	err = q.Scan(ctx, &done)
	if err == nil && !done.Heir {
		err = fault.New(fault.BadReference, "There is no such user in the company.").At("newOwnerId")
	}
	return &done.Reassigned, err
}

func (tx *Tx) owned(ctx context.Context, user model.UserID) (owned model.Reassigned, err error) {
	err = tx.db.NewRaw(`SELECT
		(SELECT count(*) FROM projects WHERE owner_id = ?0) AS projects,
		(SELECT count(*) FROM documents WHERE owner_id = ?0) AS documents,
		(SELECT count(*) FROM conversations WHERE owner_id = ?0) AS conversations`, user).Scan(ctx, &owned)
	return owned, err
}

func (tx *Tx) ownsNothing(ctx context.Context, user model.UserID) error {
	owned, err := tx.owned(ctx, user)
	if err != nil || owned == (model.Reassigned{}) {
		return err
	}
	return fault.New(fault.Conflict, "The user owns %d projects, %d documents and %d conversations: name who takes them over.",
		owned.Projects, owned.Documents, owned.Conversations).At("newOwnerId")
}

// owner says who owns a new row: the viewer, or the user that a MANAGER or ADMIN names. It gives the owner's company. For a
// MANAGER that is the own one, and the row's foreign key finds out whether the user is in it.
func (tx *Tx) owner(ctx context.Context, named *model.UserID) (model.UserID, model.CompanyID, error) {
	if named == nil || *named == tx.viewer.UserID {
		if tx.viewer.CompanyID == nil {
			return model.UserID{}, model.CompanyID{},
				fault.Invalid([]string{"ownerId"}, "is required: an ADMIN belongs to no company and owns nothing.")
		}
		return tx.viewer.UserID, *tx.viewer.CompanyID, nil
	}
	if tx.viewer.Role == model.RoleManager {
		return *named, *tx.viewer.CompanyID, nil
	}
	owners, err := tx.UsersByIDs(ctx, []model.UserID{*named})
	if err != nil {
		return model.UserID{}, model.CompanyID{}, err
	}
	if len(owners) == 0 || owners[0].CompanyID == nil {
		return model.UserID{}, model.CompanyID{}, constraintFaults["projects_owner_id_fkey"]
	}
	if !tx.viewer.Manages(owners[0].CompanyID) {
		return model.UserID{}, model.CompanyID{}, errOnlyOwn
	}
	return owners[0].ID, *owners[0].CompanyID, nil
}

var errOnlyOwn = fault.Denied("Only a MANAGER or an ADMIN may name someone else as the owner.")
