package jobs

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// quietHandler is what River logs to. It says the same thing once a minute, and that the database is away instead of what all
// fails by it; a failed job is told by its worker.
type quietHandler struct {
	slog.Handler
	shared *heard
}

// heard is when something was said the last time, by its message. The messages are River's, a few dozen.
type heard struct {
	runner *Runner
	mu     sync.Mutex
	at     map[string]time.Time
}

const (
	sayAgainAfter = time.Minute
	heardMax      = 100
)

// Enabled leaves out what River tells of its ordinary course.
func (h *quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// awayTexts are parts of the errors that a database which is away gives: River hands them over as texts.
var awayTexts = []string{
	"failed to connect", "conn closed", "closed pool", "unexpected EOF", "connection reset", "broken pipe", "connection refused",
	"deadline exceeded", "timeout", "(SQLSTATE 57P0", "(SQLSTATE 53300)", "(SQLSTATE 25006)",
}

// Handle passes on what was not said of late.
func (h *quietHandler) Handle(ctx context.Context, record slog.Record) error {
	text := ""
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" || a.Key == "error" {
			text = a.Value.String()
		}
		return true
	})
	if h.shared.runner.stopped.Load() || strings.Contains(text, "context canceled") {
		return nil // the stop ends what was under way
	}
	for _, away := range awayTexts {
		if strings.Contains(text, away) {
			record = slog.NewRecord(record.Time, slog.LevelWarn, "background jobs wait for the database", record.PC)
			break
		}
	}
	record.Level = slog.LevelWarn // River tries again
	if !h.shared.isNews(record.Message, record.Time) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs is slog's.
func (h *quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &quietHandler{h.Handler.WithAttrs(attrs), h.shared}
}

// WithGroup is slog's.
func (h *quietHandler) WithGroup(name string) slog.Handler {
	return &quietHandler{h.Handler.WithGroup(name), h.shared}
}

func (s *heard) isNews(message string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.at[message]) < sayAgainAfter {
		return false
	}
	if s.at == nil || len(s.at) >= heardMax {
		s.at = map[string]time.Time{}
	}
	s.at[message] = now
	return true
}
