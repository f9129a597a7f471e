package pgconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun/driver/pgdriver"
)

// answerMax bounds what database/sql asks without a context, when a request's time may be over: Rollback and closing a
// statement. Both are quick, or the connection goes.
const answerMax = 400 * time.Millisecond

// conn wraps pgdriver's. database/sql uses a connection from one goroutine at a time, so its fields need no
// lock; only the socket is closed from elsewhere.
type conn struct {
	inner *pgdriver.Conn
	wire  *wire    // what inner reads and writes
	raw   net.Conn // the socket, below TLS: closing tls.Conn may wait for a write
	kill  func()   // closes raw; stored, as a method value would be an allocation for each statement
	quiet func() bool
	// broken: a context or an error ended the conversation in its middle.
	broken bool
	// tx: a transaction is open. failed: the server answered a statement with an error since it was opened.
	tx, failed bool
	begun      beginState
	begin      string          // BEGIN with the options of the transaction
	statements *keptStatements // nil where none are kept
	pooler     *pooler         // nil where the connection is a session of its own
	live       *liveness
	heard      int64 // when the server was heard last
}

var (
	_ driver.Conn               = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

func newConn(inner *pgdriver.Conn, wire *wire, raw net.Conn, live *liveness, statementsMax int) *conn {
	return &conn{
		inner: inner, wire: wire, raw: raw, kill: func() { _ = raw.Close() }, quiet: quietCheck(raw), live: live, heard: live.now(),
		statements: newKeptStatements(statementsMax),
	}
}

// guard ends the conversation with its context.
type guard struct {
	ctx  context.Context
	stop func() bool
}

// enter begins a statement: when ctx ends before leave, the socket closes, whatever waits for it returns, and
// the server finds its client gone. pgdriver itself is given context.Background(): it would only make a
// deadline of the socket, which fires before the context's and leaves the backend at work.
func (c *conn) enter(ctx context.Context) (guard, error) {
	if err := contextError(ctx); err != nil {
		return guard{}, err
	}
	if !c.IsValid() {
		return guard{}, driver.ErrBadConn // nothing was sent: database/sql takes another
	}
	if c.begun == beginFailed {
		return guard{}, ErrRolledBack
	}
	if ctx.Done() == nil {
		return guard{}, nil
	}
	return guard{ctx, context.AfterFunc(ctx, c.kill)}, nil
}

// leave ends a statement and says what its error is. A result that came before the context ended stays a
// result, but the connection goes.
func (c *conn) leave(g guard, err error) error {
	ended := g.stop != nil && !g.stop()
	if ended {
		c.abandon()
	}
	if err == nil {
		c.opened(true)
		c.hear()
		return nil
	}
	var pgErr pgdriver.Error
	if errors.As(err, &pgErr) {
		c.opened(false)
		c.failed = true
		c.hear()
		if fatal(pgErr) {
			c.abandon()
			return fmt.Errorf("%w: %w", ErrConnLost, err)
		}
		return err
	}
	// Whatever else failed left the conversation at an unknown place.
	c.abandon()
	switch {
	case ended:
		if errors.Is(g.ctx.Err(), context.DeadlineExceeded) {
			raise(&c.live.suspect, c.live.now())
		}
		return contextError(g.ctx)
	case errors.Is(err, driver.ErrBadConn):
		return driver.ErrBadConn // pgdriver: not a byte was written
	}
	return lost(err)
}

// abandon closes the socket at once, without the goodbye that tls.Conn would try to send.
func (c *conn) abandon() {
	c.broken = true
	_ = c.raw.Close()
}

// QueryContext: the context holds until the rows are closed. With arguments it is a prepared statement, see ExecContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > 0 {
		return withStatement(ctx, c, query, func(s *stmt) (driver.Rows, error) { return s.QueryContext(ctx, args) })
	}
	if err := checkQuery(query); err != nil {
		return nil, err
	}
	g, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	inner, err := c.inner.QueryContext(context.Background(), c.opening(query), nil)
	if err != nil {
		return nil, c.leave(g, err)
	}
	return &rows{c: c, g: g, inner: inner}, nil
}

// ExecContext leaves a query with arguments to a prepared statement: pgdriver would write the arguments into the text, and
// is led astray by an apostrophe in a comment.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		return withStatement(ctx, c, query, func(s *stmt) (driver.Result, error) { return s.ExecContext(ctx, args) })
	}
	if err := checkQuery(query); err != nil {
		return nil, err
	}
	g, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	res, err := c.inner.ExecContext(context.Background(), c.opening(query), nil)
	if err := c.leave(g, err); err != nil {
		return nil, err
	}
	return res, nil
}

// Prepare is never called: database/sql prefers PrepareContext.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.pooler != nil {
		return nil, ErrNoSession
	}
	if err := checkQuery(query); err != nil {
		return nil, err
	}
	g, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	c.beginAhead()
	inner, err := c.inner.PrepareContext(context.Background(), query)
	if err := c.leave(g, err); err != nil {
		return nil, err
	}
	return &stmt{c: c, inner: inner.(innerStmt)}, nil
}

func (c *conn) Ping(ctx context.Context) error {
	g, err := c.enter(ctx)
	if err != nil {
		return err
	}
	return c.leave(g, c.inner.Ping(context.Background()))
}

// ResetSession is called before a pooled connection is used again. A server that stopped has closed it, or
// sent its farewell (57P01): either way another is taken, and no query fails.
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.IsValid() || !c.quiet() {
		c.abandon()
		return driver.ErrBadConn
	}
	return c.confirm(ctx)
}

func (c *conn) IsValid() bool { return !c.broken && c.inner.IsValid() }

func (c *conn) Close() error { return c.inner.Close() }

// setUpSession runs setUp and wants the session to do.
func (c *conn) setUpSession(query string) error {
	ok, err := c.setUp(query)
	if err == nil && !ok {
		err = errors.New("the server is not what target_session_attrs wants")
	}
	return err
}

// setUp runs the connection's first statement, whose first column is whether the session will do. The connect's
// own context closes the socket.
func (c *conn) setUp(query string) (ok bool, err error) {
	rows, err := c.inner.QueryContext(context.Background(), query, nil)
	if err != nil {
		return false, fmt.Errorf("session settings: %w", err)
	}
	dest := make([]driver.Value, len(rows.Columns()))
	err = rows.Next(dest)
	if err == nil {
		err = rows.Next(dest)
	}
	if err != io.EOF {
		return false, fmt.Errorf("session settings: %w", err)
	}
	return dest[0] == true, nil
}

// checkQuery: a NUL ends the text early for the server (protocol strings end with one). Invalid UTF-8 the
// server would refuse too (22021), but not in every place where it is only compared.
func checkQuery(query string) error {
	switch {
	case strings.IndexByte(query, 0) >= 0:
		return fmt.Errorf("%w: the query contains a NUL character", ErrInvalidText)
	case !utf8.ValidString(query):
		return fmt.Errorf("%w: the query is not valid UTF-8", ErrInvalidText)
	}
	return nil
}

// checkArgs looks at strings only: pgdriver sends []byte in hexadecimal, where any byte is lawful.
func checkArgs(args []driver.NamedValue) error {
	for _, arg := range args {
		s, ok := arg.Value.(string)
		switch {
		case !ok:
		case strings.IndexByte(s, 0) >= 0:
			return fmt.Errorf("%w: argument $%d contains a NUL character", ErrInvalidText, arg.Ordinal)
		case !utf8.ValidString(s):
			return fmt.Errorf("%w: argument $%d is not valid UTF-8", ErrInvalidText, arg.Ordinal)
		}
	}
	return nil
}
