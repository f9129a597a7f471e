package pgconn

import (
	"cmp"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	hostDefault = "localhost"
	portDefault = "5432"
	hostsMax    = 16
)

// harmless are parameters of libpq that ask for what happens here anyway, with the values that do. Another
// value of them is refused: sslcrl or channel_binding=require must not be ignored.
var harmless = map[string][]string{
	"channel_binding": {"disable", "prefer"}, // pgdriver speaks SCRAM without channel binding
	"client_encoding": {"auto", "utf8", "UTF8", "utf-8", "UTF-8"},
	"gssencmode":      {"disable", "prefer"},
	"keepalives":      {"1"},
	"sslcompression":  {"0"},
	"sslnegotiation":  {"postgres"},
	"sslsni":          {"1"},
}

// Parse reads a URL as libpq does (https://www.postgresql.org/docs/current/libpq-connect.html, 34.1.1.2), with
// these differences: nothing comes from the environment; without a host it is localhost; a raw @ is allowed
// only once, before the hosts; a parameter that libpq knows and this package cannot honor is an error.
// The error is one sentence and has neither the URL nor any piece of it that may belong to the password.
func Parse(rawURL string) (Target, error) {
	p := params{}
	if err := p.readURL(rawURL); err != nil {
		return Target{}, fmt.Errorf("the PostgreSQL URL %w", err)
	}
	t, err := p.target()
	if err != nil {
		return Target{}, fmt.Errorf("the PostgreSQL URL %w", err)
	}
	return t, nil
}

// params are libpq's connection parameters by name.
type params map[string]string

// readURL follows conninfo_uri_parse_options of fe-connect.c. net/url is no help: it knows one host only, and
// its errors contain the URL.
func (p params) readURL(raw string) error {
	rest, ok := strings.CutPrefix(raw, "postgres://")
	if !ok {
		if rest, ok = strings.CutPrefix(raw, "postgresql://"); !ok {
			return errors.New("must begin with postgres:// or postgresql://")
		}
	}
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		name, password, _ := strings.Cut(rest[:i], ":")
		if err := cmp.Or(p.set("user", name), p.set("password", password)); err != nil {
			return err
		}
		rest = rest[i+1:]
	}
	// What follows a further @ may well be the rest of a password that was not escaped. Read on, it would end
	// up in a host or database name, and from there in logs.
	if strings.Contains(rest, "@") {
		return errors.New("has an @ where none can be: write %40 for @ and %2F for / within the user, the password and other values")
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	authority, database, _ := strings.Cut(rest, "/")
	if err := p.readHosts(authority); err != nil {
		return err
	}
	if err := p.set("dbname", database); err != nil {
		return err
	}
	if hasQuery {
		return p.readQuery(query)
	}
	return nil
}

// readHosts takes host[:port] pairs with commas between them.
func (p params) readHosts(authority string) error {
	var hosts, ports []string
	for pair := range strings.SplitSeq(authority, ",") {
		host, port := pair, ""
		if inner, ok := strings.CutPrefix(pair, "["); ok {
			var after string
			if host, after, ok = strings.Cut(inner, "]"); !ok || host == "" || (after != "" && after[0] != ':') {
				return errors.New("has an IPv6 address without its closing bracket, an empty one, or text after the bracket")
			}
			port = strings.TrimPrefix(after, ":")
		} else {
			host, port, _ = strings.Cut(pair, ":")
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	return cmp.Or(p.set("host", strings.Join(hosts, ",")), p.set("port", strings.Join(ports, ",")))
}

func (p params) readQuery(query string) error {
	if query == "" {
		return nil
	}
	previous := ""
	for pair := range strings.SplitSeq(query, "&") {
		rawName, value, ok := strings.Cut(pair, "=")
		name, err := unescape(rawName)
		if !ok || err != nil || name == "" {
			return errors.New("has a parameter that is not written name=value")
		}
		if strings.Contains(value, "=") {
			return fmt.Errorf("has a second = in the parameter %q: write %%3D", name)
		}
		if name == "ssl" && value == "true" { // JDBC's way, which libpq takes too
			name, value = "sslmode", "require"
		}
		if err := known(name); err != nil {
			if previous == "password" { // then the name may be the password's rest
				return errors.New("has an unknown parameter after password: write %26 for & within the password")
			}
			return err
		}
		p[name] = "" // an empty value overrides what stood before
		if err := p.set(name, value); err != nil {
			return err
		}
		previous = name
	}
	return nil
}

// known returns an error that names a parameter which libpq would refuse, or which this package would ignore.
func known(name string) error {
	switch name {
	case "user", "password", "host", "port", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey",
		"connect_timeout", "application_name", "fallback_application_name", "options", "target_session_attrs":
		return nil
	}
	if _, ok := harmless[name]; ok {
		return nil
	}
	switch strings.ToLower(name) {
	case "timezone", "search_path", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
		"default_transaction_isolation", "default_transaction_read_only", "role", "work_mem":
		return fmt.Errorf("has the parameter %q, a setting of the session: write options=-c%%20%s%%3Dvalue", name, name)
	}
	return fmt.Errorf("has the parameter %q, which is unknown or not supported", name)
}

// set stores a value, percent-escapes decoded. An empty one changes nothing.
func (p params) set(name, escaped string) error {
	if escaped == "" {
		return nil
	}
	value, err := unescape(escaped)
	if err != nil {
		return fmt.Errorf("has a wrong percent-escape in its %s: a %% itself is written %%25, and %%00 is refused", name)
	}
	p[name] = value
	return nil
}

// unescape decodes %XX only: + is a plus sign in a libpq URL.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("short escape")
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil || c == 0 {
			return "", errors.New("wrong escape")
		}
		b.WriteByte(byte(c))
		i += 2
	}
	if strings.IndexByte(b.String(), 0) >= 0 {
		return "", errors.New("NUL")
	}
	return b.String(), nil
}

func (p params) target() (Target, error) {
	t := Target{
		User: p["user"], password: p["password"], Database: p["dbname"],
		SSLMode: SSLPrefer, SSLRootCert: p["sslrootcert"], SSLCert: p["sslcert"], SSLKey: p["sslkey"],
		ApplicationName: p["application_name"], SessionAttrs: p["target_session_attrs"],
	}
	if t.ApplicationName == "" {
		t.ApplicationName = p["fallback_application_name"]
	}
	for name, values := range harmless {
		if v, ok := p[name]; ok && !slices.Contains(values, v) {
			return t, fmt.Errorf("has a value of the parameter %q that is not supported: use %s or leave it out", name, strings.Join(values, ", "))
		}
	}
	if err := cmp.Or(p.defaults(&t), p.tls(&t)); err != nil {
		return t, err
	}
	var err error
	if t.Hosts, err = splitHosts(p["host"], p["port"]); err != nil {
		return t, err
	}
	if s, ok := p["connect_timeout"]; ok {
		seconds, err := strconv.Atoi(s)
		if err != nil || seconds > 1<<20 {
			return t, errors.New("has a connect_timeout that is not a number of seconds")
		}
		t.ConnectTimeout = time.Duration(max(seconds, 0)) * time.Second
	}
	if _, ok := attrsConditions[t.SessionAttrs]; !ok {
		return t, errors.New("has an unknown target_session_attrs: use any, read-write, read-only, primary or standby")
	}
	t.options, err = parseOptions(p["options"])
	return t, err
}

// defaults are libpq's: the user of the operating system, and the database of the user's name.
func (p params) defaults(t *Target) error {
	if t.User == "" {
		u, err := user.Current()
		if err != nil {
			return errors.New("names no user")
		}
		t.User = u.Username
	}
	if t.Database == "" {
		t.Database = t.User
	}
	return nil
}

func (p params) tls(t *Target) error {
	mode, ok := p["sslmode"]
	if ok {
		t.SSLMode, t.SSLModeSet = SSLMode(mode), true
		if !t.SSLMode.valid() {
			return errors.New("has an unknown sslmode: use disable, allow, prefer, require, verify-ca or verify-full")
		}
	}
	if t.SSLRootCert == "system" {
		if ok && t.SSLMode != SSLVerifyFull {
			return errors.New("has sslrootcert=system, which demands sslmode=verify-full")
		}
		t.SSLMode, t.SSLModeSet = SSLVerifyFull, true
	}
	if (t.SSLCert == "") != (t.SSLKey == "") {
		return errors.New("has only one of sslcert and sslkey: both are needed")
	}
	return nil
}

// splitHosts pairs hosts with ports: one port is every host's, else there are as many as hosts.
func splitHosts(hostList, portList string) ([]Host, error) {
	names, ports := strings.Split(hostList, ","), strings.Split(portList, ",")
	if len(names) > hostsMax {
		return nil, fmt.Errorf("has more than %d hosts", hostsMax)
	}
	if len(ports) != 1 && len(ports) != len(names) {
		return nil, errors.New("has not as many ports as hosts")
	}
	hosts := make([]Host, len(names))
	for i, name := range names {
		port := ports[min(i, len(ports)-1)]
		if port == "" {
			port = portDefault
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("has a port that is not a number from 1 to 65535 (a / or : within the user or password is written %2F or %3A)")
		}
		if name == "" {
			name = hostDefault
		}
		if !validHost(name) {
			return nil, errors.New("has a host with a character that no host name has")
		}
		hosts[i] = newHost(name, port)
	}
	return hosts, nil
}

func validHost(name string) bool {
	if name[0] == '/' || name[0] == '@' {
		return true
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`@/\?#[]<>"'&=,;`, r)
	})
}
