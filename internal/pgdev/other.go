//go:build !unix

package pgdev

import (
	"context"
	"errors"
)

var errUnsupported = errors.New("the embedded PostgreSQL runs on Linux, macOS and the BSDs only; set POSTGRES_URL")

// Server cannot be had on this system.
type Server struct{}

// Start always fails on this system.
func Start(context.Context, Config) (*Server, error) { return nil, errUnsupported }

// FindBinaries always fails on this system.
func FindBinaries(context.Context, Config) (Binaries, error) { return Binaries{}, errUnsupported }

// URL is empty on this system.
func (*Server) URL() string { return "" }

// Stop has nothing to do on this system.
func (*Server) Stop(context.Context) error { return nil }

// Done never closes on this system.
func (*Server) Done() <-chan struct{} { return nil }

// Err is nil on this system.
func (*Server) Err() error { return nil }
