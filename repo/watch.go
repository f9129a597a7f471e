package repo

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/driver/pgdriver"

	"dossier/internal/telemetry"
	"dossier/model"
)

// staleRows is the channel on which the triggers of migration 20261125000004 tell what changed.
const staleRows = "dossier_stale_rows"

// How the listener is kept honest: after so long without a word it asks for one, and gives up where none comes. In all it
// takes less than a second; every instance hears the words of all, so that one of them asks at a time.
const (
	watchQuietMax  = 400 * time.Millisecond
	watchAnswerMax = 250 * time.Millisecond
	watchAsksMax   = 2
	watchRetry     = 500 * time.Millisecond
)

// Watch caches the rows of viewers and their companies, and forgets what changes on any instance, until the context ends.
// To be told takes milliseconds; while nobody tells, nothing is cached. Where the listener's connection dies without a
// word, that is found out within a second; a row is used for cacheExpiry at most, whatever happens. Connections of direct
// are sessions of their own, which the store's are not behind a pooler: only a session can listen.
func (s *Store) Watch(ctx context.Context, direct *sql.DB, logger *slog.Logger) {
	told := false
	for ctx.Err() == nil {
		err := s.watchOnce(ctx, direct)
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
func (s *Store) watchOnce(ctx context.Context, direct *sql.DB) error {
	listener := pgdriver.NewListener(bun.NewDB(direct, pgdialect.New()))
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	defer listener.Close()
	if err := listener.Listen(ctx, staleRows); err != nil {
		return err
	}
	asks, wait, heard := 0, time.Millisecond, time.Now()
	for {
		_, payload, err := listener.ReceiveTimeout(ctx, wait)
		timeout, ok := errors.AsType[net.Error](err)
		if ok && timeout.Timeout() && asks < watchAsksMax && time.Since(heard) < cacheExpiry {
			wait = watchAnswerMax
			if s.ask(ctx) {
				asks++
			}
			continue
		}
		if err != nil {
			return err
		}
		s.told(staleRow(payload)...)
		asks, wait, heard = 0, watchQuietMax, time.Now()
	}
}

// told forgets what is stale, or begins to cache. A cache is made only where there is none: it costs goroutines.
func (s *Store) told(stale ...model.GlobalID) {
	if cache := s.cache.Load(); cache != nil {
		cache.forget(stale...)
		return
	}
	s.cache.Store(newCache())
}

// ask sends every listener a notification that names no row, and reports whether it was sent. It goes the way of the
// changes: where that leads to another database than direct does, nothing is heard, and nothing cached. One that was not says nothing
// of the listener: a pool that is busy for a moment would lose the cache just when it needs it.
func (s *Store) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, watchAnswerMax)
	defer cancel()
	_, err := s.db.ExecContext(ctx, "SELECT pg_notify(?, '')", staleRows)
	return err == nil
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
