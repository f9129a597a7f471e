package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Secret is a value that is shown to nobody.
type Secret string

// String is what is shown in its place.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(set)"
}

// The values of JWT_USER.
const (
	JWTUserBySub   = "sub"
	JWTUserByEmail = "email"
)

const (
	// secretLengthMin is in bytes: a key of HS256 has at least the size of its hash (RFC 7518, section 3.2).
	secretLengthMin = 32
	clockSkewMax    = 5 * time.Minute
)

// HasJWT reports whether tokens of an identity provider are taken.
func (c Config) HasJWT() bool { return c.JWTSecret != "" || c.JWTKeysURL != "" }

func (c Config) checkJWT() []error {
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if c.JWTUser != JWTUserBySub && c.JWTUser != JWTUserByEmail {
		fail("JWT_USER is %s or %s, not %q", JWTUserBySub, JWTUserByEmail, c.JWTUser)
	}
	if c.JWTClockSkew < 0 || c.JWTClockSkew > clockSkewMax {
		fail("JWT_CLOCK_SKEW is from 0s to %s, not %s", clockSkewMax, c.JWTClockSkew)
	}
	if !c.HasJWT() {
		if c.JWTIssuer != "" || c.JWTAudience != "" {
			fail("JWT_ISSUER and JWT_AUDIENCE are of tokens that JWT_SECRET or JWT_JWKS_URL lets us check: set one of them")
		}
		return wrong
	}
	if c.JWTSecret != "" && c.JWTKeysURL != "" {
		fail("JWT_SECRET and JWT_JWKS_URL exclude one another")
	}
	if c.JWTSecret != "" && len(c.JWTSecret) < secretLengthMin {
		fail("JWT_SECRET has %d bytes, and needs %d: openssl rand -base64 32 makes one", len(c.JWTSecret), secretLengthMin)
	}
	if u, err := url.Parse(c.JWTKeysURL); c.JWTKeysURL != "" &&
		(err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https") {
		fail("JWT_JWKS_URL is an http or https URL without user or password") // the value may have one
	}
	if c.JWTIssuer == "" || c.JWTAudience == "" {
		fail("JWT_ISSUER and JWT_AUDIENCE are required with JWT_SECRET or JWT_JWKS_URL")
	}
	return wrong
}

// checkBrowsers holds origins to be named in full: their pages may use a person's cookie.
func (c Config) checkBrowsers() []error {
	var wrong []error
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); err == nil && strings.Contains(u.Host, "*") {
			wrong = append(wrong, fmt.Errorf("CORS_ORIGINS has each origin in full, as its pages may use a person's cookie, not %q", origin))
		}
	}
	return wrong
}

// IsPlain reports whether browsers reach the server by http, from its own machine alone.
func (c Config) IsPlain() bool {
	u, err := url.Parse(c.PublicURL)
	return err == nil && u.Scheme == "http" && !readable(c.PublicURL)
}
