package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// checkProduction says what is right on a developer's machine and unsafe elsewhere. What POSTGRES_URL says is checked where
// it is understood.
func (c Config) checkProduction() []error {
	if c.Environment != Production {
		return nil
	}
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if c.PostgresURL == "" {
		fail("POSTGRES_URL is required with APP_ENV=%s", Production)
	}
	if u, err := url.Parse(c.BlobURL); err == nil && u.Scheme == schemeMemory {
		fail("BLOB_URL is not %s:// with APP_ENV=%s: it forgets all documents when the program stops", schemeMemory, Production)
	}
	if readable(c.PublicURL) {
		fail("PUBLIC_URL is https with APP_ENV=%s, not %q, or credentials can be read on their way", Production, c.PublicURL)
	}
	if c.AppURL != c.PublicURL && readable(c.AppURL) {
		fail("APP_URL is https with APP_ENV=%s, not %q, or mailed tokens can be read on their way", Production, c.AppURL)
	}
	for _, origin := range c.CORSOrigins {
		if readable(origin) {
			fail("CORS_ORIGINS are https with APP_ENV=%s, not %q, or anyone on the way can speak for them", Production, origin)
		}
	}
	if readable(c.JWTKeysURL) {
		fail("JWT_JWKS_URL is https with APP_ENV=%s, not %q, or anyone on the way can sign in as anyone", Production, c.JWTKeysURL)
	}
	if c.EmbeddingsKey != "" && readable(c.EmbeddingsURL) {
		fail("EMBEDDINGS_URL is https with APP_ENV=%s when there is an EMBEDDINGS_KEY, or it can be read on its way", Production)
	}
	for _, proxy := range c.TrustedProxies {
		if prefix, err := netip.ParsePrefix(proxy); err == nil && prefix.Bits() == 0 {
			fail("TRUSTED_PROXIES are networks of your own with APP_ENV=%s, not %q, which is everyone", Production, proxy)
		}
	}
	return wrong
}

// readable reports whether what is sent to the URL can be read on its way. A machine's way to itself is its own.
func readable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
