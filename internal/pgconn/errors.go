package pgconn

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

var (
	// ErrConnect: no connection could be made, in the time there was. The statement was never sent.
	ErrConnect = errors.New("cannot connect to PostgreSQL")
	// ErrConnLost: the connection ended while a statement ran. Whether it took effect is unknown outside a
	// transaction; within one it did not.
	ErrConnLost = errors.New("the connection to PostgreSQL was lost")
	// ErrCommitUnknown: COMMIT was sent and no answer came. It may have happened: never retry it blindly.
	// What ended it (ErrConnLost, context.Canceled …) is wrapped too, so ask for this error first.
	ErrCommitUnknown = errors.New("the outcome of COMMIT is unknown")
	// ErrInvalidText: a query or argument contains a NUL or invalid UTF-8, which pgdriver would silently drop
	// or repair. Nothing was sent.
	ErrInvalidText = errors.New("text that PostgreSQL cannot hold")
	// ErrRolledBack: Commit of a transaction that an error had already aborted. PostgreSQL answers such a
	// COMMIT with ROLLBACK, which pgdriver reports as success.
	ErrRolledBack = errors.New("the transaction was rolled back because a statement in it had failed")
)

// Unavailable reports whether err says that the database was not there to answer: no connection, a lost one,
// too many of them, a server that stops or starts. A context that ended is none of these.
func Unavailable(err error) bool {
	var pgErr pgdriver.Error
	if errors.As(err, &pgErr) {
		// https://www.postgresql.org/docs/current/errcodes-appendix.html
		switch code := pgErr.Field('C'); code {
		case "53300", "57P01", "57P02", "57P03":
			return true
		default:
			if len(code) == 5 && code[:2] == "08" {
				return true
			}
		}
	}
	return errors.Is(err, ErrConnect) || errors.Is(err, ErrConnLost) || errors.Is(err, driver.ErrBadConn)
}

// contextError is ctx's error, wrapped, or nil while it goes on. A deadline counts from its moment on: the
// context's own timer may be a little late.
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		if deadline, ok := ctx.Deadline(); !ok || time.Now().Before(deadline) {
			return nil
		}
		err = context.DeadlineExceeded
	}
	return fmt.Errorf("pgconn: ended by its context: %w", err)
}

// lost names a failure of the network. Others (a value that pgdriver cannot parse) stay themselves.
// It never wraps driver.ErrBadConn, upon which database/sql would run the statement again, nor io.EOF, which
// means "no more rows".
func lost(err error) error {
	var opErr *net.OpError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the server closed it", ErrConnLost)
	case errors.Is(err, net.ErrClosed), errors.As(err, &opErr), errors.As(err, &record), errors.As(err, &alert):
		return fmt.Errorf("%w: %w", ErrConnLost, err)
	}
	return err
}

// fatal reports whether the server ends the session with this error. Field V is S, not translated.
func fatal(err pgdriver.Error) bool {
	severity := err.Field('V')
	return severity == "FATAL" || severity == "PANIC"
}

// commitUnknown: an ERROR in answer to COMMIT means that it rolled back; driver.ErrBadConn, that it was not
// sent; a FATAL may come after the commit record was written.
func commitUnknown(err error) bool {
	var pgErr pgdriver.Error
	if errors.As(err, &pgErr) {
		return fatal(pgErr)
	}
	return !errors.Is(err, driver.ErrBadConn)
}
