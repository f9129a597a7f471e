// Package config is the one reader of the environment.
package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// The values of APP_ENV.
const (
	Development = "development"
	Production  = "production"
)

// Off is the ADMIN_ADDR of a program that does not listen there, and the GOGC and GOMEMLIMIT of one that has none. An empty
// variable is its default.
const Off = "off"

// Bounds of REQUEST_TIMEOUT: a shorter one would refuse what is well, and a longer one outlive the connection's write timeout.
const (
	requestTimeoutMin = 100 * time.Millisecond
	requestTimeoutMax = 25 * time.Second
)

const (
	// defaultShutdownDelay is enough for a load balancer that looks at /readyz every two seconds.
	defaultShutdownDelay = 5 * time.Second
	shutdownDelayMax     = time.Minute
)

// jobWorkersMax is how many jobs may run at a time: each holds a connection of the pool for some of its time.
const jobWorkersMax = 100

// Config is the whole configuration. The tags name the variables; .env.example tells what each is for.
type Config struct {
	Environment string `env:"APP_ENV" envDefault:"development"`

	PostgresURL       string `env:"POSTGRES_URL"`
	PostgresDirectURL string `env:"POSTGRES_DIRECT_URL"` // set: PostgresURL leads through a pooler that pools transactions
	PostgresBin       string `env:"PG_BIN"`
	DataDir           string `env:"DATA_DIR"`
	AutoMigrate       *bool  `env:"AUTO_MIGRATE"` // default: in development
	BlobURL           string `env:"BLOB_URL"`     // default: a folder below DataDir

	SigningKeys      []Secret `env:"SIGNING_KEYS"` // default: one that this process makes
	UploadSizeMax    Bytes    `env:"UPLOAD_SIZE_MAX" envDefault:"5GiB"`
	UploadTypes      []string `env:"UPLOAD_TYPES"`                        // default: defaultUploadTypes
	StorageMax       Bytes    `env:"STORAGE_MAX" envDefault:"100GiB"`     // of a company; 0 for no limit
	ProcessDocuments bool     `env:"PROCESS_DOCUMENTS" envDefault:"true"` // else others do, with the scope documents:process
	JobWorkers       int      `env:"JOB_WORKERS" envDefault:"4"`          // 0 for no background work here

	EmbeddingsURL              string `env:"EMBEDDINGS_URL"` // "" for OfflineModel
	EmbeddingsKey              Secret `env:"EMBEDDINGS_KEY"`
	EmbeddingsModel            string `env:"EMBEDDINGS_MODEL"`             // required with EmbeddingsURL
	EmbeddingsDimensions       int    `env:"EMBEDDINGS_DIMENSIONS"`        // required with EmbeddingsURL
	EmbeddingsSearchModel      string `env:"EMBEDDINGS_SEARCH_MODEL"`      // default: EmbeddingsModel
	EmbeddingsSearchDimensions int    `env:"EMBEDDINGS_SEARCH_DIMENSIONS"` // default: EmbeddingsDimensions
	SearchLanguage             string `env:"SEARCH_LANGUAGE" envDefault:"english"`
	SearchMemory               Bytes  `env:"SEARCH_MEMORY" envDefault:"128MiB"` // for vectors; 0 for none

	HTTPAddr       string   `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080"`
	AdminAddr      string   `env:"ADMIN_ADDR" envDefault:"127.0.0.1:8081"` // or Off
	PublicURL      string   `env:"PUBLIC_URL"`
	AppURL         string   `env:"APP_URL"` // default: PublicURL
	CORSOrigins    []string `env:"CORS_ORIGINS"`
	TrustedProxies []string `env:"TRUSTED_PROXIES"`
	Introspection  *bool    `env:"INTROSPECTION"` // default: in development
	Playground     *bool    `env:"PLAYGROUND"`    // default: in development

	JWTSecret    Secret        `env:"JWT_SECRET"`   // of HS256
	JWTKeysURL   string        `env:"JWT_JWKS_URL"` // in place of the secret
	JWTIssuer    string        `env:"JWT_ISSUER"`
	JWTAudience  string        `env:"JWT_AUDIENCE"`
	JWTClockSkew time.Duration `env:"JWT_CLOCK_SKEW" envDefault:"30s"`
	JWTUser      string        `env:"JWT_USER" envDefault:"sub"` // or email
	JWTProvider  string        `env:"JWT_PROVIDER" envDefault:"jwt"`

	RequestTimeout time.Duration  `env:"REQUEST_TIMEOUT" envDefault:"2500ms"`
	ShutdownDelay  *time.Duration `env:"SHUTDOWN_DELAY"` // default: none in development, 5s in production

	SMTPURL  SecretURL `env:"SMTP_URL"`  // "" for no mail
	MailFrom string    `env:"MAIL_FROM"` // required with SMTPURL

	PoolMax        int           `env:"DB_POOL_MAX" envDefault:"10"`
	PoolMin        int           `env:"DB_POOL_MIN" envDefault:"5"`
	PoolIdle       time.Duration `env:"DB_POOL_IDLE" envDefault:"5m"`
	ConnectTimeout time.Duration `env:"DB_CONNECT_TIMEOUT" envDefault:"2s"`

	GCPercent   string `env:"GOGC"`       // read by Go itself; default: memory.go's
	MemoryLimit string `env:"GOMEMLIMIT"` // likewise

	LogQueries bool          `env:"LOG_QUERIES" envDefault:"false"`
	DebugDB    bool          `env:"DB_DEBUG" envDefault:"false"`
	SlowQuery  time.Duration `env:"SLOW_QUERY" envDefault:"200ms"`

	LogRequests  bool   `env:"LOG_REQUESTS" envDefault:"true"`
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"` // "" for no traces
	OTelDisabled bool   `env:"OTEL_SDK_DISABLED" envDefault:"false"`
}

// Read reads and checks the environment. The error has a line for each value that is wrong, and shows no secret.
func Read() (Config, error) { return parse(env.ToMap(os.Environ())) }

func parse(environment map[string]string) (Config, error) {
	var c Config
	wrong, err := c.read(environment)
	if err != nil {
		return c, err
	}
	if c.DataDir == "" {
		c.DataDir = defaultDataDir()
	}
	if c.BlobURL == "" {
		c.BlobURL = defaultBlobURL(c.DataDir)
	}
	if len(c.UploadTypes) == 0 {
		c.UploadTypes = defaultUploadTypes
	}
	if c.PublicURL == "" {
		c.PublicURL = defaultPublicURL(c.HTTPAddr)
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	if c.AppURL == "" {
		c.AppURL = c.PublicURL
	}
	c.AppURL = strings.TrimSuffix(c.AppURL, "/")
	c.fillEmbeddings()
	development := c.IsDevelopment()
	for _, flag := range []**bool{&c.AutoMigrate, &c.Introspection, &c.Playground} {
		if *flag == nil {
			*flag = &development
		}
	}
	if c.ShutdownDelay == nil {
		c.ShutdownDelay = new(defaultShutdownDelay)
		if development {
			*c.ShutdownDelay = 0
		}
	}
	wrong = slices.Concat(wrong, c.check(), c.checkBrowsers(), c.checkJWT(), c.checkMail(), c.checkBlobs(), c.checkUploads(), c.checkEmbeddings(),
		c.checkProduction())
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return c, errors.Join(wrong...)
}

// read fills c. It gives an error for each value that is not of its type; such a field keeps its default, so that the
// rest can be checked all the same.
func (c *Config) read(environment map[string]string) ([]error, error) {
	err := env.ParseWithOptions(c, env.Options{Environment: environment})
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return nil, err
	}
	var wrong []error
	environment = maps.Clone(environment)
	for _, one := range aggregate.Errors {
		mistyped, ok := errors.AsType[env.ParseError](one)
		if !ok {
			return nil, one
		}
		name := variable(mistyped.Name)
		delete(environment, name)
		wrong = append(wrong, fmt.Errorf("%s is not a %s", name, kindOf(mistyped.Type.String())))
	}
	*c = Config{}
	return wrong, env.ParseWithOptions(c, env.Options{Environment: environment})
}

func kindOf(goType string) string {
	switch strings.TrimPrefix(goType, "*") {
	case "bool":
		return "boolean: say true or false"
	case "int":
		return "whole number"
	case "config.Bytes":
		return "size such as 64MiB or 5GiB"
	case "time.Duration":
		return "duration such as 200ms or 10s"
	default:
		return goType
	}
}

// IsDevelopment reports whether conveniences are on that are not safe elsewhere.
func (c Config) IsDevelopment() bool { return c.Environment == Development }

func (c Config) check() []error {
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if !slices.Contains([]string{Development, Production}, c.Environment) {
		fail("APP_ENV is %s or %s, not %q", Development, Production, c.Environment)
	}
	if c.PostgresDirectURL != "" && c.PostgresURL == "" {
		fail("POSTGRES_DIRECT_URL leads past the pooler of POSTGRES_URL, which is empty")
	}
	if percent, err := strconv.ParseInt(c.GCPercent, 10, 32); c.GCPercent != "" && c.GCPercent != Off && (err != nil || percent < 1) {
		fail("GOGC is a percentage from 1 on, or %s, not %q", Off, c.GCPercent)
	}
	if _, _, err := net.SplitHostPort(c.HTTPAddr); err != nil {
		fail("HTTP_ADDR is host:port, not %q", c.HTTPAddr)
	}
	if _, _, err := net.SplitHostPort(c.AdminAddr); err != nil && c.AdminAddr != Off {
		fail("ADMIN_ADDR is host:port, or %s, not %q", Off, c.AdminAddr)
	}
	urls := map[string][]string{"PUBLIC_URL": {c.PublicURL}, "CORS_ORIGINS": c.CORSOrigins}
	if c.AppURL != c.PublicURL {
		urls["APP_URL"] = []string{c.AppURL}
	}
	for name, origins := range urls {
		for _, origin := range origins {
			u, err := url.Parse(origin)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				fail("%s has http or https URLs, not %q", name, origin)
			} else if name == "CORS_ORIGINS" && origin != u.Scheme+"://"+u.Host {
				fail("CORS_ORIGINS has origins such as https://app.example, with nothing behind the host, not %q", origin)
			}
		}
	}
	if u, err := url.Parse(c.OTLPEndpoint); c.OTLPEndpoint != "" &&
		(err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https") {
		// The value is not told: it may have a password.
		fail("OTEL_EXPORTER_OTLP_ENDPOINT is an http or https URL without user or password: OTEL_EXPORTER_OTLP_HEADERS has those")
	}
	for _, proxy := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(proxy); err != nil {
			fail("TRUSTED_PROXIES has networks such as 10.0.0.0/8, not %q", proxy)
		}
	}
	if c.PoolMax < 1 || c.PoolMin < 0 || c.PoolMin > c.PoolMax {
		fail("DB_POOL_MAX is at least 1 and DB_POOL_MIN from 0 to DB_POOL_MAX, not %d and %d", c.PoolMax, c.PoolMin)
	}
	if c.JobWorkers < 0 || c.JobWorkers > jobWorkersMax {
		fail("JOB_WORKERS is from 0 to %d, not %d", jobWorkersMax, c.JobWorkers)
	}
	for name, d := range map[string]time.Duration{
		"DB_POOL_IDLE": c.PoolIdle, "DB_CONNECT_TIMEOUT": c.ConnectTimeout, "SLOW_QUERY": c.SlowQuery,
		"SHUTDOWN_DELAY": *c.ShutdownDelay,
	} {
		if d < 0 {
			fail("%s is not negative, as %s is", name, d)
		}
	}
	if c.RequestTimeout < requestTimeoutMin || c.RequestTimeout > requestTimeoutMax {
		fail("REQUEST_TIMEOUT is from %s to %s, not %s", requestTimeoutMin, requestTimeoutMax, c.RequestTimeout)
	}
	if *c.ShutdownDelay > shutdownDelayMax {
		fail("SHUTDOWN_DELAY is at most %s, not %s", shutdownDelayMax, *c.ShutdownDelay)
	}
	return wrong
}

// LocalURL is where the server is found from its own machine.
func (c Config) LocalURL() string { return defaultPublicURL(c.HTTPAddr) }

// defaultPublicURL is where a browser on this machine finds the server.
func defaultPublicURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil { // check tells
		return "http://localhost"
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/dossier"
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "dossier")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "dossier-data"
	}
	return filepath.Join(home, ".local", "share", "dossier")
}

// variable is the name of the environment variable of a field.
func variable(field string) string {
	f, _ := reflect.TypeFor[Config]().FieldByName(field)
	name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
	return name
}

// Lines gives each variable with its value, for people. The URLs of PostgreSQL must have their passwords masked before.
func (c Config) Lines() []string {
	fields := reflect.ValueOf(c)
	lines := make([]string, fields.NumField())
	for i := range lines {
		value := fields.Field(i)
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		lines[i] = fmt.Sprintf("%s=%v", variable(fields.Type().Field(i).Name), value)
		if value.Kind() == reflect.Slice {
			var list []string
			for j := range value.Len() {
				list = append(list, fmt.Sprint(value.Index(j)))
			}
			lines[i] = fmt.Sprintf("%s=%s", variable(fields.Type().Field(i).Name), strings.Join(list, ","))
		}
	}
	return lines
}
