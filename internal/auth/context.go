package auth

import (
	"context"
	"time"

	"dossier/internal/fault"
)

type (
	clientKey    struct{}
	rejectionKey struct{}
	checkedInKey struct{}
)

// WithClient returns a context that carries what is known of the client.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientFrom gives what is known of the client.
func ClientFrom(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// WithRejection returns a context that carries why the request's credential was not accepted. Fields that anyone may
// use work all the same: a client with an old token can sign in.
func WithRejection(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, rejectionKey{}, err)
}

var errNoCredential = fault.New(fault.Unauthenticated,
	"This needs a credential: sign in, and send the token as Authorization: Bearer …")

// Rejection says why the request has no viewer.
func Rejection(ctx context.Context) error {
	if err, ok := ctx.Value(rejectionKey{}).(error); ok {
		return err
	}
	return errNoCredential
}

// WithCheckedIn returns a context that carries how long the credential's check took: it is part of the request's time.
func WithCheckedIn(ctx context.Context, took time.Duration) context.Context {
	return context.WithValue(ctx, checkedInKey{}, took)
}

// CheckedIn is how long the credential's check took, 0 if there was none.
func CheckedIn(ctx context.Context) time.Duration {
	took, _ := ctx.Value(checkedInKey{}).(time.Duration)
	return took
}
