package pgconn

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/user"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tcp := func(name, addr string) Host { return Host{Network: "tcp", Name: name, Addr: addr} }
	base := func(change func(*Target)) Target {
		want := Target{User: "u", Database: "d", SSLMode: SSLPrefer, Hosts: []Host{tcp("h", "h:5432")}}
		change(&want)
		return want
	}
	for rawURL, want := range map[string]Target{
		"postgres://u@h/d":         base(func(*Target) {}),
		"postgresql://u@h/d":       base(func(*Target) {}),
		"postgres://u@h/d?":        base(func(*Target) {}),
		"postgres://u@h":           base(func(w *Target) { w.Database = "u" }),
		"postgres://u@h?dbname=d":  base(func(*Target) {}),
		"postgres://u@h:6000/d":    base(func(w *Target) { w.Hosts[0].Addr = "h:6000" }),
		"postgres://u@/d":          base(func(w *Target) { w.Hosts[0] = tcp("localhost", "localhost:5432") }),
		"postgres://u@[::1]/d":     base(func(w *Target) { w.Hosts[0] = tcp("::1", "[::1]:5432") }),
		"postgres://u@[::1]:77/d":  base(func(w *Target) { w.Hosts[0] = tcp("::1", "[::1]:77") }),
		"postgres://u@h/a%20b%2Fc": base(func(w *Target) { w.Database = "a b/c" }),
		"postgres://u@h,i:7/d": base(func(w *Target) {
			w.Hosts = []Host{tcp("h", "h:5432"), tcp("i", "i:7")}
		}),
		"postgres://u@h,i/d?port=9": base(func(w *Target) {
			w.Hosts = []Host{tcp("h", "h:9"), tcp("i", "i:9")}
		}),
		"postgres://u:s%40%2F%3a%25+%c3%a9@h/d": base(func(w *Target) { w.password = "s@/:%+é" }),
		"postgres://u:a?b#c@h/d":                base(func(w *Target) { w.password = "a?b#c" }), // as libpq
		"postgres://h/d?user=u&password=x%26y":  base(func(w *Target) { w.password = "x&y" }),
		"postgres://u@/d?host=/var/run/pg":      base(func(w *Target) { w.Hosts[0] = Host{Network: "unix", Addr: "/var/run/pg/.s.PGSQL.5432"} }),
		"postgres://u@%2Frun:6/d":               base(func(w *Target) { w.Hosts[0] = Host{Network: "unix", Addr: "/run/.s.PGSQL.6"} }),
		"postgres://u@h/d?connect_timeout=7":    base(func(w *Target) { w.ConnectTimeout = 7 * time.Second }),
		"postgres://u@h/d?connect_timeout=0":    base(func(*Target) {}),
		"postgres://u@h/d?application_name=a+b": base(func(w *Target) { w.ApplicationName = "a+b" }),
		"postgres://u@h/d?options=-c%20a%3Db%20--c-d%3De%5C%20f%20-cx.y%3D": base(func(w *Target) {
			w.options = []setting{{"a", "b"}, {"c_d", "e f"}, {"x.y", ""}}
		}),
		"postgres://u@h/d?ssl=true":            base(func(w *Target) { w.SSLMode, w.SSLModeSet = SSLRequire, true }),
		"postgres://u@h/d?sslmode=disable":     base(func(w *Target) { w.SSLMode, w.SSLModeSet = SSLDisable, true }),
		"postgres://u@h/d?sslmode=verify-full": base(func(w *Target) { w.SSLMode, w.SSLModeSet = SSLVerifyFull, true }),
		"postgres://u@h/d?sslrootcert=system": base(func(w *Target) {
			w.SSLMode, w.SSLModeSet, w.SSLRootCert = SSLVerifyFull, true, "system"
		}),
		"postgres://u@h/d?sslrootcert=/c&sslcert=/a&sslkey=/b&sslmode=require&target_session_attrs=read-write&channel_binding=prefer": base(func(w *Target) {
			w.SSLMode, w.SSLModeSet, w.SSLRootCert, w.SSLCert, w.SSLKey, w.SessionAttrs = SSLRequire, true, "/c", "/a", "/b", "read-write"
		}),
	} {
		got, err := Parse(rawURL)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(%q) = %+v, %v\nwant %+v", rawURL, dump(got), err, dump(want))
		}
	}
}

// dump shows what a Target would not print.
func dump(t Target) string {
	type open Target
	return fmt.Sprintf("%+v", open(t))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]string{
		"":                                                                     "must begin with postgres://",
		"host=h password=hunter2":                                              "must begin with postgres://",
		"mysql://u:hunter2@h/d":                                                "must begin with postgres://",
		"postgres://u:hunter2@h:port/d":                                        "port that is not a number",
		"postgres://u:hunter2@h:70000/d":                                       "port that is not a number",
		"postgres://u:hunter2@h:0/d":                                           "port that is not a number",
		"postgres://u:hunter2":                                                 "port that is not a number", // no host: u is one
		"postgres://u:hunter2@[::1/d":                                          "closing bracket",
		"postgres://u:hunter2@[]/d":                                            "IPv6",
		"postgres://u:hunter2@a b/d":                                           "host with a character",
		"postgres://u:hunt%er2@h/d":                                            "wrong percent-escape in its password",
		"postgres://u:hunter2%00@h/d":                                          "wrong percent-escape in its password",
		"postgres://u:hunter2%@h/d":                                            "wrong percent-escape in its password",
		"postgres://u:x@hunter2@h/d":                                           "%40 for @",
		"postgres://u:12/hunter2@h/d":                                          "%40 for @",
		"postgres://u:12/?user=hunter2@h/d":                                    "%40 for @",
		"postgres://u:hunter2@h/d?sslmode=enable":                              "unknown sslmode",
		"postgres://u:hunter2@h/d?sslmode=":                                    "unknown sslmode",
		"postgres://u:hunter2@h/d?sslrootcert=system&sslmode=require":          "verify-full",
		"postgres://u:hunter2@h/d?sslcert=a":                                   "sslcert and sslkey",
		"postgres://u:hunter2@h/d?sslcrl=a":                                    `"sslcrl", which is unknown or not supported`,
		"postgres://u:hunter2@h/d?pool_size=3":                                 `"pool_size"`,
		"postgres://u:hunter2@h/d?search_path=x":                               "options=-c%20search_path%3Dvalue",
		"postgres://u:hunter2@h/d?timezone=x":                                  "options=-c%20timezone%3Dvalue",
		"postgres://u:hunter2@h/d?statement_timeout=1":                         "options=-c%20statement_timeout%3Dvalue",
		"postgres://u:hunter2@h/d?channel_binding=require":                     `"channel_binding"`,
		"postgres://u:hunter2@h/d?client_encoding=latin1":                      `"client_encoding"`,
		"postgres://u:hunter2@h/d?options=-c%20a=b":                            `second = in the parameter "options"`,
		"postgres://u:hunter2@h/d?options=-e":                                  "options other than",
		"postgres://u:hunter2@h/d?options=-c%20a":                              "name=value",
		"postgres://u:hunter2@h/d?options=-c%20Standard-Conforming_strings%3D": "which the driver depends on",
		"postgres://u:hunter2@h/d?application_name":                            "name=value",
		"postgres://u:hunter2@h/d?connect_timeout=2s":                          "connect_timeout",
		"postgres://u:hunter2@h/d?target_session_attrs=master":                 "target_session_attrs",
		"postgres://u:hunter2@h,i/d?port=1,2,3":                                "ports",
		"postgres://u@h/d?password=x&hunter2=y":                                "after password",
	} {
		_, err := Parse(rawURL)
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("Parse(%q): got error %v, want one sentence with %q", rawURL, err, want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%q): the error has the password: %v", rawURL, err)
		}
	}
}

// A password that was not escaped must not come out anywhere, neither in an error nor as a host or database.
func TestParseNeverShowsThePassword(t *testing.T) {
	t.Parallel()
	const hostile = "@/:?#&=%[],\\ '\"12"
	for range 20_000 {
		var b strings.Builder
		for range 1 + rand.IntN(3) {
			b.WriteByte(hostile[rand.IntN(len(hostile))])
			b.WriteString([]string{"sEcRet", "oThEr", "hIdden"}[rand.IntN(3)])
		}
		rawURL := "postgres://me:" + b.String() + "@db.example/app?sslmode=require"
		target, err := Parse(rawURL)
		shown := fmt.Sprint(err)
		if err == nil {
			js, _ := json.Marshal(target)
			shown = fmt.Sprintf("%v %+v %#v %s %s", target, target, target, js, Config{URL: rawURL})
		}
		for _, piece := range []string{"sEcRet", "oThEr", "hIdden"} {
			if strings.Contains(shown, piece) {
				t.Fatalf("%q shows %q", rawURL, shown)
			}
		}
	}
}

func TestRedacted(t *testing.T) {
	t.Parallel()
	target, err := Parse("postgres://us%20er:hunter2@h,i:7/d?sslmode=verify-full")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := target.Redacted(), "postgres://us%20er:***@h:5432,i:7/d?sslmode=verify-full"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	config := Config{URL: "postgres://u:hunter2@h/d"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, config); strings.Contains(got, "hunter2") {
			t.Errorf("%s shows the password: %s", verb, got)
		}
	}
}

// The environment of libpq, which pgdriver reads too, must not decide where a pool connects.
func TestEnvironmentDoesNotLeakIn(t *testing.T) {
	for name, value := range map[string]string{
		"PGHOST": "203.0.113.9", "PGPORT": "1", "PGUSER": "stranger", "PGDATABASE": "strange", "PGPASSWORD": "no",
		"PGSSLMODE": "verify-full", "PGAPPNAME": "stranger", "PGOPTIONS": "-c work_mem=64kB",
	} {
		t.Setenv(name, value)
	}
	target, err := Parse("postgres://")
	me, _ := user.Current()
	if err != nil || target.User != me.Username || target.Database != me.Username || target.Hosts[0].Addr != "localhost:5432" {
		t.Errorf("got %v, %v", target, err)
	}
	db := open(t, Config{})
	var got string
	if err := db.QueryRow("SELECT current_user || current_database() || current_setting('application_name') || current_setting('work_mem')").Scan(&got); err != nil || got != "postgrespostgres4MB" {
		t.Errorf("got %q, %v", got, err)
	}
}
