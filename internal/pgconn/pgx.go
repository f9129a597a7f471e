package pgconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"strconv"

	pgx "github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgxNeutral answers each question for which pgx would ask PGHOST and its kin, ~/.pgpass or ~/.postgresql, so that none of them
// can fail its parser; OpenPgx then puts the target's answers in their place.
const pgxNeutral = "host=localhost port=5432 user=none password=none database=none passfile='' connect_timeout=1 sslmode=disable " +
	"sslcert='' sslkey='' sslrootcert='' sslpassword='' sslsni=1 sslnegotiation=postgres target_session_attrs=any " +
	"min_protocol_version='' max_protocol_version='' channel_binding=prefer require_auth='' options='' timezone=''"

// errSession: another of the URL's hosts is asked.
var errSession = errors.New("the session is not what target_session_attrs wants")

// OpenPgx is Open for what speaks to PostgreSQL by pgx: the same URL, sslmode, hosts and settings. It makes no connection. Of the
// config's pool it takes PoolMax and PoolIdle; Statements are pgx's own matter, and Pooled is not possible.
func OpenPgx(c Config) (*pgxpool.Pool, error) {
	made, err := newConnector(c)
	if err != nil {
		return nil, err
	}
	if c.Pooled {
		return nil, errors.New("a pool of pgx needs sessions of its own")
	}
	// A service cannot be answered by the string: pgx looks it up as soon as there is one. Nothing else here reads it.
	if err := os.Unsetenv("PGSERVICE"); err != nil {
		return nil, err
	}
	conf, err := pgxpool.ParseConfig(pgxNeutral)
	if err != nil {
		return nil, errors.New("pgx refuses its configuration") // whose text may be the environment's
	}
	if c.PoolMax > 0 {
		conf.MaxConns = int32(c.PoolMax)
	}
	if c.PoolIdle > 0 {
		conf.MaxConnIdleTime = c.PoolIdle
	}
	to := &conf.ConnConfig.Config
	to.User, to.Password, to.Database = made.target.User, made.target.password, made.target.Database
	to.ConnectTimeout = made.timeout // pgx's is for each host, too
	to.DialFunc = (&net.Dialer{}).DialContext
	to.RuntimeParams = map[string]string{"application_name": made.target.ApplicationName, "client_encoding": "UTF8"}
	to.ValidateConnect = made.setUpPgx
	if err := made.pgxHosts(to); err != nil {
		return nil, err
	}
	return pgxpool.NewWithConfig(context.Background(), conf)
}

// pgxHosts gives pgx each way to each host, in order.
func (c *connector) pgxHosts(to *pgx.Config) error {
	var ways []*pgx.FallbackConfig
	for _, h := range c.target.Hosts {
		name, port := h.Name, path.Ext(h.Addr) // of a socket: directory/.s.PGSQL.port
		if h.Network == "unix" {
			name, port = path.Dir(h.Addr), port[1:]
		} else {
			_, port, _ = net.SplitHostPort(h.Addr) // newHost has joined it
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return fmt.Errorf("port of %s: %w", h.Addr, err)
		}
		for _, plan := range c.target.plans(h) {
			way := &pgx.FallbackConfig{Host: name, Port: uint16(number)}
			if plan != planPlain { // where TLS is only offered, the next way is without it
				if way.TLSConfig, err = c.target.tlsConfig(h); err != nil {
					return err
				}
			}
			ways = append(ways, way)
		}
	}
	to.Host, to.Port, to.TLSConfig, to.Fallbacks = ways[0].Host, ways[0].Port, ways[0].TLSConfig, ways[1:]
	return nil
}

// setUpPgx is setUp for a connection of pgx.
func (c *connector) setUpPgx(ctx context.Context, to *pgx.PgConn) error {
	condition := attrsConditions[c.target.SessionAttrs]
	ask := func(settings []setting) (*pgx.Result, error) {
		results, err := to.Exec(ctx, settingsQuery(condition, settings)).ReadAll()
		if err != nil {
			return nil, err
		}
		return results[0], results[0].Err
	}
	result, err := ask(append([]setting{c.checkSet}, c.settings...))
	if _, refused := errors.AsType[*pgx.PgError](err); refused {
		result, err = ask(c.settings)
	}
	if err != nil {
		return err
	}
	if string(result.Rows[0][0]) != "t" {
		return errSession
	}
	return nil
}
