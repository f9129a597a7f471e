package repo

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"
)

// Job is what background work is to be done: its JSON is kept until then.
type Job interface{ Kind() string }

const (
	// jobsMax is how many jobs are enqueued at a time.
	jobsMax = 1000
	// jobAttemptsMax is how often a job is tried before it is given up, if its work says nothing else.
	jobAttemptsMax = 25
)

// jobRow is a job as jsonb_to_recordset reads it.
type jobRow struct {
	Kind string `json:"kind"`
	Args Job    `json:"args"`
}

// Enqueue has jobs done once the transaction is committed, and not at all if it is not.
func (tx *Tx) Enqueue(ctx context.Context, jobs ...Job) error {
	if len(jobs) == 0 {
		return nil
	}
	q, err := prepare(tx.Reader, tx.insertJobs(jobs))
	if err == nil {
		_, err = q.Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", jobs[0].Kind(), err)
	}
	return nil
}

// enqueued is Enqueue, to go along with a write.
func (tx *Tx) enqueued(jobs ...Job) along {
	if len(jobs) == 0 {
		return nil
	}
	return along{tx.insertJobs(jobs)}
}

// enqueuedIn has a job done after a pause. River looks for such jobs every five seconds.
func (tx *Tx) enqueuedIn(pause time.Duration, job Job) along {
	args, err := json.Marshal(job)
	return along{tx.db.NewRaw(`INSERT INTO river_job (kind, args, max_attempts, queue, state, scheduled_at)
		VALUES (?, ?, ?, 'default', 'scheduled', ?)`, job.Kind(), string(args), jobAttemptsMax, time.Now().Add(pause).UTC()).Err(err)}
}

// insertJobs adds the jobs and wakes whoever runs them, which PostgreSQL does at COMMIT and once, however many there are. It is the
// INSERT that notifies: of what goes along with a write, only what writes is sure to be done. However many jobs, they are one
// value: the statement has one shape.
func (tx *Tx) insertJobs(jobs []Job) *bun.RawQuery {
	rows := make([]jobRow, len(jobs))
	for i, job := range jobs {
		rows[i] = jobRow{job.Kind(), job}
	}
	values, err := json.Marshal(rows)
	if len(jobs) > jobsMax {
		err = fmt.Errorf("%d jobs at a time are more than %d", len(jobs), jobsMax)
	}
	return tx.db.NewRaw(`INSERT INTO river_job (kind, args, max_attempts, queue)
		SELECT kind, args, ?, 'default' FROM jsonb_to_recordset(?) AS job (kind text, args jsonb)
		RETURNING pg_notify(current_schema() || '.river_insert', '{"queue": "default"}')`,
		bun.Safe(strconv.Itoa(jobAttemptsMax)), param{string(values)}).Err(err)
}
