package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/config"
	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/pgconn"
	"dossier/internal/pgdev"
	"dossier/internal/seed"
	"dossier/internal/telemetry"
	"dossier/migrations"
	"dossier/repo"
)

// database is the pool, and the PostgreSQL under it where the program runs its own.
type database struct {
	pool     *sql.DB
	direct   *sql.DB       // its connections are sessions: the pool's own, unless that leads through a pooler
	sessions pgconn.Config // of direct's connections
	store    *repo.Store
	embedded *pgdev.Server // nil with POSTGRES_URL
	prepared atomic.Pointer[fault.Error]
	search   atomic.Pointer[repo.VectorSearch] // nil until it is decided
}

// statementTimeout ends in PostgreSQL what no deadline of a request has ended.
const statementTimeout = 30 * time.Second

// openDatabase gives pools on POSTGRES_URL, whether or not it answers yet, or on a PostgreSQL that it starts. SearchMemoryUsed may be nil.
func openDatabase(ctx context.Context, c config.Config, logger *slog.Logger, searchMemoryUsed func(bytes int64)) (*database, error) {
	db := &database{}
	db.prepared.Store(fault.New(fault.Unavailable, "The database is being prepared."))
	if err := checkProduction(c); err != nil {
		return nil, err
	}
	address := c.PostgresURL
	if address == "" {
		var err error
		db.embedded, err = pgdev.Start(ctx, pgdev.Config{
			DataDir: filepath.Join(c.DataDir, "postgres"), Database: "dossier", BinDir: c.PostgresBin, Progress: say, Logger: logger,
		})
		if err != nil {
			return nil, err
		}
		address = db.embedded.URL()
	}
	if err := db.open(c, address); err != nil {
		db.close()
		return nil, err
	}
	db.store = repo.New(db.pool, repo.Options{
		Prepare: c.PostgresDirectURL == "", Language: c.SearchLanguage, SearchMemory: int64(c.SearchMemory), SearchMemoryUsed: searchMemoryUsed,
		Hooks: []bun.QueryHook{telemetry.StatementHook{}, telemetry.QueryLog{
			Logger: logger, All: c.LogQueries, Failed: c.DebugDB, Slow: c.SlowQuery, ShowValues: c.IsDevelopment(),
		}},
	})
	return db, nil
}

// open makes the pools. With POSTGRES_DIRECT_URL the pool leads through a pooler that pools transactions, and what needs a
// session goes another way.
func (db *database) open(c config.Config, address string) (err error) {
	settings := pgconn.Config{
		URL: address, ConnectTimeout: c.ConnectTimeout, StatementTimeout: statementTimeout,
		PoolMax: c.PoolMax, PoolMin: c.PoolMin, PoolIdle: c.PoolIdle, ApplicationName: "dossier",
		Pooled: c.PostgresDirectURL != "", Statements: pgconn.StatementsDefault,
	}
	if !c.IsDevelopment() {
		settings.DefaultSSLMode = pgconn.SSLVerifyFull
	}
	if db.pool, err = pgconn.Open(settings); err != nil {
		return fmt.Errorf("POSTGRES_URL: %w", err)
	}
	db.direct, db.sessions = db.pool, settings
	if settings.Pooled {
		// One connection is kept: by it the pool knows which host target_session_attrs means, and the listener asks the pool.
		settings.URL, settings.Pooled, settings.PoolMin, settings.PoolMax = c.PostgresDirectURL, false, 1, 2
		if db.direct, err = pgconn.Open(settings); err != nil {
			return fmt.Errorf("POSTGRES_DIRECT_URL: %w", err)
		}
		db.sessions = settings
	}
	return nil
}

// say shows what is going on to whoever waits at the terminal.
func say(message string) { fmt.Fprintln(os.Stderr, message) }

// sayIfSlow says the message if done is not called within a second.
func sayIfSlow(message string) (done func()) {
	timer := time.AfterFunc(time.Second, func() { say(message) })
	return func() { timer.Stop() }
}

const (
	// prepareRetry is the pause between tries to reach a database that is down.
	prepareRetry = 200 * time.Millisecond
	// tellEvery is how often the terminal is told what is waited for.
	tellEvery = 30 * time.Second
)

// prepare migrates and seeds as configured, once the database can be reached; then requests can be served.
func (db *database) prepare(ctx context.Context, c config.Config, f *files.Files) error {
	var told time.Time
	for ctx.Err() == nil {
		err := db.prepareOnce(ctx, c, f)
		if err == nil {
			db.prepared.Store(nil)
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		waiting := errWaiting(err)
		if waiting == nil {
			return err
		}
		db.prepared.Store(waiting)
		if time.Since(told) > tellEvery {
			told = time.Now()
			say("Waiting: " + waiting.Message + reason(waiting, err))
		}
		select {
		case <-time.After(prepareRetry):
		case <-ctx.Done():
		}
	}
	return nil
}

var errPending = fault.New(fault.Unavailable, "The database's schema is not up to date: run `dossier migrate up`.")

// errWaiting says what prepare waits for, nil for what does not pass by waiting.
func errWaiting(err error) *fault.Error {
	switch {
	case errors.Is(err, errPending):
		return errPending
	case errors.Is(err, seed.ErrNotKept) && fault.Is(err, fault.Unavailable):
		return fault.New(fault.Unavailable, "The store of the documents cannot be reached.")
	case pgconn.Unavailable(err), fault.Is(err, fault.Unavailable), fault.Is(err, fault.Timeout):
		return fault.New(fault.Unavailable, "The database cannot be reached.")
	}
	return nil
}

// reason is why, for whoever runs the program: a wrong password looks like a database that is down to everyone else.
func reason(waiting *fault.Error, err error) string {
	if waiting == errPending {
		return ""
	}
	return " (" + cause(err).Error() + ")"
}

func (db *database) prepareOnce(ctx context.Context, c config.Config, f *files.Files) error {
	if err := db.prepareSchema(ctx, c); err != nil {
		return err
	}
	if err := db.prepareSearch(ctx, c); err != nil {
		return err
	}
	if !c.IsDevelopment() {
		return db.refuseDemoSignIns(ctx)
	}
	if !*c.AutoMigrate {
		return nil
	}
	_, err := db.seed(ctx, f)
	return err
}

// prepareSchema migrates if it may, and checks that there is nothing to migrate otherwise.
func (db *database) prepareSchema(ctx context.Context, c config.Config) error {
	if *c.AutoMigrate {
		_, err := db.migrateUp(ctx, c)
		return err
	}
	return db.apart("migrate", func(pool *sql.DB) error {
		pending, err := migrations.Pending(ctx, pool)
		if err == nil && pending > 0 {
			err = errPending
		}
		return err
	})
}

// prepareSearch decides how searches find their candidates, and checks that the database knows the language.
func (db *database) prepareSearch(ctx context.Context, c config.Config) error {
	known, err := db.store.KnowsLanguage(ctx)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("SEARCH_LANGUAGE %s is no text search configuration of the database", c.SearchLanguage)
	}
	search, err := db.store.ChooseVectorSearch(ctx, c.EmbeddingsSearchModel, c.EmbeddingsSearchDimensions)
	db.search.Store(&search)
	return err
}

// details are what /readyz says of a database that is ready.
func (db *database) details() string {
	if search := db.search.Load(); search != nil {
		return "search: " + search.String()
	}
	return ""
}

// seed loads the demo data into an empty database, with its documents' bytes, and reports whether it did.
func (db *database) seed(ctx context.Context, f *files.Files) (loaded bool, err error) {
	done := sayIfSlow("Loading the demo data …")
	defer done()
	err = db.apart("load the demo data", func(pool *sql.DB) error {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		// Of two instances that find the database empty, the second would fail. The lock ends with the connection.
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext('dossier seed'))"); err != nil {
			return err
		}
		loaded, err = seed.Load(ctx, db.store, f)
		return err
	})
	return loaded, err
}

// migrateUp applies what is pending and gives the names of it.
func (db *database) migrateUp(ctx context.Context, c config.Config) (applied []string, err error) {
	done := sayIfSlow("Migrating the database …")
	defer done()
	err = db.apart("migrate", func(pool *sql.DB) error {
		if applied, err = migrations.Up(ctx, pool); err != nil {
			return err
		}
		_, err = repo.New(pool, repo.Options{}).PreparePGVector(ctx, c.EmbeddingsSearchModel, c.EmbeddingsSearchDimensions)
		return err
	})
	return applied, err
}

// apart lends the operation a pool of its own: it may take longer than any statement of a request.
func (db *database) apart(operation string, run func(*sql.DB) error) error {
	settings := db.sessions
	settings.StatementTimeout, settings.PoolMin, settings.PoolMax = 0, 0, 2
	if db.direct != db.pool {
		settings.StatementTimeout = -1 // the role has one of its own, for statements through the pooler
	}
	pool, err := pgconn.Open(settings)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := run(pool); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// pingTimeout is how long the database may take to answer before it counts as away.
const pingTimeout = time.Second

// readiness is nil when requests can be served.
func (db *database) readiness(ctx context.Context) error {
	if waiting := db.prepared.Load(); waiting != nil {
		return waiting
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return db.store.Ping(ctx)
}

// whenPrepared answers requests in place of next as long as there is no schema to serve them from.
func (db *database) whenPrepared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		waiting := db.prepared.Load()
		if waiting == nil {
			next.ServeHTTP(w, r)
			return
		}
		answer, _ := json.Marshal(map[string]any{"errors": []any{map[string]any{ // texts can be encoded
			"message": waiting.Message, "extensions": map[string]any{"code": waiting.Code, "retryable": true},
		}}})
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(answer)
	})
}

// gaveUp is closed when the program's own PostgreSQL has stopped for good.
func (db *database) gaveUp() <-chan struct{} {
	if db.embedded == nil {
		return nil
	}
	return db.embedded.Done()
}

func (db *database) close() {
	for _, pool := range []*sql.DB{db.pool, db.direct} {
		if pool != nil {
			_ = pool.Close() // twice does no harm
		}
	}
	if db.embedded != nil {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := db.embedded.Stop(ctx); err != nil {
			say("PostgreSQL: " + err.Error())
		}
	}
}
