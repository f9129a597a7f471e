package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger makes the program's logger: lines for people in development, JSON for machines elsewhere.
func NewLogger(w io.Writer, development bool) *slog.Logger {
	if development {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}
