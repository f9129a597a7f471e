package graph

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

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

// describeAccess appends to the description of each field that has the directive what it says: introspection, and the playground with
// it, shows descriptions and no directives.
func describeAccess(schema *ast.Schema) {
	for _, definition := range schema.Types {
		for _, field := range definition.Fields {
			if directive := field.Directives.ForName("access"); directive != nil {
				field.Description += "\n\n" + accessText(directive)
			}
		}
	}
}

// accessText says in words whom access lets pass.
func accessText(directive *ast.Directive) string {
	argument := func(name string) string {
		if given := directive.Arguments.ForName(name); given != nil {
			return given.Value.Raw
		}
		return ""
	}
	role, scope := argument("role"), model.Scope(argument("scope"))
	switch {
	case role == "":
		return "Needs no credential."
	case argument("anyScope") == "true":
		return fmt.Sprintf("Needs the role %s; an API key needs no scope.", role)
	case scope == "":
		return fmt.Sprintf("Needs the role %s; not for API keys.", role)
	case !(model.Viewer{Role: model.Role(role)}).May(scope):
		return fmt.Sprintf("Needs an API key with the scope `%s`, made by someone with the role %s.", scope, role)
	}
	return fmt.Sprintf("Needs the role %s; an API key also the scope `%s`.", role, scope)
}
