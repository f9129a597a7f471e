package pgconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
)

// innerStmt is what pgdriver's statement can do.
type innerStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// stmt wraps pgdriver's prepared statement.
type stmt struct {
	c     *conn
	inner innerStmt
}

var (
	_ driver.StmtExecContext  = (*stmt)(nil)
	_ driver.StmtQueryContext = (*stmt)(nil)
)

func (s *stmt) NumInput() int { return s.inner.NumInput() }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := checkArgs(args); err != nil {
		return nil, err
	}
	g, err := s.c.enter(ctx)
	if err != nil {
		return nil, err
	}
	s.c.beginAhead()
	res, err := s.inner.ExecContext(context.Background(), args)
	if err := s.c.leave(g, err); err != nil {
		return nil, err
	}
	return res, nil
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := checkArgs(args); err != nil {
		return nil, err
	}
	g, err := s.c.enter(ctx)
	if err != nil {
		return nil, err
	}
	s.c.beginAhead()
	inner, err := s.inner.QueryContext(context.Background(), args)
	if err != nil {
		return nil, s.c.leave(g, err)
	}
	return &rows{c: s.c, g: g, inner: inner}, nil
}

var errNoContext = errors.New("pgconn: statements run with a context only")

func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }
func (s *stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoContext }

// Close is a round trip. A lost connection has taken the statement with it.
func (s *stmt) Close() error {
	if !s.c.IsValid() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerMax)
	defer cancel()
	g, err := s.c.enter(ctx)
	if err != nil {
		return err
	}
	return s.c.leave(g, s.inner.Close())
}

// rows wraps pgdriver's: their context goes on until they end.
type rows struct {
	c     *conn
	g     guard
	inner driver.Rows
	names []string
	done  bool
}

// Columns copies the names: pgdriver hands its slice to the next query when these rows end.
func (r *rows) Columns() []string {
	if r.names == nil {
		r.names = slices.Clone(r.inner.Columns())
	}
	return r.names
}

func (r *rows) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	err := r.inner.Next(dest)
	if err == nil {
		return nil
	}
	r.done = true
	if err == io.EOF {
		_ = r.c.leave(r.g, nil)
		return io.EOF
	}
	return r.c.leave(r.g, err)
}

// Close reads what is left. After an error there is nothing to read: pgdriver would take the rest of a
// half-read row for messages, and wait for ever.
func (r *rows) Close() error {
	if r.done {
		return nil
	}
	r.done = true
	return r.c.leave(r.g, r.inner.Close())
}

var _ driver.Rows = (*rows)(nil)
