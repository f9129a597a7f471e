package web

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dossier/internal/fault"
	"dossier/model"
)

// basic is the header of Basic authentication.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// explorable is what shows the schema, with a part of each.
var explorable = map[string]string{"/": "<html", "/playground/app.js": "import", "/schema.graphqls": "type Query"}

// authenticateExplorers knows credentials by what they are.
func authenticateExplorers(_ context.Context, token string) (model.Viewer, error) {
	key := model.NewID[model.APIKeyID]()
	switch strings.TrimPrefix(token, "dossier_key_") {
	case "schema":
		return model.Viewer{Role: model.RoleMember, KeyID: key, Scopes: model.ScopesOf(model.ScopeSchemaRead, model.ScopeUsersRead)}, nil
	case "other":
		return model.Viewer{Role: model.RoleManager, KeyID: key, Scopes: ^model.ScopesOf(model.ScopeSchemaRead)}, nil
	case "admin":
		return model.Viewer{Role: model.RoleAdmin}, nil
	case "down":
		return model.Viewer{}, fault.New(fault.Unavailable, "secret")
	case "broken":
		return model.Viewer{}, errors.New("secret")
	}
	return model.Viewer{}, fault.New(fault.Unauthenticated, "unknown")
}

// Where the schema and the playground are not for everyone, they are for API keys with the scope for it, and a browser is made
// to ask for one.
func TestOnlyExplorersExplore(t *testing.T) {
	t.Parallel()
	c := Config{Schema: "type Query", Authenticate: authenticateExplorers}
	for path, part := range explorable {
		for header, want := range map[string]int{
			"": 401, "Bearer schema": 200, basic("x", "dossier_key_schema"): 200, "Bearer other": 401, basic("x", "dossier_key_other"): 401,
			"Bearer admin": 401, "Bearer nonsense": 401, "Basic nonsense": 401, "Bearer down": 503, basic("x", "dossier_key_broken"): 503,
		} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				request := httptest.NewRequest(method, path, nil)
				if header != "" {
					request.Header.Set("Authorization", header)
				}
				response := serve(t, c, request, nil)
				body, _ := io.ReadAll(response.Body)
				if response.StatusCode != want || method == http.MethodGet && strings.Contains(string(body), part) != (want == 200) || strings.Contains(string(body), "secret") {
					t.Errorf("%s %s with %q: %d, want %d: %.200s", method, path, header, response.StatusCode, want, body)
				}
				if challenge := response.Header.Get("WWW-Authenticate"); strings.HasPrefix(challenge, "Basic realm=") != (want == 401) {
					t.Errorf("%s with %q: the challenge is %q", path, header, challenge)
				}
			}
		}
	}
	// Each is opened to everyone by itself.
	for _, open := range []Config{{Schema: "type Query", Explorable: true}, {Schema: "type Query", Playground: true}} {
		for path, part := range explorable {
			response := serve(t, open, httptest.NewRequest(http.MethodGet, path, nil), nil)
			body, _ := io.ReadAll(response.Body)
			want := 401
			if open.Explorable == (path == "/schema.graphqls") {
				want = 200
			}
			if response.StatusCode != want || strings.Contains(string(body), part) != (want == 200) {
				t.Errorf("%s of %+v: %d", path, open, response.StatusCode)
			}
		}
	}
}

// A browser sends Basic along by itself. What a page of another site asks the API for does not profit by it; the page that a
// link of another site leads to does.
func TestBasicIsNotForOtherSites(t *testing.T) {
	t.Parallel()
	const trusted = "https://app.example"
	c := Config{Authenticate: authenticateExplorers, CORSOrigins: []string{trusted}}
	ask := func(path, site, origin string) int {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Authorization", basic("x", "dossier_key_schema"))
		request.Header.Set("Sec-Fetch-Site", site)
		request.Header.Set("Origin", origin)
		return serve(t, c, request, func(context.Context) {}).StatusCode
	}
	for site, want := range map[string]int{"": 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403} {
		if got := ask("/graphql?query={__typename}", site, ""); got != want {
			t.Errorf("from %q: %d, want %d", site, got, want)
		}
		if got := ask("/graphql?query={__typename}", site, trusted); got != 200 {
			t.Errorf("from %q, trusted: %d", site, got)
		}
		if got := ask("/", site, ""); got != 200 {
			t.Errorf("the page, from %q: %d", site, got)
		}
	}
}
