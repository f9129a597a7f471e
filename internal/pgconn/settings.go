package pgconn

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fixedSettings are those that pgdriver's parsing and quoting rest on.
var fixedSettings = []string{"client_encoding", "standard_conforming_strings", "datestyle", "bytea_output"}

// idleInTransactionMax ends a transaction whose client is gone without a word, and with it the locks that it holds.
const idleInTransactionMax = "60s"

// attrsConditions are the values of target_session_attrs, each as the condition a session must meet.
var attrsConditions = map[string]string{
	"":           "true",
	"any":        "true",
	"read-write": "current_setting('transaction_read_only') = 'off'",
	"read-only":  "current_setting('transaction_read_only') = 'on'",
	"primary":    "NOT pg_is_in_recovery()",
	"standby":    "pg_is_in_recovery()",
}

// parseOptions reads libpq's options: -c name=value or --name=value, with spaces between them, a backslash
// before a space that belongs to a value. libpq sends them in the startup packet; pgdriver has no way to, so
// they become set_config calls. Settings that only startup can make are therefore refused by the server.
func parseOptions(options string) ([]setting, error) {
	var settings []setting
	words := splitOptions(options)
	for i := 0; i < len(words); i++ {
		word, ok := strings.CutPrefix(words[i], "--")
		if !ok {
			if word, ok = strings.CutPrefix(words[i], "-c"); !ok {
				return nil, errors.New("has options other than -c name=value and --name=value")
			}
			if word == "" && i+1 < len(words) {
				i++
				word = words[i]
			}
		}
		name, value, ok := strings.Cut(word, "=")
		name = strings.ReplaceAll(name, "-", "_") // as ParseLongOption of guc.c
		if !ok || name == "" {
			return nil, errors.New("has options with a setting that is not written name=value")
		}
		if slices.Contains(fixedSettings, strings.ToLower(name)) {
			return nil, fmt.Errorf("has options that set %q, which the driver depends on", name)
		}
		settings = append(settings, setting{name, value})
	}
	return settings, nil
}

// splitOptions follows pg_split_opts of postinit.c.
func splitOptions(s string) []string {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			inWord = true
		case strings.IndexByte(" \t\n\r\v\f", c) >= 0:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// sessionSettings are this package's own, overridden by what the URL's options say.
func sessionSettings(t Target, statementTimeout time.Duration, keptStatements int) []setting {
	settings := []setting{
		{"TimeZone", "UTC"},
		{"DateStyle", "ISO"},
		{"bytea_output", "hex"},
		{"idle_in_transaction_session_timeout", idleInTransactionMax},
	}
	if statementTimeout != 0 {
		settings = append(settings, setting{"statement_timeout", milliseconds(statementTimeout)})
	}
	if keptStatements > 0 {
		// By default PostgreSQL plans a prepared statement anew for each execution as long as that looks cheaper, which takes
		// longer than to find a row by its key.
		settings = append(settings, setting{"plan_cache_mode", "force_generic_plan"})
	}
	settings = slices.DeleteFunc(settings, func(s setting) bool {
		return slices.ContainsFunc(t.options, func(o setting) bool { return strings.EqualFold(o.name, s.name) })
	})
	return append(settings, t.options...)
}

// milliseconds writes a timeout for PostgreSQL, to which 0 is no limit.
func milliseconds(timeout time.Duration) string {
	if timeout < 0 {
		return "0"
	}
	return strconv.FormatInt(max(1, timeout.Milliseconds()), 10)
}

// settingsQuery makes all settings in one statement, whose first column tells whether the session will do.
// set_config and not SET: it takes a list (search_path) in one string, as startup does.
func settingsQuery(condition string, settings []setting) string {
	var b strings.Builder
	b.WriteString("SELECT " + condition)
	for _, s := range settings {
		b.WriteString(", set_config(" + quote(s.name) + ", " + quote(s.value) + ", false)")
	}
	return b.String()
}

// quote makes a string literal; standard_conforming_strings is on (pgdriver refuses a server where it is not).
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
