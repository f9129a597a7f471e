package jobs_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"dossier/internal/jobs"
	"dossier/internal/pgtest"
	"dossier/repo"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// logs is a log that tests read while it is written.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// run runs the jobs of one instance until stop is called or the test ends.
func run(t *testing.T, c jobs.Config) (log *logs, stop func()) {
	t.Helper()
	log = &logs{}
	c.Workers, c.Logger = 4, slog.New(slog.NewTextHandler(log, nil))
	runner, err := jobs.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return log, stop
}

type note struct {
	Text string `json:"text"`
}

func (note) Kind() string { return "note" }

func enqueue(t *testing.T, db *pgtest.DB, fail error, notes ...repo.Job) {
	t.Helper()
	err := db.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error {
		if err := tx.Enqueue(ctx, notes...); err != nil {
			return err
		}
		return fail
	})
	if err != nil && fail == nil {
		t.Fatal(err)
	}
}

// await gives what comes out of the channel within the time.
func await[T any](t *testing.T, within time.Duration, from <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(within):
		t.Fatalf("no %s within %s", what, within)
	}
	return got
}

func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// ask gives the one value that the query has.
func ask(t *testing.T, db *pgtest.DB, query string) (text string) {
	t.Helper()
	if err := db.Pool.QueryRow(query).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}
