package graph

import (
	"context"
	"time"

	"dossier/model"
	"dossier/repo"
)

type processingMutations struct{ store *repo.Store }

func (m processingMutations) UpdateDocumentStatus(
	ctx context.Context, in model.UpdateDocumentStatusInput,
) (*model.UpdateDocumentStatusPayload, error) {
	document, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.UpdateDocumentStatus(ctx, in)
	})
	return &model.UpdateDocumentStatusPayload{Document: document, UserErrors: userErrors}, err
}

func (m processingMutations) RetryDocument(ctx context.Context, in model.RetryDocumentInput) (*model.RetryDocumentPayload, error) {
	document, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.RetryDocument(ctx, in)
	})
	return &model.RetryDocumentPayload{Document: document, UserErrors: userErrors}, err
}

func (m processingMutations) CancelDocument(ctx context.Context, in model.CancelDocumentInput) (*model.CancelDocumentPayload, error) {
	document, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.CancelDocument(ctx, in)
	})
	return &model.CancelDocumentPayload{Document: document, UserErrors: userErrors}, err
}

func (m processingMutations) ProcessDocuments(
	ctx context.Context, in model.ProcessDocumentsInput,
) (*model.ProcessDocumentsPayload, error) {
	documents, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) ([]*model.Document, error) {
		return tx.ProcessDocuments(ctx, in)
	})
	if documents == nil {
		documents = []*model.Document{}
	}
	return &model.ProcessDocumentsPayload{Documents: documents, UserErrors: userErrors}, err
}

func (m processingMutations) PutDocumentChunks(
	ctx context.Context, in model.PutDocumentChunksInput,
) (*model.PutDocumentChunksPayload, error) {
	payload, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.PutDocumentChunksPayload, error) {
		document, chunks, err := tx.PutDocumentChunks(ctx, in)
		return &model.PutDocumentChunksPayload{Document: document, Chunks: chunks}, err
	})
	if payload == nil {
		payload = &model.PutDocumentChunksPayload{Chunks: []*model.DocumentChunk{}}
	}
	payload.UserErrors = userErrors
	return payload, err
}

const (
	// waitMax is how long an upload waits for its document to be processed.
	waitMax = 30 * time.Second
	// waitMargin is what it leaves of the operation's time.
	waitMargin = 300 * time.Millisecond
	// waitPause is the pause between two looks.
	waitPause = 200 * time.Millisecond
)

// awaitOutcome waits until the document has an outcome, and gives it as it is then, or as it was last seen: when there is no time left,
// when it is gone, and when nobody can look. The document is committed by now, and an error would have it uploaded again.
func awaitOutcome(ctx context.Context, reading reading, document *model.Document) *model.Document {
	until := time.Now().Add(waitMax)
	if deadline, ok := ctx.Deadline(); ok && deadline.Add(-waitMargin).Before(until) {
		until = deadline.Add(-waitMargin)
	}
	ctx, cancel := context.WithDeadline(ctx, until) // a look that hangs leaves the margin, too
	defer cancel()
	for document.Status.CanBecome(model.DocumentCanceled) && time.Now().Add(waitPause).Before(until) {
		select {
		case <-time.After(waitPause):
		case <-ctx.Done():
			return document
		}
		now, err := byID(ctx, "document", document.ID.Global(), reading.whole(ctx).DocumentsByIDs)
		if err != nil {
			return document
		}
		document = now
	}
	return document
}
