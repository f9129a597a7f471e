package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"
)

// StatementHook notes each statement with the Request that sent it.
type StatementHook struct{}

var _ bun.QueryHook = StatementHook{}

// BeforeQuery does nothing.
func (StatementHook) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery notes the statement.
func (StatementHook) AfterQuery(ctx context.Context, event *bun.QueryEvent) {
	request := RequestFrom(ctx)
	if request == nil {
		return
	}
	s := statement{
		text: event.Query, started: event.StartTime, duration: time.Since(event.StartTime),
		failed: event.Err != nil && !errors.Is(event.Err, sql.ErrNoRows),
	}
	if event.Result != nil {
		if rows, err := event.Result.RowsAffected(); err == nil {
			s.rows = &rows
		}
	}
	request.addStatement(ctx, s)
}
