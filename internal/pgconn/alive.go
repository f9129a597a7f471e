package pgconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"
)

// A network that swallows packets leaves connections that look open and answer nothing: an idle one would cost the request
// that is given it all of its time.
const (
	// trustedFor is how long a connection counts as alive after the server was heard on it.
	trustedFor = time.Second
	// checkMax is how long the server may take to answer the check of an older one.
	checkMax = 250 * time.Millisecond
)

// liveness is what the connections of a pool learned of the way to the server. Moments are in nanoseconds since start.
type liveness struct {
	checkMax time.Duration
	start    time.Time
	heard    atomic.Int64 // the server was heard on any of them
	suspect  atomic.Int64 // a statement was given up without an answer: who was not heard since is checked
	dead     atomic.Int64 // a check got no answer, nor anyone else: who was not heard since is not even asked
}

func newLiveness(pooled bool) *liveness {
	l := &liveness{start: time.Now(), checkMax: checkMax}
	if pooled {
		l.checkMax = pooledCheckMax
	}
	return l
}

func (l *liveness) now() int64 { return int64(time.Since(l.start)) + 1 }

// hear notes that the server was heard on the connection.
func (c *conn) hear() {
	c.heard = c.live.now()
	raise(&c.live.heard, c.heard)
}

// confirm checks a connection that the pool is about to give away, unless the server was heard on it just now. A check that fails
// while the server is heard on others speaks for itself alone: a busy server is slow to answer, and would be the busier for a pool
// made anew.
func (c *conn) confirm(ctx context.Context) error {
	now := c.live.now()
	switch {
	case c.heard < c.live.dead.Load():
		c.abandon()
		return driver.ErrBadConn
	case now-c.heard < int64(trustedFor) && c.heard >= c.live.suspect.Load():
		return nil
	}
	checking, cancel := context.WithTimeout(ctx, c.live.checkMax)
	defer cancel()
	err := c.Ping(checking)
	if err == nil {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) && contextError(ctx) == nil && c.live.heard.Load() < now {
		raise(&c.live.dead, now)
	}
	c.abandon()
	return driver.ErrBadConn
}

// raise sets the moment unless a later one is noted.
func raise(moment *atomic.Int64, to int64) {
	for {
		noted := moment.Load()
		if noted >= to || moment.CompareAndSwap(noted, to) {
			return
		}
	}
}
