package data

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// KeepSessions makes Restore go back to the sessions that there are now. The rest stays as Keep copied it.
func KeepSessions(ctx context.Context, conn *pgx.Conn) error {
	if err := script(ctx, conn, fmt.Sprintf("TRUNCATE %[1]s.sessions; INSERT INTO %[1]s.sessions TABLE public.sessions", kept)); err != nil {
		return fmt.Errorf("keep the sessions: %w", err)
	}
	return nil
}
