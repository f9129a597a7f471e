package exec

import (
	"bytes"
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Exec gives what resolves the operation, which answers once: nothing is deferred, and there are no subscriptions.
func (e *executableSchema) Exec(ctx context.Context) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	ec := newExecutionContext(operation, e, nil)
	root := ec._Query
	switch operation.Operation.Operation {
	case ast.Query:
	case ast.Mutation:
		root = ec._Mutation
	default:
		return graphql.OneShot(graphql.ErrorResponse(ctx, "unsupported GraphQL operation"))
	}
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		return &graphql.Response{Data: encode(root(ctx, operation.Operation.SelectionSet))}
	}
}

// atRoot has a field of Query or Mutation resolved in its context and through AroundRootFields.
func (ec *executionContext) atRoot(
	field *graphql.CollectedField, resolve func(context.Context, graphql.CollectedField) graphql.Marshaler,
) func(context.Context) graphql.Marshaler {
	return func(ctx context.Context) graphql.Marshaler {
		ctx = graphql.WithRootFieldContext(ctx, &graphql.RootFieldContext{Object: field.Name, Field: *field})
		return ec.RootResolverMiddleware(ctx, func(ctx context.Context) graphql.Marshaler { return resolve(ctx, *field) })
	}
}

// arguments are those of a field of the query's text, selected of an object.
type arguments struct {
	object string
	values map[string]any
}

// argumentsOf gives the arguments of the context's field. They are read once, not for each row that the field is selected of.
func (ec *executionContext) argumentsOf(
	ctx context.Context, fc *graphql.FieldContext, read func(context.Context, map[string]any) (map[string]any, error),
) (map[string]any, error) {
	if known, ok := ec.arguments.Load(fc.Field.Field); ok && known.(*arguments).object == fc.Object {
		return known.(*arguments).values, nil
	}
	values, err := read(ctx, fc.Field.ArgumentMap(ec.Variables))
	if err == nil { // an error is told of each row
		ec.arguments.Store(fc.Field.Field, &arguments{fc.Object, values})
	}
	return values, err
}

// encoders are buffers that have grown to the size of answers.
var encoders = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keptBytesMax is the largest buffer that is kept: few answers are larger.
const keptBytesMax = 256 << 10

func encode(data graphql.Marshaler) []byte {
	buffer := encoders.Get().(*bytes.Buffer)
	buffer.Reset()
	data.MarshalGQL(buffer)
	if buffer.Cap() > keptBytesMax {
		return buffer.Bytes()
	}
	defer encoders.Put(buffer)
	return bytes.Clone(buffer.Bytes())
}
