package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWrongJWT(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	both := map[string]string{"JWT_ISSUER": "https://id.example/", "JWT_AUDIENCE": "dossier"}
	for want, setting := range map[string]map[string]string{
		"": {"JWT_SECRET": secret},
		`JWT_SECRET has 31 bytes, and needs 32: openssl rand -base64 32 makes one`:                                 {"JWT_SECRET": secret[1:]},
		`JWT_SECRET and JWT_JWKS_URL exclude one another`:                                                          {"JWT_SECRET": secret, "JWT_JWKS_URL": "https://id.example/keys"},
		`JWT_JWKS_URL is an http or https URL without user or password`:                                            {"JWT_JWKS_URL": "https://u:hunter2@id.example/keys"},
		`JWT_ISSUER and JWT_AUDIENCE are required with JWT_SECRET or JWT_JWKS_URL`:                                 {"JWT_SECRET": secret, "JWT_AUDIENCE": ""},
		`JWT_USER is sub or email, not "name"`:                                                                     {"JWT_SECRET": secret, "JWT_USER": "name"},
		`JWT_CLOCK_SKEW is from 0s to 5m0s, not 6m0s`:                                                              {"JWT_SECRET": secret, "JWT_CLOCK_SKEW": "6m"},
		`JWT_CLOCK_SKEW is from 0s to 5m0s, not -1s`:                                                               {"JWT_SECRET": secret, "JWT_CLOCK_SKEW": "-1s"},
		`JWT_ISSUER and JWT_AUDIENCE are of tokens that JWT_SECRET or JWT_JWKS_URL lets us check: set one of them`: {},
	} {
		environment := maps.Clone(both)
		maps.Copy(environment, setting)
		got := ""
		if _, err := parse(environment); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%v\ngot  %s\nwant %s", setting, got, want)
		}
	}
	for _, address := range []string{"id.example/keys", "file:///keys", "https://"} {
		environment := maps.Clone(both)
		environment["JWT_JWKS_URL"] = address
		if _, err := parse(environment); err == nil {
			t.Errorf("JWT_JWKS_URL may be %q", address)
		}
	}
}

// The start prints the configuration, and no secret.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("hunter2.", 4)
	lines := mustParse(t, map[string]string{"JWT_SECRET": secret, "JWT_ISSUER": "i", "JWT_AUDIENCE": "a"}).Lines()
	if strings.Contains(strings.Join(lines, "\n"), "hunter2") || !slices.Contains(lines, "JWT_SECRET=(set)") {
		t.Errorf("%q", lines)
	}
	if lines := mustParse(t, nil).Lines(); !slices.Contains(lines, "JWT_SECRET=") {
		t.Errorf("%q", lines)
	}
}

// Pages of an origin may use a person's cookie, so that each is named.
func TestOriginsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := parse(map[string]string{"CORS_ORIGINS": "https://app.example,https://*.example"})
	if want := `CORS_ORIGINS has each origin in full, as its pages may use a person's cookie, not "https://*.example"`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestIsPlain(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true,
		"https://localhost:8080": false, "http://api.example": false, "https://api.example": false,
	} {
		if got := mustParse(t, map[string]string{"PUBLIC_URL": address}).IsPlain(); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}
