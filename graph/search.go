package graph

import (
	"context"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// Embedder turns the query of a search into a vector.
type Embedder interface {
	Model() string
	Query(ctx context.Context, text string) ([]float32, error)
}

type searchQueries struct {
	reading

	embedder Embedder
}

func (q searchQueries) SearchDocuments(
	ctx context.Context, query string, filter *model.SearchFilter, mode model.SearchMode, first *int32, after *string,
) (*model.SearchHitConnection, error) {
	search := model.Search{Query: query, Filter: filter, Mode: mode, First: first, After: after}
	if err := search.Validate(); err != nil {
		return nil, err
	}
	vector, err := q.vectorOf(ctx, search)
	if err != nil {
		return nil, err
	}
	return q.as(ctx).Search(ctx, search, vector)
}

// vectorOf asks the model, where the search needs that.
func (q searchQueries) vectorOf(ctx context.Context, search model.Search) (*repo.QueryVector, error) {
	if search.Mode == model.SearchText {
		return nil, nil
	}
	vector, err := q.embedder.Query(ctx, search.Query)
	if err != nil {
		return nil, errNoModel.Because(err)
	}
	return &repo.QueryVector{Model: q.embedder.Model(), Vector: vector}, nil
}

var errNoModel = &fault.Error{Code: fault.Unavailable, Retryable: true,
	Message: "The model that searches by meaning cannot be asked at the moment: try again, or search in mode TEXT."}

type searchHitFields struct{ reading }

func (f searchHitFields) Document(ctx context.Context, h *model.SearchHit) (*model.Document, error) {
	return required(hitDocument.load(ctx, f.reading, h))
}

type chunkFields struct{ reading }

func (f chunkFields) Document(ctx context.Context, c *model.DocumentChunk) (*model.Document, error) {
	return required(chunkDocument.load(ctx, f.reading, c))
}
