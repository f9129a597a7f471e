package pgconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
)

// tx is a transaction, for whose COMMIT the context of BeginTx holds: driver.Tx has none of its own.
type tx struct {
	c   *conn
	ctx context.Context
}

var _ driver.Tx = tx{}

// Begin is never called: database/sql prefers BeginTx.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx is one statement, where pgdriver sends two: should its second fail, the first is left open.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN"
	switch level := sql.IsolationLevel(opts.Isolation); level {
	case sql.LevelDefault:
	case sql.LevelReadUncommitted, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable:
		begin += " ISOLATION LEVEL " + strings.ToUpper(level.String())
	default:
		return nil, fmt.Errorf("pgconn: PostgreSQL has no isolation level %s", level)
	}
	if opts.ReadOnly {
		begin += " READ ONLY"
	}
	if c.pooler != nil {
		begin += c.pooler.begin
	}
	if _, err := c.ExecContext(ctx, begin, nil); err != nil {
		return nil, err
	}
	c.failed = false
	return tx{c, ctx}, nil
}

// Commit answers ErrCommitUnknown when it cannot know. Before COMMIT is sent every failure is a rollback: the
// connection goes, and the server rolls back what it left.
func (t tx) Commit() error {
	c := t.c
	if c.failed {
		if err := c.stillOpen(t.ctx); err != nil {
			return err
		}
	}
	g, err := c.enter(t.ctx)
	if err != nil {
		c.abandon()
		return err
	}
	_, err = c.inner.ExecContext(context.Background(), "COMMIT", nil)
	if err = c.leave(g, err); err == nil || !commitUnknown(err) {
		return err
	}
	c.abandon()
	return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
}

// stillOpen asks whether a transaction that saw an error is aborted (25P02) or went back to a savepoint.
// pgdriver hides the answer ROLLBACK to a COMMIT. Only a transaction with an error pays the round trip.
func (c *conn) stillOpen(ctx context.Context) error {
	_, err := c.ExecContext(ctx, "SELECT 1", nil)
	if err == nil {
		return nil
	}
	c.abandon()
	if contextError(ctx) != nil || Unavailable(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRolledBack, err)
}

// Rollback has no context, and may be called because one ended: it has answerMax. Where it fails the connection
// goes, and the server rolls back what it left; there is no error to tell.
func (t tx) Rollback() error {
	if !t.c.IsValid() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerMax)
	defer cancel()
	if _, err := t.c.ExecContext(ctx, "ROLLBACK", nil); err != nil {
		t.c.abandon()
	}
	return nil
}
