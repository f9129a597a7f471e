// Package telemetry is what the program tells of itself: logs, metrics, and traces of requests.
package telemetry

import "context"

type (
	requestIDKey struct{}
	operationKey struct{}
)

// WithRequestID returns a context that carries the id of the HTTP request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID gives the id of the HTTP request, "" outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Authenticate is the operation that checks a request's credential.
const Authenticate = "authenticate"

// operationNameBytesMax is how much is kept of the name that a client gave its operation.
const operationNameBytesMax = 100

// WithOperation returns a context that carries the name of the GraphQL operation, which statements are logged with.
func WithOperation(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, operationKey{}, cut(name, operationNameBytesMax))
}

// Operation gives the name of the GraphQL operation, "" outside of one.
func Operation(ctx context.Context) string {
	name, _ := ctx.Value(operationKey{}).(string)
	return name
}
