package repo

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/model"
)

// Bounds of the vectors that are kept in memory.
const (
	// indexExpiry is how long an index is kept before it is read anew. It bounds what memory deleted vectors take, and how long one is missed that
	// a transaction wrote whose id had been another's before a standby took over.
	indexExpiry = time.Hour
	// indexRetry is how soon one is read again that could not be.
	indexRetry = 10 * time.Second
	// indexReadMax is how long it may take to read one.
	indexReadMax = 5 * time.Minute
	// indexReadsMax is how many are read at a time: each has a connection of its own.
	indexReadsMax = 2
	// indexWaitMax is how long a search waits for that, before it asks the database, unless half of the time that it has is less.
	indexWaitMax = 2 * time.Second
	// indexAddedMax and indexAddedBytes are how much a search adds. If there is more, all is read anew.
	indexAddedMax   = 10_000
	indexAddedBytes = 8 << 20
)

// indexes keeps the vectors of companies in memory, of those that searched last. To find the nearest of 100,000 takes PostgreSQL 65 ms, and
// this process 2. Each search asks the database for those that it has not seen yet: what was committed before is found, whoever wrote it.
type indexes struct {
	db    *bun.DB
	most  int64             // bytes
	used  func(bytes int64) // nil if nobody asks
	reads chan struct{}     // a place for each that is being read

	mu sync.Mutex
	of map[indexKey]*keptIndex
}

// keptIndex is an index, or the promise of one.
type keptIndex struct {
	read  chan struct{} // closed at the end
	index *index        // nil where it could not be read, and where that is too large

	bytes  int64 // that it takes, or is going to
	ends   time.Time
	sought time.Time // last
}

// indexKey says which vectors an index has.
type indexKey struct {
	company    model.CompanyID
	model      string
	dimensions int
}

// weight is what a vector takes in an index, in bytes.
func (k indexKey) weight() int64 {
	return int64(len(uuid.UUID{}) + 8*codeWords(k.dimensions) + shortSize(k.dimensions))
}

// addedMax is how many vectors a search adds.
func (k indexKey) addedMax() int {
	return min(indexAddedMax, indexAddedBytes/vectorRowSize(k.dimensions))
}

func newIndexes(db *bun.DB, most int64, used func(bytes int64)) *indexes {
	if most == 0 {
		return nil
	}
	return &indexes{db: db, most: most, used: used, reads: make(chan struct{}, indexReadsMax), of: map[indexKey]*keptIndex{}}
}

// current gives an index with all that is committed: nil where it is not in memory. A search that misses it has it read, and waits for that, but
// not for long. A nil indexes has none.
func (x *indexes) current(ctx context.Context, key indexKey) (*index, error) {
	if x == nil {
		return nil, nil
	}
	most := indexWaitMax
	if end, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(end)/2)
	}
	wait, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for range 2 {
		e := x.kept(key)
		select {
		case <-e.read:
		case <-wait.Done():
			return nil, ctx.Err()
		}
		if e.index == nil {
			return nil, nil
		}
		added, err := e.index.follow(ctx, x.db)
		switch {
		case err != nil:
			return nil, err
		case added == 0:
			return e.index, nil
		case added <= key.addedMax():
			x.fit(key, e, e.index.bytes())
			return e.index, nil
		}
		x.drop(key, e)
	}
	return nil, nil
}

// kept gives what is kept of a key, and has it read that is not there.
func (x *indexes) kept(key indexKey) *keptIndex {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	for key, e := range x.of {
		if e.isRead() && now.After(e.ends) {
			delete(x.of, key)
			x.tell()
		}
	}
	e, ok := x.of[key]
	if !ok {
		e = &keptIndex{read: make(chan struct{})}
		x.of[key] = e
		go x.read(key, e)
	}
	e.sought = now
	return e
}

func (e *keptIndex) isRead() bool {
	select {
	case <-e.read:
		return true
	default:
		return false
	}
}

func (x *indexes) read(key indexKey, e *keptIndex) {
	x.reads <- struct{}{}
	defer func() { <-x.reads }()
	ctx, cancel := context.WithTimeout(context.Background(), indexReadMax)
	defer cancel()
	read, err := x.readAll(ctx, key, e)
	x.mu.Lock()
	defer x.mu.Unlock()
	e.ends = time.Now().Add(indexExpiry)
	if err != nil {
		e.ends, e.bytes = time.Now().Add(indexRetry), 0
		x.tell()
	} else {
		e.index = read
	}
	close(e.read)
}

// fit makes place for what an index takes, from those that were sought longest ago, and reports whether there is.
func (x *indexes) fit(key indexKey, e *keptIndex, bytes int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of[key] != e {
		return false // it was dropped meanwhile
	}
	e.bytes = bytes
	for x.total() > x.most {
		oldest := key
		for other, of := range x.of {
			if of != e && of.bytes > 0 && of.isRead() && (oldest == key || of.sought.Before(x.of[oldest].sought)) {
				oldest = other
			}
		}
		delete(x.of, oldest)
		if oldest == key {
			break
		}
	}
	x.tell()
	return x.of[key] == e
}

func (x *indexes) total() (bytes int64) {
	for _, e := range x.of {
		bytes += e.bytes
	}
	return bytes
}

func (x *indexes) tell() {
	if x.used != nil {
		x.used(x.total())
	}
}

// drop has the next search read an index anew.
func (x *indexes) drop(key indexKey, e *keptIndex) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of[key] == e {
		delete(x.of, key)
		x.tell()
	}
}

// remove takes vectors out of an index.
func (x *indexes) remove(key indexKey, chunks []model.ChunkID) {
	x.mu.Lock()
	e, ok := x.of[key]
	x.mu.Unlock()
	if ok && e.isRead() && e.index != nil {
		e.index.mu.Lock()
		defer e.index.mu.Unlock()
		e.index.remove(chunks)
	}
}

// ofIndex narrows a query over chunk_codes.
const ofIndex = "code.company_id = ? AND code.model = ? AND length(code.code) = ?"

func (k indexKey) args() []any { return []any{k.company, k.model, codeBits * k.dimensions} }

// readAll reads an index, or none where it does not fit.
func (x *indexes) readAll(ctx context.Context, key indexKey, e *keptIndex) (read *index, err error) {
	err = x.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var snapshot string
		most, many := x.most/key.weight(), int64(0)
		if _, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = ?", indexReadMax.Milliseconds()); err != nil {
			return err
		}
		err := tx.NewRaw("SELECT pg_current_snapshot()::text, count(*) FROM (SELECT FROM chunk_codes AS code WHERE "+ofIndex+" LIMIT ?) AS counted",
			append(key.args(), most+1)...).Scan(ctx, &snapshot, &many)
		if err != nil || many > most {
			return err
		}
		if !x.fit(key, e, many*key.weight()) {
			return errNoPlace
		}
		read = &index{indexKey: key}
		read.snapshot.Store(&snapshot) // what is committed after this is read, and will be followed, too
		read.ids, read.codes = make([]model.ChunkID, 0, many), make(bitCode, 0, many*int64(codeWords(key.dimensions)))
		read.vectors = make([]byte, 0, many*int64(shortSize(key.dimensions)))
		codes := tx.NewRaw("SELECT chunk_id, model FROM chunk_codes AS code WHERE "+ofIndex, key.args()...)
		return eachVector(ctx, tx, codes, key.dimensions, read.append)
	})
	return read, err
}

var errNoPlace = errors.New("other indexes that are being read leave no place")
