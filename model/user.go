package model

import (
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/uptrace/bun"
)

// Role is what a user may do, from least to most.
type Role string

// The roles. Staff (ADMIN) belong to no company; everyone else belongs to one.
const (
	RoleMember  Role = "MEMBER"
	RoleManager Role = "MANAGER"
	RoleAdmin   Role = "ADMIN"
)

var roleRank = map[Role]int{RoleMember: 1, RoleManager: 2, RoleAdmin: 3}

// AtLeast reports whether the role may do all that other may.
func (r Role) AtLeast(other Role) bool { return roleRank[r] >= roleRank[other] }

// MarshalGQL writes the enum.
func (r Role) MarshalGQL(w io.Writer) { marshalEnum(w, r) }

// UnmarshalGQL reads the enum.
func (r *Role) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, r, RoleMember, RoleManager, RoleAdmin)
}

// User is a person who signs in.
type User struct {
	bun.BaseModel `bun:"table:users,alias:user"`
	Batched[User]

	ID              UserID    `bun:",pk"`
	CreatedAt       time.Time `bun:",nullzero,default:now()"`
	UpdatedAt       time.Time `bun:",nullzero,default:now()"`
	Version         int32     `bun:",nullzero,default:1"`
	CompanyID       *CompanyID
	Name            string
	Email           string
	PasswordHash    *string // on no GraphQL type
	Role            Role
	Image           *string
	EmailVerifiedAt *time.Time
	DeactivatedAt   *time.Time
}

// IsNode makes it a Node of the schema.
func (*User) IsNode() {}

// GetID is the id that Node shows.
func (u *User) GetID() GlobalID { return u.ID.Global() }

// ReadScope is the scope that an API key needs to read one.
func (*User) ReadScope() Scope { return ScopeUsersRead }

// AuditSubject is what audit entries about it say.
func (u *User) AuditSubject() AuditSubject { return AuditSubject{u.ID.Global(), u.CompanyID} }

// UserFilter narrows a list of users.
type UserFilter struct {
	Search      *string
	CompanyID   *CompanyID
	CreatedAt   *TimeRange
	Role        []Role
	Deactivated *bool
}

// Validate reports all that is wrong with it.
func (f *UserFilter) Validate() error {
	var c Checks
	if f != nil {
		c.search("filter.search", f.Search)
		c.times("filter.createdAt", f.CreatedAt)
		c.listLength("filter.role", len(f.Role), len(roleRank))
	}
	return c.err()
}

// UserOrderField is what users are sorted by.
type UserOrderField string

// What users are sorted by.
const (
	UsersByName      UserOrderField = "NAME"
	UsersByEmail     UserOrderField = "EMAIL"
	UsersByCreatedAt UserOrderField = "CREATED_AT"
)

// MarshalGQL writes the enum.
func (f UserOrderField) MarshalGQL(w io.Writer) { marshalEnum(w, f) }

// UnmarshalGQL reads the enum.
func (f *UserOrderField) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, f, UsersByName, UsersByEmail, UsersByCreatedAt)
}

// UserOrder sorts users.
type UserOrder struct {
	Field     UserOrderField
	Direction OrderDirection
}

// CreateUserInput is a new user.
type CreateUserInput struct {
	CompanyID *CompanyID
	Name      string
	Email     string
	Password  *string
	Role      Role
	Image     *string
}

// Validate reports all that is wrong with it.
func (in CreateUserInput) Validate() error {
	var c Checks
	c.text("name", in.Name, nameLengthMax)
	c.email("email", in.Email)
	ifSet(in.Password, func(p string) { c.password("password", p) })
	ifSet(in.Image, func(i string) { c.webAddress("image", i) })
	if in.Role == RoleAdmin && in.CompanyID != nil {
		c.fail("companyId", "must be absent: an ADMIN is platform staff and belongs to no company.")
	}
	return c.err()
}

// UpdateUserInput changes what it names; null removes.
type UpdateUserInput struct {
	ID              UserID
	ExpectedVersion *int32
	Name            *string
	Email           *string
	Image           graphql.Omittable[*string]
}

// Validate reports all that is wrong with it.
func (in UpdateUserInput) Validate() error {
	var c Checks
	ifSet(in.Name, func(n string) { c.text("name", n, nameLengthMax) })
	ifSet(in.Email, func(e string) { c.email("email", e) })
	ifSet(in.Image.Value(), func(i string) { c.webAddress("image", i) })
	return c.err()
}

// DeleteUserInput names the user to delete, and who takes over what the user owns.
type DeleteUserInput struct {
	ID              UserID
	NewOwnerID      *UserID
	ExpectedVersion *int32
}

// Validate reports all that is wrong with it.
func (in DeleteUserInput) Validate() error { return checkNewOwner("id", in.ID, in.NewOwnerID) }

// TransferUserInput moves a user to another company.
type TransferUserInput struct {
	UserID     UserID
	CompanyID  CompanyID
	NewOwnerID *UserID
}

// Validate reports all that is wrong with it.
func (in TransferUserInput) Validate() error {
	return checkNewOwner("userId", in.UserID, in.NewOwnerID)
}

func checkNewOwner(field string, user UserID, newOwner *UserID) error {
	var c Checks
	if newOwner != nil && *newOwner == user {
		c.fail("newOwnerId", "must be another user than %s.", field)
	}
	return c.err()
}

// ChangeUserRoleInput gives a user another role.
type ChangeUserRoleInput struct {
	UserID          UserID
	Role            Role
	ExpectedVersion *int32
}

// Validate reports all that is wrong with it.
func (in ChangeUserRoleInput) Validate() error {
	var c Checks
	if in.Role == RoleAdmin {
		c.fail("role", "must not be ADMIN: platform staff belong to no company, and are created as such.")
	}
	return c.err()
}

// DeactivateUserInput names the user who may no longer sign in.
type DeactivateUserInput struct {
	noRules

	UserID          UserID
	ExpectedVersion *int32
}

// ReactivateUserInput names the user who may sign in again.
type ReactivateUserInput struct {
	noRules

	UserID          UserID
	ExpectedVersion *int32
}

// Reassigned counts what a new owner took over.
type Reassigned struct {
	Projects      int32
	Documents     int32
	Conversations int32
}

// UserPayload is the outcome of creating or changing a user.
type UserPayload struct {
	User       *User
	UserErrors []UserError
}

// The payloads that show a user.
type (
	CreateUserPayload     = UserPayload
	UpdateUserPayload     = UserPayload
	ChangeUserRolePayload = UserPayload
	DeactivateUserPayload = UserPayload
	ReactivateUserPayload = UserPayload
)

// DeleteUserPayload says which user is gone, and what the new owner took over.
type DeleteUserPayload struct {
	DeletedUserID *UserID
	Reassigned    *Reassigned
	UserErrors    []UserError
}

// TransferUserPayload is the user in the new company, and what stayed behind with the new owner.
type TransferUserPayload struct {
	User       *User
	Reassigned *Reassigned
	UserErrors []UserError
}
