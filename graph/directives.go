package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
)

// access is the directive @access: it holds a field back from who may not use it.
func access(ctx context.Context, _ any, next graphql.Resolver, role *model.Role) (any, error) {
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
	return next(ctx)
}
