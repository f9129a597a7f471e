package telemetry

import (
	"database/sql"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what the program counts and measures of itself, for Prometheus. Nil Metrics count nothing.
type Metrics struct {
	registry          *prometheus.Registry
	inFlight          prometheus.Gauge
	requests          *prometheus.CounterVec
	duration          *prometheus.HistogramVec
	statements        *prometheus.HistogramVec
	batchKeys         *prometheus.HistogramVec
	requestBatchKeys  *prometheus.HistogramVec
	statementDuration prometheus.Histogram
	names             names
}

// The upper bounds of the histograms' buckets.
var (
	secondsBuckets    = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	statementsBuckets = []float64{1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100}
	keysBuckets       = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

// NewMetrics makes the metrics of a process with this version and this pool of connections.
func NewMetrics(version string, pool *sql.DB) *Metrics {
	const perOperation = "operation"
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "dossier_graphql_requests_in_flight", Help: "GraphQL requests that are being answered."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossier_graphql_requests_total",
			Help: "GraphQL requests by operation and by the code of the first error, OK for none."}, []string{perOperation, "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dossier_graphql_request_duration_seconds", Buckets: secondsBuckets,
			Help: "How long GraphQL requests took, the check of the credential included."}, []string{perOperation}),
		statements: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dossier_graphql_request_statements", Buckets: statementsBuckets,
			Help: "Statements that a GraphQL request sent to the database, the check of the credential included."}, []string{perOperation}),
		batchKeys: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dossier_loader_batch_keys", Buckets: keysBuckets,
			Help: "Distinct keys that a loader read at once, by the field it read them for."}, []string{"field"}),
		// By operation and field at once there would be a series too many for each name that a client chooses.
		requestBatchKeys: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "dossier_graphql_request_batch_keys", Buckets: keysBuckets,
			Help: "Distinct keys that a loader read at once, by the operation it read them for."}, []string{perOperation}),
		statementDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "dossier_statement_duration_seconds", Buckets: secondsBuckets,
			Help: "How long the statements of GraphQL requests took, the wait for a connection included."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "dossier_build_info", Help: "Always 1: the labels tell which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(m.inFlight, m.requests, m.duration, m.statements, m.batchKeys, m.requestBatchKeys, m.statementDuration, build,
		collectors.NewDBStatsCollector(pool, "dossier"), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Register adds what another part of the program counts. Each can be added once.
func (m *Metrics) Register(collectors ...prometheus.Collector) error {
	if m == nil {
		return nil
	}
	for _, collector := range collectors {
		if err := m.registry.Register(collector); err != nil {
			return err
		}
	}
	return nil
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *Metrics) begin() {
	if m != nil {
		m.inFlight.Inc()
	}
}

func (m *Metrics) end(about About) {
	if m == nil {
		return
	}
	m.inFlight.Dec()
	operation := m.names.label(about)
	m.requests.WithLabelValues(operation, about.Code).Inc()
	m.duration.WithLabelValues(operation).Observe(about.Duration.Seconds())
	m.statements.WithLabelValues(operation).Observe(float64(about.Statements))
}

func (m *Metrics) batch(about About, field string, keys int) {
	if m != nil {
		m.batchKeys.WithLabelValues(field).Observe(float64(keys))
		m.requestBatchKeys.WithLabelValues(m.names.label(about)).Observe(float64(keys))
	}
}

func (m *Metrics) statement(duration time.Duration) {
	if m != nil {
		m.statementDuration.Observe(duration.Seconds())
	}
}

// operationNamesMax is how many of the names that clients choose are counted apart: each makes series that live as long as
// the process.
const operationNamesMax = 200

// What stands for operations that have no name of their own in the metrics.
const (
	otherOperation   = "other"   // beyond the bounds
	invalidOperation = "invalid" // not right, or not there
)

// names are those that clients have chosen.
type names struct {
	mu    sync.Mutex
	known map[string]struct{}
}

// label is what an operation is counted as. Names of fields are the schema's, and need no bound. Names of clients that are not
// known would fill the bound for all others.
func (n *names) label(about About) string {
	switch {
	case about.Operation == "":
		return invalidOperation
	case !about.Known || about.Operation == about.Field:
		return about.Field
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.known[about.Operation]; ok {
		return about.Operation
	}
	if len(n.known) == operationNamesMax {
		return otherOperation
	}
	if n.known == nil {
		n.known = map[string]struct{}{}
	}
	n.known[about.Operation] = struct{}{}
	return about.Operation
}
