package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// The upper bounds of the histograms' buckets: a job may take its time.
var secondsBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}

type metrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	wait     *prometheus.HistogramVec
	table    *table
}

func newMetrics(work []Work, pool *pgxpool.Pool) *metrics {
	const perKind = "kind"
	m := &metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossier_jobs_total",
			Help: "Background jobs that this instance ran, by kind and outcome: ok, retried, discarded, canceled, interrupted."},
			[]string{perKind, "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dossier_job_duration_seconds", Buckets: secondsBuckets, Help: "How long background jobs took, each attempt."},
			[]string{perKind}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dossier_job_wait_seconds", Buckets: secondsBuckets,
			Help: "How long background jobs waited for a worker, from when they were to run."}, []string{perKind}),
		table: &table{pool: pool, jobs: prometheus.NewDesc("dossier_jobs",
			"Background jobs of all instances that are not completed, by kind and state; other is what this instance does not run.",
			[]string{perKind, "state"}, nil)},
	}
	for _, w := range work {
		m.table.kinds = append(m.table.kinds, w.kind)
		for _, outcome := range outcomes { // a rate needs the 0 from which it rises
			m.total.WithLabelValues(w.kind, outcome)
		}
		m.duration.WithLabelValues(w.kind)
		m.wait.WithLabelValues(w.kind)
	}
	return m
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.total, m.duration, m.wait, m.table}
}

const (
	countTimeout = time.Second     // a scrape waits no longer
	countedFor   = 5 * time.Second // so often the table is read, however many scrape
	otherKind    = "other"
)

// table counts the rows when metrics are read, not by a clock: an instance that nobody asks reads nothing, and what is told is
// not older than countedFor. While the database is away there is no such metric.
type table struct {
	pool  *pgxpool.Pool
	kinds []string
	jobs  *prometheus.Desc

	mu   sync.Mutex
	at   time.Time // when counts was read, or could not be
	last []count
}

type count struct {
	Kind, State string
	Jobs        int64
}

// Describe is Prometheus's.
func (t *table) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- t.jobs }

// Collect is Prometheus's.
func (t *table) Collect(metrics chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.at) >= countedFor {
		t.last, t.at = t.read(), time.Now()
	}
	for _, c := range t.last {
		metrics <- prometheus.MustNewConstMetric(t.jobs, prometheus.GaugeValue, float64(c.Jobs), c.Kind, c.State)
	}
}

// read counts by the index on the state. Nothing is what it gives when it cannot.
func (t *table) read() []count {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	rows, err := t.pool.Query(ctx, `SELECT kind, state::text, count(*) FROM river_job
		WHERE state IN ('available', 'cancelled', 'discarded', 'pending', 'retryable', 'running', 'scheduled') GROUP BY 1, 2`)
	if err != nil {
		return nil
	}
	read, err := pgx.CollectRows(rows, pgx.RowToStructByPos[count])
	if err != nil {
		return nil
	}
	sums := map[count]int64{}
	for _, c := range read {
		if !slices.Contains(t.kinds, c.Kind) {
			c.Kind = otherKind // anyone may have named those
		}
		sums[count{Kind: c.Kind, State: c.State}] += c.Jobs
	}
	for _, kind := range t.kinds { // none is a number too
		for _, state := range []string{"available", "running", "retryable", "discarded"} {
			sums[count{Kind: kind, State: state}] += 0
		}
	}
	counts := make([]count, 0, len(sums))
	for c, jobs := range sums {
		counts = append(counts, count{c.Kind, c.State, jobs})
	}
	return counts
}
