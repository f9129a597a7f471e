package pgconn

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/uptrace/bun/driver/pgdriver"
)

// keptStatements are what a connection keeps prepared, by their texts. When there is one too many, the one that was not used for
// the longest time is closed.
type keptStatements = simplelru.LRU[string, *stmt]

// newKeptStatements keeps up to this many; none keeps nothing.
func newKeptStatements(max int) *keptStatements {
	if max == 0 {
		return nil
	}
	kept, err := simplelru.NewLRU(max, func(_ string, s *stmt) { _ = s.Close() })
	if err != nil {
		panic(err) // for sizes below 1
	}
	return kept
}

// keptStatement gives the statement of this text, prepared now if it was not. It is ErrSkip where nothing is kept:
// database/sql then prepares it, uses it once and closes it, in three round trips.
func (c *conn) keptStatement(ctx context.Context, query string) (*stmt, error) {
	if c.statements == nil {
		return nil, driver.ErrSkip
	}
	if s, ok := c.statements.Get(query); ok {
		return s, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := prepared.(*stmt)
	c.statements.Add(query, s)
	return s, nil
}

// withStatement runs a function with the statement of this text. Where the server refuses it, as it does once a migration has
// changed the type of a column (0A000) or something has deallocated it (26000), nothing was executed: it is prepared anew, and
// outside of a transaction, which that error has ended, tried again.
func withStatement[T any](ctx context.Context, c *conn, query string, run func(*stmt) (T, error)) (T, error) {
	var none T
	for again := c.tx; ; again = true {
		s, err := c.keptStatement(ctx, query)
		if err != nil {
			return none, err
		}
		result, err := run(s)
		if err == nil || !Outdated(err) {
			return result, err
		}
		c.statements.Remove(query)
		if again {
			return none, err
		}
	}
}

// Outdated reports whether PostgreSQL refused a prepared statement that is not what it was (0A000, 26000). The connection has
// forgotten it: what ends a transaction the first time goes well the next.
func Outdated(err error) bool {
	var pgErr pgdriver.Error
	if !errors.As(err, &pgErr) {
		return false
	}
	state := pgErr.Field('C')
	return state == "0A000" || state == "26000"
}
