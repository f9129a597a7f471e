package repo

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Statements of a fixed shape are sent prepared: their values apart from their text, which PostgreSQL parses once for each
// connection (see pgconn). A value is a param; one that decides how the rows are found best, such as what is searched for, is
// planned, and a statement that has one is never prepared: a prepared statement has one plan for all its values.

// param is a value that may be sent apart from the statement's text.
type param struct{ value any }

// planned is a value that the statement is planned for.
type planned struct{ value any }

var (
	_ schema.QueryAppender = param{}
	_ schema.QueryAppender = planned{}
)

// AppendQuery writes $n where the statement is being prepared, and else the value.
func (p param) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	preparing, ok := gen.Dialect().(*preparing)
	if !ok {
		return gen.Append(b, p.value), nil
	}
	preparing.values = append(preparing.values, p.value)
	return strconv.AppendInt(append(b, '$'), int64(len(preparing.values)), 10), nil
}

// AppendQuery writes the value.
func (p planned) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if preparing, ok := gen.Dialect().(*preparing); ok {
		preparing.planned = true
	}
	return gen.Append(b, p.value), nil
}

// preparing is the dialect in which Bun writes a statement that is to be prepared.
type preparing struct {
	schema.Dialect
	values  []any
	planned bool // the statement has such a value
}

// statement is a query of Bun's that can be sent by another connection.
type statement[Q any] interface {
	bun.Query
	Conn(db bun.IConn) Q
}

// prepare makes Bun send the statement prepared, where its shape is fixed. Hooks are told its text with the values in it.
func prepare[Q statement[Q]](r Reader, q Q) (Q, error) {
	if !r.prepares {
		return q, nil
	}
	dialect := &preparing{Dialect: r.db.Dialect()}
	text, err := q.AppendQuery(schema.NewQueryGen(dialect), nil)
	if err != nil || dialect.planned || len(dialect.values) == 0 {
		return q, err
	}
	return q.Conn(preparedConn{r.conn(), string(text), dialect.values}), nil
}

// conn is the pool or the transaction below Bun's, which would write values into the text.
func (r Reader) conn() bun.IConn {
	if tx, ok := r.db.(bun.Tx); ok {
		return tx.Tx
	}
	return r.db.(*bun.DB).DB
}

// preparedConn sends one statement, whatever text Bun has for it.
type preparedConn struct {
	bun.IConn
	text   string
	values []any
}

func (c preparedConn) QueryContext(ctx context.Context, _ string, _ ...any) (*sql.Rows, error) {
	return c.IConn.QueryContext(ctx, c.text, c.values...)
}

func (c preparedConn) ExecContext(ctx context.Context, _ string, _ ...any) (sql.Result, error) {
	return c.IConn.ExecContext(ctx, c.text, c.values...)
}
