package pgtest

import (
	"context"
	"sync"

	"github.com/uptrace/bun"

	"dossier/internal/telemetry"
)

// Recorder notes the statements that are sent, and can make one of them fail.
type Recorder struct {
	mu         sync.Mutex
	statements []statement
	failAt     int // counted down by each statement; the one that meets 1 fails
}

type statement struct{ operation, text string }

var _ bun.QueryHook = (*Recorder)(nil)

// BeforeQuery notes the statement. A statement that is to fail gets a context that has ended.
func (r *Recorder) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, statement{telemetry.Operation(ctx), event.Query})
	if r.failAt > 0 {
		if r.failAt--; r.failAt == 0 {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx
		}
	}
	return ctx
}

// AfterQuery does nothing.
func (r *Recorder) AfterQuery(context.Context, *bun.QueryEvent) {}

// Reset forgets what was noted.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements, r.failAt = nil, 0
}

// FailAt makes the nth statement from now fail, counted from 1, BEGIN and COMMIT included.
func (r *Recorder) FailAt(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements, r.failAt = nil, n
}

// Statements gives what was sent since the last reset. What checks credentials is sent before an operation begins;
// with inOperation it is left out.
func (r *Recorder) Statements(inOperation bool) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, s := range r.statements {
		if !inOperation || s.operation != "" && s.operation != telemetry.Authenticate {
			texts = append(texts, s.text)
		}
	}
	return texts
}
