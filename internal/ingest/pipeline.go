package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"dossier/internal/embedding"
	"dossier/internal/extract"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

const (
	// holdEvery is how often is said that a document is being processed still, several times within its lease.
	holdEvery = repo.DocumentLease / 4
	// rescueEvery is how often is looked for documents of which nothing is heard any more.
	rescueEvery = 5 * time.Second
	// extractionsMax is how many files are read at a time on one instance: each may take a GiB of memory.
	extractionsMax = 2
	// embeddingBatch is how many chunks become vectors at a time: what a crash loses of the work.
	embeddingBatch = 96
	// lastWord is how long what came of a document may take to be kept when everything else is to stop.
	lastWord = 5 * time.Second
)

// Config is what a pipeline needs.
type Config struct {
	Store     *repo.Store
	Open      func(ctx context.Context, document *model.Document) (io.ReadCloser, error) // a document's bytes
	Extractor *extract.Extractor
	Embedders []embedding.Embedder // whose vectors chunks have: the model of searches, and one that is to follow it
	Logger    *slog.Logger
}

// Pipeline makes documents ready to be searched: what they say is read, cut into chunks, and turned into vectors. It bears being
// killed at any point: what is known of a document is what was committed, and whoever takes it up begins anew.
type Pipeline struct {
	Config
	reading *semaphore.Weighted
}

// New makes a pipeline.
func New(c Config) *Pipeline {
	return &Pipeline{c, semaphore.NewWeighted(extractionsMax)}
}

// Process is the work of one job. Where the document is another's meanwhile, there is none.
func (p *Pipeline) Process(ctx context.Context, job model.ProcessDocument) error {
	var document *model.Document
	err := p.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
		document, err = tx.BeginDocument(ctx, job)
		return err
	})
	if errors.Is(err, repo.ErrNotHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	w := &work{Pipeline: p, document: document, status: document.Status,
		run: repo.Run{DocumentID: document.ID, CompanyID: document.CompanyID, Attempt: document.Attempt}}
	held, release := w.hold(ctx)
	outcome, err := w.process(held)
	release()
	return w.end(ctx, outcome, err)
}

// Rescue takes up documents of whose processing nothing is heard any more, until the context ends. It is no job: what runs jobs may be
// what died.
func (p *Pipeline) Rescue(ctx context.Context) {
	for tick := time.NewTicker(rescueEvery); ; {
		var rescued int
		err := p.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
			rescued, err = tx.RescueDocuments(ctx)
			return err
		})
		if err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
			p.Logger.WarnContext(ctx, "documents not rescued", "error", err)
		}
		if rescued > 0 {
			p.Logger.InfoContext(ctx, "documents were taken up of which nothing was heard any more", "documents", rescued)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}
