package pgconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

// readBuffer is 32 KiB where pgdriver's default is 4: a page of rows arrives in one read, and pgdriver loses the
// connection over an error message that is longer than its buffer.
const readBuffer = 32 << 10

// connector makes connections for database/sql.
type connector struct {
	target   Target
	timeout  time.Duration
	settings []setting
	// checkSet makes the server look every half second whether its client is still there (since PostgreSQL 14,
	// where the platform can): without it a canceled statement runs on to its end.
	checkSet setting
	// noCheck is set once a server was content without checkSet only.
	noCheck atomic.Bool
	pooler  *pooler // nil where each connection is a session of its own
	keeper  *keeper
	live    *liveness
	scouts  *scouts
	reached atomic.Pointer[Host] // which the latest Connect led to

	statementsMax int // that a connection keeps
}

var _ driver.Connector = (*connector)(nil)

// Driver is pgdriver's, bound to this target: pgdriver.NewListener asks for it.
func (c *connector) Driver() driver.Driver {
	conf := c.config(func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		var failed error
		for _, h := range c.hosts() {
			for _, plan := range c.target.plans(h) {
				nc, err := c.dial(ctx, h, plan)
				if err == nil {
					return nc, nil
				}
				failed = fmt.Errorf("%w: %s: %w", ErrConnect, h.Addr, err)
			}
		}
		return nil, failed
	})
	conf.ReadTimeout = c.timeout // of its startup and LISTEN; waiting for a notification has its own
	return pgdriver.NewConnector(pgdriver.WithConfig(conf)).Driver()
}

// hosts are the target's, the one that the pool was connected to last before all others: pgdriver's own Connect, which a
// listener uses, knows no target_session_attrs, and stays with a host that is silent.
func (c *connector) hosts() []Host {
	reached := c.reached.Load()
	if reached == nil {
		return c.target.Hosts
	}
	others := slices.DeleteFunc(slices.Clone(c.target.Hosts), func(h Host) bool { return h == *reached })
	return append([]Host{*reached}, others...)
}

// Close is called by DB.Close.
func (c *connector) Close() error {
	c.keeper.stop()
	return nil
}

// config has every field that pgdriver would otherwise fill from PGHOST, PGUSER and so on. Its timeouts are 0:
// contexts and statement_timeout bound a statement, and pgdriver's 10 s would end a long migration.
func (c *connector) config(dial func(context.Context) (net.Conn, error)) *pgdriver.Config {
	return &pgdriver.Config{
		Network: c.target.Hosts[0].Network, Addr: c.target.Hosts[0].Addr,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		User:   c.target.User, Password: c.target.password, Database: c.target.Database,
		AppName: c.target.ApplicationName, BufferSize: readBuffer,
	}
}

func (c *connector) connectHost(parent context.Context, h Host, limit time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	var failed error
	for _, plan := range c.target.plans(h) {
		cn, err := c.attempt(ctx, h, plan)
		if err == nil {
			return cn, nil
		}
		failed = err
		if contextError(ctx) != nil {
			// Not wrapped: the caller's deadline is another matter than this one.
			return nil, fmt.Errorf("no answer within %s", limit)
		}
		if !otherWay(err) {
			break
		}
	}
	return nil, failed
}

// otherWay reports whether the next plan may succeed: prefer falls back from TLS, allow from plain text, when
// pg_hba.conf rejects the one (28000). libpq does so after any error of startup; a wrong password (28P01) is
// not offered again here, least of all in plain text.
func otherWay(err error) bool {
	var handshake *handshakeError
	var pgErr pgdriver.Error
	return errors.As(err, &handshake) || errors.As(err, &pgErr) && pgErr.Field('C') == "28000"
}

// attempt makes one connection. pgdriver leaves the socket open when its startup fails, and its startup knows
// no cancellation: both are done here, by closing the socket.
func (c *connector) attempt(ctx context.Context, h Host, plan tlsPlan) (_ *conn, err error) {
	nc, err := c.dial(ctx, h, plan)
	if err != nil {
		return nil, err
	}
	raw := belowTLS(nc)
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer func() {
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			_ = raw.Close()
		}
	}()
	wire := newWire(nc)
	conf := c.config(func(context.Context) (net.Conn, error) { return wire, nil })
	inner, err := pgdriver.NewConnector(pgdriver.WithConfig(conf)).Connect(context.Background())
	if err != nil {
		return nil, err
	}
	cn := newConn(inner.(*pgdriver.Conn), wire, raw, c.live, c.statementsMax)
	cn.pooler = c.pooler
	return cn, c.setUp(cn)
}

// dial opens the socket and speaks TLS upon it, as the plan wants.
func (c *connector) dial(ctx context.Context, h Host, plan tlsPlan) (net.Conn, error) {
	var dialer net.Dialer // with Go's keep-alive: 15 s idle, 9 probes of 15 s
	raw, err := dialer.DialContext(ctx, h.Network, h.Addr)
	if err != nil || plan == planPlain {
		return raw, err
	}
	conf, err := c.target.tlsConfig(h)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	nc, err := startTLS(ctx, raw, conf)
	if errors.Is(err, errNoTLS) && plan == planOfferTLS {
		nc, err = raw, nil
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return nc, nil
}

// setUp makes the session's settings, in one round trip.
func (c *connector) setUp(cn *conn) error {
	if c.pooler != nil {
		return c.pooler.check(cn)
	}
	condition := attrsConditions[c.target.SessionAttrs]
	if !c.noCheck.Load() {
		err := cn.setUpSession(settingsQuery(condition, append([]setting{c.checkSet}, c.settings...)))
		var pgErr pgdriver.Error
		if !errors.As(err, &pgErr) {
			return err
		}
	}
	err := cn.setUpSession(settingsQuery(condition, c.settings))
	if err == nil {
		c.noCheck.Store(true)
	}
	return err
}

func belowTLS(nc net.Conn) net.Conn {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return nc
}
