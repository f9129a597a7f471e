package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/telemetry"
	"dossier/model"
)

// observed counts, measures and logs: each request to the API, and of the others those that fail. What asks for health does so
// all the time, and is told why it is not well.
func (c Config) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		if r.URL.Path != pathGraphQL || r.Method == http.MethodOptions { // a browser asks whether it may ask
			began := time.Now()
			next.ServeHTTP(answer, r)
			if answer.Status() >= http.StatusBadRequest && r.URL.Path != pathHealth && r.URL.Path != pathReadiness {
				c.logRequest(r, answer, telemetry.About{Code: codeOf(answer.Status()), Duration: time.Since(began)})
			}
			return
		}
		r, request := telemetry.Begin(r, c.Metrics, c.Tracing)
		defer func() { c.logRequest(r, answer, request.End(answer.Status(), codeOf(answer.Status()))) }()
		next.ServeHTTP(answer, r)
	})
}

// codeOf is the code of an answer that is not GraphQL's. Nobody waits for an answer that was not written.
func codeOf(status int) string {
	switch {
	case status == 0:
		return "CANCELED"
	case status == http.StatusServiceUnavailable:
		return string(fault.Unavailable)
	case status >= http.StatusInternalServerError:
		return string(fault.Internal)
	case status == http.StatusUnauthorized:
		return string(fault.Unauthenticated)
	case status == http.StatusNotFound:
		return string(fault.NotFound)
	case status >= http.StatusBadRequest:
		return string(fault.BadUserInput)
	}
	return "OK"
}

// pathLoggedMax is how much of a path is logged, in bytes.
const pathLoggedMax = 200

// loggedPath is the path without what is secret of a link.
func loggedPath(r *http.Request) string {
	for _, secret := range []string{files.PathDownloads, files.PathUploads} {
		if strings.HasPrefix(r.URL.Path, secret) {
			return secret
		}
	}
	return r.URL.Path[:min(len(r.URL.Path), pathLoggedMax)]
}

// logRequest writes the one line of a request. The path is without its query string, which holds values.
func (c Config) logRequest(r *http.Request, answer middleware.WrapResponseWriter, about telemetry.About) {
	if !c.LogRequests {
		return
	}
	var attributes []slog.Attr
	add := func(name, value string) {
		if value != "" {
			attributes = append(attributes, slog.String(name, value))
		}
	}
	// What a person at a terminal looks for comes first.
	add("operation", about.Operation)
	add("kind", about.Kind)
	attributes = append(attributes,
		slog.String("code", about.Code),
		slog.Int("status", answer.Status()),
		slog.Float64("duration_ms", telemetry.Milliseconds(about.Duration)),
		slog.Int("statements", about.Statements),
		slog.Int("response_bytes", answer.BytesWritten()))
	add("method", r.Method)
	add("path", loggedPath(r))
	add("viewer_id", about.ViewerID)
	add("company_id", about.CompanyID)
	add("client", middleware.GetClientIP(r.Context()))
	add("request_id", telemetry.RequestID(r.Context()))
	c.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", attributes...)
}

// noteViewer tells logs whose request it was, who may have signed in by it.
func noteViewer(ctx context.Context) {
	viewer := model.ViewerFrom(ctx)
	if viewer.IsAnonymous() {
		return
	}
	company := ""
	if viewer.CompanyID != nil {
		company = viewer.CompanyID.String()
	}
	telemetry.RequestFrom(ctx).SetViewer(viewer.UserID.String(), company)
}
