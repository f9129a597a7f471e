package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"dossier/internal/telemetry"
)

// Args are what a job is about. They are kept as JSON; of the kind there is one Work.
type Args interface{ Kind() string }

// everyMax bounds Options.Every: for so long is known that a job has run.
const everyMax = 24 * time.Hour

// Options of one kind of job.
type Options struct {
	// Timeout is how long a job may take before its context ends; 0 is TimeoutDefault.
	Timeout time.Duration
	// Every makes the job periodic: one runs for each such time, on one of the instances, with zero Args; the first as soon as an
	// instance runs and none has for the present one. At least a second, at most a day.
	Every time.Duration
	// MaxAttempts is how often a job is tried before it is discarded; 0 is as often as its row says, 25 times within three weeks.
	MaxAttempts int
}

// Work is one kind of job.
type Work struct {
	kind     string
	options  Options
	add      func(*river.Workers, *Runner) error
	periodic func() *river.PeriodicJob
}

// For makes the work of running the function for each job of a kind. A job whose function fails or panics is tried again after
// a second, 16 s, 81 s and so on (the fourth power of how often it was tried), unless the error is Permanent.
func For[T Args](run func(context.Context, T) error, o Options) Work {
	var zero T
	return Work{
		kind: zero.Kind(), options: o,
		add: func(workers *river.Workers, r *Runner) error {
			return river.AddWorkerSafely(workers, &worker[T]{run: run, options: o, runner: r})
		},
		periodic: func() *river.PeriodicJob {
			insert := &river.InsertOpts{MaxAttempts: o.MaxAttempts, UniqueOpts: river.UniqueOpts{ByPeriod: o.Every}}
			return river.NewPeriodicJob(river.PeriodicInterval(o.Every),
				func() (river.JobArgs, *river.InsertOpts) { return zero, insert }, &river.PeriodicJobOpts{RunOnStart: true})
		},
	}
}

// Permanent marks an error after which the job is not tried again.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// worker is a kind of job as River knows it.
type worker[T Args] struct {
	river.WorkerDefaults[T]
	run     func(context.Context, T) error
	options Options
	runner  *Runner
}

// Timeout is River's question.
func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.options.Timeout }

// Work runs one job.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	if w.options.MaxAttempts > 0 { // River asks this row whether there is another attempt
		job.MaxAttempts = min(job.MaxAttempts, w.options.MaxAttempts)
	}
	if job.AttemptedAt != nil {
		w.runner.metrics.wait.WithLabelValues(job.Kind).Observe(max(0, job.AttemptedAt.Sub(job.ScheduledAt).Seconds()))
	}
	started := time.Now()
	stack, err := w.recovered(telemetry.WithOperation(ctx, job.Kind), job.Args)
	duration := time.Since(started)
	outcome := outcomeOf(ctx, job.JobRow, err)
	w.runner.metrics.total.WithLabelValues(job.Kind, outcome).Inc()
	w.runner.metrics.duration.WithLabelValues(job.Kind).Observe(duration.Seconds())
	if err == nil {
		return nil
	}
	w.runner.logFailure(job.JobRow, outcome, duration, err, stack)
	// River keeps the text of the error in the table.
	told := &toldError{text: reason(err), causes: []error{err}}
	switch outcome {
	case interrupted:
		told.causes = append(told.causes, context.Canceled) // by which River knows that this was no attempt
	case canceled:
		return river.JobCancel(told)
	}
	return told
}

// recovered runs the function; a panic is an error with a stack.
func (w *worker[T]) recovered(ctx context.Context, args T) (stack []byte, err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		stack = debug.Stack()
		if cause, ok := v.(error); ok {
			err = fmt.Errorf("panic: %w", cause)
			return
		}
		err = fmt.Errorf("panic: %v", v)
	}()
	return nil, w.run(ctx, args)
}

// How a job may end.
const (
	done        = "ok"
	retried     = "retried"
	discarded   = "discarded"   // it failed for the last time
	canceled    = "canceled"    // it failed for good
	interrupted = "interrupted" // the instance stops; it runs again
)

var outcomes = []string{done, retried, discarded, canceled, interrupted}

func outcomeOf(ctx context.Context, job *rivertype.JobRow, err error) string {
	_, permanent := errors.AsType[*permanentError](err)
	switch {
	case err == nil:
		return done
	case permanent:
		return canceled
	case errors.Is(ctx.Err(), context.Canceled): // its time being over is another error
		return interrupted
	case job.Attempt >= job.MaxAttempts:
		return discarded
	}
	return retried
}

// logFailure tells of a job that did not end well. What comes again by itself is a warning.
func (r *Runner) logFailure(job *rivertype.JobRow, outcome string, duration time.Duration, err error, stack []byte) {
	attributes := []slog.Attr{
		slog.String("kind", job.Kind), slog.Int64("job_id", job.ID), slog.Int("attempt", job.Attempt),
		slog.String("outcome", outcome), slog.Duration("duration", duration), slog.String("error", reason(err)),
	}
	if stack != nil {
		attributes = append(attributes, slog.String("stack", string(stack)))
	}
	level := slog.LevelWarn
	switch {
	case outcome == interrupted:
		level = slog.LevelInfo
	case outcome == discarded || outcome == canceled || stack != nil:
		level = slog.LevelError
	}
	r.logger.LogAttrs(context.Background(), level, "background job failed", attributes...)
}

// toldError is an error with a text that may be kept.
type toldError struct {
	text   string
	causes []error
}

func (e *toldError) Error() string   { return e.text }
func (e *toldError) Unwrap() []error { return e.causes }

// reason is telemetry.Reason, for errors of both drivers: the log and the table have no values.
func reason(err error) string {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "SQLSTATE " + failure.Code
	}
	return telemetry.Reason(err, false)
}
