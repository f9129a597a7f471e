package telemetry

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"
)

// send is a statement of the context, as Bun reports it.
func send(ctx context.Context, text string) {
	event := &bun.QueryEvent{Query: text, StartTime: time.Now()}
	hook := StatementHook{}
	hook.AfterQuery(hook.BeforeQuery(ctx, event), event)
}

// begin is a new request's context.
func begin(t testing.TB, metrics *Metrics) (context.Context, *Request) {
	t.Helper()
	r, request := Begin(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", nil), metrics, nil)
	return r.Context(), request
}

// A trace is bounded, and says how much is missing. Many goroutines note at once.
func TestTraceIsBounded(t *testing.T) {
	t.Parallel()
	ctx, request := begin(t, nil)
	request.Execute(func(context.Context) string { return "Query.x" }, true)
	var wait sync.WaitGroup
	for range tracedBatchesMax + 10 {
		wait.Go(func() {
			ctx, end := StartBatch(ctx, "A.b", 3, 2)
			defer end(nil)
			send(ctx, "-"+strings.Repeat("ä", tracedBytesMax)) // the bound is within a character
			_ = request.Trace()
		})
	}
	wait.Wait()
	trace := request.Trace()
	if len(trace.Statements) != tracedStatementsMax || len(trace.Batches) != tracedBatchesMax || trace.Omitted != 20 {
		t.Errorf("%d statements, %d batches, %d omitted", len(trace.Statements), len(trace.Batches), trace.Omitted)
	}
	for _, s := range trace.Statements {
		if len(s.SQL) > tracedBytesMax+len(" …") || !utf8.ValidString(s.SQL) || s.Field != "A.b" {
			t.Fatalf("%d bytes for %s", len(s.SQL), s.Field)
		}
	}
}

// No text is kept of a request that is not to be traced, from before that was known either.
func TestTextsAreNotKeptUnasked(t *testing.T) {
	t.Parallel()
	ctx, request := begin(t, nil)
	send(ctx, "SELECT 1")
	request.Execute(nil, false)
	ctx, end := StartBatch(ctx, "A.b", 1, 1)
	send(ctx, "SELECT 2")
	end(nil)
	if len(request.statements) > 0 || len(request.batches) > 0 || request.sent != 2 || request.loaded != 1 {
		t.Errorf("%+v", request)
	}
}

// What runs outside of a request is not noted, and does not fail.
func TestOutsideOfARequest(t *testing.T) {
	t.Parallel()
	ctx, end := StartBatch(t.Context(), "A.b", 1, 1)
	send(ctx, "SELECT 1")
	end(nil)
	RequestFrom(ctx).SetCost(1, 2)
	RequestFrom(ctx).Execute(nil, true)
}

// BenchmarkRequest is all that is noted of a request with five statements and two batches.
func BenchmarkRequest(b *testing.B) {
	db := sql.OpenDB(nil)
	defer db.Close()
	metrics := NewMetrics("test", db)
	text := "SELECT " + strings.Repeat("x, ", 200)
	b.ReportAllocs()
	for b.Loop() {
		ctx, request := begin(b, metrics)
		send(ctx, text)
		request.Execute(func(context.Context) string { return "Query.x" }, false)
		request.SetCost(10, 100)
		request.SetOperation("Board", "x", "query", true)
		ctx, end := StartField(ctx, "Query.x")
		send(ctx, text)
		send(ctx, text)
		for _, field := range []string{"A.b", "A.c"} {
			ctx, end := StartBatch(ctx, field, 50, 10)
			send(ctx, text)
			end(nil)
		}
		end()
		request.SetCode("OK")
		request.End(http.StatusOK, "OK")
	}
}
