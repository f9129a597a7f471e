package repo

import (
	"context"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/model"
)

// comparedMax is how many vectors are compared with the query's by their numbers, of those whose codes are most alike. Of the ten nearest of
// a company's 100,000 passages, 99 of 100 are among so many.
const comparedMax = 1000

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
