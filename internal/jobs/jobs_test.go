package jobs_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dossier/internal/jobs"
	"dossier/internal/pgtest"
)

// soon is how long a job may wait on a machine that is busy with other tests; alone it is 50 ms.
const soon = 15 * time.Second

// What is committed runs as soon as it is told of, what is rolled back never.
func TestCommittedRuns(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ran := make(chan string, 10)
	work := jobs.For(func(_ context.Context, n note) error { ran <- n.Text; return nil }, jobs.Options{})
	_, stop := run(t, jobs.Config{URL: db.URL, Work: []jobs.Work{work}})
	enqueue(t, db, nil, note{"before"})
	await(t, soon, ran, "first job")
	enqueue(t, db, errors.New("roll back"), note{"rolled back"})
	started := time.Now()
	enqueue(t, db, nil, note{"a"}, note{"b"})
	got := await(t, soon, ran, "job") + await(t, soon, ran, "job")
	t.Logf("two jobs ran within %s", time.Since(started))
	if got != "ab" && got != "ba" {
		t.Errorf("ran %s", got)
	}
	stop()
	if states := ask(t, db, "SELECT string_agg(DISTINCT state::text || queue || max_attempts, ' ') || count(*) FROM river_job"); states != "completeddefault253" {
		t.Errorf("jobs: %s", states)
	}
}

// A job that fails or panics is tried again; one that fails for good, or too often, is not. Nothing tells values of the database.
func TestFailures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var tries atomic.Int32
	ran := make(chan struct{}, 1)
	flaky := jobs.For(func(ctx context.Context, n note) error {
		switch tries.Add(1) {
		case 1:
			_, err := db.Pool.ExecContext(ctx, "SELECT 'secret'::uuid")
			return err
		case 2:
			panic("at the disco")
		}
		ran <- struct{}{}
		return nil
	}, jobs.Options{})
	over := jobs.For(func(context.Context, final) error { return jobs.Permanent(errors.New("no use")) }, jobs.Options{})
	once := jobs.For(func(context.Context, single) error { return errors.New("once") }, jobs.Options{MaxAttempts: 1})
	log, _ := run(t, jobs.Config{URL: db.URL, Work: []jobs.Work{flaky, over, once}})
	enqueue(t, db, nil, note{}, final{}, single{})
	within(t, soon, "the first failure", func() bool {
		return tries.Load() == 1 && ask(t, db, "SELECT count(*) FROM river_job WHERE attempt = 1") == "3"
	})
	within(t, 2*soon, "the second failure", func() bool { return strings.Contains(log.String(), "at the disco") })
	within(t, soon, "its row", func() bool { return ask(t, db, "SELECT state FROM river_job WHERE kind = 'note'") == "retryable" })
	if _, err := db.Pool.Exec("UPDATE river_job SET scheduled_at = now() WHERE kind = 'note'"); err != nil {
		t.Fatal(err)
	}
	await(t, 3*soon, ran, "third attempt")
	for kind, want := range map[string]string{"final": "cancelled", "single": "discarded"} {
		if got := ask(t, db, "SELECT state FROM river_job WHERE kind = '"+kind+"'"); got != want {
			t.Errorf("%s is %s", kind, got)
		}
	}
	told := log.String() + ask(t, db, "SELECT string_agg(errors::text, ' ') FROM river_job")
	for text, wanted := range map[string]bool{"secret": false, "SQLSTATE 22P02": true, "jobs_test.go": true, "kind=note": true, "attempt=2": true, "no use": true} {
		if strings.Contains(told, text) != wanted {
			t.Errorf("%q is told: %t\n%s", text, !wanted, told)
		}
	}
}

type final struct{}

func (final) Kind() string { return "final" }

type single struct{}

func (single) Kind() string { return "single" }

// A job whose process died is another's, once its time and the margin are over, and not before.
func TestRescue(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(`INSERT INTO river_job (kind, args, state, attempt, attempted_at, attempted_by) VALUES
		('note', '{"text": "dead"}', 'running', 1, now() - interval '4 minutes', '{gone}'),
		('note', '{"text": "alive"}', 'running', 1, now() - interval '1 minute', '{there}')`); err != nil {
		t.Fatal(err)
	}
	ran := make(chan string, 2)
	work := jobs.For(func(_ context.Context, n note) error { ran <- n.Text; return nil }, jobs.Options{})
	run(t, jobs.Config{URL: db.URL, Work: []jobs.Work{work}})
	if got := await(t, 45*time.Second, ran, "rescue"); got != "dead" {
		t.Errorf("rescued %s", got)
	}
	if got := ask(t, db, "SELECT state FROM river_job WHERE args->>'text' = 'alive'"); got != "running" {
		t.Errorf("the other is %s", got)
	}
}

// However many instances there are and whoever of them leads, a periodic job runs once in its time.
func TestPeriodicRunsOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var runs atomic.Int32
	config := jobs.Config{URL: db.URL, Work: []jobs.Work{
		jobs.For(func(context.Context, note) error { runs.Add(1); return nil }, jobs.Options{Every: 24 * time.Hour}),
	}}
	leader := func() string { return ask(t, db, "SELECT coalesce(max(leader_id), '') FROM river_leader") }
	_, stop := run(t, config)
	within(t, 3*soon, "a leader", func() bool { return leader() != "" })
	before := leader() // the one that is stopped
	run(t, config)
	within(t, 3*soon, "the first run", func() bool { return runs.Load() == 1 })
	stop()
	run(t, config)
	within(t, 6*soon, "another leader", func() bool { now := leader(); return now != "" && now != before })
	time.Sleep(2 * time.Second) // by then the leader has looked what is due
	if got := runs.Load(); got != 1 {
		t.Errorf("it ran %d times", got)
	}
}

// A stop waits for what runs, then cancels it, and what was canceled has had no attempt.
func TestStop(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	began := make(chan struct{}, 2)
	work := jobs.For(func(ctx context.Context, n note) error {
		began <- struct{}{}
		length := 300 * time.Millisecond
		if n.Text == "long" {
			length = time.Minute
		}
		select {
		case <-time.After(length):
			return nil
		case <-ctx.Done():
			return errors.New("cut off")
		}
	}, jobs.Options{})
	log, stop := run(t, jobs.Config{URL: db.URL, Work: []jobs.Work{work}, Grace: 2 * time.Second})
	enqueue(t, db, nil, note{"short"}, note{"long"})
	await(t, soon, began, "job")
	await(t, soon, began, "job")
	started := time.Now()
	stop()
	if took := time.Since(started); took < time.Second || took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
	got := ask(t, db, "SELECT string_agg(concat_ws(' ', args->>'text', state, attempt), ', ' ORDER BY id) FROM river_job")
	if got != "short completed 1, long available 0" {
		t.Errorf("after the stop: %s", got)
	}
	if text := log.String(); !strings.Contains(text, "outcome=interrupted") || strings.Contains(text, "level=ERROR") {
		t.Errorf("log: %s", text)
	}
}

// A database that is down, or has no tables, is waited for and told of once.
func TestWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	work := jobs.For(func(context.Context, note) error { return nil }, jobs.Options{})
	for _, url := range []string{"postgres://u:secret@127.0.0.1:1/d", pgtest.NewEmpty(t).URL} {
		log, stop := run(t, jobs.Config{URL: url, Work: []jobs.Work{work}})
		time.Sleep(2500 * time.Millisecond)
		stop()
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "wait for the database") || strings.Contains(text, "secret") {
			t.Errorf("log: %s", text)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	work := jobs.For(func(context.Context, note) error { return nil }, jobs.Options{})
	often := jobs.For(func(context.Context, final) error { return nil }, jobs.Options{Every: 25 * time.Hour})
	for name, c := range map[string]jobs.Config{
		"URL": {URL: "mysql://h"}, "a kind twice": {URL: "postgres://h/d", Work: []jobs.Work{work, work}},
		"too long": {URL: "postgres://h/d", Work: []jobs.Work{often}},
	} {
		c.Workers, c.Logger = 1, quiet
		if _, err := jobs.Open(c); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}
