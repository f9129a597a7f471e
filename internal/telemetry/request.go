package telemetry

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Request is what a request to the API has done so far. It is made once per HTTP request, travels in its context, and may
// be used by many goroutines. A nil Request notes nothing.
type Request struct {
	id      string
	method  string
	began   time.Time
	metrics *Metrics   // nil for none
	tracing *Tracing   // nil for none
	span    trace.Span // nil for none

	mu         sync.Mutex
	field      func(context.Context) string // names the field that a context is of; nil before there are any
	silent     bool                         // texts are not kept
	about      About
	cost       int
	costMax    int
	statements []statement
	batches    []*batch
	sent       int // statements, noted or not
	loaded     int // batches, noted or not
}

// About is what a request was, for logs and metrics. It holds no values, tokens or text of the query.
type About struct {
	RequestID string
	Operation string // its name, or the name of its first field; "" for none that is valid
	Field     string // the name of its first field
	Kind      string // query or mutation
	Known     bool   // the client is known by its credential
	ViewerID  string // "" for nobody
	CompanyID string // "" for nobody and for staff
	Code      string // of the answer's first error, OK when there is none, "" where GraphQL did not answer

	Duration   time.Duration
	Statements int
}

type (
	requestKey struct{}
	batchKey   struct{}
)

// Begin gives an HTTP request a context that carries a new Request, which begins now. It keeps the texts of statements until
// it is told whether they are wanted: credentials are checked before that is known.
func Begin(r *http.Request, metrics *Metrics, tracing *Tracing) (*http.Request, *Request) {
	request := &Request{
		id: RequestID(r.Context()), method: r.Method, began: time.Now(), metrics: metrics, tracing: tracing,
	}
	metrics.begin()
	ctx, span := tracing.request(r.Context(), r.Header)
	request.span = span
	return r.WithContext(context.WithValue(ctx, requestKey{}, request)), request
}

// RequestFrom gives the context's Request, nil outside of one.
func RequestFrom(ctx context.Context) *Request {
	request, _ := ctx.Value(requestKey{}).(*Request)
	return request
}

// Execute says that fields are resolved from now on, how to tell which of them a context is of, and whether a Trace will be
// asked for.
func (r *Request) Execute(field func(context.Context) string, trace bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.field = field
	if !trace {
		r.silent, r.statements = true, nil
	}
}

// SetOperation notes the valid operation that the request is, by its name, its first field and its kind. Only for a client that
// is known do metrics go by the name, as clients choose it.
func (r *Request) SetOperation(name, field, kind string, known bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.about.Operation, r.about.Field, r.about.Kind, r.about.Known = cut(name, operationNameBytesMax), field, kind, known
}

// SetViewer notes whose credential was accepted.
func (r *Request) SetViewer(viewerID, companyID string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.about.ViewerID, r.about.CompanyID = viewerID, companyID
}

// SetCode notes what GraphQL answered.
func (r *Request) SetCode(code string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.about.Code = code
}

// End closes the request, once, with the status of its answer, and gives what it was. The code stands for GraphQL's where
// that has not answered.
func (r *Request) End(status int, code string) About {
	r.mu.Lock()
	about := r.about
	about.Duration, about.Statements = time.Since(r.began), r.sent
	r.mu.Unlock()
	about.RequestID, about.Code = r.id, cmp.Or(about.Code, code)
	r.metrics.end(about)
	if r.span != nil {
		endRequest(r.span, r.method, status, about)
	}
	return about
}

// SetCost notes what the operation was estimated to cost, and what it might.
func (r *Request) SetCost(cost, costMax int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cost, r.costMax = cost, costMax
}

// batch is a loader's read for all rows of a level.
type batch struct {
	index         int // among those that are noted, -1 for one that is not
	field         string
	parents, keys int
	started       time.Time
	duration      time.Duration
}

// StartBatch notes that a loader reads these many distinct keys, for the field of these many rows. What it does belongs
// to the context returned; end says that it is done, and whether it failed.
func StartBatch(ctx context.Context, field string, parents, keys int) (_ context.Context, end func(error)) {
	request := RequestFrom(ctx)
	if request == nil {
		return ctx, func(error) {}
	}
	b := &batch{index: -1, field: field, parents: parents, keys: keys, started: time.Now()}
	request.metrics.batch(request.addBatch(b), field, keys)
	ctx, span := request.start(ctx, field)
	return context.WithValue(ctx, batchKey{}, b), func(err error) {
		request.endBatch(b)
		endBatch(span, b, err)
	}
}

// addBatch notes a batch and gives what is known of the request by now.
func (r *Request) addBatch(b *batch) About {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded++
	if !r.silent && len(r.batches) < tracedBatchesMax {
		b.index = len(r.batches)
		r.batches = append(r.batches, b)
	}
	return r.about
}

func (r *Request) endBatch(b *batch) {
	duration := time.Since(b.started)
	r.mu.Lock()
	defer r.mu.Unlock()
	b.duration = duration
}

// statement is one that was sent to the database.
type statement struct {
	field    string
	batch    int // -1 for none
	text     string
	started  time.Time
	duration time.Duration
	rows     *int64 // nil where the database does not tell
	failed   bool
}

// addStatement notes a statement of the context.
func (r *Request) addStatement(ctx context.Context, s statement) {
	r.metrics.statement(s.duration)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
	if r.silent || len(r.statements) == tracedStatementsMax {
		return
	}
	s.field, s.batch = r.fieldOf(ctx)
	s.text = cut(s.text, tracedBytesMax)
	r.statements = append(r.statements, s)
}

// fieldOf tells what a statement is sent for: the field of its batch, its field, or the operation it is a part of where
// there are no fields yet.
func (r *Request) fieldOf(ctx context.Context) (field string, batchIndex int) {
	if b, ok := ctx.Value(batchKey{}).(*batch); ok {
		return b.field, b.index
	}
	if r.field != nil {
		if field := r.field(ctx); field != "" {
			return field, -1
		}
	}
	return Operation(ctx), -1
}
