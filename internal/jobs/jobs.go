// Package jobs runs background work, and knows none of it: whoever has work hands over a function for each kind of it. A job is a
// row that was committed with what it follows from (repo's Tx.Enqueue). It runs at least once, by River, on one of the instances:
// what it does must bear being done twice.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"dossier/internal/pgconn"
	"dossier/internal/telemetry"
)

// TimeoutDefault is how long a job may take whose Options say nothing.
const TimeoutDefault = time.Minute

const (
	// rescueMargin is how long after the longest timeout a job that still runs by its row counts as one whose process died.
	// In a process that lives it has given up by then: its timeout has ended it.
	rescueMargin = 2 * time.Minute
	// graceDefault is how long running jobs may go on after the context of Run has ended.
	graceDefault = 10 * time.Second
	// abandonAfter is how long a job may take to notice that it is canceled, before Run returns without it.
	abandonAfter = 2 * time.Second
)

const (
	// fetchCooldown bounds both how long a job waits that is told of and what an instance gets done: a fetch brings as many jobs
	// as workers are free, so 4 workers start 80 short jobs a second at most.
	fetchCooldown = 50 * time.Millisecond
	// fetchEvery is how often is looked for what nobody tells of: a retry, and a job whose notification was lost.
	fetchEvery = time.Second
)

// connectionsMax is what River needs at a time, whatever the number of workers, who use the pool of the store: one listens, and
// fetching, completing and the leader's upkeep take one each for a moment.
const connectionsMax = 4

const (
	statementTimeout = time.Minute // River's longest, the nightly reindex, gives up by itself then
	idleMax          = 5 * time.Minute
)

// Config of a Runner.
type Config struct {
	URL            string         // of a PostgreSQL whose connections are sessions: they LISTEN
	DefaultSSLMode pgconn.SSLMode // where the URL names none
	ConnectTimeout time.Duration  // as pgconn's
	Workers        int            // how many jobs run at a time here
	Work           []Work
	Logger         *slog.Logger
	Metrics        *telemetry.Metrics // nil for none
	Grace          time.Duration      // how long jobs may go on when Run is to end; 0 is 10 s
}

// Runner runs the jobs of one instance.
type Runner struct {
	pool    *pgxpool.Pool
	client  *river.Client[pgx.Tx]
	logger  *slog.Logger
	metrics *metrics
	grace   time.Duration
	stopped atomic.Bool // the context of Run has ended
}

// Open prepares a runner. It makes no connection: the database may be down, or not migrated yet. An error is a fault of the
// configuration.
func Open(c Config) (*Runner, error) {
	r := &Runner{logger: c.Logger, grace: c.Grace}
	if r.grace == 0 {
		r.grace = graceDefault
	}
	var err error
	r.pool, err = pgconn.OpenPgx(pgconn.Config{
		URL: c.URL, DefaultSSLMode: c.DefaultSSLMode, ConnectTimeout: c.ConnectTimeout, StatementTimeout: statementTimeout,
		PoolMax: connectionsMax, PoolIdle: idleMax, ApplicationName: "dossier-jobs",
	})
	if err != nil {
		return nil, err
	}
	r.metrics = newMetrics(c.Work, r.pool)
	if err = c.Metrics.Register(r.metrics.collectors()...); err == nil {
		err = r.newClient(c)
	}
	if err != nil {
		r.pool.Close()
		return nil, fmt.Errorf("prepare background jobs: %w", err)
	}
	return r, nil
}

func (r *Runner) newClient(c Config) (err error) {
	workers, longest := river.NewWorkers(), TimeoutDefault
	var periodic []*river.PeriodicJob
	for _, work := range c.Work {
		if err := work.add(workers, r); err != nil {
			return err
		}
		if work.options.Every > everyMax {
			return fmt.Errorf("%s is to run every %s, which is more than %s", work.kind, work.options.Every, everyMax)
		}
		if work.options.Every > 0 {
			periodic = append(periodic, work.periodic())
		}
		longest = max(longest, work.options.Timeout)
	}
	r.client, err = river.NewClient(riverpgxv5.New(r.pool), &river.Config{
		Queues:        map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: c.Workers}},
		Workers:       workers,
		PeriodicJobs:  periodic,
		FetchCooldown: fetchCooldown, FetchPollInterval: fetchEvery,
		JobTimeout: TimeoutDefault, RescueStuckJobsAfter: longest + rescueMargin,
		SoftStopTimeout: r.grace,
		// An older instance that runs beside a newer one leaves it what it does not know; but one that leads discards such jobs
		// whose process has died.
		FetchOnlyKnownKinds: true,
		Logger:              slog.New(&quietHandler{Handler: c.Logger.Handler(), shared: &heard{runner: r}}),
	})
	return err
}

const (
	startRetry   = time.Second     // the pause between tries to reach the database
	startTimeout = 5 * time.Second // of one try
)

// Run runs jobs until the context ends. Those that run then may go on for the grace, and are canceled after it: they are left to
// another instance or the next start, as if they had not begun. The runner is closed by it.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		r.close()
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	<-ctx.Done()
	r.stopped.Store(true)
	select {
	case <-r.client.Stopped():
		r.close()
	case <-time.After(r.grace + abandonAfter):
		// The pool stays open: to close it waits for who uses it.
		r.logger.Warn("background jobs that did not end were left alone", "after", r.grace+abandonAfter)
	}
	return nil
}

// close closes the pool, which waits for whoever uses a connection: one to a database that is silent is left alone.
func (r *Runner) close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		r.pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(abandonAfter):
	}
}

// start waits until the database is there and has its tables, and says once what it waits for.
func (r *Runner) start(ctx context.Context) error {
	for told := false; ; {
		err := r.ready(ctx)
		if err == nil {
			err = r.client.Start(ctx)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !told {
			told = true
			r.logger.Warn("background jobs wait for the database", "reason", reason(err))
		}
		select {
		case <-time.After(startRetry):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Runner) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := r.pool.Exec(ctx, "SELECT FROM river_job, river_leader, river_queue, river_notification LIMIT 0")
	return err
}
