package pgconn

import (
	"errors"
	"sync/atomic"
	"time"
)

// A pooler that pools transactions (PgBouncer with pool_mode=transaction) gives each transaction, or statement outside of one,
// to whichever connection to the server is free. What a session would keep is then lost, or found by another client, so that
// upon such a pool nothing is sent that outlives a transaction.

// ErrNoSession: a prepared statement was asked for through a pooler that pools transactions.
var ErrNoSession = errors.New("a pooler that pools transactions keeps no prepared statement: write the values into the query")

// pooledCheckMax takes checkMax's place: the check waits in the pooler's queue, behind the statements of others.
const pooledCheckMax = time.Second

// pooler is what a connector knows of a way that leads through one. A nil pooler is none.
type pooler struct {
	begin  string      // follows BEGIN: what a transaction sets for itself
	looked atomic.Bool // the role's settings are right
}

// newPooler refuses what only a session can have.
func newPooler(t Target, statementTimeout time.Duration) (*pooler, error) {
	if !t.ordered() {
		return nil, errors.New("the URL of a pooler has target_session_attrs: which server is behind it is the pooler's matter")
	}
	if len(t.options) > 0 {
		return nil, errors.New("the URL of a pooler has options, which it would not keep: set them by ALTER ROLE")
	}
	begin := "; SET LOCAL idle_in_transaction_session_timeout = " + quote(idleInTransactionMax)
	if statementTimeout != 0 {
		begin += "; SET LOCAL statement_timeout = " + milliseconds(statementTimeout)
	}
	return &pooler{begin: begin}, nil
}

// readable asks whether the server writes values as pgdriver reads them, which a session sets for itself.
const readable = "SELECT current_setting('DateStyle') LIKE 'ISO%' AND current_setting('bytea_output') = 'hex'"

var errUnreadable = errors.New("behind the pooler the role's DateStyle is not ISO, or its bytea_output not hex: set them by ALTER ROLE")

// check looks at the role's settings once: all connections behind the pooler begin with the same ones. Later connects
// need nobody but the pooler, and so do not wait in its queue.
func (p *pooler) check(cn *conn) error {
	if p.looked.Load() {
		return nil
	}
	ok, err := cn.setUp(readable)
	switch {
	case err != nil:
		return lost(err) // PgBouncer hangs up where the server is away
	case !ok:
		return errUnreadable
	}
	p.looked.Store(true)
	return nil
}
