package config

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustParse(t *testing.T, environment map[string]string) Config {
	t.Helper()
	c, err := parse(environment)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	yes, none := true, time.Duration(0)
	want := Config{
		Environment: "development", DataDir: defaultDataDir(), BlobURL: "file://" + defaultDataDir() + "/blobs/documents", AutoMigrate: &yes,
		UploadSizeMax: 5 << 30, UploadTypes: defaultUploadTypes, StorageMax: 100 << 30, ProcessDocuments: true, JobWorkers: 4,
		HTTPAddr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:8081", PublicURL: "http://127.0.0.1:8080", AppURL: "http://127.0.0.1:8080", LogRequests: true,
		Introspection: &yes, Playground: &yes,
		RequestTimeout: 2500 * time.Millisecond, ShutdownDelay: &none,
		PoolMax: 10, PoolMin: 5, PoolIdle: 5 * time.Minute, ConnectTimeout: 2 * time.Second, SlowQuery: 200 * time.Millisecond,
		JWTClockSkew: 30 * time.Second, JWTUser: "sub", JWTProvider: "jwt",
		EmbeddingsModel: OfflineModel, EmbeddingsDimensions: 384, EmbeddingsSearchModel: OfflineModel, EmbeddingsSearchDimensions: 384, SearchLanguage: "english", SearchMemory: 128 << 20,
	}
	if c := mustParse(t, nil); !reflect.DeepEqual(c, want) {
		t.Errorf("got  %v\nwant %v", c.Lines(), want.Lines())
	}
	// A file of variables names them all, and leaves most of them empty.
	empty := map[string]string{}
	for _, name := range variables() {
		empty[name] = ""
	}
	if c := mustParse(t, empty); !reflect.DeepEqual(c, want) {
		t.Errorf("empty variables gave %v", c.Lines())
	}
}

func TestProductionDefaults(t *testing.T) {
	t.Parallel()
	production := map[string]string{"APP_ENV": "production", "POSTGRES_URL": "postgres://db.example/dossier"}
	c := mustParse(t, production)
	if c.IsDevelopment() || *c.AutoMigrate || *c.Introspection || *c.Playground {
		t.Errorf("production has conveniences on: %v", c.Lines())
	}
	if *c.ShutdownDelay != 5*time.Second {
		t.Errorf("production serves on for %s", *c.ShutdownDelay)
	}
	maps.Copy(production, map[string]string{"AUTO_MIGRATE": "true", "INTROSPECTION": "true", "PLAYGROUND": "true"})
	if c := mustParse(t, production); !*c.AutoMigrate || !*c.Introspection || !*c.Playground {
		t.Errorf("what was asked for is off: %v", c.Lines())
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	no, delay := false, 3*time.Second
	got := mustParse(t, map[string]string{
		"APP_ENV": "development", "POSTGRES_URL": "postgres://db.example/dossier", "POSTGRES_DIRECT_URL": "postgres://direct.example/dossier", "PG_BIN": "/opt/pg/bin", "DATA_DIR": "/data", "BLOB_URL": "s3://documents?region=eu-central-1",
		"SIGNING_KEYS": strings.Repeat("k", 32) + "," + strings.Repeat("l", 40), "UPLOAD_SIZE_MAX": "64MiB", "UPLOAD_TYPES": "application/pdf,image/*", "STORAGE_MAX": "0", "PROCESS_DOCUMENTS": "false", "JOB_WORKERS": "0",
		"AUTO_MIGRATE": "false", "HTTP_ADDR": ":80", "PUBLIC_URL": "https://api.example", "APP_URL": "https://app.example/dossier/", "SMTP_URL": "smtp://u:p@mail.example", "MAIL_FROM": "d@d.example", "INTROSPECTION": "0", "PLAYGROUND": "f",
		"CORS_ORIGINS": "https://a.example,http://localhost:3000", "TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8",
		"REQUEST_TIMEOUT": "4s", "SHUTDOWN_DELAY": "3s", "DB_POOL_MAX": "7", "DB_POOL_MIN": "0", "DB_POOL_IDLE": "1m", "DB_CONNECT_TIMEOUT": "500ms",
		"LOG_QUERIES": "true", "DB_DEBUG": "true", "SLOW_QUERY": "0s", "GOGC": "200", "GOMEMLIMIT": "1GiB",
		"ADMIN_ADDR": "off", "LOG_REQUESTS": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example:4318", "OTEL_SDK_DISABLED": "true",
		"JWT_JWKS_URL": "https://id.example/keys", "JWT_ISSUER": "https://id.example/", "JWT_AUDIENCE": "dossier", "JWT_CLOCK_SKEW": "0s", "JWT_USER": "email", "JWT_PROVIDER": "okta",
		"EMBEDDINGS_URL": "http://localhost:11434/v1", "EMBEDDINGS_KEY": "k", "EMBEDDINGS_MODEL": "m", "EMBEDDINGS_DIMENSIONS": "1024", "EMBEDDINGS_SEARCH_MODEL": "n", "EMBEDDINGS_SEARCH_DIMENSIONS": "256", "SEARCH_LANGUAGE": "simple", "SEARCH_MEMORY": "8MiB",
	})
	want := Config{
		Environment: "development", PostgresURL: "postgres://db.example/dossier", PostgresDirectURL: "postgres://direct.example/dossier", PostgresBin: "/opt/pg/bin", DataDir: "/data", BlobURL: "s3://documents?region=eu-central-1",
		SigningKeys: []Secret{Secret(strings.Repeat("k", 32)), Secret(strings.Repeat("l", 40))}, UploadSizeMax: 64 << 20, UploadTypes: []string{"application/pdf", "image/*"},
		AutoMigrate: &no, HTTPAddr: ":80", PublicURL: "https://api.example", AppURL: "https://app.example/dossier", SMTPURL: "smtp://u:p@mail.example", MailFrom: "d@d.example", Introspection: &no, Playground: &no,
		CORSOrigins: []string{"https://a.example", "http://localhost:3000"}, TrustedProxies: []string{"10.0.0.0/8", "fd00::/8"},
		RequestTimeout: 4 * time.Second, ShutdownDelay: &delay, PoolMax: 7, PoolIdle: time.Minute, ConnectTimeout: 500 * time.Millisecond, LogQueries: true, DebugDB: true,
		GCPercent: "200", MemoryLimit: "1GiB",
		AdminAddr: "off", OTLPEndpoint: "http://otel.example:4318", OTelDisabled: true,
		JWTKeysURL: "https://id.example/keys", JWTIssuer: "https://id.example/", JWTAudience: "dossier", JWTUser: "email", JWTProvider: "okta",
		EmbeddingsURL: "http://localhost:11434/v1", EmbeddingsKey: "k", EmbeddingsModel: "m", EmbeddingsDimensions: 1024, EmbeddingsSearchModel: "n", EmbeddingsSearchDimensions: 256, SearchLanguage: "simple", SearchMemory: 8 << 20,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got.Lines(), want.Lines())
	}
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		":8080": "http://localhost:8080", "0.0.0.0:80": "http://localhost:80", "[::]:80": "http://localhost:80",
		"[::1]:80": "http://[::1]:80", "api.example:80": "http://api.example:80",
	} {
		if c := mustParse(t, map[string]string{"HTTP_ADDR": address}); c.PublicURL != want {
			t.Errorf("HTTP_ADDR=%s is shown as %s, want %s", address, c.PublicURL, want)
		}
	}
}

func TestWrongValues(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{ // the error, by what gives it
		`APP_ENV is development or production, not "staging"`:                                                                {"APP_ENV": "staging"},
		`UPLOAD_SIZE_MAX is not a size such as 64MiB or 5GiB`:                                                                {"UPLOAD_SIZE_MAX": "5 GB"},
		`UPLOAD_SIZE_MAX is at least 1, not 0`:                                                                               {"UPLOAD_SIZE_MAX": "0"},
		`STORAGE_MAX is not a size such as 64MiB or 5GiB`:                                                                    {"STORAGE_MAX": "9999999TiB"},
		`JOB_WORKERS is from 0 to 100, not 101`:                                                                              {"JOB_WORKERS": "101"},
		`UPLOAD_TYPES has media types in lower case such as application/pdf, image/* and *, not "PDF"`:                       {"UPLOAD_TYPES": "text/*,PDF"},
		`SIGNING_KEYS has a key of 5 bytes, number 2, and each needs 32: openssl rand -base64 32 makes one`:                  {"SIGNING_KEYS": strings.Repeat("k", 32) + ",short"},
		`POSTGRES_URL is required with APP_ENV=production`:                                                                   {"APP_ENV": "production"},
		`POSTGRES_DIRECT_URL leads past the pooler of POSTGRES_URL, which is empty`:                                          {"POSTGRES_DIRECT_URL": "postgres://db.example/dossier"},
		`HTTP_ADDR is host:port, not "8080"`:                                                                                 {"HTTP_ADDR": "8080"},
		`HTTP_ADDR is host:port, not "a b"`:                                                                                  {"HTTP_ADDR": "a b"},
		`GOGC is a percentage from 1 on, or off, not "4x"`:                                                                   {"GOGC": "4x"},
		`GOGC is a percentage from 1 on, or off, not "0"`:                                                                    {"GOGC": "0"},
		`ADMIN_ADDR is host:port, or off, not "8081"`:                                                                        {"ADMIN_ADDR": "8081"},
		`LOG_REQUESTS is not a boolean: say true or false`:                                                                   {"LOG_REQUESTS": "x"},
		`OTEL_EXPORTER_OTLP_ENDPOINT is an http or https URL without user or password: OTEL_EXPORTER_OTLP_HEADERS has those`: {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:hunter2@otel.example"},
		`PUBLIC_URL has http or https URLs, not "api.example"`:                                                               {"PUBLIC_URL": "api.example"},
		`APP_URL has http or https URLs, not "app.example"`:                                                                  {"APP_URL": "app.example"},
		`MAIL_FROM is required with SMTP_URL: the address that mails are from`:                                               {"SMTP_URL": "smtp://mail.example"},
		`MAIL_FROM is an email address such as Dossier <dossier@example.com>`:                                                {"MAIL_FROM": "Dossier"},
		`CORS_ORIGINS has origins such as https://app.example, with nothing behind the host, not "https://a.example/"`:       {"CORS_ORIGINS": "https://a.example/"},
		`CORS_ORIGINS has http or https URLs, not "*"`:                                                                       {"CORS_ORIGINS": "https://a.example,*"},
		`TRUSTED_PROXIES has networks such as 10.0.0.0/8, not "10.0.0.1"`:                                                    {"TRUSTED_PROXIES": "10.0.0.1"},
		`AUTO_MIGRATE is not a boolean: say true or false`:                                                                   {"AUTO_MIGRATE": "maybe"},
		`INTROSPECTION is not a boolean: say true or false`:                                                                  {"INTROSPECTION": "yes"},
		`PLAYGROUND is not a boolean: say true or false`:                                                                     {"PLAYGROUND": "on"},
		`LOG_QUERIES is not a boolean: say true or false`:                                                                    {"LOG_QUERIES": "2"},
		`DB_DEBUG is not a boolean: say true or false`:                                                                       {"DB_DEBUG": "x"},
		`DB_POOL_MAX is not a whole number`:                                                                                  {"DB_POOL_MAX": "many"},
		`DB_POOL_MIN is not a whole number`:                                                                                  {"DB_POOL_MIN": "1.5"},
		`DB_POOL_IDLE is not a duration such as 200ms or 10s`:                                                                {"DB_POOL_IDLE": "10"},
		`DB_CONNECT_TIMEOUT is not a duration such as 200ms or 10s`:                                                          {"DB_CONNECT_TIMEOUT": "soon"},
		`SLOW_QUERY is not a duration such as 200ms or 10s`:                                                                  {"SLOW_QUERY": "200"},
		`DB_POOL_IDLE is not negative, as -1s is`:                                                                            {"DB_POOL_IDLE": "-1s"},
		`DB_CONNECT_TIMEOUT is not negative, as -1s is`:                                                                      {"DB_CONNECT_TIMEOUT": "-1s"},
		`SLOW_QUERY is not negative, as -1ms is`:                                                                             {"SLOW_QUERY": "-1ms"},
		`DB_POOL_MAX is at least 1 and DB_POOL_MIN from 0 to DB_POOL_MAX, not 0 and 5`:                                       {"DB_POOL_MAX": "0"},
		`DB_POOL_MAX is at least 1 and DB_POOL_MIN from 0 to DB_POOL_MAX, not 3 and 4`:                                       {"DB_POOL_MAX": "3", "DB_POOL_MIN": "4"},
		`SHUTDOWN_DELAY is not negative, as -1s is`:                                                                          {"SHUTDOWN_DELAY": "-1s"},
		`SHUTDOWN_DELAY is at most 1m0s, not 2m0s`:                                                                           {"SHUTDOWN_DELAY": "2m"},
		`SHUTDOWN_DELAY is not a duration such as 200ms or 10s`:                                                              {"SHUTDOWN_DELAY": "5"},
		`REQUEST_TIMEOUT is from 100ms to 25s, not 0s`:                                                                       {"REQUEST_TIMEOUT": "0s"},
		`REQUEST_TIMEOUT is from 100ms to 25s, not 30s`:                                                                      {"REQUEST_TIMEOUT": "30s"},
		`REQUEST_TIMEOUT is not a duration such as 200ms or 10s`:                                                             {"REQUEST_TIMEOUT": "2"},
	}
	for want, environment := range tests {
		_, err := parse(environment)
		if err == nil || err.Error() != want {
			t.Errorf("%v\ngot  %v\nwant %s", environment, err, want)
		}
	}
	for _, server := range []string{"mail.example:587", "http://mail.example", "smtp://", "smtp://mail.example:0", "smtp://mail.example:99999", "smtp://mail.example:x",
		"smtp://mail.example/x", "smtp://mail.example?x=y", "smtp://user@mail.example", "smtp://user:hunter2/@mail.example", "smtp://user:hunter2#@mail.example"} {
		_, err := parse(map[string]string{"SMTP_URL": server, "MAIL_FROM": "d@d.example"})
		if err == nil || !strings.HasPrefix(err.Error(), "SMTP_URL is smtp://") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("SMTP_URL %q: %v", server, err)
		}
	}
	for _, server := range []string{"smtp://mail.example", "smtps://mail.example:465/", "smtp://u:p%40ss@[::1]:25"} {
		mustParse(t, map[string]string{"SMTP_URL": server, "MAIL_FROM": `"Dossier, Inc." <d@d.example>`})
	}
	for _, endpoint := range []string{"otel.example:4318", "grpc://otel.example", "http://"} {
		if _, err := parse(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}); err == nil {
			t.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT may be %q", endpoint)
		}
	}
}

// What is right on a developer's machine is refused in production, in one sentence each.
func TestUnsafeProduction(t *testing.T) {
	t.Parallel()
	for want, setting := range map[string][2]string{
		`POSTGRES_URL is required with APP_ENV=production`:                                                                        {"POSTGRES_URL", ""},
		`BLOB_URL is not mem:// with APP_ENV=production: it forgets all documents when the program stops`:                         {"BLOB_URL", "mem://"},
		`PUBLIC_URL is https with APP_ENV=production, not "http://api.example", or credentials can be read on their way`:          {"PUBLIC_URL", "http://api.example"},
		`PUBLIC_URL is https with APP_ENV=production, not "http://10.0.0.1:8080", or credentials can be read on their way`:        {"HTTP_ADDR", "10.0.0.1:8080"},
		`CORS_ORIGINS are https with APP_ENV=production, not "http://app.example", or anyone on the way can speak for them`:       {"CORS_ORIGINS", "https://a.example,http://app.example"},
		`TRUSTED_PROXIES are networks of your own with APP_ENV=production, not "0.0.0.0/0", which is everyone`:                    {"TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0"},
		`TRUSTED_PROXIES are networks of your own with APP_ENV=production, not "::/0", which is everyone`:                         {"TRUSTED_PROXIES", "::/0"},
		`CORS_ORIGINS has http or https URLs, not "*"`:                                                                            {"CORS_ORIGINS", "*"},
		`JWT_JWKS_URL is https with APP_ENV=production, not "http://id.example/keys", or anyone on the way can sign in as anyone`: {"JWT_JWKS_URL", "http://id.example/keys"},
		`APP_URL is https with APP_ENV=production, not "http://app.example", or mailed tokens can be read on their way`:           {"APP_URL", "http://app.example"},
	} {
		environment := map[string]string{"JWT_ISSUER": "i", "JWT_AUDIENCE": "a", "JWT_JWKS_URL": "http://127.0.0.1/keys", "APP_ENV": Production, "POSTGRES_URL": "postgres://db.example/dossier", setting[0]: setting[1]}
		if _, err := parse(environment); err == nil || err.Error() != want {
			t.Errorf("%v\ngot  %v\nwant %s", setting, err, want)
		}
		if setting[1] == "*" {
			continue // refused everywhere
		}
		environment["APP_ENV"] = Development
		mustParse(t, environment)
	}
	mustParse(t, map[string]string{
		"APP_ENV": Production, "POSTGRES_URL": "postgres://db.example/dossier", "PUBLIC_URL": "http://localhost:8080",
		"CORS_ORIGINS": "https://app.example,http://localhost:3000,http://127.0.0.1:3000", "TRUSTED_PROXIES": "10.0.0.0/8",
	})
}

// No way of printing the configuration shows the password of the mail server.
func TestMailPasswordIsMasked(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"smtp://u:hunter2@mail.example:587": "SMTP_URL=smtp://u:***@mail.example:587", "smtps://mail.example": "SMTP_URL=smtps://mail.example",
		"smtp://a%40b:hunter2@[::1]": "SMTP_URL=smtp://a%40b:***@[::1]",
	} {
		c := mustParse(t, map[string]string{"SMTP_URL": address, "MAIL_FROM": "d@d.example"})
		if lines := c.Lines(); !slices.Contains(lines, want) {
			t.Errorf("no line %q in %q", want, lines)
		}
		if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "hunter2") {
			t.Errorf("%s", text)
		}
	}
}

// Whoever mends the environment sees all that is wrong at once, also when some of it is not even of its type.
func TestAllWrongValuesAtOnce(t *testing.T) {
	t.Parallel()
	_, err := parse(map[string]string{
		"APP_ENV": "staging", "DB_POOL_MAX": "many", "LOG_QUERIES": "x", "HTTP_ADDR": "8080", "POSTGRES_URL": "postgres://u:secret@db/x",
	})
	want := []string{
		`APP_ENV is development or production, not "staging"`, "DB_POOL_MAX is not a whole number",
		`HTTP_ADDR is host:port, not "8080"`, "LOG_QUERIES is not a boolean: say true or false",
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got %v", err)
	}
}

// Not parallel: the environment is the process's.
func TestDefaultDataDir(t *testing.T) {
	root := os.Geteuid() == 0
	for _, test := range []struct{ xdg, home, want string }{
		{"", "/home/x", "/home/x/.local/share/dossier"},
		{"/xdg", "/home/x", "/xdg/dossier"},
		{"relative", "/home/x", "/home/x/.local/share/dossier"}, // the XDG specification: ignore it
	} {
		t.Setenv("XDG_DATA_HOME", test.xdg)
		t.Setenv("HOME", test.home)
		if root {
			test.want = "/var/lib/dossier"
		}
		if got := defaultDataDir(); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

func TestReadTakesTheEnvironment(t *testing.T) {
	t.Setenv("DATA_DIR", "/somewhere")
	if c, err := Read(); err != nil || c.DataDir != "/somewhere" {
		t.Errorf("got %s, %v", c.DataDir, err)
	}
}

func TestLinesHaveEveryVariable(t *testing.T) {
	t.Parallel()
	lines := mustParse(t, map[string]string{"CORS_ORIGINS": "https://a.example,https://b.example"}).Lines()
	for i, name := range variables() {
		if !strings.HasPrefix(lines[i], name+"=") {
			t.Errorf("line %q is not of %s", lines[i], name)
		}
	}
	for _, want := range []string{"AUTO_MIGRATE=true", "CORS_ORIGINS=https://a.example,https://b.example", "DB_POOL_IDLE=5m0s"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in %q", want, lines)
		}
	}
}

// variables are all names, in the order of Config's fields.
func variables() []string {
	var names []string
	for f := range reflect.TypeFor[Config]().Fields() {
		names = append(names, variable(f.Name))
	}
	return names
}

var exampleLine = regexp.MustCompile(`(?m)^(#? ?)([A-Z][A-Z0-9_]*)=(.*)$`)

// .env.example names every variable and no other one, set or commented out, and can be used as it is.
func TestExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	set := map[string]string{}
	for _, line := range exampleLine.FindAllStringSubmatch(string(text), -1) {
		named = append(named, line[2])
		if line[1] == "" {
			set[line[2]] = line[3]
		}
	}
	want := variables()
	slices.Sort(named)
	slices.Sort(want)
	if !slices.Equal(named, want) {
		t.Errorf("it names %q,\nand there are %q", named, want)
	}
	if _, err := parse(set); err != nil {
		t.Errorf("it is refused: %v", err)
	}
}
