// Package pgconn is pgdriver made to cancel, to verify TLS and to survive a restart of the server.
//
// pgdriver speaks the protocol; this package decides how a connection is made (libpq's URL and sslmode), ends
// it when a context ends, and tells database/sql which pooled connections are dead before a query meets them.
// It takes nothing from the environment: PGHOST and its kin, ~/.pgpass and ~/.postgresql are not read.
package pgconn

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

// connectTimeoutDefault holds where neither Config nor the URL names one: no connect may wait for ever.
const connectTimeoutDefault = 2 * time.Second

// StatementsDefault is how many prepared statements a connection of the server keeps: more than the shapes that its clients
// commonly ask for.
const StatementsDefault = 200

// Config of one pool.
type Config struct {
	URL string // a libpq URL, see Parse

	// ConnectTimeout covers dial, TLS and startup, for each host of the URL. The URL's connect_timeout wins.
	// 0 is 2s. A host that is silent is tried anew meanwhile.
	ConnectTimeout time.Duration
	// StatementTimeout is sent as statement_timeout; 0 sends none, and the server's own default holds. Below 0 there is no
	// limit, whatever the server's default is.
	StatementTimeout time.Duration
	// PoolMax bounds the open connections; 0 is no bound. PoolMin of them stay open when idle.
	PoolMax, PoolMin int
	// PoolIdle is how long a connection above PoolMin may stay idle; 0 is for ever.
	PoolIdle time.Duration
	// Statements is how many prepared statements each connection keeps, of the queries that are sent with arguments, each with one
	// plan for all of them. With 0 such a query is prepared for one use, which takes three round trips.
	Statements int
	// ApplicationName is what pg_stat_activity shows. The URL's application_name wins.
	ApplicationName string
	// DefaultSSLMode holds where the URL names no sslmode. Empty is libpq's default, prefer;
	// a caller that demands verified TLS says verify-full here.
	DefaultSSLMode SSLMode
	// Pooled: the URL leads through a pooler that pools transactions. Nothing is sent that outlives one: StatementTimeout
	// holds within transactions only, and a query with arguments, which takes a prepared statement, is ErrNoSession.
	Pooled bool
}

// String describes the pool without its password.
func (c Config) String() string {
	t, err := Parse(c.URL)
	if err != nil {
		return "pgconn.Config(" + err.Error() + ")"
	}
	return "pgconn.Config(" + t.Redacted() + ")"
}

// GoString is String: %#v must not show the password either.
func (c Config) GoString() string { return c.String() }

// Open prepares a pool. It makes no connection and so works while the database is down; an error is a fault
// of the configuration (the URL, a certificate file). With PoolMin above 0 a goroutine warms the pool until
// DB.Close.
func Open(c Config) (*sql.DB, error) {
	conn, err := newConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(conn)
	db.SetMaxOpenConns(c.PoolMax)
	// The default of database/sql, 2 idle connections, would close and open connections under load: only
	// PoolIdle shrinks the pool.
	db.SetMaxIdleConns(max(c.PoolMax, c.PoolMin, idleUnbounded(c.PoolMax)))
	db.SetConnMaxIdleTime(c.PoolIdle)
	conn.startKeeper(db, c)
	return db, nil
}

func newConnector(c Config) (*connector, error) {
	t, err := Parse(c.URL)
	if err != nil {
		return nil, err
	}
	if c.PoolMax > 0 && c.PoolMin > c.PoolMax {
		return nil, fmt.Errorf("the pool's minimum of %d connections is above its maximum of %d", c.PoolMin, c.PoolMax)
	}
	if !t.SSLModeSet && c.DefaultSSLMode != "" {
		if !c.DefaultSSLMode.valid() {
			return nil, fmt.Errorf("the default sslmode %q is unknown", string(c.DefaultSSLMode))
		}
		t.SSLMode = c.DefaultSSLMode
	}
	if t.ApplicationName == "" {
		t.ApplicationName = c.ApplicationName
	}
	// The files are read again at each connect, as libpq does, so that rotated certificates are used; reading
	// them here makes a wrong path fail at the start.
	for _, h := range t.Hosts {
		if _, err := t.tlsConfig(h); err != nil {
			return nil, err
		}
	}
	var way *pooler
	if c.Pooled {
		if way, err = newPooler(t, c.StatementTimeout); err != nil {
			return nil, err
		}
	}
	return &connector{
		target:   t,
		pooler:   way,
		timeout:  firstPositive(t.ConnectTimeout, c.ConnectTimeout, connectTimeoutDefault),
		settings: sessionSettings(t, c.StatementTimeout, c.Statements),
		checkSet: setting{"client_connection_check_interval", "500ms"},
		live:     newLiveness(c.Pooled),
		scouts:   newScouts(),

		statementsMax: c.Statements,
	}, nil
}

// idleUnbounded is the number of idle connections kept where the pool itself has no bound.
func idleUnbounded(poolMax int) int {
	const idleMax = 100
	if poolMax > 0 {
		return 0
	}
	return idleMax
}

func firstPositive(ds ...time.Duration) time.Duration {
	for _, d := range ds {
		if d > 0 {
			return d
		}
	}
	return 0
}

// silence takes the place of pgdriver's logger: it writes a line to stderr for each write upon a closed socket,
// which is how a canceled statement may end, and which comes back as an error anyway.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func init() { pgdriver.Logger = silence{} }
