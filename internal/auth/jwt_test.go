package auth_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// A token is good by its signature, and by each of its claims. Why one is not is told.
func TestJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProvider(t, map[string]crypto.PrivateKey{"r": rsaKey, "e": ecKey, "d": edKey})
	byKey, bySecret := w.credentials(t, p, nil), w.credentials(t, nil, nil)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicBytes()})
	ours := func(method jwt.SigningMethod, key any, kid string) string { return w.token(t, method, key, kid, nil) }
	rs := func(claims jwt.MapClaims) string { return w.token(t, jwt.SigningMethodRS256, rsaKey, "r", claims) }
	hs := func(claims jwt.MapClaims) string {
		return w.token(t, jwt.SigningMethodHS256, []byte(secret), "", claims)
	}
	good := rs(nil)
	parts := strings.Split(good, ".")
	altered := strings.Join([]string{parts[0], strings.Split(rs(jwt.MapClaims{"sub": "someone"}), ".")[1], parts[2]}, ".")
	critical := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": issuer, "aud": audience, "sub": w.member.ID.String(), "exp": in(time.Hour)})
	critical.Header["crit"] = []string{"b64"}
	for _, c := range []struct {
		name  string
		with  auth.Credentials
		token string
		why   string // "" for a good one
	}{
		{"RS256", byKey, good, ""},
		{"PS256", byKey, ours(jwt.SigningMethodPS256, rsaKey, "r"), ""},
		{"ES256", byKey, ours(jwt.SigningMethodES256, ecKey, "e"), ""},
		{"EdDSA", byKey, ours(jwt.SigningMethodEdDSA, edKey, "d"), ""},
		{"no kid", byKey, ours(jwt.SigningMethodES256, ecKey, ""), ""},
		{"alg none", byKey, ours(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "r"), "signature"},
		{"HS256 with the public key", byKey, ours(jwt.SigningMethodHS256, publicBytes(), "r"), "signature"},
		{"HS256 with the public key as PEM", byKey, ours(jwt.SigningMethodHS256, publicPEM, "r"), "signature"},
		{"another's key", byKey, ours(jwt.SigningMethodRS256, strangersKey, "r"), "signature"},
		{"another's key, no kid", byKey, ours(jwt.SigningMethodRS256, strangersKey, ""), "signature"},
		{"the wrong one of the keys", byKey, ours(jwt.SigningMethodES256, ecKey, "r"), "signature"},
		{"altered claims", byKey, altered, "signature"},
		{"unknown kid", byKey, ours(jwt.SigningMethodRS256, rsaKey, "x"), "key"},
		{"HS256", bySecret, hs(nil), ""},
		{"alg none, by secret", bySecret, ours(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ""), "signature"},
		{"RS256, by secret", bySecret, good, "signature"},
		{"HS512, by secret", bySecret, ours(jwt.SigningMethodHS512, []byte(secret), ""), "signature"},
		{"wrong secret", bySecret, ours(jwt.SigningMethodHS256, []byte(strings.ToUpper(secret)), ""), "signature"},
		{"expired", bySecret, hs(jwt.MapClaims{"exp": in(-skew - 5*time.Second)}), "expired"},
		{"expired by the other clock", bySecret, hs(jwt.MapClaims{"exp": in(-skew / 2)}), ""},
		{"not yet valid", bySecret, hs(jwt.MapClaims{"nbf": in(skew + 5*time.Second)}), "not valid yet"},
		{"not yet valid by the other clock", bySecret, hs(jwt.MapClaims{"nbf": in(skew / 2)}), ""},
		{"no exp", bySecret, hs(jwt.MapClaims{"exp": nil}), "missing"},
		{"other audience", bySecret, hs(jwt.MapClaims{"aud": "elsewhere"}), "audience"},
		{"several audiences", bySecret, hs(jwt.MapClaims{"aud": []string{"elsewhere", audience}}), ""},
		{"no audience", bySecret, hs(jwt.MapClaims{"aud": nil}), "missing"},
		{"other issuer", bySecret, hs(jwt.MapClaims{"iss": issuer + "x"}), "issuer"},
		{"no issuer", bySecret, hs(jwt.MapClaims{"iss": nil}), "missing"},
		{"critical header", bySecret, sign(t, critical, []byte(secret)), "key"},
		{"no subject", bySecret, hs(jwt.MapClaims{"sub": nil}), "subject"},
		{"a subject that is no text", bySecret, hs(jwt.MapClaims{"sub": "a\x00b"}), "subject"},
		{"a subject of another type", bySecret, hs(jwt.MapClaims{"sub": 7}), "malformed"},
		{"malformed", bySecret, "a.b.c", "malformed"},
		{"two dots", bySecret, "..", "malformed"},
		{"claims that are no JSON", bySecret, parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte("{")) + "." + parts[2], "malformed"},
	} {
		viewer, err := c.with.Viewer(t.Context(), c.token)
		if c.why == "" {
			if err != nil || viewer.UserID != w.member.ID || viewer.Role != model.RoleMember || *viewer.CompanyID != *w.member.CompanyID ||
				viewer.SessionID != (model.SessionID{}) || viewer.HasKey() {
				t.Errorf("%s: %+v, %v", c.name, viewer, err)
			}
			continue
		}
		if faults := fault.All(err); len(faults) != 1 || faults[0].Code != fault.Unauthenticated || !strings.Contains(faults[0].Message, c.why) || !viewer.IsAnonymous() {
			t.Errorf("%s: %+v, %v, want %q", c.name, viewer, err, c.why)
		}
	}
	if token, _ := auth.NewSession(time.Hour, auth.Client{}); strings.Contains(token, ".") {
		t.Error("a session's token looks like a JWT")
	}
	if viewer, err := bySecret.Viewer(t.Context(), w.Token(t, w.member)); err != nil || viewer.SessionID == (model.SessionID{}) {
		t.Errorf("a session beside JWTs: %+v, %v", viewer, err)
	}
	if _, err := (auth.Credentials{Store: w.Store}).Viewer(t.Context(), hs(nil)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a JWT where none is taken: %v", err)
	}
}

// The subject is an account at the provider, or a user's id; the email address is verified at the provider, and here.
func TestWhoseJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	company := &model.Company{ID: *w.member.CompanyID}
	linked := w.User(t, company, model.RoleManager, "Lin Linked")
	gone := w.User(t, company, model.RoleMember, "Gus Gone")
	for _, link := range []struct{ user, provider, subject string }{
		{uuidOf(linked), "jwt", "auth0|17"}, {uuidOf(linked), "google", "google-1"}, {uuidOf(gone), "jwt", "auth0|gone"},
		{uuidOf(linked), "jwt", w.member.ID.String() + "x"}, {uuidOf(linked), "jwt", uuidOf(w.member)},
	} {
		if _, err := w.Pool.Exec(`INSERT INTO accounts (id, user_id, type, provider, provider_account_id) VALUES ($1, $2, 'oidc', $3, $4)`,
			uuid.NewString(), link.user, link.provider, link.subject); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{
		"UPDATE users SET deactivated_at = now() WHERE id = '" + uuidOf(gone) + "'",
		"UPDATE users SET email_verified_at = now() WHERE id <> '" + uuidOf(linked) + "'",
	} {
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	bySubject := w.credentials(t, nil, nil)
	byGoogle := w.credentials(t, nil, func(c *auth.JWTConfig) { c.Provider = "google" })
	byEmail := w.credentials(t, nil, func(c *auth.JWTConfig) { c.ByEmail = true })
	for _, c := range []struct {
		name   string
		with   auth.Credentials
		claims jwt.MapClaims
		want   *model.User
	}{
		{"linked", bySubject, jwt.MapClaims{"sub": "auth0|17"}, linked},
		{"linked at another provider", bySubject, jwt.MapClaims{"sub": "google-1"}, nil},
		{"linked at that provider", byGoogle, jwt.MapClaims{"sub": "google-1"}, linked},
		{"TypeID", bySubject, jwt.MapClaims{"sub": w.member.ID.String()}, w.member},
		{"UUID", bySubject, jwt.MapClaims{"sub": uuidOf(w.member)}, w.member},
		{"an id that someone else has linked", bySubject, jwt.MapClaims{"sub": uuidOf(w.member)}, w.member},
		{"UUID, written otherwise", bySubject, jwt.MapClaims{"sub": "{" + uuidOf(w.member) + "}"}, nil},
		{"an id of something else", bySubject, jwt.MapClaims{"sub": company.ID.String()}, nil},
		{"an account that looks like an id", bySubject, jwt.MapClaims{"sub": w.member.ID.String() + "x"}, linked},
		{"nobody", bySubject, jwt.MapClaims{"sub": model.NewID[model.UserID]().String()}, nil},
		{"deactivated", bySubject, jwt.MapClaims{"sub": "auth0|gone"}, nil},
		{"deactivated, by id", bySubject, jwt.MapClaims{"sub": gone.ID.String()}, nil},
		{"an address where the subject counts", bySubject, jwt.MapClaims{"sub": "nobody", "email": w.member.Email}, nil},
		{"verified address", byEmail, jwt.MapClaims{"email": strings.ToUpper(w.member.Email), "email_verified": true}, w.member},
		{"address of which nothing is said", byEmail, jwt.MapClaims{"email": w.member.Email}, nil},
		{"address that nobody verified here", byEmail, jwt.MapClaims{"email": linked.Email, "email_verified": true}, nil},
		{"address verified as a text", byEmail, jwt.MapClaims{"email": w.member.Email, "email_verified": "true"}, w.member},
		{"address not verified", byEmail, jwt.MapClaims{"email": w.member.Email, "email_verified": false}, nil},
		{"address not verified, as a text", byEmail, jwt.MapClaims{"email": w.member.Email, "email_verified": "False"}, nil},
		{"no address", byEmail, nil, nil},
		{"unknown address", byEmail, jwt.MapClaims{"email": "x@test.example", "email_verified": true}, nil},
		{"address of a deactivated user", byEmail, jwt.MapClaims{"email": gone.Email, "email_verified": true}, nil},
	} {
		viewer, err := c.with.Viewer(t.Context(), w.token(t, jwt.SigningMethodHS256, []byte(secret), "", c.claims))
		switch {
		case c.want == nil && !fault.Is(err, fault.Unauthenticated):
			t.Errorf("%s: %+v, %v", c.name, viewer, err)
		case c.want != nil && (err != nil || viewer.UserID != c.want.ID || viewer.Role != c.want.Role):
			t.Errorf("%s: %+v, %v", c.name, viewer, err)
		}
	}
}

func uuidOf(u *model.User) string { return uuid.UUID(u.ID).String() }

// A key that is not known may be new: the provider is asked again, but not at the bidding of everyone.
func TestJWTKeysAreRotated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProvider(t, map[string]crypto.PrivateKey{"old": rsaKey})
	c := w.credentials(t, p, nil)
	check := func(name, kid string, key crypto.PrivateKey, want fault.Code, asked int) {
		t.Helper()
		method := jwt.SigningMethod(jwt.SigningMethodRS256)
		if key == crypto.PrivateKey(ecKey) {
			method = jwt.SigningMethodES256
		}
		_, err := c.Viewer(t.Context(), w.token(t, method, key, kid, nil))
		if want == "" && err != nil || want != "" && !fault.Is(err, want) || p.timesAsked() != asked {
			t.Errorf("%s: %v, want %q; asked %d times, want %d", name, err, want, p.timesAsked(), asked)
		}
	}
	check("the key of the start", "old", rsaKey, "", 1)
	p.change(func(p *provider) { p.keys = map[string]crypto.PrivateKey{"old": rsaKey, "new": ecKey} })
	check("the new key", "new", ecKey, "", 2)
	check("the old key", "old", rsaKey, "", 2)
	for range 5 {
		check("a key that is none", rand.Text(), rsaKey, fault.Unauthenticated, 2)
	}
	p.change(func(p *provider) { p.down = true })
	check("while the provider is down", "new", ecKey, "", 2)
	check("an unknown key while the provider is down", "x", rsaKey, fault.Unauthenticated, 2)
}

// A token that names no key is checked with those that the provider has by then.
func TestJWTKeysWithoutNamesAreRotated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kid := range []string{"", "new"} {
		p := newProvider(t, map[string]crypto.PrivateKey{"": rsaKey})
		c := w.credentials(t, p, nil)
		if _, err := c.Viewer(t.Context(), w.token(t, jwt.SigningMethodRS256, rsaKey, "", nil)); err != nil || p.timesAsked() != 1 {
			t.Fatalf("%v; asked %d times", err, p.timesAsked())
		}
		p.change(func(p *provider) { p.keys = map[string]crypto.PrivateKey{kid: ecKey} })
		for range 2 {
			if _, err := c.Viewer(t.Context(), w.token(t, jwt.SigningMethodES256, ecKey, "", nil)); err != nil || p.timesAsked() != 2 {
				t.Errorf("kid %q: %v; asked %d times", kid, err, p.timesAsked())
			}
		}
		if _, err := c.Viewer(t.Context(), w.token(t, jwt.SigningMethodRS256, rsaKey, "", nil)); !fault.Is(err, fault.Unauthenticated) || p.timesAsked() != 2 {
			t.Errorf("kid %q, the old key: %v; asked %d times", kid, err, p.timesAsked())
		}
	}
}

// A key that the provider shows no more is good no more, once it was asked.
func TestWithdrawnJWTKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProvider(t, map[string]crypto.PrivateKey{"old": rsaKey})
	c := w.credentials(t, p, nil)
	old := w.token(t, jwt.SigningMethodRS256, rsaKey, "old", nil)
	if _, err := c.Viewer(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	p.change(func(p *provider) { p.keys = map[string]crypto.PrivateKey{"new": ecKey} })
	if _, err := c.Viewer(t.Context(), w.token(t, jwt.SigningMethodES256, ecKey, "new", nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Viewer(t.Context(), old); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("%v", err)
	}
}

// Without any key nobody knows whether a token is good: that passes by itself, and so does the fault.
func TestJWTKeysThatNeverCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kid := range []string{"r", ""} {
		p := newProvider(t, map[string]crypto.PrivateKey{"r": rsaKey})
		p.change(func(p *provider) { p.down = true })
		c := w.credentialsAgain(t, p, nil, 20*time.Millisecond)
		token := w.token(t, jwt.SigningMethodRS256, rsaKey, kid, nil)
		_, err := c.Viewer(t.Context(), token)
		if faults := fault.All(err); len(faults) != 1 || faults[0].Code != fault.Unavailable || !faults[0].Retryable {
			t.Errorf("kid %q, down: %v", kid, err)
		}
		p.change(func(p *provider) { p.down = false })
		if _, err := c.Viewer(t.Context(), token); err != nil {
			t.Errorf("kid %q, up again: %v", kid, err)
		}
	}
}

// What a client gives up does not keep others from a new key.
func TestJWTKeysAreFetchedForAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProvider(t, map[string]crypto.PrivateKey{"old": rsaKey})
	c := w.credentials(t, p, nil)
	gone, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.change(func(p *provider) { p.keys["new"], p.leave = ecKey, cancel })
	token := w.token(t, jwt.SigningMethodES256, ecKey, "new", nil)
	if _, err := c.Viewer(gone, token); err == nil {
		t.Error("who is gone was answered")
	}
	if _, err := c.Viewer(t.Context(), token); err != nil {
		t.Error(err)
	}
}

// A warm token costs no statement, is checked against nothing that could be away, and ends with its time, its user and its account.
func TestWarmJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := w.Account(t, w.member, "jwt")
	sql := &pgtest.Recorder{}
	store := repo.New(w.Pool, repo.Options{Prepare: true, Hooks: []bun.QueryHook{sql}})
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { defer close(watched); store.Watch(ctx, w.Pool, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() { cancel(); <-watched })
	c := w.credentials(t, nil, func(c *auth.JWTConfig) { c.ClockSkew = 0 })
	c.Store = store
	ask := func(token string) (statements int, err error) {
		sql.Reset()
		_, err = c.Viewer(t.Context(), token)
		for _, statement := range sql.Statements(false) {
			if !strings.Contains(statement, "pg_notify") {
				statements++
			}
		}
		return statements, err
	}
	warm := func(token string) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(time.Millisecond) {
			statements, err := ask(token)
			if err != nil || time.Since(began) > 20*time.Second {
				t.Fatalf("%d statements, %v", statements, err)
			}
			if statements == 0 {
				return
			}
		}
	}
	until := func(what, token string, limit time.Duration) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(time.Millisecond) {
			_, err := ask(token)
			if fault.Is(err, fault.Unauthenticated) {
				return
			}
			if time.Since(began) > limit {
				t.Fatalf("%s: %v after %s", what, err, limit)
			}
		}
	}
	token := func(claims jwt.MapClaims) string {
		return w.token(t, jwt.SigningMethodHS256, []byte(secret), "", claims)
	}
	brief := token(jwt.MapClaims{"exp": in(4 * time.Second)})
	warm(brief)
	until("expired", brief, 6*time.Second)
	linked, own := token(jwt.MapClaims{"sub": account.ProviderAccountID}), token(nil)
	warm(linked)
	if _, err := w.Pool.Exec("DELETE FROM accounts"); err != nil {
		t.Fatal(err)
	}
	until("unlinked", linked, time.Second)
	warm(own)
	if _, err := w.Pool.Exec("UPDATE users SET deactivated_at = now()"); err != nil {
		t.Fatal(err)
	}
	until("deactivated", own, time.Second)
}
