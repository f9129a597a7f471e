package ingest

import (
	"context"
	"fmt"

	"dossier/internal/embedding"
	"dossier/model"
	"dossier/repo"
)

// eachBatch makes the vectors that chunks lack of the model, some at a time: a document's, or those of all.
func eachBatch(
	ctx context.Context, store *repo.Store, document *model.DocumentID, embedder embedding.Embedder,
	keep func(vectors []repo.ChunkVector, done int) error,
) error {
	after, done := model.ChunkID{}, 0
	for {
		chunks, err := store.System().ChunksWithoutVector(ctx, document, embedder.Model(), embedder.Dimensions(), after, embeddingBatch)
		if err != nil || len(chunks) == 0 {
			return err
		}
		texts := make([]string, len(chunks))
		for i, chunk := range chunks {
			texts[i] = chunk.Text
			if chunk.Heading != "" { // what a passage is about, often without saying it
				texts[i] = chunk.Heading + "\n" + chunk.Text
			}
		}
		made, err := embedder.Documents(ctx, texts)
		if err != nil {
			return &embeddingError{err}
		}
		vectors := make([]repo.ChunkVector, len(chunks))
		for i, chunk := range chunks {
			vectors[i] = repo.ChunkVector{ChunkID: chunk.ID, Vector: made[i]}
		}
		done += len(chunks)
		if err := keep(vectors, done); err != nil {
			return err
		}
		after = chunks[len(chunks)-1].ID
	}
}

// Reembed makes the vectors that chunks lack of the models: a document's, or those of all. Of all it makes the index of words anew, too,
// where that is in another language, and puts vectors where pgvector finds them. It tells how many chunks of a model are done.
func (p *Pipeline) Reembed(ctx context.Context, document *model.DocumentID, tell func(model string, done int)) error {
	for _, embedder := range p.Embedders {
		err := eachBatch(ctx, p.Store, document, embedder, func(vectors []repo.ChunkVector, done int) error {
			err := p.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
				return tx.PutVectors(ctx, embedder.Model(), vectors)
			})
			if err == nil {
				tell(embedder.Model(), done)
			}
			return err
		})
		if err == nil && document == nil {
			err = p.Store.FillPGVector(ctx, embedder.Model())
		}
		if err != nil {
			return fmt.Errorf("make vectors of %s: %w", embedder.Model(), err)
		}
	}
	if document != nil {
		return nil
	}
	return p.relanguage(ctx)
}

func (p *Pipeline) relanguage(ctx context.Context) error {
	for changed := int32(1); changed > 0; {
		err := p.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
			changed, err = tx.Relanguage(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("make the index of words anew: %w", err)
		}
	}
	return nil
}

// Prune deletes the vectors of models that are none of the pipeline's, and gives how many there were.
func (p *Pipeline) Prune(ctx context.Context) (pruned int, err error) {
	var keep []string
	for _, embedder := range p.Embedders {
		keep = append(keep, embedder.Model())
	}
	for {
		var some int32
		err := p.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
			some, err = tx.ForgetModels(ctx, keep)
			return err
		})
		if pruned += int(some); err != nil || some == 0 {
			return pruned, err
		}
	}
}
