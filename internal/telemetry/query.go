package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/uptrace/bun"
)

// QueryLog logs statements with the operation that sent them.
type QueryLog struct {
	Logger     *slog.Logger
	All        bool          // every statement (LOG_QUERIES)
	Failed     bool          // statements that fail, too (DB_DEBUG)
	Slow       time.Duration // statements that take at least this long; 0 for none (SLOW_QUERY)
	ShowValues bool          // with the values in them; development only
}

var _ bun.QueryHook = QueryLog{}

// BeforeQuery does nothing.
func (QueryLog) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery logs the statement if it is to be.
func (l QueryLog) AfterQuery(ctx context.Context, event *bun.QueryEvent) {
	duration := time.Since(event.StartTime)
	slow := l.Slow > 0 && duration >= l.Slow
	failed := l.Failed && event.Err != nil && !errors.Is(event.Err, sql.ErrNoRows)
	if !l.All && !slow && !failed {
		return
	}
	text := event.Query
	if !l.ShowValues {
		text = Redact(text)
	}
	attributes := []slog.Attr{
		slog.String("operation", Operation(ctx)),
		slog.String("request_id", RequestID(ctx)),
		slog.Duration("duration", duration),
		slog.String("sql", text),
	}
	message, level := "query", slog.LevelInfo
	if slow {
		message, level = "slow query", slog.LevelWarn
	}
	if failed {
		message, level = "failed query", slog.LevelWarn
		attributes = append(attributes, slog.String("error", event.Err.Error()))
	}
	l.Logger.LogAttrs(ctx, level, message, attributes...)
}

// literals are what stands for a value in a statement that Bun wrote: quoted text, and numbers that are no part of a name.
var literals = regexp.MustCompile(`'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b`)

// Redact replaces the values in a statement by question marks.
func Redact(statement string) string { return literals.ReplaceAllString(statement, "?") }
