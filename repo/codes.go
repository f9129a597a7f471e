package repo

import (
	"context"
	"encoding/binary"
	"math/bits"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"github.com/uptrace/bun"

	"dossier/model"
)

// Bounds of the codes that are kept in memory.
const (
	// codesExpiry is how long codes are kept before they are read anew. It bounds what memory deleted ones take, and how long one is missed that
	// a transaction wrote whose id had been another's before a standby took over.
	codesExpiry = time.Hour
	// codesReadMax is how long it may take to read a company's.
	codesReadMax = time.Minute
	// codesAddedMax is how many a search adds. If there are more, all are read anew.
	codesAddedMax = 10_000
	// codesOverhead is what a code takes beside its bits, in bytes: the id of its chunk.
	codesOverhead = 16
)

// codes keeps the codes of companies' vectors in memory, of those that searched last. To compare 100,000 of them takes PostgreSQL 60 ms, and
// this process 2. Each search asks the database for those that it has not seen yet: what was committed before is found, whoever wrote it.
type codes struct {
	db   *bun.DB
	most int64 // bytes
	kept *otter.Cache[codesOf, *companyCodes]

	mu      sync.Mutex
	reading map[codesOf]chan struct{} // closed at the end
}

// codesOf says which codes.
type codesOf struct {
	company    model.CompanyID
	model      string
	dimensions int
}

func newCodes(db *bun.DB, most int64) *codes {
	if most == 0 {
		return nil
	}
	c := &codes{db: db, most: most, reading: map[codesOf]chan struct{}{}}
	c.kept = otter.Must(&otter.Options[codesOf, *companyCodes]{
		MaximumWeight: uint64(most)>>10 + 1, ExpiryCalculator: otter.ExpiryCreating[codesOf, *companyCodes](codesExpiry),
		Weigher: func(_ codesOf, of *companyCodes) uint32 { return uint32(of.size()>>10) + 1 },
	})
	return c
}

// nearest gives up to n chunks, those with the codes nearest to the vector's. It reports false where the codes are not in memory. The first
// search that misses them has them read, and does without; others wait until that is done. A nil codes has none.
func (c *codes) nearest(ctx context.Context, of codesOf, vector model.Vector, n int) ([]model.ChunkID, bool, error) {
	if c == nil {
		return nil, false, nil
	}
	for {
		kept, ok := c.kept.GetIfPresent(of)
		if ok && kept.tooMany {
			return nil, false, nil
		}
		if ok {
			added, err := kept.follow(ctx, c.db, of)
			switch {
			case err != nil:
				return nil, false, err
			case added <= codesAddedMax:
				if added > 0 {
					c.kept.Set(of, kept) // weighs it again
				}
				return kept.nearest(wordsOf(codeOf(vector)), n), true, nil
			}
			c.kept.Invalidate(of)
		}
		done, begun := c.read(of)
		if begun {
			return nil, false, nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// gone forgets chunks that are there no more.
func (c *codes) gone(of codesOf, chunks []model.ChunkID) {
	if kept, ok := c.kept.GetIfPresent(of); ok {
		kept.remove(chunks)
	}
}

// read reads codes in the background, once at a time, and reports whether that begins now.
func (c *codes) read(of codesOf) (done <-chan struct{}, begun bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, ok := c.reading[of]; ok {
		return done, false
	}
	ended := make(chan struct{})
	c.reading[of] = ended
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), codesReadMax)
		defer cancel()
		defer close(ended)
		read, err := c.readAll(ctx, of)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.reading, of)
		if err == nil { // or the next search tries again
			c.kept.Set(of, read)
		}
	}()
	return ended, true
}

// ofCompany narrows a query over chunk_codes.
const ofCompany = "company_id = ? AND model = ? AND length(code) = ?"

func (c *codes) readAll(ctx context.Context, of codesOf) (*companyCodes, error) {
	read := &companyCodes{turn: make(chan struct{}, 1), words: (codeBits*of.dimensions + 63) / 64}
	most := int(c.most) / (read.words*8 + codesOverhead)
	args := []any{of.company, of.model, codeBits * of.dimensions}
	var many int
	err := c.db.NewRaw("SELECT pg_current_snapshot()::text, count(*) FROM (SELECT FROM chunk_codes WHERE "+ofCompany+" LIMIT ?) AS counted",
		append(args, most+1)...).Scan(ctx, &read.snapshot, &many)
	if err != nil || many > most {
		read.tooMany = true
		return read, err
	}
	read.ids, read.bits = make([]model.ChunkID, 0, many), make([]uint64, 0, many*read.words)
	rows, err := c.db.QueryContext(ctx, "SELECT pg_current_snapshot()::text, "+packed+" FROM chunk_codes WHERE "+ofCompany+" GROUP BY document_id",
		args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var some []byte
		if err := rows.Scan(&read.snapshot, &some); err != nil {
			return nil, err
		}
		read.add(some)
	}
	return read, rows.Err()
}

// packed is codes in one value: each the id of its chunk, how many bits it has, and these.
const packed = "string_agg(uuid_send(chunk_id) || varbit_send(code), '')"

// companyCodes are the codes of a company's vectors.
type companyCodes struct {
	tooMany bool // to be kept
	words   int  // that a code has

	turn     chan struct{} // of who asks the database for more
	snapshot string        // of the database, where all codes that it shows are known: a pg_snapshot

	mu   sync.RWMutex
	ids  []model.ChunkID
	bits []uint64 // words for each id
}

func (c *companyCodes) size() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return int64(cap(c.ids))*codesOverhead + int64(cap(c.bits))*8
}

// follow adds what was committed since it was last asked, and reports how many: none of them where that is more than codesAddedMax. A code
// that was written anew is there twice, which costs a candidate.
func (c *companyCodes) follow(ctx context.Context, db *bun.DB, of codesOf) (int, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	var now struct {
		Snapshot string
		Many     int
		Added    []byte
	}
	err := db.NewRaw("SELECT pg_current_snapshot()::text AS snapshot, count(*) AS many, "+packed+" AS added FROM (SELECT chunk_id, code FROM chunk_codes WHERE "+ofCompany+`
		AND written_by >= pg_snapshot_xmin(?) AND NOT pg_visible_in_snapshot(written_by, ?) LIMIT ?) AS added`,
		of.company, of.model, codeBits*of.dimensions, c.snapshot, c.snapshot, codesAddedMax+1).Scan(ctx, &now)
	if err != nil || now.Many > codesAddedMax {
		return now.Many, err
	}
	c.snapshot = now.Snapshot
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(now.Added)
	return now.Many, nil
}

// add takes codes that are packed.
func (c *companyCodes) add(some []byte) {
	const before = len(uuid.UUID{}) + 4
	for len(some) > before {
		length := (int(binary.BigEndian.Uint32(some[len(uuid.UUID{}):])) + 7) / 8
		c.ids = append(c.ids, model.ChunkID(some[:len(uuid.UUID{})]))
		c.bits = appendWords(c.bits, some[before:before+length])
		some = some[before+length:]
	}
}

func (c *companyCodes) remove(chunks []model.ChunkID) {
	gone := make(map[model.ChunkID]struct{}, len(chunks))
	for _, id := range chunks {
		gone[id] = struct{}{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	left := 0
	for i, id := range c.ids {
		if _, ok := gone[id]; !ok {
			c.ids[left] = id
			copy(c.bits[left*c.words:(left+1)*c.words], c.bits[i*c.words:])
			left++
		}
	}
	c.ids, c.bits = c.ids[:left], c.bits[:left*c.words]
}

// nearest gives up to n chunks, those whose codes differ in the fewest bits.
func (c *companyCodes) nearest(code []uint64, n int) []model.ChunkID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	distances, counts := make([]uint16, len(c.ids)), make([]int, 64*c.words+1)
	for i := range distances {
		distance := 0
		for j, word := range c.bits[i*c.words:][:len(code)] {
			distance += bits.OnesCount64(word ^ code[j])
		}
		distances[i] = uint16(distance)
		counts[distance]++
	}
	// All that are nearer than the edge are taken, and as many at the edge as are left.
	edge, left := 0, n
	for edge < len(counts) && counts[edge] <= left {
		left -= counts[edge]
		edge++
	}
	chunks := make([]model.ChunkID, 0, min(n, len(c.ids)))
	for i, distance := range distances {
		if int(distance) == edge && left > 0 {
			left--
		} else if int(distance) >= edge {
			continue
		}
		chunks = append(chunks, c.ids[i])
	}
	return chunks
}

// wordsOf is a code of 0 and 1 in words.
func wordsOf(code string) []uint64 {
	packed := make([]byte, (len(code)+7)/8)
	for i := range code {
		packed[i/8] |= (code[i] - '0') << (7 - i%8)
	}
	return appendWords(nil, packed)
}

// appendWords appends bytes, the first one the highest of its word.
func appendWords(words []uint64, some []byte) []uint64 {
	for ; len(some) >= 8; some = some[8:] {
		words = append(words, binary.BigEndian.Uint64(some))
	}
	if len(some) > 0 {
		var last [8]byte
		copy(last[:], some)
		words = append(words, binary.BigEndian.Uint64(last[:]))
	}
	return words
}
