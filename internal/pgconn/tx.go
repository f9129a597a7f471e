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

// beginState is what became of a transaction's BEGIN. It costs no round trip of its own: the first statement takes it along, in
// one message where it goes by the simple protocol, else in one write (pgjdbc does so too).
type beginState int

const (
	beginDone   beginState = iota // or there is no transaction
	beginWaits                    // for the first statement; nothing was sent
	beginSent                     // with the first statement, which has not ended
	beginFailed                   // with the first statement
)

// BeginTx sends nothing yet.
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
	c.tx, c.failed = true, false
	c.begin, c.begun = begin, beginWaits
	return tx{c, ctx}, nil
}

// opening gives the statement as it is sent: with BEGIN before it, where one waits. pgdriver passes over the answer to
// BEGIN, and gives the rows or the count of what follows.
func (c *conn) opening(query string) string {
	if c.begun != beginWaits {
		return query
	}
	c.begun = beginSent
	return c.begin + "; " + query
}

// opened notes how the first statement ended. After an error nothing more is sent but ROLLBACK: PostgreSQL has aborted the
// transaction, or not even begun it, where it could not parse the message, and would commit each further statement by
// itself.
func (c *conn) opened(well bool) {
	switch {
	case c.begun != beginSent:
	case well:
		c.begun = beginDone
	default:
		c.begun = beginFailed
	}
}

// beginAhead has a BEGIN that waits sent ahead of what goes next by the extended protocol.
func (c *conn) beginAhead() {
	if c.begun == beginWaits {
		c.begun = beginSent
		c.wire.sendAhead(c.begin)
	}
}

// Commit answers ErrCommitUnknown when it cannot know. Before COMMIT is sent every failure is a rollback: the
// connection goes, and the server rolls back what it left.
func (t tx) Commit() error {
	c := t.c
	c.tx = false
	if c.begun == beginWaits { // there is nothing to commit
		c.begun = beginDone
		return nil
	}
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
	nothing := t.c.begun == beginWaits
	t.c.begun, t.c.tx = beginDone, false
	if nothing || !t.c.IsValid() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerMax)
	defer cancel()
	if _, err := t.c.ExecContext(ctx, "ROLLBACK", nil); err != nil {
		t.c.abandon()
	}
	return nil
}
