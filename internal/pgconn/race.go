package pgconn

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun/driver/pgdriver"
)

// A server that was cut off and is back answers a new attempt at once, and the old ones never. So while attempts are silent,
// the pool sends a scout now and then; when one is answered, all attempts that are older than it are made anew. A failure
// that is told (refused, a wrong password, too many connections) is no silence, and a server that is merely slow gets a
// few scouts a second, however many connections are wanted.
const (
	// silentMax is how long the attempts of a Connect may be silent until it sends a scout, or tries the next host.
	silentMax = 200 * time.Millisecond
	// scoutPause is the shortest time between two scouts of a pool.
	scoutPause = silentMax / 2
	// scoutLife is how long a scout may take: what answers later is no server to hurry for.
	scoutLife = 500 * time.Millisecond
	// renewalsMax bounds how often a Connect is made anew.
	renewalsMax = 3
)

// scouts is what the Connects of a pool share.
type scouts struct {
	last atomic.Int64 // when a scout was sent, in nanoseconds of the Unix epoch
	mu   sync.Mutex
	news chan struct{} // closed when a scout was answered
	sent time.Time     // of the scout that was answered last
	host Host          // which it was answered by
}

func newScouts() *scouts { return &scouts{news: make(chan struct{})} }

// may reports whether it is time for another one.
func (s *scouts) may() bool {
	now, last := time.Now().UnixNano(), s.last.Load()
	return now-last >= int64(scoutPause) && s.last.CompareAndSwap(last, now)
}

func (s *scouts) answered(sent time.Time, host Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.host = sent, host
	close(s.news)
	s.news = make(chan struct{})
}

func (s *scouts) latest() (sent time.Time, host Host, news <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.host, s.news
}

// race is one Connect.
type race struct {
	c        *connector
	results  chan attempted
	hosts    int // how many have been tried
	waiting  int // how many attempts go on, scouts aside
	renewals int
	newest   time.Time // when the latest of them began
	failed   error
}

// attempted is how an attempt ended.
type attempted struct {
	host  Host
	began time.Time
	scout bool
	conn  *conn
	err   error
}

// Connect tries each host, each in the ways its sslmode allows: the next one when the one before has failed, or is silent
// and target_session_attrs tells which host will do. Without it their order is a preference, as it is to libpq.
func (c *connector) Connect(parent context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel() // ends the attempts that lost
	r := &race{c: c, results: make(chan attempted)}
	_, _, news := c.scouts.latest()
	r.next(ctx)
	silent := time.NewTicker(silentMax)
	defer silent.Stop()
	for {
		select {
		case done := <-r.results:
			if done.err == nil {
				if done.scout {
					c.scouts.answered(done.began, done.host)
				}
				c.reached.Store(&done.host)
				return done.conn, nil
			}
			if ended := contextError(parent); ended != nil {
				return nil, ended
			}
			if r.lost(ctx, done) {
				return nil, fmt.Errorf("%w: %w", ErrConnect, r.failed)
			}
		case <-silent.C:
			if r.hosts < len(c.target.Hosts) && !c.target.ordered() {
				r.next(ctx)
			} else if c.scouts.may() {
				r.scout(ctx)
			}
		case <-news:
			news = r.renew(ctx)
		case <-parent.Done():
			return nil, contextError(parent)
		}
	}
}

// ordered reports whether a later host is taken only when the ones before it have failed.
func (t Target) ordered() bool { return t.SessionAttrs == "" || t.SessionAttrs == "any" }

// next begins the first attempt upon the next host.
func (r *race) next(ctx context.Context) {
	r.hosts++
	r.begin(ctx, r.c.target.Hosts[r.hosts-1])
}

func (r *race) begin(ctx context.Context, h Host) {
	r.waiting++
	r.newest = time.Now()
	go r.attempt(ctx, attempted{host: h, began: r.newest}, r.c.timeout)
}

// scout asks whether a host answers now: the one that is waited for, or any of them.
func (r *race) scout(ctx context.Context) {
	h := r.c.target.Hosts[r.hosts-1]
	if !r.c.target.ordered() {
		h = r.c.target.Hosts[int(time.Now().UnixNano()/int64(scoutPause))%r.hosts]
	}
	go r.attempt(ctx, attempted{host: h, began: time.Now(), scout: true}, min(scoutLife, r.c.timeout))
}

// renew begins another attempt upon a host that answered a scout which was sent after all attempts of this Connect.
func (r *race) renew(ctx context.Context) <-chan struct{} {
	sent, host, news := r.c.scouts.latest()
	current := host == r.c.target.Hosts[r.hosts-1]
	if sent.After(r.newest) && r.renewals < renewalsMax && (current || !r.c.target.ordered()) {
		r.renewals++
		r.begin(ctx, host)
	}
	return news
}

func (r *race) attempt(ctx context.Context, a attempted, limit time.Duration) {
	a.conn, a.err = r.c.connectHost(ctx, a.host, limit)
	select {
	case r.results <- a:
	case <-ctx.Done():
		if a.err == nil {
			a.conn.abandon()
		}
	}
}

// lost notes a failure and reports whether it is the end. What befalls a scout is, where the host tells it.
func (r *race) lost(ctx context.Context, done attempted) bool {
	if done.scout && !final(done.err) {
		return false
	}
	err := fmt.Errorf("%s: %w", done.host.Addr, done.err)
	if r.failed == nil {
		r.failed = err
	} else {
		r.failed = fmt.Errorf("%w; %w", r.failed, err)
	}
	if final(done.err) {
		return true
	}
	r.waiting--
	if r.hosts < len(r.c.target.Hosts) {
		r.next(ctx)
	}
	return r.waiting == 0
}

// final: libpq, "Specifying Multiple Hosts": after a failed authentication the others are not tried. A server that starts
// (57P03) is passed over.
func final(err error) bool {
	var pgErr pgdriver.Error
	return errors.As(err, &pgErr) && pgErr.Field('C') != "57P03"
}
