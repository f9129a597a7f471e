package repo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

const (
	// candidatesMax is how many vectors are read to be compared with the query's, of those whose codes are most alike. Of the ten nearest of
	// a company's 100,000 passages, 95 of 100 are among so many.
	candidatesMax = 250
	// goneTriesMax is how often a search is made, at most, of which hits turn out to be deleted. The last time the database is asked.
	goneTriesMax = 4
	// matchesMax is how many matches of a text are ranked: of more than that, these are some.
	matchesMax = 2000
)

// QueryVector is what the model makes of a search's query.
type QueryVector struct {
	Model  string
	Vector model.Vector
}

// found is a chunk that was found, and how well it fits.
type found struct {
	id    uuid.UUID
	score float64
}

// idsOf are the chunks that were found.
func idsOf(hits []found) []model.ChunkID {
	ids := make([]model.ChunkID, len(hits))
	for i, hit := range hits {
		ids[i] = model.ChunkID(hit.id)
	}
	return ids
}

// Search finds passages of the documents that the viewer may see: up to 200, the best first, in pages. A search by vectors, and a
// hybrid one, needs what the model makes of the query.
func (r Reader) Search(ctx context.Context, s model.Search, query *QueryVector) (*model.SearchHitConnection, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	args := model.PageArgs{First: s.First, After: s.After}
	size, _, err := args.Size()
	if err != nil {
		return nil, err
	}
	after, err := decodeHit(s.After)
	if err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		if tries == goneTriesMax {
			r.indexes = nil
		}
		hits, err := r.ranked(ctx, s, query)
		if err != nil {
			return nil, err
		}
		page := hits
		if after != nil {
			begin, exactly := slices.BinarySearchFunc(hits, *after, compareFound)
			if exactly {
				begin++
			}
			page = hits[begin:]
		}
		more := len(page) > size
		page = page[:min(len(page), size)]
		rows, err := r.hits(ctx, s.Query, page)
		if err != nil {
			return nil, err
		}
		if len(rows) < len(page) {
			again, err := r.forgetGone(ctx, s.Filter, query, hits)
			if err != nil {
				return nil, err
			}
			if again {
				continue
			}
		}
		shown := len(rows)
		if more {
			rows = append(rows, nil) // stands for what is beyond the page
		}
		return model.NewConnection(rows, args, shown, false, cursorOfHit, nil), nil
	}
}

// forgetGone takes those hits out of memory that are there no more, and reports whether there were any.
func (r Reader) forgetGone(ctx context.Context, f *model.SearchFilter, query *QueryVector, hits []found) (bool, error) {
	if query == nil || r.indexes == nil {
		return false, nil
	}
	key, ok := r.indexKey(f, *query)
	if !ok {
		return false, nil
	}
	var gone []model.ChunkID
	err := r.db.NewRaw("SELECT id FROM unnest(?::uuid[]) AS id WHERE NOT EXISTS (SELECT FROM document_chunks AS chunk WHERE chunk.id = id.id)",
		uuidArray(idsOf(hits))).Scan(ctx, &gone)
	if err != nil || len(gone) == 0 {
		return false, translate(err)
	}
	r.indexes.remove(key, gone)
	return true, nil
}

// ranked are the hits of the search, without what they say, the best first.
func (r Reader) ranked(ctx context.Context, s model.Search, query *QueryVector) ([]found, error) {
	var hits []found
	var err error
	switch s.Mode {
	case model.SearchText:
		hits, err = r.byText(ctx, s)
	case model.SearchVector:
		hits, err = r.byVector(ctx, s.Filter, *query)
	default:
		hits, err = r.byBoth(ctx, s, *query)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(hits, compareFound)
	return hits[:min(len(hits), model.SearchHitsMax)], nil
}

// compareFound sorts the best first, and those that fit alike by their ids.
func compareFound(a, b found) int {
	if a.score != b.score {
		return cmp.Compare(b.score, a.score)
	}
	return bytes.Compare(a.id[:], b.id[:])
}

// searched narrows a query over rows of chunks to what the viewer may see, and to the filter's documents.
func searched[T any](r Reader, f *model.SearchFilter) (*bun.SelectQuery, error) {
	q := from[T](r)
	if err := granted[T](r); err != nil || f.IsEmpty() {
		return q, err
	}
	if f.CompanyID != nil {
		q = q.Where("?TableAlias.company_id = ?", *f.CompanyID)
	}
	if f.DocumentIDs != nil {
		q = q.Where("?TableAlias.document_id IN (?)", bun.List(f.DocumentIDs))
	}
	if f.ProjectID == nil && f.OwnerID == nil && f.ThemeID == nil && f.ContentType == nil {
		return q, nil
	}
	documents := r.documents(&model.DocumentFilter{
		ProjectID: f.ProjectID, OwnerID: f.OwnerID, ThemeID: f.ThemeID, ContentType: f.ContentType, CompanyID: f.CompanyID,
	})().Column("id")
	// A query that is an argument by itself gives ?TableAlias its own alias.
	return q.Where("?TableAlias.document_id IN (?)", planned{documents}), nil
}

// inOneProcess keeps PostgreSQL from starting workers for a statement, as it may not where a setting is changed: to start them takes
// longer than what they do, and a server that is busy has no use for more processes.
const inOneProcess = "(SELECT set_config('max_parallel_workers_per_gather', '0', true)) = '0'"

// byVector finds the chunks whose vectors are most like the query's, the best first.
func (r Reader) byVector(ctx context.Context, f *model.SearchFilter, query QueryVector) ([]found, error) {
	if r.searchesByPGVector() {
		return r.byPGVector(ctx, f, query)
	}
	if key, ok := r.indexKey(f, query); ok {
		index, err := r.indexes.current(ctx, key)
		if err != nil {
			return nil, translate(err)
		}
		if index != nil {
			return index.nearest(query.Vector, model.SearchHitsMax), nil
		}
	}
	candidates, err := searched[model.ChunkCode](r, f)
	if err != nil {
		return nil, err
	}
	candidates = candidates.Column("chunk_id", "model").
		Where("?TableAlias.model = ? AND length(?TableAlias.code) = ? AND "+inOneProcess, query.Model, codeBits*len(query.Vector)).
		OrderExpr("bit_count(?TableAlias.code # ?::varbit)", codeOf(query.Vector).varbit(len(query.Vector))).Limit(candidatesMax)
	var hits []found
	err = eachVector(ctx, r.db, candidates, len(query.Vector), func(row []byte) {
		id, raw := cutID(row)
		hits = append(hits, found{id, float64(shortVector(appendShort(nil, vectorOf(raw))).dot(query.Vector))})
	})
	if err != nil {
		return nil, translate(err)
	}
	slices.SortFunc(hits, compareFound)
	return hits[:min(len(hits), model.SearchHitsMax)], nil
}

// searchesByPGVector reports whether pgvector finds the nearest.
func (r Reader) searchesByPGVector() bool { return r.vectors != nil && r.vectors.PGVector != "" }

// indexKey says in which index a search is, if it is in all that a company has.
func (r Reader) indexKey(f *model.SearchFilter, query QueryVector) (indexKey, bool) {
	if r.searchesByPGVector() {
		return indexKey{}, false
	}
	var rest model.SearchFilter
	if f != nil {
		rest = *f
	}
	company, own := rest.CompanyID, r.viewer.CompanyID
	rest.CompanyID = nil
	if company == nil {
		company = own
	}
	if !rest.IsEmpty() || company == nil || own != nil && *company != *own || granted[model.ChunkCode](r) != nil {
		return indexKey{}, false
	}
	return indexKey{*company, query.Model, len(query.Vector)}, true
}

// byPGVector is byVector by the index of pgvector, which goes on until the company and the filter have let enough through.
func (r Reader) byPGVector(ctx context.Context, f *model.SearchFilter, query QueryVector) ([]found, error) {
	var rows []struct {
		ChunkID  uuid.UUID
		Distance float64
	}
	err := r.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = 200; "+
			"SET LOCAL hnsw.max_scan_tuples = 1000000; SET LOCAL hnsw.scan_mem_multiplier = 8"); err != nil {
			return err
		}
		within := r
		within.db = tx
		q, err := searched[chunkVector](within, f)
		if err != nil {
			return err
		}
		distance := bun.SafeQuery("(?TableAlias.?) <=> ?::halfvec", embeddingOf(len(query.Vector)), numbers(query.Vector))
		return q.ColumnExpr("?TableAlias.chunk_id, ? AS distance", distance).
			Where("?TableAlias.model = ? AND ?", query.Model, hasLength(len(query.Vector))).OrderExpr("?", distance).Limit(model.SearchHitsMax).Scan(ctx, &rows)
	})
	if err != nil {
		return nil, translate(err)
	}
	hits := make([]found, len(rows))
	for i, row := range rows {
		hits[i] = found{row.ChunkID, 1 - row.Distance}
	}
	slices.SortFunc(hits, compareFound)
	return hits, nil
}

// chunkVector is a row of pgvector's table, which is there only where the extension is.
type chunkVector struct {
	bun.BaseModel `bun:"table:chunk_vectors,alias:vector"`

	ChunkID uuid.UUID `bun:",pk"`
}

// ReadScope is the scope that an API key needs to read one.
func (*chunkVector) ReadScope() model.Scope { return model.ScopeDocumentsRead }

// asked is the query as full text search knows it: each word of it, and any of them where it has no operators.
const asked = `SELECT strict, CASE WHEN strict::text ~ '[!|<]' THEN strict ELSE replace(strict::text, '&', '|')::tsquery END AS relaxed
	FROM websearch_to_tsquery(?::regconfig, ?) AS strict`

// byText finds the chunks that all of the text's words are in.
func (r Reader) byText(ctx context.Context, s model.Search) ([]found, error) {
	matches, err := r.matches(s, matchesMax)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID    uuid.UUID
		Score float64
	}
	err = r.db.NewSelect().With("asked", r.db.NewRaw(asked, r.language, s.Query)).TableExpr("(?) AS match", matches).Join("CROSS JOIN asked").
		ColumnExpr("match.id, ts_rank(match.tsv, asked.strict, 1) AS score").OrderExpr("score DESC, id").Limit(model.SearchHitsMax).
		Scan(ctx, &rows)
	if err != nil {
		return nil, translate(err)
	}
	hits := make([]found, len(rows))
	for i, row := range rows {
		hits[i] = found{row.ID, row.Score}
	}
	return hits, nil
}

// matches are some of the chunks that all of the text's words are in.
func (r Reader) matches(s model.Search, most int64) (*bun.SelectQuery, error) {
	q, err := searched[model.DocumentChunk](r, s.Filter)
	if err != nil {
		return nil, err
	}
	return q.Column("id", "tsv").Join("CROSS JOIN asked").Where("?TableAlias.tsv @@ asked.strict").Limit(most), nil
}

// snippetOptions are those of ts_headline (PostgreSQL documentation, 12.3.4).
const snippetOptions = "StartSel=" + model.SnippetStart + ", StopSel=" + model.SnippetStop + ", MaxFragments=2, MaxWords=30, MinWords=12, FragmentDelimiter=\" … \""

// hits reads what the chunks say, with the words of the query marked.
func (r Reader) hits(ctx context.Context, query string, of []found) ([]*model.SearchHit, error) {
	hits := make([]*model.SearchHit, 0, len(of))
	if len(of) == 0 {
		return hits, nil
	}
	var rows []*snippetRow
	q := pick[model.DocumentChunk](r, r.chunks().Model(&rows), "document_id", "page")
	if r.selection == nil {
		q = q.ExcludeColumn("tsv")
	}
	err := q.With("asked", r.db.NewRaw(asked, r.language, query)).Join("CROSS JOIN asked").
		ColumnExpr("ts_headline(?::regconfig, chunk.text, asked.relaxed, ?) AS snippet", r.language, snippetOptions).
		Where("chunk.id = ANY (?::uuid[])", uuidArray(idsOf(of))).Scan(ctx)
	if err != nil {
		return nil, translate(err)
	}
	byID := make(map[uuid.UUID]*snippetRow, len(rows))
	for _, row := range rows {
		byID[uuid.UUID(row.ID)] = row
	}
	chunks := make([]*model.DocumentChunk, 0, len(of))
	for _, f := range of {
		if row := byID[f.id]; row != nil { // it may be gone since it was found
			hits = append(hits, &model.SearchHit{Score: f.score, Chunk: &row.DocumentChunk, Snippet: model.SnippetOf(row.Snippet)})
			chunks = append(chunks, &row.DocumentChunk)
		}
	}
	model.Join(chunks)
	return model.Join(hits), nil
}

type snippetRow struct {
	bun.BaseModel `bun:"table:document_chunks,alias:chunk"`
	model.DocumentChunk

	Snippet string `bun:",scanonly"`
}

// cursorOfHit is a place in a ranking: the score and the id of a hit.
func cursorOfHit(h *model.SearchHit) string {
	raw := binary.BigEndian.AppendUint64([]byte("hit\x00"), math.Float64bits(h.Score))
	return base64.RawURLEncoding.EncodeToString(append(raw, h.Chunk.ID[:]...))
}

func decodeHit(cursor *string) (*found, error) {
	if cursor == nil {
		return nil, nil
	}
	const length = len("hit\x00") + 8 + 16
	raw, err := base64.RawURLEncoding.DecodeString((*cursor)[:min(len(*cursor), cursorLengthMax)])
	if err != nil || len(raw) != length || string(raw[:4]) != "hit\x00" {
		return nil, fault.Invalid([]string{"after"}, "is not a cursor of a search.")
	}
	return &found{uuid.UUID(raw[12:]), math.Float64frombits(binary.BigEndian.Uint64(raw[4:]))}, nil
}
