package web

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
)

// serve answers one request; what the GraphQL handler is given comes back through see.
func serve(t testing.TB, c Config, request *http.Request, see func(context.Context)) *http.Response {
	t.Helper()
	c.GraphQL = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { see(r.Context()) })
	c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	if c.Authenticate == nil {
		c.Authenticate = func(_ context.Context, token string) (model.Viewer, error) {
			if token == "good" || token == "dossier_key_good" {
				return model.Viewer{Role: model.RoleMember}, nil
			}
			return model.Viewer{}, fault.New(fault.Unauthenticated, "unknown")
		}
	}
	recorder := httptest.NewRecorder()
	c.AuthTimeout = cmp.Or(c.AuthTimeout, time.Minute)
	NewRouter(c).ServeHTTP(recorder, request)
	return recorder.Result()
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]struct {
		role model.Role
		code fault.Code
	}{
		"":                                    {"", fault.Unauthenticated},
		"Bearer good":                         {model.RoleMember, ""},
		"bearer good":                         {model.RoleMember, ""},
		"Bearer bad":                          {"", fault.Unauthenticated},
		"Bearer":                              {"", fault.Unauthenticated},
		"Basic good":                          {"", fault.Unauthenticated},
		basic("x", "dossier_key_good"):        {model.RoleMember, ""},
		basic("", "dossier_key_good"):         {model.RoleMember, ""},
		basic("x", "dossier_key_bad"):         {"", fault.Unauthenticated},
		basic("x", "good"):                    {"", fault.Unauthenticated}, // no session, no password
		basic("x", ""):                        {"", fault.Unauthenticated},
		basic("dossier_key_good", "x"):        {"", fault.Unauthenticated},
		"basic " + strings.Repeat("x", 5000):  {"", fault.Unauthenticated},
		"Digest good":                         {"", fault.Unauthenticated},
		"Bearer " + strings.Repeat("x", 5000): {"", fault.Unauthenticated},
	} {
		request := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		request.Header.Set("Authorization", header)
		serve(t, Config{}, request, func(ctx context.Context) {
			if got := model.ViewerFrom(ctx).Role; got != want.role {
				t.Errorf("%.20q: role %q", header, got)
			}
			if want.code != "" && !fault.Is(auth.Rejection(ctx), want.code) {
				t.Errorf("%.20q: %v", header, auth.Rejection(ctx))
			}
		})
	}
}

// A check that hangs is given up: the request goes on without a viewer, and says why.
func TestCredentialCheckHasADeadline(t *testing.T) {
	t.Parallel()
	request := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	request.Header.Set("Authorization", "Bearer good")
	hang := func(ctx context.Context, _ string) (model.Viewer, error) {
		<-ctx.Done()
		return model.Viewer{}, fault.New(fault.Timeout, "late").Because(ctx.Err())
	}
	called := false
	serve(t, Config{Authenticate: hang, AuthTimeout: 10 * time.Millisecond}, request, func(ctx context.Context) {
		called = true
		if auth.CheckedIn(ctx) < 10*time.Millisecond {
			t.Errorf("the check is said to have taken %s", auth.CheckedIn(ctx))
		}
		if !fault.Is(auth.Rejection(ctx), fault.Timeout) || ctx.Err() != nil {
			t.Errorf("%v, %v", auth.Rejection(ctx), ctx.Err())
		}
	})
	if !called {
		t.Error("the request did not go on")
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/healthz", "/readyz", "/"} {
		c := Config{Playground: true, Readiness: func(context.Context) error { return nil }}
		if response := serve(t, c, httptest.NewRequest(http.MethodHead, path, nil), nil); response.StatusCode != 200 {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

// The address of a client is the peer's, or what a trusted proxy says of it; anyone else's word counts for nothing.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trusted []string
		peer    string
		want    string
	}{
		{nil, "192.0.2.1:1234", "192.0.2.1"},
		{[]string{"10.0.0.0/8"}, "10.1.2.3:1234", "203.0.113.7"},
		{[]string{"10.0.0.0/8"}, "192.0.2.1:1234", "192.0.2.1"},
	} {
		request := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		request.RemoteAddr = c.peer
		request.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7")
		serve(t, Config{TrustedProxies: c.trusted}, request, func(ctx context.Context) {
			if got := auth.ClientFrom(ctx).Address; got != c.want {
				t.Errorf("from %s trusting %v: %q, want %q", c.peer, c.trusted, got, c.want)
			}
		})
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": ""} {
		request := httptest.NewRequest(http.MethodOptions, "/graphql", nil)
		request.Header.Set("Origin", origin)
		request.Header.Set("Access-Control-Request-Method", "POST")
		request.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		response := serve(t, Config{CORSOrigins: []string{"https://app.example"}}, request, func(context.Context) {})
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: %q", origin, got)
		}
	}
}

// A page of an allowed origin may send what clients of GraphQL send, and read what they need; caches keep origins apart.
func TestCORSHeaders(t *testing.T) {
	t.Parallel()
	c := Config{CORSOrigins: []string{"https://app.example"}}
	ask := func(method, origin, headers string) http.Header {
		request := httptest.NewRequest(method, "/graphql", nil)
		request.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			request.Header.Set("Access-Control-Request-Method", "POST")
			request.Header.Set("Access-Control-Request-Headers", headers)
		}
		return serve(t, c, request, func(context.Context) {}).Header
	}
	for headers, want := range map[string]bool{
		"authorization,content-type": true, "accept,x-request-id,traceparent,tracestate,baggage": true,
		"apollo-require-preflight,x-apollo-operation-name": true, "x-evil": false,
		"content-type,tus-resumable,upload-offset": true, "if-none-match,if-range,range": true,
	} {
		got := ask(http.MethodOptions, "https://app.example", headers)
		if allowed := got.Get("Access-Control-Allow-Origin") != ""; allowed != want {
			t.Errorf("preflight for %s: %v", headers, got)
		}
		if !strings.Contains(strings.Join(got.Values("Vary"), ","), "Origin") {
			t.Errorf("preflight varies by %q", got.Values("Vary"))
		}
	}
	got := ask(http.MethodPost, "https://app.example", "")
	if got.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		!strings.EqualFold(got.Get("Access-Control-Expose-Headers"), strings.Join(corsAnswerHeaders, ", ")) ||
		!strings.Contains(strings.Join(got.Values("Vary"), ","), "Origin") {
		t.Errorf("a request of the app: %v", got)
	}
	if got := ask(http.MethodPost, "https://evil.example", ""); got.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a request of others: %v", got)
	}
	c.CORSOrigins = nil
	if got := ask(http.MethodPost, "https://app.example", ""); got.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without CORS_ORIGINS: %v", got)
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	c := Config{HTTPS: true, Playground: true, Explorable: true, Schema: "type Query", Readiness: func(context.Context) error { return nil }}
	for _, path := range []string{"/", "/graphql", "/healthz", "/readyz", "/schema.graphqls", "/nothing"} {
		header := serve(t, c, httptest.NewRequest(http.MethodGet, path, nil), func(context.Context) {}).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Strict-Transport-Security": "max-age=31536000",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if strings.Contains(policy, "script-src") != (path == "/") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
	header := serve(t, Config{}, httptest.NewRequest(http.MethodGet, "/healthz", nil), nil).Header
	if got := header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("without https: %q", got)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path   string
		ready  error
		status int
		body   string
	}{
		{"/healthz", errors.New("database down"), 200, "ok\n"},
		{"/readyz", nil, 200, "ready\n"},
		{"/readyz", fault.New(fault.Unavailable, "The database cannot be reached."), 503, "not ready: The database cannot be reached.\n"},
		{"/readyz", errors.New("password=hunter2"), 503, "not ready: see the log\n"},
	} {
		response := serve(t, Config{Readiness: func(context.Context) error { return c.ready }},
			httptest.NewRequest(http.MethodGet, c.path, nil), nil)
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != c.status || string(body) != c.body {
			t.Errorf("%s with %v: %d %q", c.path, c.ready, response.StatusCode, body)
		}
	}
}

func TestPanicIsNotShown(t *testing.T) {
	t.Parallel()
	response := serve(t, Config{}, httptest.NewRequest(http.MethodPost, "/graphql", nil), func(context.Context) { panic("secret") })
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 500 || strings.Contains(string(body), "secret") ||
		!strings.Contains(string(body), response.Header.Get("X-Request-Id")) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}
