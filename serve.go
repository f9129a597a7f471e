package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"dossier/graph"
	"dossier/internal/auth"
	"dossier/internal/config"
	"dossier/internal/fault"
	"dossier/internal/web"
)

// Limits of the listener. A slow client holds a connection no longer than these.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	headerBytesMax    = 64 << 10
)

// shutdownTimeout is how long requests in flight may take to end, and the program's own PostgreSQL to stop after them.
const shutdownTimeout = 15 * time.Second

// drain is how the server takes leave: it says that it is not ready, serves on for a while so that whoever sends it
// requests sends them elsewhere, lets what is in flight end, and stops.
type drain struct {
	delay    time.Duration
	stopping atomic.Bool
}

var errStopping = fault.New(fault.Unavailable, "The server is stopping.")

// readiness is next's, until the server stops.
func (d *drain) readiness(next func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if d.stopping.Load() {
			return errStopping
		}
		return next(ctx)
	}
}

// handler sends clients away with their next answer. SetKeepAlivesEnabled(false) would not do: it closes idle connections
// at once, also one on which a request is just under way.
func (d *drain) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.stopping.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// begin tells the world that the server stops, and gives it the time to see that.
func (d *drain) begin() {
	d.stopping.Store(true)
	time.Sleep(d.delay)
}

// stop ends the server. What does not end within the deadline is cut off, and told in the log: a client that is too slow
// makes no failure of a stop.
func (d *drain) stop(server *http.Server, logger *slog.Logger) error {
	d.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		logger.Warn("requests that did not end were cut off", "after", shutdownTimeout)
		return server.Close()
	}
	return err
}

// newHTTPServer bounds what a client can hold.
func newHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// newServer puts the parts together.
func newServer(
	c config.Config, db *database, credentials auth.Credentials, sessions auth.Sessions, documents archive, leave *drain,
	logger *slog.Logger, admin *admin,
) *http.Server {
	router := web.Config{
		GraphQL: db.whenPrepared(graph.NewHandler(graph.Config{
			Store: db.store, Sessions: sessions, Files: documents.files, Embedder: documents.search, Logger: logger,
			Limits: graph.DefaultLimits, Timeout: c.RequestTimeout, Explorable: *c.Introspection, LogValues: c.IsDevelopment(),
			Traceable: c.IsDevelopment(),
		})),
		Files:          documents.files,
		WhenPrepared:   db.whenPrepared,
		Authenticate:   credentials.Viewer,
		AuthTimeout:    c.RequestTimeout,
		Readiness:      leave.readiness(db.readiness),
		ReadyDetails:   db.details,
		Schema:         schema,
		Explorable:     *c.Introspection,
		Playground:     *c.Playground,
		DemoUsers:      demoUsers(c),
		CORSOrigins:    c.CORSOrigins,
		HTTPS:          strings.HasPrefix(c.PublicURL, "https://"),
		PlainCookie:    c.IsPlain(),
		TrustedProxies: c.TrustedProxies,
		Logger:         logger, LogRequests: c.LogRequests, Metrics: admin.metrics, Tracing: admin.tracing,
	}
	return newHTTPServer(leave.handler(web.NewRouter(router)), logger)
}
