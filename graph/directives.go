package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
)

// access is the directive @access: it holds a field back from who may not use it.
func access(ctx context.Context, _ any, next graphql.Resolver, role *model.Role, scope *model.Scope, anyScope bool) (any, error) {
	if role == nil {
		return next(ctx)
	}
	viewer := model.ViewerFrom(ctx)
	if viewer.IsAnonymous() {
		return nil, auth.Rejection(ctx)
	}
	if !viewer.Role.AtLeast(*role) {
		return nil, fault.Denied("This needs the role %s.", *role)
	}
	if viewer.HasKey() && !anyScope {
		if scope == nil {
			return nil, fault.Denied("An API key cannot do this: sign in.")
		}
		if !viewer.May(*scope) {
			return nil, fault.Denied("This needs the scope %s.", *scope)
		}
	}
	if scope != nil && !viewer.May(*scope) {
		return nil, fault.Denied("This needs an API key with the scope %s.", *scope)
	}
	return next(ctx)
}
