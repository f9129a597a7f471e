package repo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

const (
	modelA, modelB           = "a model's ?0 \"name\"", "other"
	dimensionsA, dimensionsB = 48, 32
	// The other company has 1 in 100 of the chunks, less than any look into the index finds by chance.
	ownDocuments, chunksEach = 12, 165
	otherChunks              = 20
	clusters                 = 40
)

// vectorWorld is two companies' chunks, with vectors of two models, and what the vectors are.
type vectorWorld struct {
	world
	own, others []*model.Document
	random      *rand.Rand
	centers     map[string][]model.Vector
	vectors     map[string]map[model.ChunkID]model.Vector // by model
	of          map[model.ChunkID]*model.Document
}

func newVectorWorld(t *testing.T, db *pgtest.DB) *vectorWorld {
	w := &vectorWorld{world: world{DB: db, company: db.Company(t, "Own"), other: db.Company(t, "Other")}}
	w.manager = db.User(t, w.company, model.RoleManager, "Mia Manager")
	w.stranger = db.User(t, w.other, model.RoleManager, "Sam Stranger")
	w.admin = db.User(t, nil, model.RoleAdmin, "Ada Admin")
	w.random = rand.New(rand.NewPCG(1, 2))
	w.centers, w.vectors = map[string][]model.Vector{}, map[string]map[model.ChunkID]model.Vector{modelA: {}, modelB: {}}
	w.of = map[model.ChunkID]*model.Document{}
	for range clusters {
		w.centers[modelA] = append(w.centers[modelA], w.around(make(model.Vector, dimensionsA), 1))
		w.centers[modelB] = append(w.centers[modelB], w.around(make(model.Vector, dimensionsB), 1))
	}
	return w
}

// around gives a vector of the length 1 near a center.
func (w *vectorWorld) around(center model.Vector, spread float64) model.Vector {
	v := make(model.Vector, len(center))
	for i, x := range center {
		v[i] = x + float32(spread*w.random.NormFloat64())
	}
	unit, _ := v.Unit()
	return unit
}

func (w *vectorWorld) near(name string, cluster int) model.Vector {
	return w.around(w.centers[name][cluster%clusters], 0.08)
}

// fill gives the document chunks with vectors of both models.
func (w *vectorWorld) fill(t *testing.T, store *repo.Store, document *model.Document, n int) {
	t.Helper()
	inputs := make([]model.ChunkInput, n)
	for i := range inputs {
		inputs[i] = model.ChunkInput{Position: int32(i), Text: fmt.Sprintf("passage %d of %s is about cluster%d", i, document.Name, i%clusters), End: 1}
	}
	run := repo.Run{DocumentID: document.ID, CompanyID: document.CompanyID}
	err := store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error { return tx.ReplaceChunks(ctx, run, inputs) })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{modelA, modelB} {
		chunks := must[[]*model.DocumentChunk](t)(store.System().ChunksWithoutVector(t.Context(), &document.ID, name, w.dimensions(name), model.ChunkID{}, n))
		vectors := make([]repo.ChunkVector, len(chunks))
		for i, chunk := range chunks {
			vectors[i] = repo.ChunkVector{ChunkID: chunk.ID, Vector: w.near(name, int(chunk.Position))}
			w.vectors[name][chunk.ID], w.of[chunk.ID] = vectors[i].Vector, document
		}
		w.put(t, store, name, vectors)
	}
}

func (w *vectorWorld) put(t *testing.T, store *repo.Store, name string, vectors []repo.ChunkVector) {
	t.Helper()
	err := store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error { return tx.PutVectors(ctx, name, vectors) })
	if err != nil {
		t.Fatal(err)
	}
}

func (w *vectorWorld) prepare(t *testing.T, name string, dimensions int) {
	t.Helper()
	if can, err := w.Store.PreparePGVector(t.Context(), name, dimensions); err != nil || !can {
		t.Fatalf("prepare pgvector for %s: %v, %v", name, can, err)
	}
}

func (w *vectorWorld) choose(t *testing.T, name string, dimensions int, want string) {
	t.Helper()
	choice, err := w.Store.ChooseVectorSearch(t.Context(), name, dimensions)
	if err != nil || !strings.HasPrefix(choice.String(), want) || !choice.Kept {
		t.Fatalf("searches by vectors of %s: %+v, %v; want %s", name, choice, err, want)
	}
}

// search finds up to 100 passages.
func (w *vectorWorld) search(
	t *testing.T, store *repo.Store, as *model.User, mode model.SearchMode, name string, query model.Vector, f *model.SearchFilter, text string,
) []*model.SearchHit {
	t.Helper()
	n := int32(100)
	found, err := store.Reader(viewer(as)).Search(t.Context(), model.Search{Query: text, Mode: mode, Filter: f, First: &n},
		&repo.QueryVector{Model: name, Vector: query})
	if err != nil {
		t.Fatal(err)
	}
	return found.Nodes
}

// exact are the chunks whose vectors are most like the query's, of those that may be found, the best first.
func (w *vectorWorld) exact(name string, query model.Vector, may func(*model.Document) bool) []model.ChunkID {
	var ids []model.ChunkID
	for id := range w.vectors[name] {
		if may(w.of[id]) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b model.ChunkID) int {
		if w.vectors[name][a].Dot(query) > w.vectors[name][b].Dot(query) {
			return -1
		}
		return 1
	})
	return ids
}

// recall is which share of the first 10 are among the first 10 hits.
func recall(want []model.ChunkID, hits []*model.SearchHit) float64 {
	want = want[:10]
	count := 0
	for _, hit := range hits[:min(10, len(hits))] {
		if slices.Contains(want, hit.Chunk.ID) {
			count++
		}
	}
	return float64(count) / 10
}

func (w *vectorWorld) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (w *vectorWorld) count(t *testing.T, from string) string {
	t.Helper()
	return must[rowsOf](t)(query(w.DB, "SELECT count(*)::text FROM "+from))[0]
}

// plan is how the last statement that has the text would be run.
func (w *vectorWorld) plan(t *testing.T, with string) string {
	t.Helper()
	statements := w.SQL.Statements(false)
	slices.Reverse(statements)
	at := slices.IndexFunc(statements, func(s string) bool { return strings.Contains(s, with) })
	if at < 0 {
		t.Fatalf("no statement has %s", with)
	}
	return strings.Join(must[rowsOf](t)(query(w.DB, "EXPLAIN "+statements[at])), "\n")
}

func TestRecentPGVector(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"": false, "0.4.4": false, "0.7.4": false, "0.7": false, "0.8": true, "0.8.0": true, "0.10.1": true, "1": true, "1.0.0": true, "vector": false,
	} {
		if repo.Recent(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

// dimensions is how many numbers a vector of the model has.
func (w *vectorWorld) dimensions(name string) int { return len(w.centers[name][0]) }
