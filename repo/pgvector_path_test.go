package repo_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"dossier/internal/pgconn"
	"dossier/migrations"
	"dossier/model"
	"dossier/repo"
)

// Searches by vectors with pgvector, from a database that has vectors already to one that is taken back. PGlite has one session, and takes
// seconds to start: the parts of the test share one and follow one another.
func TestPGVector(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t, newPGlite(t))
	w.own, w.others = w.Documents(t, w.manager, nil, ownDocuments), w.Documents(t, w.stranger, nil, 2)
	for _, part := range []struct {
		name string
		run  func(*vectorWorld, *testing.T)
	}{
		{"the user may not create the extension", (*vectorWorld).testNotAllowed},
		{"what was there before", (*vectorWorld).testFill},
		{"what comes after", (*vectorWorld).testPut},
		{"by the index", (*vectorWorld).testIndexed},
		{"hybrid", (*vectorWorld).testHybrid},
		{"few of many", (*vectorWorld).testNarrow},
		{"walls", (*vectorWorld).testWalls},
		{"two models", (*vectorWorld).testTwoModels},
		{"again", (*vectorWorld).testAgain},
		{"other dimensions", (*vectorWorld).testOtherDimensions},
		{"deleted while it is filled", (*vectorWorld).testDeletedMeanwhile},
		{"unfinished", (*vectorWorld).testUnfinished},
		{"deleted", (*vectorWorld).testDeleted},
		{"taken back", (*vectorWorld).testTakenBack},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(w, t) }) {
			return // what follows stands on it
		}
	}
}

func (w *vectorWorld) testNotAllowed(t *testing.T) {
	w.exec(t, "CREATE ROLE plain", "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain", "SET ROLE plain")
	can, err := w.Store.PreparePGVector(t.Context(), modelA, dimensionsA)
	w.exec(t, "RESET ROLE")
	if can || err != nil {
		t.Errorf("a user who may not create extensions: %v, %v", can, err)
	}
	choice, err := w.Store.ChooseVectorSearch(t.Context(), modelA, dimensionsA)
	if err != nil || choice != (repo.VectorSearch{}) || choice.String() != "codes" {
		t.Errorf("without the extension: %+v, %v", choice, err)
	}
}

func (w *vectorWorld) testFill(t *testing.T) {
	for _, document := range w.own[:ownDocuments-2] {
		w.fill(t, w.Store, document, chunksEach)
	}
	w.fill(t, w.Store, w.others[0], otherChunks/2)
	w.prepare(t, modelA, dimensionsA)
	if n, want := w.count(t, "chunk_vectors"), w.count(t, "chunk_embeddings WHERE model <> '"+modelB+"'"); n != want || n == "0" {
		t.Errorf("%s vectors were put in, of %s", n, want)
	}
	w.choose(t, modelA, dimensionsA, "pgvector 0.8")
}

func (w *vectorWorld) testPut(t *testing.T) {
	before := w.count(t, "chunk_vectors")
	for _, document := range w.own[ownDocuments-2:] {
		w.fill(t, w.Store, document, chunksEach)
	}
	w.fill(t, w.Store, w.others[1], otherChunks/2)
	if n := w.count(t, "chunk_vectors"); n == before {
		t.Error("no vectors were put where pgvector finds them")
	}
	if n := w.count(t, "chunk_embeddings AS e WHERE model <> '"+modelB+"' AND NOT EXISTS (SELECT FROM chunk_vectors AS v "+
		"WHERE v.chunk_id = e.chunk_id AND v.model = e.model AND v.company_id = e.company_id)"); n != "0" {
		t.Errorf("%s vectors are not there", n)
	}
	// A vector takes the place of the one before.
	for id := range w.vectors[modelA] {
		w.vectors[modelA][id] = w.near(modelA, 7)
		w.put(t, w.Store, modelA, []repo.ChunkVector{{ChunkID: id, Vector: w.vectors[modelA][id]}})
		hits := w.search(t, w.Store, w.admin, model.SearchVector, modelA, w.vectors[modelA][id], nil, "it")
		if hits[0].Chunk.ID != id || hits[0].Score < 0.999 {
			t.Errorf("the new vector of %s finds %s with %f", id, hits[0].Chunk.ID, hits[0].Score)
		}
		break
	}
}

// useIndex makes PostgreSQL take the order from the index, which it would of more rows: so few are sorted as fast.
func (w *vectorWorld) useIndex(t *testing.T) {
	w.exec(t, "ANALYZE chunk_vectors", "SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET enable_sort = off")
	t.Cleanup(func() { w.exec(t, "RESET enable_seqscan", "RESET enable_bitmapscan", "RESET enable_sort") })
}

// wantIndex checks that the last search went by the index of pgvector.
func (w *vectorWorld) wantIndex(t *testing.T) {
	t.Helper()
	indexes := must[rowsOf](t)(query(w.DB, "SELECT indexrelid::regclass::text FROM pg_index WHERE pg_get_indexdef(indexrelid) LIKE '%USING hnsw%'"))
	plan := w.plan(t, "<=>")
	if !slices.ContainsFunc(indexes, func(name string) bool { return strings.Contains(plan, "Index Scan using "+name) }) {
		t.Errorf("the index is not used:\n%s", plan)
	}
}

func (w *vectorWorld) testIndexed(t *testing.T) {
	w.useIndex(t)
	var sum float64
	for i := range clusters {
		query := w.near(modelA, i)
		hits := w.search(t, w.Store, w.manager, model.SearchVector, modelA, query, nil, "it")
		sum += recall(w.exact(modelA, query, w.isOwn), hits)
		if len(hits) != 100 {
			t.Errorf("query %d: %d hits", i, len(hits))
		}
		for j, hit := range hits {
			if exact := float64(w.vectors[modelA][hit.Chunk.ID].Dot(query)); hit.Score < exact-0.005 || hit.Score > exact+0.005 || j > 0 && hit.Score > hits[j-1].Score {
				t.Fatalf("query %d: hit %d has the score %f, and should have %f", i, j, hit.Score, exact)
			}
		}
	}
	w.wantIndex(t)
	if sum /= clusters; sum < 0.95 {
		t.Errorf("recall@10 is %.3f", sum)
	}
	// What PostgreSQL expects of the search without its order decides whether it takes the index where it is not made to.
	if n, own := w.expected(t), ownDocuments*chunksEach; n < own/2 {
		t.Errorf("PostgreSQL expects %d rows of %d", n, own)
	}
}

// expected is how many rows PostgreSQL expects of the last search by pgvector, without its limit.
func (w *vectorWorld) expected(t *testing.T) int {
	t.Helper()
	_, scan, _ := strings.Cut(w.plan(t, "<=>"), "->")
	_, rows, _ := strings.Cut(scan, " rows=")
	rows, _, _ = strings.Cut(rows, " ")
	return must[int](t)(strconv.Atoi(rows))
}

func (w *vectorWorld) isOwn(d *model.Document) bool { return d.CompanyID == w.company.ID }

// What the codes find of few vectors is exact: all of them are compared.
func (w *vectorWorld) testHybrid(t *testing.T) {
	w.useIndex(t)
	codes := repo.New(w.Pool, repo.Options{})
	two := &model.SearchFilter{DocumentIDs: []model.DocumentID{w.own[0].ID, w.own[ownDocuments-1].ID}}
	var sum float64
	for i := range 3 * clusters {
		query := w.near(modelA, i)
		text := w.own[0].Name + " cluster3"
		var want []model.ChunkID
		for _, hit := range w.search(t, codes, w.manager, model.SearchHybrid, modelA, query, two, text) {
			want = append(want, hit.Chunk.ID)
		}
		sum += recall(want, w.search(t, w.Store, w.manager, model.SearchHybrid, modelA, query, two, text))
	}
	w.wantIndex(t)
	if sum /= 3 * clusters; sum < 0.95 {
		t.Errorf("recall@10 is %.3f", sum)
	}
}

func (w *vectorWorld) testNarrow(t *testing.T) {
	w.useIndex(t)
	var sum float64
	for i := range w.own {
		query := w.near(modelA, i)
		if hits := w.search(t, w.Store, w.stranger, model.SearchVector, modelA, query, nil, "it"); len(hits) != otherChunks {
			t.Errorf("the small company: %d hits of %d", len(hits), otherChunks)
		}
		w.wantIndex(t)
		one := &model.SearchFilter{DocumentIDs: []model.DocumentID{w.own[i].ID}}
		hits := w.search(t, w.Store, w.manager, model.SearchVector, modelA, query, one, "it")
		if len(hits) != 100 {
			t.Errorf("one document: %d hits", len(hits))
		}
		of := func(d *model.Document) bool { return d.ID == w.own[i].ID }
		sum += recall(w.exact(modelA, query, of), hits)
		w.wantIndex(t)
	}
	if sum /= float64(len(w.own)); sum < 0.95 {
		t.Errorf("one document: recall@10 is %.3f", sum)
	}
}

func (w *vectorWorld) testWalls(t *testing.T) {
	theirs := &model.SearchFilter{DocumentIDs: []model.DocumentID{w.others[0].ID, w.others[1].ID}}
	for _, mode := range []model.SearchMode{model.SearchVector, model.SearchHybrid} {
		query := w.near(modelA, 3)
		for _, hit := range w.search(t, w.Store, w.manager, mode, modelA, query, nil, "cluster3") {
			if hit.Chunk.CompanyID != w.company.ID {
				t.Fatalf("%s: a manager found %s of another company", mode, hit.Chunk.ID)
			}
		}
		for _, f := range []*model.SearchFilter{theirs, {CompanyID: &w.other.ID}} {
			if hits := w.search(t, w.Store, w.manager, mode, modelA, query, f, "cluster3"); len(hits) > 0 {
				t.Errorf("%s: a manager found %d passages of another company", mode, len(hits))
			}
			if hits := w.search(t, w.Store, w.admin, mode, modelA, query, f, "cluster3"); len(hits) != otherChunks {
				t.Errorf("%s: staff found %d passages", mode, len(hits))
			}
		}
	}
	key := viewer(w.manager)
	key.KeyID = model.NewID[model.APIKeyID]()
	_, err := w.Store.Reader(key).Search(t.Context(), model.Search{Query: "it", Mode: model.SearchVector}, &repo.QueryVector{Model: modelA, Vector: w.near(modelA, 1)})
	if err == nil {
		t.Error("a key without the scope searched")
	}
}

func (w *vectorWorld) testTwoModels(t *testing.T) {
	w.choose(t, modelB, dimensionsB, "codes")
	w.prepare(t, modelB, dimensionsB)
	w.choose(t, modelB, dimensionsB, "pgvector 0.8")
	w.useIndex(t)
	for name, at := range map[string]int{modelA: 5, modelB: 6} {
		query := w.near(name, at)
		hits := w.search(t, w.Store, w.manager, model.SearchVector, name, query, nil, "it")
		if r := recall(w.exact(name, query, w.isOwn), hits); r < 0.9 {
			t.Errorf("%s: recall@10 is %.1f", name, r)
		}
		w.wantIndex(t)
	}
}

const vectorTable = `SELECT relname || ' ' || oid || ' ' || relfilenode FROM pg_class WHERE relname LIKE 'chunk_vectors%'
	UNION ALL SELECT xmin::text || ' ' || count(*) FROM chunk_vectors GROUP BY xmin ORDER BY 1`

func (w *vectorWorld) testAgain(t *testing.T) {
	before := strings.Join(must[rowsOf](t)(query(w.DB, vectorTable)), "\n")
	w.prepare(t, modelA, dimensionsA)
	if after := strings.Join(must[rowsOf](t)(query(w.DB, vectorTable)), "\n"); after != before {
		t.Errorf("the second time changed\n%s\n\nto\n%s", before, after)
	}
	if held := w.count(t, "pg_locks WHERE locktype = 'advisory'"); held != "0" {
		t.Errorf("%s locks are left", held)
	}
}

// A model that is configured with other dimensions has vectors of both lengths until all are made anew.
func (w *vectorWorld) testOtherDimensions(t *testing.T) {
	var ids []model.ChunkID
	for id := range w.vectors[modelA] {
		if w.of[id].ID == w.own[0].ID && len(ids) < 20 {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		w.put(t, w.Store, modelA, []repo.ChunkVector{{ChunkID: id, Vector: w.near(modelB, 1)}})
	}
	query := w.near(modelB, 1)
	for _, prepared := range []bool{false, true} {
		if prepared {
			w.prepare(t, modelA, dimensionsB)
			w.choose(t, modelA, dimensionsB, "pgvector 0.8")
		}
		for name, store := range map[string]*repo.Store{"pgvector": w.Store, "codes": repo.New(w.Pool, repo.Options{})} {
			if hits := w.search(t, store, w.manager, model.SearchVector, modelA, query, nil, "it"); len(hits) != len(ids) {
				t.Errorf("%s, prepared %v: %d hits of the new length", name, prepared, len(hits))
			}
			if hits := w.search(t, store, w.manager, model.SearchVector, modelA, w.near(modelA, 1), nil, "it"); len(hits) != 100 {
				t.Errorf("%s, prepared %v: %d hits of the old length", name, prepared, len(hits))
			}
		}
	}
	for _, id := range ids {
		w.put(t, w.Store, modelA, []repo.ChunkVector{{ChunkID: id, Vector: w.vectors[modelA][id]}})
	}
}

// onFirst runs once, before the first statement that has the text.
type onFirst struct {
	with string
	run  func()
}

func (h *onFirst) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if run := h.run; run != nil && strings.Contains(event.Query, h.with) {
		h.run = nil
		run()
	}
	return ctx
}

func (h *onFirst) AfterQuery(context.Context, *bun.QueryEvent) {}

func (w *vectorWorld) testDeletedMeanwhile(t *testing.T) {
	beside, err := pgconn.Open(pgconn.Config{URL: w.URL, PoolMax: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	w.exec(t, "DELETE FROM chunk_vectors WHERE document_id = '"+uuidOf(w.own[0].ID)+"'")
	hook := &onFirst{"INSERT INTO chunk_vectors", func() {
		if _, err := beside.ExecContext(t.Context(), "DELETE FROM document_chunks WHERE position < 10 AND document_id = '"+uuidOf(w.own[0].ID)+"'"); err != nil {
			t.Error(err)
		}
	}}
	can, err := repo.New(w.Pool, repo.Options{Hooks: []bun.QueryHook{hook}}).PreparePGVector(t.Context(), modelA, dimensionsA)
	if err != nil || !can || hook.run != nil {
		t.Errorf("it cannot: %v, %v", can, err)
	}
	if n, want := w.count(t, "chunk_vectors WHERE document_id = '"+uuidOf(w.own[0].ID)+"'"), chunksEach-10; n != strconv.Itoa(want) {
		t.Errorf("%s vectors of %d", n, want)
	}
	w.prepare(t, modelB, dimensionsB)
}

func (w *vectorWorld) testUnfinished(t *testing.T) {
	w.choose(t, modelA, dimensionsA, "pgvector 0.8")
	w.exec(t, "DELETE FROM chunk_vectors WHERE document_id = '"+uuidOf(w.own[1].ID)+"'")
	w.choose(t, modelA, dimensionsA, "codes")
	one := &model.SearchFilter{DocumentIDs: []model.DocumentID{w.own[1].ID}}
	if hits := w.search(t, w.Store, w.manager, model.SearchVector, modelA, w.near(modelA, 1), one, "it"); len(hits) != 100 {
		t.Errorf("while pgvector lacks the document: %d hits", len(hits))
	}
	w.prepare(t, modelA, dimensionsA)
	w.choose(t, modelA, dimensionsA, "pgvector 0.8")
}

func (w *vectorWorld) testDeleted(t *testing.T) {
	of := "chunk_vectors WHERE document_id = '" + uuidOf(w.own[2].ID) + "'"
	if n := w.count(t, of); n == "0" {
		t.Fatal("the document has no vectors")
	}
	_, err := inTx(t, w.world, w.manager, func(ctx context.Context, tx *repo.Tx) (struct{}, error) {
		return struct{}{}, tx.DeleteDocument(ctx, model.DeleteDocumentInput{ID: w.own[2].ID})
	})
	if n := w.count(t, of); err != nil || n != "0" {
		t.Errorf("%s vectors of a deleted document are left, %v", n, err)
	}
}

func (w *vectorWorld) testTakenBack(t *testing.T) {
	for {
		name, err := migrations.Down(t.Context(), w.Pool)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, "_processing") {
			break
		}
	}
	if there := must[rowsOf](t)(query(w.DB, "SELECT coalesce(to_regclass('chunk_vectors')::text, '')")); there[0] != "" {
		t.Error("the table is left")
	}
	if _, err := migrations.Up(t.Context(), w.Pool); err != nil {
		t.Fatal(err)
	}
	w.prepare(t, modelA, dimensionsA)
	w.choose(t, modelA, dimensionsA, "pgvector 0.8")
}
