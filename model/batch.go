package model

import (
	"sync"

	"github.com/google/uuid"
)

// Batch is the set of rows that one statement returned, over all parents. A field asked of one of them is loaded for all
// of them at once: whoever holds a row knows every key of the next level, so that no loader has to wait and guess.
type Batch[T any] struct {
	Rows []*T

	mu   sync.Mutex
	memo map[any]any
}

// Memo gives what is kept under the key, made on first use. It is safe for concurrent use; make runs once per key and
// must not call Memo of the same batch.
func (b *Batch[T]) Memo(key any, make func() any) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	if value, ok := b.memo[key]; ok {
		return value
	}
	if b.memo == nil {
		b.memo = map[any]any{}
	}
	value := make()
	b.memo[key] = value
	return value
}

// Batched is embedded by every row that GraphQL shows; it ties the row to its batch.
type Batched[T any] struct {
	// Parent is the row of a nested list's parent, where one was read for many parents.
	Parent parentID `bun:"parent_id,scanonly"`

	batch *Batch[T]
}

// ParentID is Parent, for code that knows a row by its interface only.
func (b *Batched[T]) ParentID() uuid.UUID { return uuid.UUID(b.Parent) }

// JoinBatch ties the row to a batch; Join does so for all rows of one.
func (b *Batched[T]) JoinBatch(batch *Batch[T]) { b.batch = batch }

// Batch is the row's batch, nil while the row was not joined with any.
func (b *Batched[T]) Batch() *Batch[T] { return b.batch }

// Row is a pointer to a row type that embeds Batched.
type Row[T any] interface {
	*T
	Batch() *Batch[T]
	ParentID() uuid.UUID
	JoinBatch(*Batch[T])
}

// Join makes the rows of one statement a batch.
func Join[T any, P Row[T]](rows []*T) []*T {
	batch := &Batch[T]{Rows: rows}
	for _, row := range rows {
		P(row).JoinBatch(batch)
	}
	return rows
}

// parentID is read as every id is.
type parentID [16]byte

// Scan reads a uuid.
func (id *parentID) Scan(src any) error { return scanID(src, id) }
