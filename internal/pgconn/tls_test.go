package pgconn

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	pgx "github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun/driver/pgdriver"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, other := "&sslrootcert="+certs.ca, "&sslrootcert="+certs.otherCA
	const okTLS, okPlain, unverified, rejected = "tls", "plain", "certificate", "SQLSTATE=28000"
	for name, c := range map[string]struct{ user, host, query, want string }{
		"verify-full, right host": {"postgres", "localhost", "sslmode=verify-full" + ca, okTLS},
		"verify-full, wrong host": {"postgres", "127.0.0.1", "sslmode=verify-full" + ca, unverified},
		"verify-full, wrong CA":   {"postgres", "localhost", "sslmode=verify-full" + other, unverified},
		"verify-full, system CAs": {"postgres", "localhost", "sslmode=verify-full", unverified},
		"sslrootcert=system":      {"postgres", "localhost", "sslrootcert=system", unverified},
		"verify-ca, right host":   {"postgres", "localhost", "sslmode=verify-ca" + ca, okTLS},
		"verify-ca, wrong host":   {"postgres", "127.0.0.1", "sslmode=verify-ca" + ca, okTLS},
		"verify-ca, wrong CA":     {"postgres", "localhost", "sslmode=verify-ca" + other, unverified},
		"verify-ca, system CAs":   {"postgres", "localhost", "sslmode=verify-ca", unverified},
		"require":                 {"postgres", "127.0.0.1", "sslmode=require", okTLS},
		"require as verify-ca":    {"postgres", "127.0.0.1", "sslmode=require" + ca, okTLS},
		"require, wrong CA":       {"postgres", "127.0.0.1", "sslmode=require" + other, unverified},
		"prefer":                  {"postgres", "127.0.0.1", "sslmode=prefer", okTLS},
		"no sslmode is prefer":    {"postgres", "127.0.0.1", "", okTLS},
		"allow":                   {"postgres", "127.0.0.1", "sslmode=allow", okPlain},
		"disable":                 {"postgres", "127.0.0.1", "sslmode=disable", okPlain},
		"allow falls forward":     {"tlsonly", "127.0.0.1", "sslmode=allow", okTLS},
		"prefer falls back":       {"plainonly", "127.0.0.1", "sslmode=prefer", okPlain},
		"plain refused":           {"tlsonly", "127.0.0.1", "sslmode=disable", rejected},
		"TLS refused":             {"plainonly", "127.0.0.1", "sslmode=require", rejected},
		"client certificate": {"certuser", "localhost", "sslmode=verify-full" + ca +
			"&sslcert=" + certs.clientCert + "&sslkey=" + certs.clientKey, okTLS},
		"no client certificate": {"certuser", "localhost", "sslmode=verify-full" + ca, rejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, Config{URL: main1.tcpURL(c.user, c.host, "postgres", c.query)})
			var encrypted bool
			err := db.QueryRowContext(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted)
			got := map[bool]string{true: okTLS, false: okPlain}[encrypted]
			var unknown *tls.CertificateVerificationError
			if errors.As(err, &unknown) {
				got = unverified
			} else if err != nil {
				got = err.Error()
			}
			if got != c.want && !(c.want == rejected && strings.Contains(got, rejected)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if err != nil && (!errors.Is(err, ErrConnect) || strings.Contains(err.Error(), testPassword)) {
				t.Errorf("got %v", err)
			}
			if got := pgxTLS(t, main1.tcpURL(c.user, c.host, "postgres", c.query)); got != c.want {
				t.Errorf("pgx got %s, want %s", got, c.want)
			}
		})
	}
}

// pgxTLS is what becomes of a connection by pgx, as TestTLS names it.
func pgxTLS(t *testing.T, url string) string {
	t.Helper()
	var encrypted bool
	err := openPgx(t, Config{URL: url}).QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted)
	var unknown *tls.CertificateVerificationError
	var refused *pgx.PgError
	switch {
	case errors.As(err, &unknown):
		return "certificate"
	case errors.As(err, &refused):
		return "SQLSTATE=" + refused.Code
	case err != nil:
		return err.Error()
	case encrypted:
		return "tls"
	}
	return "plain"
}

func TestServerWithoutTLS(t *testing.T) {
	t.Parallel()
	s := plainServer(t)
	for sslmode, offered := range map[string]bool{
		"disable": true, "allow": true, "prefer": true, "require": false, "verify-ca": false, "verify-full": false,
	} {
		db := open(t, Config{URL: s.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode="+sslmode)})
		switch err := db.Ping(); {
		case offered && err != nil:
			t.Errorf("%s: %v", sslmode, err)
		case !offered && (!errors.Is(err, errNoTLS) || !errors.Is(err, ErrConnect)):
			t.Errorf("%s: got %v", sslmode, err)
		}
	}
	db := open(t, Config{URL: s.tcpURL("postgres", "127.0.0.1", "postgres", ""), DefaultSSLMode: SSLVerifyFull})
	if err := db.Ping(); !errors.Is(err, errNoTLS) {
		t.Errorf("DefaultSSLMode: got %v", err)
	}
	db = open(t, Config{URL: s.tcpURL("postgres", "127.0.0.1", "postgres", "sslmode=prefer"), DefaultSSLMode: SSLVerifyFull})
	if err := db.Ping(); err != nil {
		t.Errorf("the URL's sslmode must win: %v", err)
	}
}

func TestUnusableCertificateFiles(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"sslrootcert=/no/such/file":                                  "sslrootcert cannot be read",
		"sslrootcert=" + certs.serverKey:                             "holds no PEM certificate",
		"sslcert=" + certs.clientCert + "&sslkey=" + certs.serverKey: "sslcert and sslkey",
	} {
		_, err := Open(Config{URL: main1.tcpURL("postgres", "localhost", "postgres", "sslmode=verify-full&"+query)})
		mustContain(t, err, want)
	}
}

func TestUnixSocketIgnoresSSLMode(t *testing.T) {
	t.Parallel()
	db := open(t, Config{URL: main1.socketURL() + "&sslmode=verify-full"})
	if err := db.Ping(); err != nil {
		t.Error(err)
	}
}

// A wrong password is not offered in plain text after TLS.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	p := newProxy(t, &proxy{})
	db := openWithoutScouts(t, "postgres://tlsonly:wrongPassword@"+p.addr+"/postgres")
	err := db.Ping()
	var pgErr pgdriver.Error
	if !errors.As(err, &pgErr) || pgErr.Field('C') != "28P01" || !errors.Is(err, ErrConnect) || strings.Contains(err.Error(), "wrongPassword") {
		t.Errorf("got %v", err)
	}
	if n := p.accepted.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}
