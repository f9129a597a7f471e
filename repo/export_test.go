package repo

import (
	"context"
	"time"
)

// What follows is for tests outside of the package.

// ConstraintFaults is held against the database.
var ConstraintFaults = constraintFaults

// TxTriesMax is how often a transaction is tried.
const TxTriesMax = txTriesMax

// Raise makes PostgreSQL fail with this SQLSTATE.
func (tx *Tx) Raise(ctx context.Context, state string) error {
	_, err := tx.db.ExecContext(ctx, "DO $$ BEGIN RAISE EXCEPTION 'made by a test' USING ERRCODE = '"+state+"'; END $$")
	return err
}

// Sleep keeps PostgreSQL busy.
func (tx *Tx) Sleep(ctx context.Context, d time.Duration) error {
	_, err := tx.db.ExecContext(ctx, "SELECT pg_sleep(?)", d.Seconds())
	return err
}

// Caching reports whether the store is told of changes, and so caches.
func Caching(s *Store) bool { return s.cache.Load() != nil }
