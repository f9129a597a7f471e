package pgconn

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SSLMode is libpq's sslmode (https://www.postgresql.org/docs/current/libpq-ssl.html, table 34.1).
type SSLMode string

// The modes, from none to full verification.
const (
	SSLDisable    SSLMode = "disable"
	SSLAllow      SSLMode = "allow"
	SSLPrefer     SSLMode = "prefer"
	SSLRequire    SSLMode = "require"
	SSLVerifyCA   SSLMode = "verify-ca"
	SSLVerifyFull SSLMode = "verify-full"
)

func (m SSLMode) valid() bool {
	switch m {
	case SSLDisable, SSLAllow, SSLPrefer, SSLRequire, SSLVerifyCA, SSLVerifyFull:
		return true
	}
	return false
}

// Host is one server of a URL.
type Host struct {
	Network string // tcp or unix
	Name    string // the name a certificate must bear; empty for a Unix socket
	Addr    string // host:port, or the path of the socket
}

// Target is a parsed libpq URL: where to connect, as whom, and how. Its password is not exported, and every
// way of printing a Target masks it.
type Target struct {
	User, Database string
	Hosts          []Host // tried in order
	// SSLMode is libpq's default, prefer, unless SSLModeSet.
	SSLMode    SSLMode
	SSLModeSet bool
	// Paths of PEM files. SSLRootCert "system" is libpq's word for the system's roots.
	SSLRootCert, SSLCert, SSLKey string
	ApplicationName              string
	ConnectTimeout               time.Duration // 0: the URL names none
	// SessionAttrs is target_session_attrs: which of Hosts will do.
	SessionAttrs string

	password string
	options  []setting
}

// setting is one session parameter.
type setting struct{ name, value string }

// PasswordIsOneOf reports whether the URL has one of these passwords.
func (t Target) PasswordIsOneOf(passwords ...string) bool {
	return t.password != "" && slices.Contains(passwords, t.password)
}

// verifiesChain: require with sslrootcert acts as verify-ca ("for backwards compatibility", libpq-ssl).
func (t Target) verifiesChain() bool {
	switch t.SSLMode {
	case SSLVerifyCA, SSLVerifyFull:
		return true
	case SSLRequire:
		return t.SSLRootCert != ""
	}
	return false
}

// Redacted is the URL for logs and the start-up banner, its password masked.
func (t Target) Redacted() string {
	var b strings.Builder
	b.WriteString("postgres://" + url.PathEscape(t.User))
	if t.password != "" {
		b.WriteString(":***")
	}
	b.WriteByte('@')
	query := url.Values{}
	if t.SSLModeSet {
		query.Set("sslmode", string(t.SSLMode))
	}
	for i, h := range t.Hosts {
		if h.Network == "unix" {
			query.Add("host", h.Addr)
			continue
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(h.Addr)
	}
	b.WriteString("/" + url.PathEscape(t.Database))
	if len(query) > 0 {
		b.WriteString("?" + query.Encode())
	}
	return b.String()
}

// String is Redacted.
func (t Target) String() string { return t.Redacted() }

// GoString is Redacted: %#v must not show the password either.
func (t Target) GoString() string { return t.Redacted() }

// newHost follows libpq: a name that begins with / (or @, Linux's abstract namespace) is the directory of a
// Unix socket.
func newHost(name, port string) Host {
	if strings.HasPrefix(name, "/") || strings.HasPrefix(name, "@") {
		return Host{Network: "unix", Addr: strings.TrimSuffix(name, "/") + "/.s.PGSQL." + port}
	}
	return Host{Network: "tcp", Name: name, Addr: net.JoinHostPort(name, port)}
}
