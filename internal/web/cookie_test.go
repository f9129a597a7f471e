package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
)

// ask is a request to the API with these headers, name and value by turns.
func ask(method string, headers ...string) *http.Request {
	request := httptest.NewRequest(method, "http://api.example/graphql", strings.NewReader("{}"))
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request
}

// The cookie is a credential as the header is, and the header counts more. Which name it has depends on how the server is reached.
func TestCookieIsACredential(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		plain   bool
		headers []string
		role    model.Role
		code    fault.Code
	}{
		{"good", false, []string{"Cookie", "__Host-dossier_session=good"}, model.RoleMember, ""},
		{"good beside others", false, []string{"Cookie", "a=b; __Host-dossier_session=good; dossier_session=bad"}, model.RoleMember, ""},
		{"good, on the own machine", true, []string{"Cookie", "dossier_session=good"}, model.RoleMember, ""},
		{"that anyone below the domain could set", false, []string{"Cookie", "dossier_session=good"}, "", fault.Unauthenticated},
		{"bad", false, []string{"Cookie", "__Host-dossier_session=bad"}, "", fault.Unauthenticated},
		{"empty", false, []string{"Cookie", "__Host-dossier_session="}, "", fault.Unauthenticated},
		{"too long", false, []string{"Cookie", "__Host-dossier_session=" + strings.Repeat("x", tokenLengthMax+1)}, "", fault.Unauthenticated},
		{"good, and a bad header", false, []string{"Cookie", "__Host-dossier_session=good", "Authorization", "Bearer bad"}, "", fault.Unauthenticated},
		{"bad, and a good header", false, []string{"Cookie", "__Host-dossier_session=bad", "Authorization", "Bearer good"}, model.RoleMember, ""},
	} {
		seen := false
		request := ask(http.MethodPost, append(c.headers, "Content-Type", "application/json")...)
		serve(t, Config{PlainCookie: c.plain}, request, func(ctx context.Context) {
			seen = true
			if got := model.ViewerFrom(ctx).Role; got != c.role {
				t.Errorf("%s: role %q", c.name, got)
			}
			if c.code != "" && !fault.Is(auth.Rejection(ctx), c.code) {
				t.Errorf("%s: %v", c.name, auth.Rejection(ctx))
			}
		})
		if !seen {
			t.Errorf("%s: it was refused", c.name)
		}
	}
}

// A session is set as a cookie that scripts cannot read and other sites do not send, and is removed with it.
func TestCookieIsSet(t *testing.T) {
	t.Parallel()
	session, other := model.NewID[model.SessionID](), model.NewID[model.SessionID]()
	by := func(cookie string, plain bool, do func(context.Context)) []string {
		c := Config{PlainCookie: plain, Authenticate: func(context.Context, string) (model.Viewer, error) {
			return model.Viewer{Role: model.RoleMember, SessionID: session}, nil
		}}
		request := ask(http.MethodPost, "Content-Type", "application/json", "Cookie", cookie)
		return serve(t, c, request, do).Header.Values("Set-Cookie")
	}
	const own = "__Host-dossier_session=own"
	set := func(ctx context.Context) { auth.SetCookie(ctx, "new", other) }
	for _, c := range []struct {
		name   string
		cookie string
		plain  bool
		do     func(context.Context)
		want   []string
	}{
		{"set", "", false, set, []string{"__Host-dossier_session=new; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax"}},
		{"set on the own machine", "", true, set, []string{"dossier_session=new; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"}},
		{"removed", own, false, func(ctx context.Context) { auth.RemoveCookie(ctx, session) },
			[]string{"__Host-dossier_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"}},
		{"removed on the own machine", "dossier_session=own", true, func(ctx context.Context) { auth.RemoveCookie(ctx, session) },
			[]string{"dossier_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"}},
		{"another session ended", own, false, func(ctx context.Context) { auth.RemoveCookie(ctx, other) }, nil},
		{"a session ended that is in no cookie", "", false, func(ctx context.Context) { auth.RemoveCookie(ctx, session) }, nil},
		{"no session ended", "", false, func(ctx context.Context) { auth.RemoveCookie(ctx, model.SessionID{}) }, nil},
		{"set and removed", own, false, func(ctx context.Context) { set(ctx); auth.RemoveCookie(ctx, other) },
			[]string{"__Host-dossier_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"}},
		{"set, and the one before ended", own, false, func(ctx context.Context) { set(ctx); auth.RemoveCookie(ctx, session) },
			[]string{"__Host-dossier_session=new; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax"}},
	} {
		if got := by(c.cookie, c.plain, c.do); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// The session of a header is in no cookie.
	response := serve(t, Config{}, ask(http.MethodPost, "Content-Type", "application/json", "Cookie", own, "Authorization", "Bearer good"),
		func(ctx context.Context) { auth.RemoveCookie(ctx, session) })
	if got := response.Header.Values("Set-Cookie"); got != nil {
		t.Errorf("by header: %q", got)
	}
}

// With a credential that a browser sends by itself, a request is refused that another origin's page may have made.
func TestForeignRequests(t *testing.T) {
	t.Parallel()
	const get, post = http.MethodGet, http.MethodPost
	json := []string{"Content-Type", "application/json"}
	for _, c := range []struct {
		name    string
		method  string
		headers []string
		allowed bool
	}{
		{"no browser", post, json, true},
		{"same origin", post, append(json, "Sec-Fetch-Site", "same-origin", "Origin", "http://api.example"), true},
		{"by the address bar", post, append(json, "Sec-Fetch-Site", "none"), true},
		{"same site", post, append(json, "Sec-Fetch-Site", "same-site", "Origin", "http://evil.api.example"), false},
		{"another site", post, append(json, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), false},
		{"another site, no origin told", post, append(json, "Sec-Fetch-Site", "cross-site", "Origin", "null"), false},
		{"allowed origin", post, append(json, "Sec-Fetch-Site", "same-site", "Origin", "https://app.example"), true},
		{"allowed origin, written otherwise by the operator", post, append(json, "Sec-Fetch-Site", "cross-site", "Origin", "https://admin.example"), true},
		{"like an allowed origin", post, append(json, "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.evil.example"), false},
		{"old browser, same origin", post, append(json, "Origin", "http://api.example"), true},
		{"old browser, another site", post, append(json, "Origin", "https://evil.example"), false},
		{"old browser, allowed origin", post, append(json, "Origin", "https://app.example"), true},
		{"reads", get, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, true},
		{"form", post, []string{"Content-Type", "application/x-www-form-urlencoded"}, false},
		{"multipart", post, []string{"Content-Type", "multipart/form-data; boundary=x"}, false},
		{"text", post, []string{"Content-Type", "text/plain;charset=UTF-8"}, false},
		{"no type", post, nil, false},
		{"malformed type", post, []string{"Content-Type", "text/plain; a"}, false},
		{"multipart that was asked for", post, []string{"Content-Type", "multipart/form-data; boundary=x", "GraphQL-Require-Preflight", "1"}, true},
		{"multipart of Apollo", post, []string{"Content-Type", "multipart/form-data; boundary=x", "Apollo-Require-Preflight", "true"}, true},
		{"multipart of a named operation", post, []string{"Content-Type", "multipart/form-data; boundary=x", "X-Apollo-Operation-Name", "Upload"}, true},
		{"multipart of another site all the same", post, []string{"Content-Type", "multipart/form-data; boundary=x", "GraphQL-Require-Preflight", "1",
			"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, false},
	} {
		for credential, ambient := range map[string]bool{
			"Cookie: __Host-dossier_session=good": true, "Authorization: Basic good": true, "Authorization: bAsIc good": true,
			"Authorization: Bearer good": false, "X-Nothing: at all": false, "Cookie: other=good": false,
		} {
			name, value, _ := strings.Cut(credential, ": ")
			if c.method == get && name == "Authorization" && ambient {
				continue // TestBasicIsNotForOtherSites has them
			}
			request := ask(c.method, append(c.headers, name, value)...)
			served, checked := false, false
			config := Config{CORSOrigins: []string{"https://app.example", "https://Admin.example"},
				Authenticate: func(context.Context, string) (model.Viewer, error) { checked = true; return model.Viewer{}, nil }}
			response := serve(t, config, request, func(ctx context.Context) {
				served = true
				// Nor does such a page get a cookie set.
				if refused := auth.CookieRefused(ctx); (refused == nil) != c.allowed || refused != nil && !fault.Is(refused, fault.Forbidden) {
					t.Errorf("%s with %s: a cookie is refused with %v", c.name, credential, refused)
				}
			})
			if served != (c.allowed || !ambient) {
				t.Errorf("%s with %s: served %t", c.name, credential, served)
			}
			if served {
				continue
			}
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != http.StatusForbidden || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") || checked ||
				!strings.HasPrefix(string(body), `{"errors":[{"extensions":{"code":"FORBIDDEN"},"message":"A `) {
				t.Errorf("%s with %s: %d %s, checked %t", c.name, credential, response.StatusCode, body, checked)
			}
		}
	}
}

// Pages of the origins that are named may send cookies, and no others.
func TestCORSCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origins []string
		origin  string
		want    string
	}{
		{[]string{"https://app.example"}, "https://app.example", "true"},
		{[]string{"https://app.example"}, "https://evil.example", ""},
		{[]string{"*"}, "https://evil.example", ""},
		{[]string{"https://app.example", "https://*.example"}, "https://evil.example", ""},
		{nil, "https://evil.example", ""},
	} {
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			request := ask(method, "Origin", c.origin, "Content-Type", "application/json", "Access-Control-Request-Method", "POST")
			header := serve(t, Config{CORSOrigins: c.origins}, request, func(context.Context) {}).Header
			if got := header.Get("Access-Control-Allow-Credentials"); got != c.want {
				t.Errorf("%s of %v by %s: %q", c.origin, c.origins, method, got)
			}
		}
	}
}
