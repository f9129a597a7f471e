package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/internal/limits"
	"dossier/model"
	"dossier/repo"
)

// takenEmails hold back who learns too often that users of other companies have an email address: CONFLICT tells, where a user is to
// get one that is taken.
type takenEmails struct {
	store *repo.Store
	tries *limits.Throttle
}

// heldBack is the directive that refuses a mutation with an address for a user to whoever has no tries left. One is spent when the
// address is taken by a user whom the viewer does not see; staff see them all.
func (t takenEmails) heldBack(directive accessDirective) accessDirective {
	return func(ctx context.Context, obj any, next graphql.Resolver, role *model.Role, scope *model.Scope, anyScope bool) (any, error) {
		email, viewer := emailIn(graphql.GetFieldContext(ctx).Args["input"]), model.ViewerFrom(ctx)
		if email == "" || viewer.IsStaff() || viewer.IsAnonymous() {
			return directive(ctx, obj, next, role, scope, anyScope)
		}
		try := t.tries.Try(auth.ClientFrom(ctx).Address, viewer.UserID.String(), nil)
		if err := try.Check(ctx); err != nil {
			return nil, err
		}
		value, err := directive(ctx, obj, next, role, scope, anyScope)
		if err == nil && isTaken(value) {
			if _, unseen := t.store.Reader(viewer).UserByEmail(ctx, email); fault.Is(unseen, fault.NotFound) {
				try.Failed()
			}
		}
		return value, err
	}
}

// emailIn is the address that the input of a mutation gives a user, empty for none.
func emailIn(input any) string {
	switch in := input.(type) {
	case model.CreateUserInput:
		return in.Email
	case model.InviteUserInput:
		return in.Email
	case model.UpdateUserInput:
		if in.Email != nil {
			return *in.Email
		}
	}
	return ""
}

// isTaken reports whether a payload says that the address is a user's already.
func isTaken(payload any) bool {
	var userErrors []model.UserError
	switch payload := payload.(type) {
	case *model.UserPayload:
		userErrors = payload.UserErrors
	case *model.InvitationPayload:
		userErrors = payload.UserErrors
	}
	return slices.ContainsFunc(userErrors, func(e model.UserError) bool {
		return e.Code == model.ErrorCode(fault.Conflict) && slices.Equal(e.Field, []string{"email"})
	})
}
