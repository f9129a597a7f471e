// Package web is the HTTP around GraphQL: routes, credentials, health, the playground.
package web

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/telemetry"
	"dossier/model"
)

// Config is what the router needs.
type Config struct {
	GraphQL        http.Handler
	Files          *files.Files
	WhenPrepared   func(http.Handler) http.Handler // answers requests for files in place of the next, while there is no database; nil for never
	Authenticate   func(ctx context.Context, token string) (model.Viewer, error)
	AuthTimeout    time.Duration                   // of Authenticate, and no more than the whole request's
	Readiness      func(ctx context.Context) error // nil when requests can be served
	ReadyDetails   func() string                   // what is told with being ready, a line; nil for nothing
	Schema         string                          // the SDL
	Explorable     bool                            // everyone may read the schema; else API keys with the scope for it
	Playground     bool                            // everyone is served the playground; else those keys
	DemoUsers      []DemoUser                      // of the playground; in production there are none
	CORSOrigins    []string
	HTTPS          bool     // the server is reached by https, and browsers are told to keep to it
	PlainCookie    bool     // the server is reached by http, from its own machine alone: so are its cookies
	TrustedProxies []string // networks whose X-Forwarded-For is believed
	Logger         *slog.Logger
	LogRequests    bool
	Metrics        *telemetry.Metrics // nil for none
	Tracing        *telemetry.Tracing // nil for none
}

// Where the API is, and what asks for health.
const (
	pathGraphQL   = "/graphql"
	pathHealth    = "/healthz"
	pathReadiness = "/readyz"
)

// NewRouter makes the handler of the public listener.
func NewRouter(c Config) http.Handler {
	r := chi.NewRouter()
	r.Use(requestID, clientAddress(c.TrustedProxies), c.observed, securityHeaders(c.HTTPS), panics(c.Logger), middleware.GetHead)
	if len(c.CORSOrigins) > 0 {
		r.Use(cors.Handler(cors.Options{
			AllowedOrigins: c.CORSOrigins,
			AllowedMethods: corsMethods,
			AllowedHeaders: corsRequestHeaders,
			ExposedHeaders: corsAnswerHeaders,
			MaxAge:         600,
			// Cookies are for origins that are named: by a pattern anyone might be meant.
			AllowCredentials: !slices.ContainsFunc(c.CORSOrigins, func(origin string) bool { return strings.Contains(origin, "*") }),
		}))
	}
	r.With(compressed, client, c.cookies, credentials(c.Authenticate, c.AuthTimeout), ofViewer).Handle(pathGraphQL, c.GraphQL)
	r.Group(func(r chi.Router) {
		if c.WhenPrepared != nil {
			r.Use(c.WhenPrepared)
		}
		r.Get(files.PathDownloads+"{token}", c.download)
		r.Route(strings.TrimSuffix(files.PathUploads, "/"), c.uploads)
	})
	r.Get(pathHealth, func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") })
	r.Get(pathReadiness, readiness(c.Readiness, c.ReadyDetails))
	c.explore(r)
	return r
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func readiness(ready func(context.Context) error, details func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := ready(telemetry.WithOperation(r.Context(), "readyz")); err != nil {
			text(w, http.StatusServiceUnavailable, "not ready: "+publicReason(err)+"\n")
			return
		}
		answer := "ready\n"
		if details != nil {
			answer += details() + "\n"
		}
		text(w, http.StatusOK, answer)
	}
}

// publicReason is what a fault says to clients; other errors may hold what is none of their business.
func publicReason(err error) string {
	if faults := fault.All(err); len(faults) > 0 {
		return faults[0].Message
	}
	return "see the log"
}

// clientAddress finds the address of the client: the peer's, or what a trusted proxy says of it.
func clientAddress(trustedProxies []string) func(http.Handler) http.Handler {
	if len(trustedProxies) > 0 {
		return middleware.ClientIPFromXFF(trustedProxies...)
	}
	return middleware.ClientIPFromRemoteAddr
}

// client notes who is on the other side: it is what a session is listed with.
func client(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := auth.WithClient(r.Context(), auth.Client{
			UserAgent: r.UserAgent(),
			Address:   middleware.GetClientIP(r.Context()),
		})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// credentials turns the request's credential, by header, into its viewer. A request without one, or with a bad one, is nobody's:
// what anyone may do works, and the rest answers why not.
func credentials(
	authenticate func(context.Context, string) (model.Viewer, error), timeout time.Duration,
) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			var viewer model.Viewer
			if r.Header.Get("Authorization") != "" {
				var err error
				began := time.Now()
				checking, cancel := context.WithTimeout(telemetry.WithOperation(ctx, telemetry.Authenticate), timeout)
				viewer, err = check(checking, r, authenticate)
				cancel()
				ctx = auth.WithCheckedIn(ctx, time.Since(began))
				if err != nil {
					ctx = auth.WithRejection(ctx, err)
				}
			}
			ctx = model.WithViewer(ctx, viewer)
			defer noteViewer(ctx)
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

func check(
	ctx context.Context, r *http.Request, authenticate func(context.Context, string) (model.Viewer, error),
) (model.Viewer, error) {
	token, err := tokenOf(r)
	if err != nil {
		return model.Viewer{}, err
	}
	return authenticate(ctx, token)
}

// requestIDLengthMax bounds an id that the client chose.
const requestIDLengthMax = 64

// requestID gives each request an id, the client's own if it is a plain one, and answers it.
func requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if id == "" || len(id) > requestIDLengthMax || strings.Trim(id, plainCharacters) != "" {
			id = rand.Text()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(telemetry.WithRequestID(r.Context(), id)))
	})
}

const plainCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// corsMethods are those of the API and of files: PUT and PATCH bring them, HEAD and DELETE are of resumable uploads.
var corsMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodDelete}

// corsRequestHeaders are what a page may send: its credential, what GraphQL over HTTP needs, what clients of GraphQL add by
// themselves, a trace's context, what files are asked for by, and what the tus protocol needs.
var corsRequestHeaders = []string{
	"Authorization", "Content-Type", "Accept", "X-Request-Id", "Traceparent", "Tracestate", "Baggage",
	"GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name", "Apollographql-Client-Name", "Apollographql-Client-Version",
	"Range", "If-Range", "If-None-Match", "Tus-Resumable", "Upload-Offset", "Upload-Length",
}

// corsAnswerHeaders are what a page may read of an answer.
var corsAnswerHeaders = []string{"X-Request-Id", "Retry-After",
	"Content-Disposition", "Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Tus-Resumable", "Upload-Offset", "Upload-Length"}

// answerPolicy is for answers that are no page: should a browser show one all the same, it loads and frames nothing. The
// playground has a policy of its own.
const answerPolicy = "default-src 'none'; frame-ancestors 'none'"

// httpsOnly is for a year, and for this host alone: what else is below it is not ours to decide.
const httpsOnly = "max-age=31536000"

func securityHeaders(https bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			header := w.Header()
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("Referrer-Policy", "no-referrer")
			header.Set("X-Frame-Options", "DENY")
			header.Set("Content-Security-Policy", answerPolicy)
			if https {
				header.Set("Strict-Transport-Security", httpsOnly)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// panics answers a panic outside of GraphQL, which recovers its own, without its text.
func panics(logger *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if p := recover(); p != nil {
					if p == http.ErrAbortHandler {
						panic(p)
					}
					id := telemetry.RequestID(r.Context())
					logger.ErrorContext(r.Context(), "panic", "request_id", id, "panic", p)
					text(w, http.StatusInternalServerError, "Something went wrong on our side. The request id is "+id+".\n")
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}
