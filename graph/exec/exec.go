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
