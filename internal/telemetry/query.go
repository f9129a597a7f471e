package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"regexp"
	"strings"
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

// loggedBytesMax is how much of a statement is logged.
const loggedBytesMax = 4 << 10

// AfterQuery logs the statement if it is to be.
func (l QueryLog) AfterQuery(ctx context.Context, event *bun.QueryEvent) {
	duration := time.Since(event.StartTime)
	slow := l.Slow > 0 && duration >= l.Slow
	failed := l.Failed && event.Err != nil && !errors.Is(event.Err, sql.ErrNoRows)
	if !l.All && !slow && !failed {
		return
	}
	text := event.Query
	if len(text) > loggedBytesMax {
		text = text[:loggedBytesMax]
	}
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
		attributes = append(attributes, slog.String("error", Reason(event.Err, l.ShowValues)))
	}
	l.Logger.LogAttrs(ctx, level, message, attributes...)
}

// postgresError is an error of the database, as pgdriver has it.
type postgresError interface {
	error
	Field(name byte) string
}

// Reason is an error for the log. PostgreSQL's messages quote values (`invalid input syntax for type uuid: "x"`): without
// values the SQLSTATE and the constraint stand in their place.
func Reason(err error, values bool) string {
	failure, ok := errors.AsType[postgresError](err)
	if !ok || values {
		return err.Error()
	}
	// https://www.postgresql.org/docs/current/protocol-error-fields.html
	plain := strings.TrimSpace("SQLSTATE " + failure.Field('C') + " " + failure.Field('n'))
	return strings.ReplaceAll(err.Error(), failure.Error(), plain)
}

// literals are what stands for a value in a statement that Bun wrote: quoted text, and numbers that are no part of a name.
// A name in double quotes is matched too, to be passed over whole. Text that does not end is a value to the end.
var literals = regexp.MustCompile(`"[^"]*"|'(?:[^']|'')*(?:'|$)|\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b`)

// Redact replaces the values in a statement by question marks.
func Redact(statement string) string {
	return literals.ReplaceAllStringFunc(statement, func(part string) string {
		if part[0] == '"' {
			return part
		}
		return "?"
	})
}
