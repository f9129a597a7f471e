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
	_ = eachSelection(operation.SelectionSet, func(_ ast.DirectiveList, field string) error {
		if field == "" {
			return nil
		}
		name = field
		return found
	})
	return name
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
