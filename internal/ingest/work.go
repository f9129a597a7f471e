package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dossier/internal/embedding"
	"dossier/internal/extract"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// How far a document is when a part of its processing is done.
const (
	progressExtracted = 0.3
	progressChunked   = 0.4
)

// What a document failed of, beside what extract says.
const (
	failedFileMissing = "FILE_MISSING"
	failedEmbedding   = "EMBEDDING_FAILED"
	failedOtherwise   = "PROCESSING_FAILED"
)

// noticeNoText is said of a document that is ready, and has nothing to find.
const noticeNoText = "There is no text in it. Pages that were scanned have to go through text recognition (OCR) first."

// work is one run of a document through the pipeline.
type work struct {
	*Pipeline
	document *model.Document
	run      repo.Run

	mu       sync.Mutex // held while the row changes, so that nobody says of a status what is over
	status   model.DocumentStatus
	progress float64
}

// hold says that the document is being processed until release is called. The context ends when it is another's meanwhile.
func (w *work) hold(ctx context.Context) (held context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		last := time.Now()
		for tick := time.NewTicker(holdEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			err := w.say(ctx)
			if err == nil {
				last = time.Now()
			}
			if errors.Is(err, repo.ErrNotHeld) || time.Since(last) > repo.DocumentLease {
				cancel(repo.ErrNotHeld)
			}
		}
	}()
	return ctx, func() { cancel(nil); <-ended }
}

func (w *work) say(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
		return tx.HoldDocument(ctx, w.run, w.status, w.progress)
	})
}

// advance moves the document on, together with what else is to change.
func (w *work) advance(
	ctx context.Context, to model.DocumentStatus, progress float64, also func(context.Context, *repo.Tx) error,
) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
		if also != nil {
			if err := also(ctx, tx); err != nil {
				return err
			}
		}
		return tx.AdvanceDocument(ctx, w.run, w.status, to, progress)
	})
	if err == nil {
		w.status, w.progress = to, progress
	}
	return err
}

func (w *work) process(ctx context.Context) (repo.Outcome, error) {
	text, err := w.extract(ctx)
	if err != nil {
		return repo.Outcome{}, err
	}
	if err := w.advance(ctx, model.DocumentChunking, progressExtracted, nil); err != nil {
		return repo.Outcome{}, err
	}
	chunks, err := chunksOf(text)
	if err != nil {
		return repo.Outcome{}, err
	}
	err = w.advance(ctx, model.DocumentEmbedding, progressChunked, func(ctx context.Context, tx *repo.Tx) error {
		return tx.ReplaceChunks(ctx, w.run, chunks)
	})
	if err != nil {
		return repo.Outcome{}, err
	}
	for i, embedder := range w.Embedders {
		share := (1 - progressChunked) / float64(len(w.Embedders))
		if err := w.embed(ctx, embedder, len(chunks), progressChunked+float64(i)*share, share); err != nil {
			return repo.Outcome{}, err
		}
	}
	var outcome repo.Outcome
	if len(chunks) == 0 {
		notice := noticeNoText
		outcome.Notice = &notice
	}
	if pages := int32(text.Pages); pages > 0 {
		outcome.Pages = &pages
	}
	return outcome, nil
}

func (w *work) extract(ctx context.Context) (*extract.Text, error) {
	if err := w.reading.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer w.reading.Release(1)
	body, err := w.Open(ctx, w.document)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return w.Extractor.Extract(ctx, w.document.ContentType, w.document.Name, body)
}

func chunksOf(text *extract.Text) ([]model.ChunkInput, error) {
	_, chunks, err := Split(text)
	if err != nil {
		return nil, err
	}
	inputs := make([]model.ChunkInput, len(chunks))
	for i, c := range chunks {
		tokens := int32(c.Tokens)
		inputs[i] = model.ChunkInput{
			Position: int32(c.Position), Heading: &c.Heading, Text: c.Text, Start: int32(c.Start), End: int32(c.End), Tokens: &tokens,
		}
		if page := int32(c.Page); page > 0 {
			inputs[i].Page = &page
		}
	}
	return inputs, nil
}

// embed makes the vectors that the document's chunks lack of the model.
func (w *work) embed(ctx context.Context, embedder embedding.Embedder, total int, begin, share float64) error {
	return eachBatch(ctx, w.Store, &w.document.ID, embedder, func(vectors []repo.ChunkVector, done int) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.progress = min(1, begin+share*float64(done)/float64(max(total, 1)))
		return w.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
			if err := tx.HoldDocument(ctx, w.run, w.status, w.progress); err != nil { // first, as whoever deletes it locks it first
				return err
			}
			return tx.PutVectors(ctx, embedder.Model(), vectors)
		})
	})
}

// embeddingError is that of a model that could not be asked.
type embeddingError struct{ error }

func (e *embeddingError) Unwrap() error { return e.error }

// end keeps what came of the document, although everything else may be to stop.
func (w *work) end(ctx context.Context, outcome repo.Outcome, cause error) error {
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	code, message, passes := failureOf(cause)
	err := w.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
		switch {
		case cause == nil:
			return tx.EndDocument(ctx, w.run, w.status, outcome)
		case stopped:
			return tx.ReleaseDocument(ctx, w.run, w.status)
		case passes:
			return tx.PostponeDocument(ctx, w.run, w.status, code, message)
		}
		return tx.EndDocument(ctx, w.run, w.status, repo.Outcome{FailedOf: code, FailedAs: message})
	})
	if errors.Is(err, repo.ErrNotHeld) || fault.Is(err, fault.NotFound) { // it was canceled, deleted, or is another's
		return nil
	}
	if cause != nil && !stopped {
		w.Logger.WarnContext(ctx, "document not processed", "document", w.document.ID.String(), "attempt", w.run.Attempt, "code", code,
			"error", cause.Error())
	}
	return err
}

// failureOf says what a document failed of, for people, and whether that may pass.
func failureOf(err error) (code, message string, passes bool) {
	if unreadable, ok := errors.AsType[*extract.Error](err); ok {
		return string(unreadable.Code), unreadable.Message, false
	}
	if failed, ok := errors.AsType[*embeddingError](err); ok {
		return failedEmbedding, "The model that makes vectors of its text could not be asked, or refused it.", embedding.IsRetryable(failed)
	}
	switch {
	case errors.Is(err, ErrTooManyChunks):
		return string(extract.TooLarge), fmt.Sprintf("It has too much text: more than %d chunks.", chunksMax), false
	case fault.Is(err, fault.NotFound):
		return failedFileMissing, "Its bytes are not in the store any more.", false
	}
	return failedOtherwise, "Something went wrong on our side.", true
}
