package pgconn

import (
	"context"
	"database/sql"
	"time"
)

const (
	// keepEveryMin and keepEveryMax bound how often the keeper looks.
	keepEveryMin = 50 * time.Millisecond
	keepEveryMax = 5 * time.Second
	// keepPauseMax bounds how long it waits while the database is down.
	keepPauseMax = 30 * time.Second
)

// keeper keeps a minimum of connections open, which database/sql cannot: its SetConnMaxIdleTime closes them
// all. The keeper takes and returns as many as are too few in use, before they are idle for that long. Taking one
// checks whether the server still answers, and opens one where there is none.
type keeper struct {
	db      *sql.DB
	min     int
	every   time.Duration
	timeout time.Duration
	cancel  context.CancelFunc
	done    chan struct{}
}

func (c *connector) startKeeper(db *sql.DB, conf Config) {
	if conf.PoolMin <= 0 {
		return
	}
	every := keepEveryMax
	if conf.PoolIdle > 0 {
		every = min(max(conf.PoolIdle/2, keepEveryMin), keepEveryMax)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.keeper = &keeper{db: db, min: conf.PoolMin, every: every, timeout: c.timeout, cancel: cancel, done: make(chan struct{})}
	go c.keeper.run(ctx)
}

// stop waits until the keeper is gone. A nil keeper has nothing to stop.
func (k *keeper) stop() {
	if k == nil {
		return
	}
	k.cancel()
	<-k.done
}

func (k *keeper) run(ctx context.Context) {
	defer close(k.done)
	pause := k.every
	for {
		if k.refresh(ctx) {
			pause = k.every
		} else {
			pause = min(2*pause, keepPauseMax)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// refresh reports whether the minimum is there. Its connections are held together, or it would be given the
// same one again and again; should one have to be opened, requests miss the others for that long, and at most
// for the timeout of a connect.
func (k *keeper) refresh(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	var held []*sql.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	for k.db.Stats().InUse < k.min {
		c, err := k.db.Conn(ctx)
		if err != nil {
			return false
		}
		held = append(held, c)
	}
	return true
}
