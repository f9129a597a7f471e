package repo

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
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
	// comparedMax is how many vectors are compared with the query's by their numbers, of those whose codes are most alike. Of the ten nearest of
	// a company's 100,000 passages, 99 of 100 are among so many.
	comparedMax = 1000
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

// fit makes place for what an entry takes, from those that were sought longest ago, and reports whether there is.
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

// index has the vectors of a company.
type index struct {
	indexKey
	snapshot atomic.Pointer[string] // of the database, where all vectors that it shows are known: a pg_snapshot

	mu      sync.RWMutex
	ids     []model.ChunkID
	codes   bitCode // codeWords for each id
	vectors []byte  // a shortVector for each id
}

// bytes is what memory it takes.
func (x *index) bytes() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return int64(cap(x.ids)*len(uuid.UUID{}) + 8*cap(x.codes) + cap(x.vectors))
}

// follow adds what was committed since it was last asked, and reports how many: none of them where that is more than addedMax.
func (x *index) follow(ctx context.Context, db *bun.DB) (int, error) {
	for {
		since := x.snapshot.Load()
		var now struct {
			Snapshot string
			Many     int
			Added    []byte
		}
		err := db.NewRaw(`SELECT pg_current_snapshot()::text AS snapshot, count(*) AS many, string_agg(uuid_send(chunk_id) || (
				SELECT vector FROM chunk_embeddings AS embedding WHERE embedding.chunk_id = added.chunk_id AND embedding.model = added.model
			), '') AS added
			FROM (SELECT chunk_id, model FROM chunk_codes AS code WHERE `+ofIndex+`
				AND written_by >= pg_snapshot_xmin(?) AND NOT pg_visible_in_snapshot(written_by, ?)
				AND written_by < pg_snapshot_xmax(pg_current_snapshot()) LIMIT ?) AS added`, // a restored database has larger ones, which were read
			append(x.args(), *since, *since, x.addedMax()+1)...).Scan(ctx, &now)
		if err != nil || now.Many > x.addedMax() {
			return now.Many, err
		}
		if x.add(now.Added, since, &now.Snapshot) {
			return now.Many, nil
		}
	}
}

// add takes what was committed between two snapshots. It reports false where there is some, and the first one is not the index's anymore: what is
// newer may have come meanwhile.
func (x *index) add(some []byte, since, now *string) bool {
	if len(some) == 0 {
		x.snapshot.CompareAndSwap(since, now)
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.snapshot.CompareAndSwap(since, now) {
		return false
	}
	var chunks []model.ChunkID
	for row := range slices.Chunk(some, vectorRowSize(x.dimensions)) {
		id, _ := cutID(row)
		chunks = append(chunks, model.ChunkID(id))
	}
	x.remove(chunks)
	for row := range slices.Chunk(some, vectorRowSize(x.dimensions)) {
		x.append(row)
	}
	return true
}

// append takes a vector behind the id of its chunk.
func (x *index) append(row []byte) {
	id, raw := cutID(row)
	vector := vectorOf(raw)
	x.ids = append(x.ids, model.ChunkID(id))
	x.codes = appendCode(x.codes, vector)
	x.vectors = appendShort(x.vectors, vector)
}

func (x *index) remove(chunks []model.ChunkID) {
	gone := make(map[model.ChunkID]struct{}, len(chunks))
	for _, id := range chunks {
		gone[id] = struct{}{}
	}
	words, size, left := codeWords(x.dimensions), shortSize(x.dimensions), 0
	for i, id := range x.ids {
		if _, ok := gone[id]; ok {
			continue
		}
		if left < i {
			x.ids[left] = id
			copy(x.codes[left*words:(left+1)*words], x.codes[i*words:])
			copy(x.vectors[left*size:(left+1)*size], x.vectors[i*size:])
		}
		left++
	}
	x.ids, x.codes, x.vectors = x.ids[:left], x.codes[:left*words], x.vectors[:left*size]
}

// nearest gives up to n chunks, those with the vectors most like the query's, the best first.
func (x *index) nearest(query model.Vector, n int) []found {
	x.mu.RLock()
	defer x.mu.RUnlock()
	size := shortSize(x.dimensions)
	alike := x.alike(codeOf(query), comparedMax)
	hits := make([]found, len(alike))
	for i, at := range alike {
		hits[i] = found{uuid.UUID(x.ids[at]), float64(shortVector(x.vectors[at*size:][:size]).dot(query))}
	}
	slices.SortFunc(hits, compareFound)
	return hits[:min(n, len(hits))]
}

// alike gives the places of up to n vectors, those whose codes differ in the fewest bits.
func (x *index) alike(code bitCode, n int) []int {
	type candidate struct{ at, distance int32 }
	var candidates []candidate
	// Those that are farther than the edge have n before them.
	counts, within, edge := make([]int, 64*len(code)+1), 0, 64*len(code)
	for at := range x.ids {
		distance := 0
		for i, word := range x.codes[at*len(code):][:len(code)] {
			distance += bits.OnesCount64(word ^ code[i])
		}
		if distance > edge {
			continue
		}
		candidates = append(candidates, candidate{int32(at), int32(distance)})
		counts[distance]++
		for within++; within-counts[edge] >= n; edge-- {
			within -= counts[edge]
		}
	}
	// All that are nearer than the edge are taken, and as many at the edge as are left.
	left := n - (within - counts[edge])
	places := make([]int, 0, min(n, len(candidates)))
	for _, c := range candidates {
		if int(c.distance) == edge && left > 0 {
			left--
		} else if int(c.distance) >= edge {
			continue
		}
		places = append(places, int(c.at))
	}
	return places
}
