package web

import (
	"net/http"
	"strings"
	"time"

	"dossier/internal/auth"
)

// The names of the session's cookie. Browsers take one with the prefix from https alone, for this very host and all of its paths (RFC
// 6265bis, section 4.1.3.2). The way of a machine to itself has no https, and needs none.
const (
	cookieName      = "__Host-dossier_session"
	plainCookieName = "dossier_session"
)

// cookieAge is how long browsers keep the cookie: the longest that they do. When its session ends is up to the server.
const cookieAge = 400 * 24 * time.Hour

func (c Config) cookieName() string {
	if c.PlainCookie {
		return plainCookieName
	}
	return cookieName
}

// cookies makes the token in a cookie the request's credential, as if it had come by the header, and lets a sign-in set one. What a
// page of another origin makes a browser send is refused, where it has a credential that the page does not know.
func (c Config) cookies(next http.Handler) http.Handler {
	protection := c.crossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, brought := c.cookieToken(r)
		basic := isBasic(r)
		foreign := checkOrigin(protection, r, basic && r.URL.Path == pathGraphQL)
		if foreign != nil && (brought || basic) {
			refuse(w, r, http.StatusForbidden, foreign)
			return
		}
		cookie := &auth.Cookie{Write: func(token string) { c.writeCookie(w, token) }, Brought: brought}
		if foreign != nil {
			cookie.Refused = foreign
		}
		r = r.WithContext(auth.WithCookie(r.Context(), cookie))
		if brought {
			r.Header = r.Header.Clone()
			r.Header.Set("Authorization", "Bearer "+token)
		}
		next.ServeHTTP(w, r)
	})
}

// cookieToken gives the token in the request's cookie. A header counts in its place.
func (c Config) cookieToken(r *http.Request) (string, bool) {
	if r.Header.Get("Authorization") != "" {
		return "", false
	}
	cookie, err := r.Cookie(c.cookieName())
	if err != nil || cookie.Value == "" {
		return "", false
	}
	return cookie.Value, true
}

// isBasic reports whether the request's credential is one that browsers ask people for, and send from then on by themselves.
func isBasic(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Basic")
}

// ofViewer notes whose the cookie is, when the credential was checked.
func ofViewer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth.CookieOfViewer(r.Context())
		next.ServeHTTP(w, r)
	})
}

// writeCookie sets the cookie, or removes it. Of several the last one holds; no other cookie is ever set.
func (c Config) writeCookie(w http.ResponseWriter, token string) {
	cookie := http.Cookie{
		Name: c.cookieName(), Value: token, Path: "/", MaxAge: int(cookieAge.Seconds()),
		HttpOnly: true, Secure: !c.PlainCookie, SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	w.Header().Set("Set-Cookie", cookie.String())
}
