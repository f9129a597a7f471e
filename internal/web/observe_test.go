package web

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dossier/internal/fault"
	"dossier/internal/telemetry"
	"dossier/model"
)

// logged answers one request, and gives the line that was logged of it, nil for none.
func logged(t *testing.T, c Config, request *http.Request, graphQL http.HandlerFunc) map[string]any {
	t.Helper()
	var buffer bytes.Buffer
	c.Logger = slog.New(slog.NewJSONHandler(&buffer, nil))
	c.GraphQL = graphQL
	c.Readiness = func(context.Context) error { return fault.New(fault.Unavailable, "not yet") }
	c.Authenticate = func(context.Context, string) (model.Viewer, error) {
		return model.Viewer{}, fault.New(fault.Unauthenticated, "unknown")
	}
	NewRouter(c).ServeHTTP(httptest.NewRecorder(), request)
	var found map[string]any
	for text := range strings.Lines(buffer.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["msg"] == "request" {
			if found != nil {
				t.Errorf("two lines: %s", buffer.String())
			}
			found = line
		}
	}
	return found
}

// A browser that asks whether it may ask makes neither a line nor a count.
func TestPreflightIsNoRequest(t *testing.T) {
	t.Parallel()
	db := sql.OpenDB(nil)
	defer db.Close()
	metrics := telemetry.NewMetrics("test", db)
	request := httptest.NewRequest(http.MethodOptions, pathGraphQL, nil)
	request.Header.Set("Origin", "https://app.example")
	request.Header.Set("Access-Control-Request-Method", "POST")
	if got := logged(t, Config{LogRequests: true, Metrics: metrics, CORSOrigins: []string{"https://app.example"}}, request, nil); got != nil {
		t.Errorf("logged %v", got)
	}
	recorder := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if body := recorder.Body.String(); strings.Contains(body, "dossier_graphql_requests_total{") {
		t.Error("it was counted")
	}
}

// However a request ends, it is one line. What asks for health is none.
func TestEachRequestIsALine(t *testing.T) {
	t.Parallel()
	viewer := model.Viewer{UserID: model.NewID[model.UserID](), Role: model.RoleAdmin}
	for name, test := range map[string]struct {
		path   string
		answer http.HandlerFunc
		want   map[string]any // nil for no line
	}{
		"answered": {pathGraphQL, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "four") },
			map[string]any{"code": "OK", "status": 200.0, "response_bytes": 4.0, "path": "/graphql"}},
		"refused": {pathGraphQL, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotAcceptable) },
			map[string]any{"code": "BAD_USER_INPUT", "status": 406.0}},
		"not ready": {pathGraphQL, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			map[string]any{"code": "UNAVAILABLE", "status": 503.0}},
		"panicked": {pathGraphQL, func(http.ResponseWriter, *http.Request) { panic("on purpose") },
			map[string]any{"code": "INTERNAL", "status": 500.0}},
		"nobody waits": {pathGraphQL, func(http.ResponseWriter, *http.Request) {},
			map[string]any{"code": "CANCELED", "status": 0.0}},
		"signed in": {pathGraphQL, func(w http.ResponseWriter, r *http.Request) {
			model.Become(r.Context(), viewer)
			telemetry.RequestFrom(r.Context()).SetCode("CONFLICT")
			w.WriteHeader(http.StatusOK)
		}, map[string]any{"code": "CONFLICT", "viewer_id": viewer.UserID.String()}},
		"missing":                  {"/missing", nil, map[string]any{"code": "NOT_FOUND", "status": 404.0}},
		"a long path":              {"/" + strings.Repeat("x", 1000), nil, map[string]any{"path": "/" + strings.Repeat("x", pathLoggedMax-1)}},
		"health":                   {pathHealth, nil, nil},
		"readiness, while not yet": {pathReadiness, nil, nil},
		"a page":                   {"/", nil, nil},
		"not for everyone":         {"/schema.graphqls", nil, map[string]any{"code": "UNAUTHENTICATED", "status": 401.0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(http.MethodGet, test.path, nil)
			got := logged(t, Config{LogRequests: true, Playground: true, Schema: "type Query"}, request, test.answer)
			if (got == nil) != (test.want == nil) {
				t.Fatalf("logged %v", got)
			}
			for name, value := range test.want {
				if got[name] != value {
					t.Errorf("%s is %v, want %v", name, got[name], value)
				}
			}
			if off := logged(t, Config{}, httptest.NewRequest(http.MethodGet, test.path, nil), test.answer); off != nil {
				t.Errorf("logged all the same: %v", off)
			}
		})
	}
}
