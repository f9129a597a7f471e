package passages

import (
	"slices"

	"dossier/model"
)

// slack is how far apart two sums of the same numbers may be.
const slack = 1e-5

// Exact is how near the nearest chunks are to a query, and who is so near: every one of them is looked at.
type Exact struct {
	scores map[model.ChunkID]float32
	least  float32 // of the nearest
	count  int
}

// NewExact compares a query with all vectors of the chunks.
func NewExact(chunks []Chunk, vector func(Chunk) model.Vector, query model.Vector, nearest int) Exact {
	e := Exact{scores: make(map[model.ChunkID]float32, len(chunks))}
	all := make([]float32, len(chunks))
	for i, chunk := range chunks {
		all[i] = vector(chunk).Dot(query)
		e.scores[chunk.ID] = all[i]
	}
	slices.Sort(all)
	e.count = min(nearest, len(all))
	if e.count > 0 {
		e.least = all[len(all)-e.count]
	}
	return e
}

// Recall is the share of the nearest chunks that was found. One that is as near as the last of them is one of them.
func (e Exact) Recall(found []model.ChunkID) float64 {
	if e.count == 0 {
		return 1
	}
	right := 0
	for _, id := range slices.Compact(slices.Clone(found[:min(len(found), e.count)])) {
		if score, ok := e.scores[id]; ok && score >= e.least-slack {
			right++
		}
	}
	return float64(right) / float64(e.count)
}
