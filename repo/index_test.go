package repo_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// indexWorld has a store that keeps vectors in memory, and one that does not.
type indexWorld struct {
	*vectorWorld
	kept, plain *repo.Store
	sql         *pgtest.Recorder // of kept
	used        atomic.Int64     // by kept, bytes
}

func newIndexWorld(t *testing.T, most int64) *indexWorld {
	t.Helper()
	db := pgtest.New(t)
	w := &indexWorld{vectorWorld: newVectorWorld(t, db), plain: db.Store, sql: &pgtest.Recorder{}}
	w.kept = repo.New(db.Pool, repo.Options{SearchMemory: most, SearchMemoryUsed: w.used.Store, Hooks: []bun.QueryHook{w.sql}})
	w.own = w.Documents(t, w.manager, nil, 4)
	w.others = w.Documents(t, w.stranger, nil, 1)
	for _, document := range slices.Concat(w.own, w.others) {
		w.fill(t, w.plain, document, chunksEach)
	}
	return w
}

// ids are the chunks that a search by vectors finds.
func (w *indexWorld) ids(t *testing.T, store *repo.Store, as *model.User, query model.Vector, f *model.SearchFilter) []model.ChunkID {
	t.Helper()
	var ids []model.ChunkID
	for _, hit := range w.search(t, store, as, model.SearchVector, modelA, query, f, "text") {
		ids = append(ids, hit.Chunk.ID)
	}
	return ids
}

// comparesInMemory reports whether a search has the database compare no codes.
func (w *indexWorld) comparesInMemory(t *testing.T, as *model.User, f *model.SearchFilter) bool {
	t.Helper()
	w.sql.Reset()
	w.ids(t, w.kept, as, w.near(modelA, 1), f)
	return !strings.Contains(strings.Join(w.sql.Statements(false), "\n"), "bit_count")
}

func (w *indexWorld) awaitMemory(t *testing.T, as *model.User, f *model.SearchFilter) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !w.comparesInMemory(t, as, f); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the vectors are not read")
		}
	}
}

// sameFirst reports whether 9 of the first 10 are the same: of codes that differ from the query's in as many bits it is nobody's choice which are
// among the candidates.
func sameFirst(a, b []model.ChunkID) bool {
	same := 0
	for _, id := range a[:min(10, len(a))] {
		if slices.Contains(b[:min(10, len(b))], id) {
			same++
		}
	}
	return same >= min(10, len(b))-1
}

// What is found is the same, whoever compares the codes.
func TestIndex(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 1<<20)
	ofOwn, ofOther := &model.SearchFilter{CompanyID: w.manager.CompanyID}, &model.SearchFilter{CompanyID: w.stranger.CompanyID}
	w.awaitMemory(t, w.manager, nil)
	w.awaitMemory(t, w.stranger, nil)
	w.comparesInMemory(t, w.stranger, nil)
	if n := len(w.sql.Statements(false)); n != 2 {
		t.Errorf("%d statements:\n%s", n, strings.Join(w.sql.Statements(false), "\n"))
	}
	for name, c := range map[string]struct {
		as *model.User
		f  *model.SearchFilter
		of *model.CompanyID // in whose index
	}{
		"all of one's own":        {w.manager, nil, w.manager.CompanyID},
		"one's own, named":        {w.manager, ofOwn, w.manager.CompanyID},
		"another company":         {w.manager, ofOther, nil},
		"the other company's own": {w.stranger, nil, w.stranger.CompanyID},
		"staff, of a company":     {w.admin, ofOwn, w.manager.CompanyID},
		"staff, of all":           {w.admin, nil, nil},
		"some documents":          {w.manager, &model.SearchFilter{DocumentIDs: []model.DocumentID{w.own[1].ID}}, nil},
		"some of a company":       {w.manager, &model.SearchFilter{CompanyID: w.manager.CompanyID, OwnerID: &w.manager.ID}, nil},
	} {
		if got := w.comparesInMemory(t, c.as, c.f); got != (c.of != nil) {
			t.Errorf("%s: compared in memory: %t", name, got)
		}
		for i := range 5 {
			query := w.near(modelA, i)
			want, got := w.ids(t, w.plain, c.as, query, c.f), w.ids(t, w.kept, c.as, query, c.f)
			if c.of != nil {
				want = w.exact(modelA, query, func(d *model.Document) bool { return d.CompanyID == *c.of })
			}
			if len(want) < 100 && name != "another company" || !sameFirst(got, want) || len(got) != min(100, len(want)) {
				t.Errorf("%s: %d are found, %d otherwise", name, len(got), len(want))
			}
		}
	}
}

// A search finds what was committed before it began, by whomever, and whichever transaction began first.
func TestIndexFollows(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 1<<20)
	w.awaitMemory(t, w.manager, nil)
	query := w.near(modelB, 0)[:0]
	query = append(query, make(model.Vector, dimensionsA)...)
	query[0] = 1 // like nothing that there is
	first := func() model.ChunkID { return w.ids(t, w.kept, w.manager, query, nil)[0] }
	put := func(tx *repo.Tx, chunk model.ChunkID, x float32) error {
		vector := slices.Clone(query)
		vector[1] = x
		unit, _ := vector.Unit()
		return tx.PutVectors(t.Context(), modelA, []repo.ChunkVector{{ChunkID: chunk, Vector: unit}})
	}
	chunks := w.Chunks(t, w.own[0], "one", "two")

	began, commit, committed := make(chan error, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		committed <- w.plain.SystemTx(context.Background(), func(_ context.Context, tx *repo.Tx) error {
			err := put(tx, chunks[0].ID, 0)
			began <- err
			<-commit
			return err
		})
	}()
	if err := <-began; err != nil {
		t.Fatal(err)
	}
	if got := first(); got == chunks[0].ID {
		t.Error("what is not committed is found")
	}
	if err := w.plain.SystemTx(t.Context(), func(_ context.Context, tx *repo.Tx) error { return put(tx, chunks[1].ID, 0.5) }); err != nil {
		t.Fatal(err)
	}
	if got := first(); got != chunks[1].ID {
		t.Error("what a later transaction committed earlier is not found")
	}
	close(commit)
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	if got := first(); got != chunks[0].ID {
		t.Error("what an earlier transaction committed later is not found")
	}
	if !w.comparesInMemory(t, w.manager, nil) {
		t.Error("the vectors are not in memory")
	}
	// Another vector of the same chunk.
	if err := w.plain.SystemTx(t.Context(), func(_ context.Context, tx *repo.Tx) error { return put(tx, chunks[0].ID, 5) }); err != nil {
		t.Fatal(err)
	}
	got := w.ids(t, w.kept, w.manager, query, nil)
	slices.SortFunc(got, func(a, b model.ChunkID) int { return slices.Compare(a[:], b[:]) })
	if first() != chunks[1].ID || len(slices.Compact(got)) != 100 {
		t.Errorf("a vector that was replaced: %v", got)
	}
}

// Searches that come while others add what they have found miss nothing.
func TestIndexFollowsManySearches(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 1<<20)
	w.awaitMemory(t, w.manager, nil)
	query := make(model.Vector, dimensionsA)
	query[0] = 1
	stop := make(chan struct{})
	var searches sync.WaitGroup
	for range 4 {
		searches.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := w.kept.Reader(viewer(w.manager)).Search(context.Background(), model.Search{Query: "text", Mode: model.SearchVector},
					&repo.QueryVector{Model: modelA, Vector: query})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer searches.Wait()
	defer close(stop)
	chunks := w.Chunks(t, w.own[0], "one", "two")
	vectors := [2]model.Vector{slices.Clone(query), slices.Clone(query)}
	vectors[1][0], vectors[1][1] = 0.8, 0.6
	for i := range 50 {
		err := w.plain.SystemTx(t.Context(), func(_ context.Context, tx *repo.Tx) error {
			return tx.PutVectors(t.Context(), modelA, []repo.ChunkVector{{ChunkID: chunks[0].ID, Vector: vectors[i%2]}, {ChunkID: chunks[1].ID, Vector: vectors[1-i%2]}})
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.ids(t, w.kept, w.manager, query, nil); got[0] != chunks[i%2].ID {
			t.Fatalf("what was committed at %d is not found first", i)
		}
	}
}

// However much of what is nearest was deleted, as many are found as there are.
func TestIndexOfDeletedChunks(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 1<<20)
	w.awaitMemory(t, w.manager, nil)
	for _, document := range w.own[:3] {
		if _, err := w.Pool.ExecContext(t.Context(), "DELETE FROM documents WHERE id = $1", document.ID.Global().UUID.String()); err != nil {
			t.Fatal(err)
		}
	}
	query := w.near(modelA, 3)
	var searches sync.WaitGroup
	for range 4 {
		searches.Go(func() {
			if got := w.ids(t, w.kept, w.manager, query, nil); len(got) != 100 {
				t.Errorf("beside others %d are found", len(got))
			}
		})
	}
	searches.Wait()
	want, got := w.ids(t, w.plain, w.manager, query, nil), w.ids(t, w.kept, w.manager, query, nil)
	if len(want) != 100 || !sameFirst(got, want) || len(got) != len(want) {
		t.Errorf("%d are found, %d otherwise", len(got), len(want))
	}
	if !w.comparesInMemory(t, w.manager, nil) {
		t.Error("the vectors are not in memory")
	}
}

// A company without a vector is known to have none, until it has one.
func TestEmptyIndex(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 1<<20)
	newcomer := w.User(t, w.Company(t, "New"), model.RoleMember, "Nia Newcomer")
	w.awaitMemory(t, newcomer, nil)
	if got := w.ids(t, w.kept, newcomer, w.near(modelA, 1), nil); len(got) != 0 {
		t.Errorf("%v are found", got)
	}
	w.fill(t, w.plain, w.Documents(t, newcomer, nil, 1)[0], 3)
	if got := w.ids(t, w.kept, newcomer, w.near(modelA, 1), nil); len(got) != 3 {
		t.Errorf("of 3, %v are found", got)
	}
}

// What a large transaction has added is read anew, and found.
func TestIndexIsReadAnew(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 1<<22)
	w.awaitMemory(t, w.stranger, nil)
	like := w.ids(t, w.plain, w.stranger, w.near(modelA, 1), nil)[0]
	db := bun.NewDB(w.Pool, pgdialect.New())
	err := db.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		for _, statement := range []string{
			`CREATE TEMP TABLE made ON COMMIT DROP AS SELECT gen_random_uuid() AS made, code.*
				FROM generate_series(1, 10001), (SELECT * FROM chunk_codes WHERE chunk_id = ? AND model = ?) AS code`,
			`INSERT INTO document_chunks (id, company_id, document_id, position, heading, text, start_offset, end_offset, tokens, language, tsv)
				SELECT made, company_id, document_id, 1000 + row_number() OVER (), '', 'text', 0, 4, 1, 'english', '' FROM made`,
			`INSERT INTO chunk_embeddings (company_id, chunk_id, model, dimensions, vector)
				SELECT made.company_id, made, model, dimensions, vector FROM made JOIN chunk_embeddings USING (chunk_id, model)`,
			`INSERT INTO chunk_codes (company_id, chunk_id, document_id, model, code) SELECT company_id, made, document_id, model, code FROM made`,
		} {
			if _, err := tx.ExecContext(ctx, statement, like, modelA); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !w.comparesInMemory(t, w.stranger, nil) || !strings.Contains(strings.Join(w.sql.Statements(false), "\n"), "AS counted") {
		t.Error("they are added one by one")
	}
	for _, id := range w.ids(t, w.kept, w.stranger, w.vectors[modelA][like], nil) {
		if _, old := w.vectors[modelA][id]; !old {
			w.restored(t)
			return
		}
	}
	t.Error("nothing of what was added is found")
}

// restored has all written by transactions that are still to come, as they seem to be in a database that was restored. They are read once.
func (w *indexWorld) restored(t *testing.T) {
	t.Helper()
	if _, err := w.Pool.ExecContext(t.Context(), "UPDATE chunk_codes SET written_by = '9000000000'"); err != nil {
		t.Fatal(err)
	}
	w.kept = repo.New(w.Pool, repo.Options{SearchMemory: 1 << 22, Hooks: []bun.QueryHook{w.sql}})
	w.awaitMemory(t, w.stranger, nil)
	if !w.comparesInMemory(t, w.stranger, nil) || strings.Contains(strings.Join(w.sql.Statements(false), "\n"), "AS counted") {
		t.Error("what was restored is read again and again")
	}
}
