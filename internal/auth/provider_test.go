package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"dossier/internal/auth"
)

const (
	issuer   = "https://id.example/"
	audience = "dossier"
	skew     = time.Minute
)

var secret = strings.Repeat("s", 32)

// The keys of the identity provider, made once: RSA's take long.
var (
	rsaKey, strangersKey = must(rsa.GenerateKey(rand.Reader, 2048)), must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey                = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, edKey, _          = ed25519.GenerateKey(rand.Reader)
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// provider is an identity provider that shows its public keys.
type provider struct {
	*httptest.Server

	mu    sync.Mutex
	keys  map[string]crypto.PrivateKey // by kid
	down  bool
	asked int
	leave func() // the client that asks, and waits for the answer
}

func newProvider(t testing.TB, keys map[string]crypto.PrivateKey) *provider {
	t.Helper()
	p := &provider{keys: keys}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.leave != nil {
		p.leave()
		select {
		case <-r.Context().Done():
		case <-time.After(200 * time.Millisecond): // it waits all the same
		}
	}
	if p.down {
		http.Error(w, "down", http.StatusInternalServerError)
		return
	}
	set := jwkset.NewMemoryStorage()
	for kid, key := range p.keys {
		options := jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: jwkset.UseSig}}
		if err := set.KeyWrite(r.Context(), must(jwkset.NewJWKFromKey(key, options))); err != nil {
			panic(err)
		}
	}
	_, _ = w.Write(must(set.JSONPublic(r.Context())))
}

// change changes what the provider answers.
func (p *provider) change(fn func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(p)
}

func (p *provider) timesAsked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// credentials take tokens that are signed with the secret, or with a key of the provider if there is one.
func (w world) credentials(t testing.TB, p *provider, change func(*auth.JWTConfig)) auth.Credentials {
	t.Helper()
	return w.credentialsAgain(t, p, change, time.Hour)
}

func (w world) credentialsAgain(t testing.TB, p *provider, change func(*auth.JWTConfig), againMin time.Duration) auth.Credentials {
	t.Helper()
	c := auth.JWTConfig{Issuer: issuer, Audience: audience, ClockSkew: skew, Provider: "jwt"}
	if p == nil {
		c.Secret = secret
	} else {
		c.JWKSURL = p.URL
	}
	if change != nil {
		change(&c)
	}
	checker, err := auth.NewJWTAgain(t.Context(), c, slog.New(slog.DiscardHandler), againMin)
	if err != nil {
		t.Fatal(err)
	}
	return auth.Credentials{Store: w.Store, JWT: checker}
}

// token signs the member's claims with these changes, nil to leave one out. The header has the kid unless it is "".
func (w world) token(t testing.TB, method jwt.SigningMethod, key any, kid string, changes jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": issuer, "aud": audience, "sub": w.member.ID.String(), "exp": in(time.Hour)}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	return sign(t, token, key)
}

func sign(t testing.TB, token *jwt.Token, key any) string {
	t.Helper()
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// publicBytes is the public key as anyone knows it.
func publicBytes() []byte { return must(x509.MarshalPKIXPublicKey(rsaKey.Public())) }
