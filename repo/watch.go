package repo

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun/driver/pgdriver"

	"dossier/internal/telemetry"
	"dossier/model"
)

// staleRows is the channel on which the triggers of migration 20261125000004 tell what changed.
const staleRows = "dossier_stale_rows"

// How the listener is kept honest: after so long without a word it asks for one, and gives up where none comes in time.
const (
	watchQuietMax  = 3 * time.Second
	watchAnswerMax = 300 * time.Millisecond
	watchAsksMax   = 3
	watchRetry     = 500 * time.Millisecond
)

// Watch caches the rows of viewers and their companies, and forgets what changes on any instance, until the context ends.
// To be told takes milliseconds; while nobody tells, nothing is cached. Where the listener's connection dies without a
// word, a row is used for cacheExpiry at most.
func (s *Store) Watch(ctx context.Context, logger *slog.Logger) {
	told := false
	for ctx.Err() == nil {
		err := s.watchOnce(ctx)
		if s.cache.Swap(nil) != nil {
			told = false
		}
		if !told && ctx.Err() == nil {
			logger.WarnContext(ctx, "viewers are not cached: nobody tells what changes", "error", telemetry.Reason(err, false))
			told = true
		}
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
		}
	}
}

// watchOnce listens by one connection until that fails. LISTEN was sent, but holds only when a notification came, if need
// be one of our own: then the cache begins.
func (s *Store) watchOnce(ctx context.Context) error {
	listener := pgdriver.NewListener(s.db)
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	defer listener.Close()
	if err := listener.Listen(ctx, staleRows); err != nil {
		return err
	}
	asks, wait := 0, time.Millisecond
	for {
		_, payload, err := listener.ReceiveTimeout(ctx, wait)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && asks < watchAsksMax {
			asks, wait = asks+1, watchAnswerMax
			err = s.ask(ctx)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		if s.cache.Load() == nil { // nobody else makes one; it has goroutines, which one in vain would leave behind
			s.cache.Store(newCache())
		}
		s.cache.Load().forget(staleRow(payload)...)
		asks, wait = 0, watchQuietMax
	}
}

// ask sends every listener a notification that names no row.
func (s *Store) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchAnswerMax)
	defer cancel()
	_, err := s.db.ExecContext(ctx, "SELECT pg_notify(?, '')", staleRows)
	return err
}

// staleRow reads a payload: an entity and a UUID. One that is of a later version of the program may name nothing known.
func staleRow(payload string) []model.GlobalID {
	prefix, text, _ := strings.Cut(payload, " ")
	id, err := uuid.Parse(text)
	if err != nil {
		return nil
	}
	return []model.GlobalID{{Prefix: prefix, UUID: id}}
}
