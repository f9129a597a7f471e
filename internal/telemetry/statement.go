package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// StatementHook notes each statement with the Request that sent it.
type StatementHook struct{}

var _ bun.QueryHook = StatementHook{}

// BeforeQuery gives the statement its span, where there are spans.
func (StatementHook) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if request := RequestFrom(ctx); request != nil && request.span != nil {
		return request.startStatement(ctx, event.Operation())
	}
	return ctx
}

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
	if request.span != nil {
		request.endStatement(ctx, event.Operation(), s, event.Err)
	}
	request.addStatement(ctx, s)
}

// errorType is the SQLSTATE of an error of the database, or what kind of error it is.
func errorType(err error) string {
	if failure, ok := errors.AsType[postgresError](err); ok {
		return failure.Field('C')
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return fmt.Sprintf("%T", err)
}
