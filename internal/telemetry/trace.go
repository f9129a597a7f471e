package telemetry

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Bounds of a trace: how many statements and batches it has, and how much of each statement's text, in bytes.
const (
	tracedStatementsMax = 200
	tracedBatchesMax    = 200
	tracedBytesMax      = 4 << 10
)

// Trace is what a request did, for whoever develops a query. It holds SQL: only a developer may see it. Times are in
// milliseconds, and begin with the request.
type Trace struct {
	DurationMs float64          `json:"durationMs"`
	Cost       int              `json:"cost"` // 0 where the operation did not come that far
	CostMax    int              `json:"costMax"`
	Statements []TraceStatement `json:"statements"` // in the order in which they were sent
	Batches    []TraceBatch     `json:"batches"`
	Omitted    int              `json:"omitted"` // statements and batches beyond the trace's bounds
}

// TraceStatement is a statement that was sent to the database.
type TraceStatement struct {
	Field      string  `json:"field"` // such as Query.projects; "authenticate" for the check of the credential
	Batch      *int    `json:"batch"` // the index of the batch that sent it, null for none
	SQL        string  `json:"sql"`
	StartMs    float64 `json:"startMs"`
	DurationMs float64 `json:"durationMs"`
	Rows       *int64  `json:"rows"` // returned or changed; null where the database does not tell
	Failed     bool    `json:"failed,omitempty"`
}

// TraceBatch is a read of a loader, for all rows of a level at once.
type TraceBatch struct {
	Field      string  `json:"field"`   // such as Project.owner
	Parents    int     `json:"parents"` // rows that have the field
	Keys       int     `json:"keys"`    // distinct keys that were read for them
	StartMs    float64 `json:"startMs"`
	DurationMs float64 `json:"durationMs"`
}

// Trace gives what was done until now.
func (r *Request) Trace() Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	trace := Trace{
		DurationMs: Milliseconds(time.Since(r.began)), Cost: r.cost, CostMax: r.costMax,
		Statements: make([]TraceStatement, len(r.statements)), Batches: make([]TraceBatch, len(r.batches)),
		Omitted: r.sent - len(r.statements) + r.loaded - len(r.batches),
	}
	for i, s := range r.statements {
		trace.Statements[i] = TraceStatement{
			Field: s.field, SQL: s.text, StartMs: Milliseconds(s.started.Sub(r.began)), DurationMs: Milliseconds(s.duration),
			Rows: s.rows, Failed: s.failed,
		}
		if s.batch >= 0 {
			trace.Statements[i].Batch = &r.statements[i].batch
		}
	}
	slices.SortStableFunc(trace.Statements, func(a, b TraceStatement) int { return cmp.Compare(a.StartMs, b.StartMs) })
	for i, b := range r.batches {
		trace.Batches[i] = TraceBatch{
			Field: b.field, Parents: b.parents, Keys: b.keys,
			StartMs: Milliseconds(b.started.Sub(r.began)), DurationMs: Milliseconds(b.duration),
		}
	}
	return trace
}

// Milliseconds is a duration to the microsecond.
func Milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e3 }

// cut shortens a text to so many bytes, and leaves no half of a character.
func cut(text string, bytesMax int) string {
	if len(text) <= bytesMax {
		return text
	}
	return strings.ToValidUTF8(text[:bytesMax], "") + " …"
}
