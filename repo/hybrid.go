package repo

import (
	"context"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/model"
)

// The constants of BM25, as most have them (Robertson, Zaragoza 2009, section 3.3).
const (
	bm25K1 = 1.2
	bm25B  = 0.75
)

// fusionConstant is k of reciprocal rank fusion (Cormack, Clarke, Büttcher 2009, section 3).
const fusionConstant = 60

// How many of the chunks that were found by vectors are looked at for words, and how many that have all of the words beside these. Each
// costs some 20 µs, and more of them find nothing better.
const (
	wordCandidatesMax = 100
	wordMatchesMax    = 200
)

// byBoth finds chunks by vectors and by words: what both rankings have far up comes first.
func (r Reader) byBoth(ctx context.Context, s model.Search, query QueryVector) ([]found, error) {
	byVector, err := r.byVector(ctx, s.Filter, query)
	if err != nil {
		return nil, err
	}
	byWords, err := r.byWords(ctx, s, byVector[:min(len(byVector), wordCandidatesMax)])
	if err != nil {
		return nil, err
	}
	return fuse(byVector, byWords), nil
}

// fuse is reciprocal rank fusion.
func fuse(rankings ...[]found) []found {
	scores := map[uuid.UUID]float64{}
	for _, ranking := range rankings {
		slices.SortFunc(ranking, compareFound)
		for i, hit := range ranking {
			scores[hit.id] += 1 / float64(fusionConstant+i+1)
		}
	}
	fused := make([]found, 0, len(scores))
	for id, score := range scores {
		fused = append(fused, found{id, score})
	}
	return fused
}

// words are those of the query that are to be there, each a query of its own.
const words = `SELECT asked.*, ARRAY(
		SELECT DISTINCT word[1]::tsquery FROM regexp_matches(querytree(strict), '(''[^'']+'')', 'g') AS word ORDER BY 1
	) AS words FROM asked`

// wordsRow is a chunk that has some of the words.
type wordsRow struct {
	ID     uuid.UUID
	Length int    // how many different words it has
	Has    string // '1' for each of the query's words that it has, '0' for one that it has not
}

// byWords gives the candidates that have some of the query's words a score, and more chunks that have all of them. The rarer a word, the
// more it counts (BM25), which PostgreSQL's own rank does not know; how rare it is, is seen from the chunks that are looked at.
func (r Reader) byWords(ctx context.Context, s model.Search, candidates []found) ([]found, error) {
	matches, err := r.matches(s, wordMatchesMax)
	if err != nil {
		return nil, err
	}
	ids := uuidArray(idsOf(candidates))
	more := matches.Where("?TableAlias.id <> ALL (?::uuid[])", ids)
	some := r.db.NewSelect().TableExpr("document_chunks AS chunk").ColumnExpr("chunk.id, chunk.tsv").Where("chunk.id = ANY (?::uuid[])", ids)
	var rows []wordsRow
	// PostgreSQL would look up all chunks that have one of the words, to find those among the candidates, and the words anew for each chunk.
	err = r.db.NewSelect().With("asked", r.db.NewRaw(asked, r.language, s.Query)).
		WithQuery(bun.NewWithQuery("words", r.db.NewRaw(words)).Materialized()).
		WithQuery(bun.NewWithQuery("candidate", more.UnionAll(some)).Materialized()).
		TableExpr("candidate").Join("JOIN words ON candidate.tsv @@ words.relaxed").
		ColumnExpr("candidate.id, length(candidate.tsv) AS length").
		ColumnExpr(`(SELECT string_agg(CASE WHEN candidate.tsv @@ word THEN '1' ELSE '0' END, '' ORDER BY place)
			FROM unnest(words.words) WITH ORDINALITY AS each (word, place)) AS has`).
		Scan(ctx, &rows)
	if err != nil {
		return nil, translate(err)
	}
	return bm25(rows, candidates), nil
}

// bm25 scores chunks by the words that they have, however often: passages are short.
func bm25(rows []wordsRow, candidates []found) []found {
	looked, lengths := map[uuid.UUID]struct{}{}, 0
	for _, c := range candidates {
		looked[c.id] = struct{}{}
	}
	var having []float64 // by word, how many chunks have it
	for _, row := range rows {
		looked[row.ID] = struct{}{}
		lengths += row.Length
		having = append(having, make([]float64, len(row.Has)-min(len(row.Has), len(having)))...)
		for i := range row.Has {
			having[i] += float64(row.Has[i] - '0')
		}
	}
	mean := float64(lengths) / float64(max(len(rows), 1))
	hits := make([]found, len(rows))
	for i, row := range rows {
		each := (bm25K1 + 1) / (1 + bm25K1*(1-bm25B+bm25B*float64(row.Length)/mean))
		score := 0.0
		for word, has := range row.Has {
			if has == '1' {
				score += each * math.Log(1+(float64(len(looked))-having[word]+0.5)/(having[word]+0.5))
			}
		}
		hits[i] = found{row.ID, score}
	}
	return hits
}
