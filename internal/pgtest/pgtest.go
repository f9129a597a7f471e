// Package pgtest gives each test a PostgreSQL database of its own: a clone of one that was migrated once.
package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/pgconn"
	"dossier/internal/pgdev"
	"dossier/internal/telemetry"
	"dossier/migrations"
	"dossier/repo"
)

// fast gives durability up: a test's data need not survive.
var fast = map[string]string{
	"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300",
	"shared_buffers": "256MB", "max_wal_size": "4GB",
}

// serverStartMax is how long the server of a test run may take to start.
const serverStartMax = time.Minute

// Main runs a package's tests: `func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }`. It stops the server that the
// tests started.
func Main(m *testing.M) int {
	code := m.Run()
	stop()
	return code
}

var (
	stop       = func() {}
	maintainer = sync.OnceValues(startServer)
)

// startServer gives a pool of a server that may be filled with databases: TEST_POSTGRES_URL's, or one of its own.
func startServer() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), serverStartMax)
	defer cancel()
	address := os.Getenv("TEST_POSTGRES_URL")
	if address == "" {
		folder, err := os.MkdirTemp("", "dossier-pgtest-")
		if err != nil {
			return nil, err
		}
		if err := os.Chmod(folder, 0o755); err != nil { // PostgreSQL does not run as root, and must get in
			return nil, err
		}
		postgres, err := pgdev.Start(ctx, pgdev.Config{
			DataDir: folder, Database: "dossier", Settings: fast, BinDir: os.Getenv("PG_BIN"),
		})
		if err != nil {
			return nil, err
		}
		stop = func() {
			ctx, cancel := context.WithTimeout(context.Background(), serverStartMax)
			defer cancel()
			_ = postgres.Stop(ctx)
			_ = os.RemoveAll(folder)
		}
		address = postgres.URL()
	}
	pool, err := pgconn.Open(pgconn.Config{URL: address, PoolMax: 8})
	if err != nil {
		return nil, err
	}
	s := &server{url: address, pool: pool, template: "template_" + migrations.Hash()}
	return s, s.makeTemplate(ctx)
}

type server struct {
	url      string
	pool     *sql.DB
	template string
}

// makeTemplate migrates the database that tests clone, unless another run has done so.
func (s *server) makeTemplate(ctx context.Context) error {
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext('dossier template'))"); err != nil {
		return err
	}
	defer conn.ExecContext(ctx, "SELECT pg_advisory_unlock(hashtext('dossier template'))")
	var exists bool
	err = conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", s.template).Scan(&exists)
	if err != nil || exists {
		return err
	}
	building := s.template + "_building"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + building, "CREATE DATABASE " + building} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx, building); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", building, s.template))
	return err
}

func (s *server) migrate(ctx context.Context, database string) error {
	pool, err := pgconn.Open(pgconn.Config{URL: s.urlOf(database)})
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = migrations.Up(ctx, pool)
	return err
}

func (s *server) urlOf(database string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		panic(err) // the server was reached by it
	}
	u.Path = "/" + database
	return u.String()
}

// DB is the database of one test.
type DB struct {
	Store *repo.Store
	Pool  *sql.DB
	URL   string
	SQL   *Recorder
}

// connectTimeout is long, as the machine may be busy.
const connectTimeout = 30 * time.Second

// poolMax is the pool of one test; all of them share the server's max_connections.
const poolMax = 16

// New gives a migrated, empty database, and drops it at the test's end.
func New(t testing.TB) *DB {
	t.Helper()
	return clone(t, true)
}

// NewEmpty gives a database without any table.
func NewEmpty(t testing.TB) *DB {
	t.Helper()
	return clone(t, false)
}

func clone(t testing.TB, migrated bool) *DB {
	t.Helper()
	s, err := maintainer()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	statement := "CREATE DATABASE " + name
	if migrated {
		statement += " TEMPLATE " + s.template
	}
	if _, err := s.pool.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("create database: %v", err)
	}
	pool, err := pgconn.Open(pgconn.Config{URL: s.urlOf(name), PoolMax: poolMax, PoolIdle: time.Minute,
		Statements: pgconn.StatementsDefault, ConnectTimeout: connectTimeout})
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() {
		_ = pool.Close()
		if _, err := s.pool.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	recorder := &Recorder{}
	store := repo.New(pool, repo.Options{Prepare: true, Hooks: []bun.QueryHook{recorder, telemetry.StatementHook{}}})
	return &DB{Store: store, Pool: pool, URL: s.urlOf(name), SQL: recorder}
}
