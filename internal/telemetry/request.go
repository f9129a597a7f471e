package telemetry

import (
	"context"
	"sync"
	"time"
)

// Request is what a request to the API has done so far. It is made once per HTTP request, travels in its context, and may
// be used by many goroutines. A nil Request notes nothing.
type Request struct {
	began time.Time
	field func(context.Context) string // names the field that a context is of; nil before there are any

	mu         sync.Mutex
	silent     bool // texts are not kept
	cost       int
	costMax    int
	statements []statement
	batches    []*batch
	sent       int // statements, noted or not
	loaded     int // batches, noted or not
}

type (
	requestKey struct{}
	batchKey   struct{}
)

// WithRequest returns a context that carries a new Request, which begins now. It keeps the texts of statements until it is
// told whether they are wanted: credentials are checked before that is known.
func WithRequest(ctx context.Context) (context.Context, *Request) {
	request := &Request{began: time.Now()}
	return context.WithValue(ctx, requestKey{}, request), request
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
// to the context returned; end says that it is done.
func StartBatch(ctx context.Context, field string, parents, keys int) (_ context.Context, end func()) {
	request := RequestFrom(ctx)
	if request == nil {
		return ctx, func() {}
	}
	b := &batch{index: -1, field: field, parents: parents, keys: keys, started: time.Now()}
	request.addBatch(b)
	return context.WithValue(ctx, batchKey{}, b), func() { request.endBatch(b) }
}

func (r *Request) addBatch(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded++
	if !r.silent && len(r.batches) < tracedBatchesMax {
		b.index = len(r.batches)
		r.batches = append(r.batches, b)
	}
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
