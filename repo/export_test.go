package repo

import (
	"context"
	"encoding/binary"
	"time"

	"dossier/model"
)

// What follows is for tests outside of the package.

// ConstraintFaults is held against the database.
var ConstraintFaults = constraintFaults

// APIKeysMax is how many live API keys a user may have.
const APIKeysMax = apiKeysMax

// Recent reports whether a version of pgvector is new enough.
var Recent = recent

// TxTriesMax is how often a transaction is tried.
const TxTriesMax = txTriesMax

// WatchQuietMax and WatchAnswerMax are how long the listener waits for a word, unasked and asked.
const (
	WatchQuietMax  = watchQuietMax
	WatchAnswerMax = watchAnswerMax
)

// Raise makes PostgreSQL fail with this SQLSTATE.
func (tx *Tx) Raise(ctx context.Context, state string) error {
	_, err := tx.db.ExecContext(ctx, "DO $$ BEGIN RAISE EXCEPTION 'made by a test' USING ERRCODE = '"+state+"'; END $$")
	return err
}

// RecordNothing records no entry.
func (tx *Tx) RecordNothing(ctx context.Context) error { return tx.record(ctx, model.ProjectCreated) }

// Sleep keeps PostgreSQL busy.
func (tx *Tx) Sleep(ctx context.Context, d time.Duration) error {
	_, err := tx.db.ExecContext(ctx, "SELECT pg_sleep(?)", d.Seconds())
	return err
}

// Caching reports whether the store is told of changes, and so caches.
func Caching(s *Store) bool { return s.cache.Load() != nil }

// CursorOf gives the cursor of a row in the order by this field.
func CursorOf(row, field any) string {
	switch field := field.(type) {
	case model.CompanyOrderField:
		return companyOrders[field].cursor(row.(*model.Company))
	case model.UserOrderField:
		return userOrders[field].cursor(row.(*model.User))
	case model.ProjectOrderField:
		return projectOrders[field].cursor(row.(*model.Project))
	case model.DocumentOrderField:
		return documentOrders[field].cursor(row.(*model.Document))
	case model.ThemeOrderField:
		return themeOrders[field].cursor(row.(*model.Theme))
	case model.ConversationOrderField:
		return conversationOrders[field].cursor(row.(*model.Conversation))
	case model.AuditOrderField:
		return auditOrders[field].cursor(row.(*model.AuditEntry))
	}
	panic("no list is sorted by that")
}

// DecodeCursor reads a cursor of users in the order by this field.
func DecodeCursor(cursor string, field model.UserOrderField) error {
	_, err := userOrders[field].decode("after", &cursor)
	return err
}

// ShortDot is the product of what an index keeps of a vector, and another one.
func ShortDot(kept, with model.Vector) float32 { return shortVector(appendShort(nil, kept)).dot(with) }

// IndexOf gives the search of an index of these vectors.
func IndexOf(vectors []model.Vector) (nearest func(query model.Vector, n int) []model.ChunkID) {
	x := &index{indexKey: indexKey{dimensions: len(vectors[0])}}
	for i, v := range vectors {
		x.append(append(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i)), quantized(v)...))
	}
	return func(query model.Vector, n int) []model.ChunkID { return idsOf(x.nearest(query, n)) }
}
