package graph

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/graph-gophers/dataloader/v7"

	"dossier/internal/fault"
	"dossier/internal/telemetry"
	"dossier/model"
	"dossier/repo"
)

// A loader never waits. A dataloader usually guesses by a timer when all keys of a level have been asked for; here a row
// knows the rows that came with it (model.Batch), and so all keys of its level. The first field that is asked of any of
// them queues every key, the dataloader's batch is full at once, and the other rows wait for the same batch. So
// the number of statements depends on the query alone, however many rows or clients there are.
//
// Loaders live in the batch of the rows they load for, and end with it. Rows that a mutation returns are a new batch:
// its payload, and every later field, see the new values.

// one is a field that leads from each row to one other row, such as Project.owner.
type one[P any, K model.ID, T any] struct {
	name string
	key  func(*P) *K // nil for none
	id   func(*T) K
	read func(repo.Reader, context.Context, []K) ([]*T, error)
	// inMemory gives the rows that need no statement, if all of them are known. It is nil where there are none.
	inMemory func(repo.Reader, []K) ([]*T, bool)
}

// load gives the row's value, nil without an error where its key is nil, NOT_FOUND where the key is of nothing visible.
func (f *one[P, K, T]) load(ctx context.Context, reading reading, row *P) (*T, error) {
	key := f.key(row)
	if key == nil {
		return nil, nil
	}
	batch := batchOf(row)
	loading := batch.Memo(f, func() any {
		keys := keysOf(batch.Rows, f.key)
		if f.inMemory != nil {
			if rows, ok := f.inMemory(reading.as(ctx), keys); ok {
				return loaded(rows, f.id)
			}
		}
		return startLoading(ctx, f.name, len(batch.Rows), keys,
			func(ctx context.Context, keys []K) (map[K]*T, error) {
				found, err := f.read(reading.as(ctx), ctx, keys)
				return index(found, f.id), err
			})
	})
	return loading.(map[K]dataloader.Thunk[*T])[*key]()
}

// many is a field that leads from each row to something of its own, a page of a list or a count, such as
// Project.documents. Its arguments are the same for all rows.
type many[P any, K model.ID, V any] struct {
	name string
	key  func(*P) K
}

// load gives the row's value, read by a function that is given the keys of all rows of the batch, and the batch's context.
func (f *many[P, K, V]) load(
	ctx context.Context, row *P, read func(ctx context.Context, keys []K) (map[K]V, error),
) (V, error) {
	batch := batchOf(row)
	// A field of the query's text has one set of arguments: together with the relation it tells the loads apart.
	type memoKey struct{ relation, field any }
	field := graphql.GetFieldContext(ctx).Field.Field
	loading := batch.Memo(memoKey{f, field}, func() any {
		key := func(row *P) *K {
			k := f.key(row)
			return &k
		}
		return startLoading(ctx, f.name, len(batch.Rows), keysOf(batch.Rows, key), read)
	})
	return loading.(map[K]dataloader.Thunk[V])[f.key(row)]()
}

// batchOf gives the rows that came with this one.
func batchOf[P any](row *P) *model.Batch[P] {
	if batch := any(row).(interface{ Batch() *model.Batch[P] }).Batch(); batch != nil {
		return batch
	}
	return &model.Batch[P]{Rows: []*P{row}}
}

// optional turns NOT_FOUND into null, for fields whose row may be gone or not visible.
func optional[T any](value T, err error) (T, error) {
	if fault.Is(err, fault.NotFound) {
		var none T
		return none, nil
	}
	return value, err
}

// required is for fields that are never null. Levels are read one after the other: a row that is gone when its level's turn
// comes was deleted in between.
func required[T any](value T, err error) (T, error) {
	if fault.Is(err, fault.NotFound) {
		err = (&fault.Error{Code: fault.Unavailable, Message: "The data changed while it was read: try again.", Retryable: true}).Because(err)
	}
	return value, err
}

// loaderWaitMax is never waited for: the batch is full before. The dataloader wants a number.
const loaderWaitMax = time.Minute

// startLoading makes a dataloader for exactly these distinct keys of so many parents and queues all of them, which dispatches
// the batch; each key's thunk waits for it. To ask the dataloader again for each row would make a request and a channel
// for each, only to find the thunk in its cache. The batch's context ends with the operation's: gqlgen derives the contexts
// of fields by adding values only.
func startLoading[K comparable, V any](
	ctx context.Context, name string, parents int, keys []K, read func(context.Context, []K) (map[K]V, error),
) map[K]dataloader.Thunk[V] {
	batch := func(_ context.Context, keys []K) (results []*dataloader.Result[V]) {
		ctx, end := telemetry.StartBatch(ctx, cmp.Or(fieldName(ctx), name), parents, len(keys))
		found, err := readSafely(ctx, name, keys, read)
		end(err)
		results = make([]*dataloader.Result[V], len(keys))
		for i, key := range keys {
			results[i] = resultOf(name, found, key, err)
		}
		return results
	}
	loader := dataloader.NewBatchedLoader(batch,
		dataloader.WithBatchCapacity[K, V](len(keys)),
		dataloader.WithInputCapacity[K, V](len(keys)),
		dataloader.WithCache[K, V](&dataloader.NoCache[K, V]{}), // the thunks are kept here
		dataloader.WithWait[K, V](loaderWaitMax))
	thunks := make(map[K]dataloader.Thunk[V], len(keys))
	for _, key := range keys {
		thunks[key] = loader.Load(ctx, key)
	}
	return thunks
}

// loaded gives the thunks of rows that are there already.
func loaded[K comparable, T any](rows []*T, id func(*T) K) map[K]dataloader.Thunk[*T] {
	thunks := make(map[K]dataloader.Thunk[*T], len(rows))
	for _, row := range rows {
		thunks[id(row)] = func() (*T, error) { return row, nil }
	}
	return thunks
}

// resultOf puts a value in its key's place. A row that is not there is NOT_FOUND; a count or page that is not there is zero.
func resultOf[K comparable, V any](name string, found map[K]V, key K, err error) *dataloader.Result[V] {
	if err != nil {
		return &dataloader.Result[V]{Error: err}
	}
	value, ok := found[key]
	if _, isCount := any(value).(int32); !ok && !isCount {
		return &dataloader.Result[V]{Error: fault.Missing(name)}
	}
	return &dataloader.Result[V]{Data: value}
}

// readSafely turns a panic into an error, which the rows share as they would any other.
func readSafely[K comparable, V any](
	ctx context.Context, name string, keys []K, read func(context.Context, []K) (map[K]V, error),
) (found map[K]V, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("load %s: panic: %v\n%s", name, r, debug.Stack())
		}
	}()
	return read(ctx, keys)
}

// fieldName is the type and the name of the field that a context is of, "" outside of one.
func fieldName(ctx context.Context) string {
	field := graphql.GetFieldContext(ctx)
	for field != nil && field.Field.Field == nil { // the element of a list
		field = field.Parent
	}
	if field == nil {
		return ""
	}
	return field.Object + "." + field.Field.Name
}

// keysOf gives the distinct keys of the rows, in the order of the rows.
func keysOf[P any, K comparable](rows []*P, key func(*P) *K) []K {
	seen := make(map[K]struct{}, len(rows))
	keys := make([]K, 0, len(rows))
	for _, row := range rows {
		k := key(row)
		if k == nil {
			continue
		}
		if _, again := seen[*k]; !again {
			seen[*k] = struct{}{}
			keys = append(keys, *k)
		}
	}
	return keys
}

func index[K comparable, T any](rows []*T, id func(*T) K) map[K]*T {
	byID := make(map[K]*T, len(rows))
	for _, row := range rows {
		byID[id(row)] = row
	}
	return byID
}
