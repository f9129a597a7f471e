package seed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/internal/embedding"
	"dossier/internal/extract"
	"dossier/internal/ingest"
	"dossier/internal/seed"
	"dossier/model"
)

func offline(t *testing.T) embedding.Embedder {
	t.Helper()
	embedder, err := embedding.Open(embedding.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return embedder
}

// process does the jobs that are enqueued along with documents, as a server would.
func process(t *testing.T, w *apitest.World, embedder embedding.Embedder) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pipeline := ingest.New(ingest.Config{
		Store: w.Store, Embedders: []embedding.Embedder{embedder}, Logger: slog.New(slog.DiscardHandler),
		Extractor: &extract.Extractor{Command: []string{program, "extract"}, TempDir: t.TempDir()},
		Open: func(ctx context.Context, document *model.Document) (io.ReadCloser, error) {
			return w.Files.Content(ctx, document)
		},
	})
	for _, job := range waiting(t, w) {
		if err := pipeline.Process(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
}

// waiting are the jobs that were enqueued along with documents.
func waiting(t *testing.T, w *apitest.World) []model.ProcessDocument {
	t.Helper()
	var args []byte
	err := w.Pool.QueryRowContext(t.Context(),
		"SELECT coalesce(jsonb_agg(args), '[]') FROM river_job WHERE kind = $1", model.ProcessDocument{}.Kind()).Scan(&args)
	var jobs []model.ProcessDocument
	if err == nil {
		err = json.Unmarshal(args, &jobs)
	}
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// A newcomer's search finds what is in the tender pack, whose documents are of the manager, have bytes, and are read like any others.
func TestTenderPackIsFound(t *testing.T) {
	t.Parallel()
	embedder := offline(t)
	w := apitest.New(t, func(c *graph.Config) { c.Embedder = embedder })
	if _, err := seed.Load(t.Context(), w.Store, w.Files); err != nil {
		t.Fatal(err)
	}
	if n := len(waiting(t, w)); n != len(seed.Pack()) {
		t.Fatalf("%d documents wait to be processed", n)
	}
	process(t, w, embedder)
	manager := signIn(t, w, "manager@demo.example")
	const query = `{ me { id } projects(filter: {search: "Harborview"}) { nodes { owner { id } themes { totalCount }
		documents(filter: {status: [READY]}) { totalCount nodes { downloadUrl owner { id } chunks { totalCount } } } } } }`
	data := manager.Query(t, query)
	me, project := data.Text("me.id"), "projects.nodes.0."
	if data.Text(project+"documents.totalCount") != "8" || data.Text(project+"owner.id") != me || data.Text(project+"themes.totalCount") != "2" {
		t.Errorf("the project is %v", data.Raw())
	}
	for _, document := range data.List(project + "documents.nodes") {
		one := document.Raw().(map[string]any)
		if one["downloadUrl"] == nil || fmt.Sprint(one["owner"]) != "map[id:"+me+"]" || fmt.Sprint(one["chunks"]) == "map[totalCount:0]" {
			t.Errorf("a document is %v", document)
		}
	}
	for _, mode := range []string{"TEXT", "VECTOR", "HYBRID"} {
		found := manager.Query(t, `query($mode: SearchMode!) { searchDocuments(query: "interest on late payments", mode: $mode, first: 1) {
			nodes { document { name } snippet { marked } } } }`, "mode", mode)
		if name := found.Text("searchDocuments.nodes.0.document.name"); name != "contract-terms.txt" {
			t.Errorf("mode %s finds %q first", mode, name)
		}
	}
}

// Files of which no document was made are not left behind; files that are not taken are no reason to have no demo data.
func TestLoadLeavesNoFiles(t *testing.T) {
	t.Parallel()
	w := apitest.New(t)
	if _, err := w.Pool.Exec("ALTER TABLE conversations RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := seed.Load(t.Context(), w.Store, w.Files); err == nil {
		t.Fatal("it loaded into what is no database of ours")
	}
	if swept, err := w.Files.Sweep(t.Context(), 0, true); err != nil || swept.Blobs != 0 {
		t.Errorf("%d files are left: %v", swept.Blobs, err)
	}
	if _, err := w.Pool.Exec("ALTER TABLE gone RENAME TO conversations"); err != nil {
		t.Fatal(err)
	}
	w.Files.Limits.Types = []string{"text/html"}
	if loaded, err := seed.Load(t.Context(), w.Store, w.Files); err != nil || !loaded {
		t.Fatalf("%t, %v", loaded, err)
	}
	if n := len(waiting(t, w)); n != 2 {
		t.Errorf("%d documents are taken that may be", n)
	}
}
