package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"dossier/internal/embedding"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// section is one that is a chunk by itself.
func section(title string) string {
	return "# " + title + "\n\n" + strings.Repeat(title+" is what this sentence is about, and it says so at some length. ", 8) + "\n\n"
}

// A document is read, cut and given vectors; what it says is found, and all of it goes with it.
func TestProcess(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bytes = section("Catering") + section("Insurance")
	document := b.process(t)
	if document.Status != model.DocumentReady || document.Progress != 1 || document.Attempt != 1 || document.LeaseExpiresAt != nil ||
		document.ErrorCode != nil || document.Notice != nil || document.Pages != nil {
		t.Errorf("%+v", document)
	}
	for _, table := range []string{"document_chunks", "chunk_embeddings", "chunk_codes"} {
		if n := b.count(t, table); n != 2 {
			t.Errorf("%d rows of %s", n, table)
		}
	}
	query, err := embedding.Offline().Query(t.Context(), "insurance")
	if err != nil {
		t.Fatal(err)
	}
	hits, err := b.Store.System().Search(t.Context(), model.Search{Query: "insurance", Mode: model.SearchHybrid},
		&repo.QueryVector{Model: embedding.OfflineModel, Vector: query})
	if err != nil || len(hits.Nodes) == 0 || hits.Nodes[0].Chunk.Heading != "Insurance" {
		t.Errorf("found: %v, %v", hits, err)
	}
	err = b.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error {
		return tx.DeleteDocument(ctx, model.DeleteDocumentInput{ID: b.document.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"document_chunks", "chunk_embeddings", "chunk_codes"} {
		if n := b.count(t, table); n != 0 {
			t.Errorf("%d rows of %s outlive their document", n, table)
		}
	}
}

// Processed again, a document keeps the chunks that say the same, with their ids and vectors, wherever they are now.
func TestProcessAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bytes = section("Catering") + section("Insurance") + section("Cleaning")
	b.process(t)
	before := b.ids(t)
	b.exec(t, "UPDATE chunk_embeddings SET created_at = 'epoch'")
	b.bytes = section("Transport") + section("Insurance") + section("Catering")
	b.retry(t)
	if document := b.process(t); document.Status != model.DocumentReady || document.Attempt != 2 {
		t.Errorf("%+v", document)
	}
	after := b.ids(t)
	kept := 0
	for text, id := range after {
		if was, ok := before[text]; ok {
			kept++
			if was != id {
				t.Errorf("%.20q has another id", text)
			}
		}
	}
	if len(after) != 3 || kept != 2 || b.count(t, "chunk_embeddings") != 3 || b.count(t, "chunk_embeddings WHERE created_at = 'epoch'") != 2 {
		t.Errorf("%d chunks, of which %d were kept", len(after), kept)
	}
	// The same bytes change nothing at all.
	b.exec(t, "UPDATE document_chunks SET updated_at = 'epoch'")
	b.retry(t)
	b.process(t)
	if n := b.count(t, "document_chunks WHERE updated_at = 'epoch'"); n != 3 {
		t.Errorf("%d of 3 chunks were left alone", n)
	}
}

// badModel is a model that cannot be asked.
type badModel struct {
	embedding.Embedder
	err error
}

func (b badModel) Documents(context.Context, []string) ([][]float32, error) { return nil, b.err }

// What a document fails of is told by a code and a sentence; what may pass is tried again, five times.
func TestFailures(t *testing.T) {
	t.Parallel()
	lost := fault.Missing("file")
	for name, probe := range map[string]struct {
		bytes     string
		reading   error
		embedding error
		status    model.DocumentStatus
		code      string
	}{
		"empty":                 {"", nil, nil, model.DocumentFailed, "EMPTY_FILE"},
		"lost":                  {"text", lost, nil, model.DocumentFailed, "FILE_MISSING"},
		"store down":            {"text", errors.New("secret host is down"), nil, model.DocumentPending, "PROCESSING_FAILED"},
		"model refuses":         {"text", nil, &embedding.Error{}, model.DocumentFailed, "EMBEDDING_FAILED"},
		"model cannot be asked": {"text", nil, &embedding.Error{Retryable: true}, model.DocumentPending, "EMBEDDING_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if probe.embedding != nil {
				b = newBench(t, badModel{embedding.Offline(), probe.embedding})
			}
			b.bytes, b.reading = probe.bytes, func(context.Context) error { return probe.reading }
			document := b.process(t)
			if document.Status != probe.status || document.ErrorCode == nil || *document.ErrorCode != probe.code || strings.Contains(*document.ErrorMessage, "secret") {
				t.Fatalf("%+v", document)
			}
			if probe.status == model.DocumentFailed {
				return
			}
			for range repo.DocumentTriesMax - 1 {
				document = b.process(t)
			}
			if document.Status != model.DocumentFailed || document.Attempt != repo.DocumentTriesMax || *document.ErrorCode != probe.code {
				t.Errorf("in the end: %+v", document)
			}
			// Whoever asks again has it tried as often.
			b.retry(t)
			if document = b.process(t); document.Status != model.DocumentPending {
				t.Errorf("asked for again: %+v", document)
			}
		})
	}
}

// A document without text is ready, and says so.
func TestNoText(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bytes = " \n\n \t\n"
	document := b.process(t)
	if document.Status != model.DocumentReady || document.Notice == nil || !strings.Contains(*document.Notice, "no text") {
		t.Errorf("%+v", document)
	}
	b.bytes = section("Catering")
	b.retry(t)
	if document = b.process(t); document.Notice != nil || len(b.ids(t)) != 1 {
		t.Errorf("with a text: %+v", document)
	}
}

// Who holds an older attempt changes nothing more: of a document that was given up, processed again, or deleted meanwhile.
func TestOneAttemptCounts(t *testing.T) {
	t.Parallel()
	cancel := func(ctx context.Context, tx *repo.Tx, id model.DocumentID) error {
		_, err := tx.CancelDocument(ctx, model.CancelDocumentInput{ID: id})
		return err
	}
	for name, probe := range map[string]struct {
		meanwhile func(context.Context, *repo.Tx, model.DocumentID) error
		status    model.DocumentStatus
	}{
		"canceled": {cancel, model.DocumentCanceled},
		"begun by another": {func(ctx context.Context, tx *repo.Tx, id model.DocumentID) error {
			if err := cancel(ctx, tx, id); err != nil {
				return err
			}
			if _, err := tx.RetryDocument(ctx, model.RetryDocumentInput{ID: id}); err != nil {
				return err
			}
			_, err := tx.BeginDocument(ctx, model.ProcessDocument{DocumentID: id, After: 1})
			return err
		}, model.DocumentExtracting},
		"taken by a worker": {func(ctx context.Context, tx *repo.Tx, id model.DocumentID) error {
			_, err := tx.UpdateDocumentStatus(ctx, model.UpdateDocumentStatusInput{ID: id, Status: model.DocumentChunking})
			return err
		}, model.DocumentChunking},
		"deleted": {func(ctx context.Context, tx *repo.Tx, id model.DocumentID) error {
			return tx.DeleteDocument(ctx, model.DeleteDocumentInput{ID: id})
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.bytes = section("Catering")
			b.reading = func(ctx context.Context) error {
				return b.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error { return probe.meanwhile(ctx, tx, b.document.ID) })
			}
			if err := b.Process(t.Context(), b.jobs(t)[0]); err != nil {
				t.Fatal(err)
			}
			if n := b.count(t, "document_chunks"); n != 0 {
				t.Errorf("%d chunks of an attempt that does not count", n)
			}
			if probe.status != "" {
				if document := b.now(t); document.Status != probe.status {
					t.Errorf("%+v", document)
				}
			}
			// Nor does its job begin again.
			b.reading = func(context.Context) error { return errors.New("it begins again") }
			if err := b.Process(t.Context(), b.jobs(t)[0]); err != nil {
				t.Error(err)
			}
		})
	}
}

// A server that stops leaves its documents to the next one, and counts that as no try.
func TestStop(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bytes = section("Catering")
	ctx, stop := context.WithCancel(t.Context())
	b.reading = func(context.Context) error { stop(); return ctx.Err() }
	if err := b.Process(ctx, b.jobs(t)[0]); err != nil {
		t.Fatal(err)
	}
	document := b.now(t)
	if document.Status != model.DocumentPending || document.Tries != 0 || document.ErrorCode != nil || len(b.jobs(t)) != 2 {
		t.Errorf("%+v, %d jobs", document, len(b.jobs(t)))
	}
	b.reading = nil
	if document = b.process(t); document.Status != model.DocumentReady {
		t.Errorf("by the next one: %+v", document)
	}
}

// A document of which nothing is heard any more is taken up, and has failed when that has happened five times.
func TestRescue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bytes = section("Catering")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); b.Rescue(ctx) }()
	defer func() { stop(); <-ended }()
	wait := func(condition func(*model.Document) bool) *model.Document {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if document := b.now(t); condition(document) {
				return document
			} else if time.Now().After(end) {
				t.Fatalf("it is still %+v", document)
			}
		}
	}
	// Its job was lost while it waited, and then its process died each time.
	b.exec(t, "DELETE FROM river_job")
	b.exec(t, "UPDATE documents SET lease_expires_at = now() - interval '1 second'")
	for try := 1; try <= repo.DocumentTriesMax; try++ {
		wait(func(d *model.Document) bool { return d.Status == model.DocumentPending && len(b.jobs(t)) == try })
		err := b.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) error {
			jobs := b.jobs(t)
			_, err := tx.BeginDocument(ctx, jobs[len(jobs)-1])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.exec(t, "UPDATE documents SET lease_expires_at = now() - interval '1 second'")
	}
	document := wait(func(d *model.Document) bool { return d.Status == model.DocumentFailed })
	if *document.ErrorCode != repo.FailedStalled || document.LeaseExpiresAt != nil {
		t.Errorf("%+v", document)
	}
}

// While a document is processed, that is said again and again: nobody takes it up, however long it takes.
func TestHeld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bytes = section("Catering")
	b.reading = func(ctx context.Context) error {
		before := *b.now(t).LeaseExpiresAt
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if b.now(t).LeaseExpiresAt.After(before) {
				return nil
			}
		}
		return errors.New("nothing is heard of it")
	}
	if document := b.process(t); document.Status != model.DocumentReady {
		t.Errorf("%+v", document)
	}
}

// named is a model of another name.
type named struct {
	embedding.Embedder
	name string
}

func (n named) Model() string { return n.name }

// Two models live side by side, the old one is forgotten when it is asked for, and words are found in another language.
func TestReembed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bytes = section("Catering") + section("Insurance")
	b.process(t)
	next := newPipelineOf(b, named{embedding.Offline(), "next"}, embedding.Offline())
	told := map[string]int{}
	if err := next.Reembed(t.Context(), nil, func(name string, done int) { told[name] = done }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(told) != "map[next:2]" || b.count(t, "chunk_embeddings") != 4 || b.count(t, "chunk_codes") != 4 {
		t.Errorf("%v, %d vectors", told, b.count(t, "chunk_embeddings"))
	}
	last := newPipelineOf(b, named{embedding.Offline(), "next"})
	pruned, err := last.Prune(t.Context())
	if err != nil || pruned != 2 || b.count(t, "chunk_embeddings WHERE model = 'next'") != 2 || b.count(t, "chunk_codes") != 2 {
		t.Errorf("%d pruned, %v", pruned, err)
	}
	b.exec(t, "UPDATE document_chunks SET language = 'simple', tsv = ''")
	if err := last.Reembed(t.Context(), nil, func(string, int) {}); err != nil {
		t.Fatal(err)
	}
	if n := b.count(t, "document_chunks WHERE language = 'english' AND tsv @@ to_tsquery('english', 'sentences')"); n != 2 {
		t.Errorf("%d chunks are found in the language of the settings", n)
	}
}

// A word in a heading weighs more than one that a text has often.
func TestHeadingsWeighMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	filling := strings.Repeat("This sentence is about something else, at some length, as a bid is. ", 8)
	b.bytes = "# Notes\n\nA ferry, a ferry, and a ferry. " + filling + "\n\n# Ferry\n\n" + filling
	b.process(t)
	hits, err := b.Store.System().Search(t.Context(), model.Search{Query: "ferry", Mode: model.SearchText}, nil)
	if err != nil || len(hits.Nodes) != 2 || hits.Nodes[0].Chunk.Heading != "Ferry" {
		t.Errorf("found: %v, %v", hits, err)
	}
}
