package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"testing"

	"dossier/internal/embedding"
	"dossier/internal/extract"
	"dossier/internal/ingest"
	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{"extract"}) { // the child that reads files
		os.Exit(extract.Child(os.Stdin, os.NewFile(3, "file"), os.Stdout))
	}
	os.Exit(pgtest.Main(m))
}

// bench is a pipeline over a database of its own, and a document whose bytes the test gives.
type bench struct {
	*pgtest.DB
	*ingest.Pipeline
	company  *model.Company
	owner    *model.User
	document *model.Document
	bytes    string                          // of every document
	reading  func(ctx context.Context) error // runs when a document's bytes are asked for
}

func newBench(t testing.TB, embedders ...embedding.Embedder) *bench {
	t.Helper()
	b := &bench{DB: pgtest.New(t)}
	b.company = b.Company(t, "Own")
	b.owner = b.User(t, b.company, model.RoleMember, "Mo Member")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if embedders == nil {
		embedders = []embedding.Embedder{embedding.Offline()}
	}
	b.Pipeline = ingest.New(ingest.Config{
		Store: b.Store, Embedders: embedders, Logger: slog.New(slog.DiscardHandler),
		Extractor: &extract.Extractor{Command: []string{program, "extract"}, TempDir: t.TempDir()},
		Open: func(ctx context.Context, _ *model.Document) (io.ReadCloser, error) {
			if b.reading != nil {
				if err := b.reading(ctx); err != nil {
					return nil, err
				}
			}
			return io.NopCloser(bytes.NewReader([]byte(b.bytes))), nil
		},
	})
	b.document = b.upload(t, "a.md")
	return b
}

// upload adds a document that waits to be processed.
func (b *bench) upload(t testing.TB, name string) *model.Document {
	t.Helper()
	viewer := model.Viewer{UserID: b.owner.ID, CompanyID: b.owner.CompanyID, Role: b.owner.Role}
	received := &model.ReceivedFile{Name: name, File: model.File{
		ContainerName: "c", BlobName: name, SizeBytes: 1, ContentType: "text/markdown; charset=utf-8", SHA256: make([]byte, 32),
	}}
	uploaded, err := repo.Do(t.Context(), b.Store, viewer, func(ctx context.Context, tx *repo.Tx) (*repo.Uploaded, error) {
		return tx.UploadDocument(ctx, model.UploadDocumentInput{File: model.Upload{ReceivedFile: received}}, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	return uploaded.Document
}

// jobs are those that wait for the document, the oldest first.
func (b *bench) jobs(t testing.TB) []model.ProcessDocument {
	t.Helper()
	rows, err := b.Pool.Query("SELECT args::text FROM river_job WHERE kind = 'process_document' AND args->>'document_id' = $1 ORDER BY id",
		b.document.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var jobs []model.ProcessDocument
	for rows.Next() {
		var text string
		var job model.ProcessDocument
		if err := errors.Join(rows.Scan(&text), json.Unmarshal([]byte(text), &job)); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, job)
	}
	return jobs
}

// process does the newest job of the document, and gives the document as it is then.
func (b *bench) process(t testing.TB) *model.Document {
	t.Helper()
	jobs := b.jobs(t)
	if err := b.Process(t.Context(), jobs[len(jobs)-1]); err != nil {
		t.Fatal(err)
	}
	return b.now(t)
}

func (b *bench) now(t testing.TB) *model.Document {
	t.Helper()
	rows, err := b.Store.System().DocumentsByIDs(t.Context(), []model.DocumentID{b.document.ID})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	return rows[0]
}

func (b *bench) count(t testing.TB, table string) int {
	t.Helper()
	var n int
	if err := b.Pool.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (b *bench) exec(t testing.TB, statement string, arguments ...any) {
	t.Helper()
	if _, err := b.Pool.Exec(statement, arguments...); err != nil {
		t.Fatal(err)
	}
}

// ids are those of the document's chunks, by their texts.
func (b *bench) ids(t testing.TB) map[string]model.ChunkID {
	t.Helper()
	first := int32(100)
	pages, err := b.Store.System().ChunksByDocument(t.Context(), []model.DocumentID{b.document.ID}, model.PageArgs{First: &first})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]model.ChunkID{}
	for _, chunk := range pages[b.document.ID].Nodes {
		ids[chunk.Text] = chunk.ID
	}
	return ids
}

func (b *bench) retry(t testing.TB) {
	t.Helper()
	err := b.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error {
		_, err := tx.RetryDocument(ctx, model.RetryDocumentInput{ID: b.document.ID})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// newPipelineOf is the bench's pipeline with other models.
func newPipelineOf(b *bench, embedders ...embedding.Embedder) *ingest.Pipeline {
	c := b.Config
	c.Embedders = embedders
	return ingest.New(c)
}
