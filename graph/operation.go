package graph

import (
	"context"
	"errors"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"dossier/internal/telemetry"
	"dossier/model"
)

// operationName is the operation's name, or the name of its first field.
func operationName(op *graphql.OperationContext) string {
	if op.Operation.Name != "" {
		return op.Operation.Name
	}
	return firstField(op.Operation)
}

// firstField is the name of an operation's first field, looked for in fragments too: the schema has few of them.
func firstField(operation *ast.OperationDefinition) string {
	name := string(operation.Operation)
	found := errors.New("found")
	_ = eachSelection(operation.SelectionSet, func(_ ast.DirectiveList, field *ast.Field) error {
		if field == nil {
			return nil
		}
		name = field.Name
		return found
	})
	return name
}

// selectionOf is what the operation may select, whatever its @include and @skip leave of it.
func selectionOf(operation *ast.OperationDefinition) model.Selection {
	selection := model.Selection{}
	_ = eachSelection(operation.SelectionSet, func(_ ast.DirectiveList, field *ast.Field) error {
		if field != nil {
			selection.Add(field.ObjectDefinition.Name, field.Name)
		}
		return nil
	})
	return selection
}

type selectionKey struct{}

// withSelection gives the operation's reads what it selects.
func withSelection(ctx context.Context, operation *ast.OperationDefinition) context.Context {
	return context.WithValue(ctx, selectionKey{}, selectionOf(operation))
}

// noteOperation tells logs and metrics which operation a request is, once it is known to be valid.
func noteOperation(ctx context.Context, op *graphql.OperationContext) {
	if op == nil || op.Operation == nil {
		return
	}
	telemetry.RequestFrom(ctx).SetOperation(
		operationName(op), firstField(op.Operation), string(op.Operation.Operation), !model.ViewerFrom(ctx).IsAnonymous())
}

// The codes of answers without an error, and of those that nobody waits for.
const (
	codeOK       = "OK"
	codeCanceled = "CANCELED"
)

// codeOf is the code of the answer's first error.
func codeOf(response *graphql.Response) string {
	switch {
	case response == nil:
		return codeCanceled
	case len(response.Errors) == 0:
		return codeOK
	}
	return fmt.Sprint(response.Errors[0].Extensions["code"])
}
