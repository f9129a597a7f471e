package graph

import (
	"context"

	"dossier/internal/files"
	"dossier/model"
	"dossier/repo"
)

type documentQueries struct{ reading }

func (q documentQueries) Document(ctx context.Context, id model.GlobalID) (*model.Document, error) {
	return byID(ctx, "document", id, q.as(ctx).DocumentsByIDs)
}

func (q documentQueries) Documents(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.DocumentFilter, orderBy model.DocumentOrder,
) (*model.DocumentConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return q.as(ctx).Documents(ctx, page, filter, orderBy)
}

type documentFields struct {
	reading

	files *files.Files
}

func (f documentFields) DownloadURL(ctx context.Context, d *model.Document) (*string, error) {
	if link := f.files.DownloadURL(model.ViewerFrom(ctx), d); link != "" {
		return &link, nil
	}
	return nil, nil
}

func (f documentFields) Owner(ctx context.Context, d *model.Document) (*model.User, error) {
	return required(documentOwner.load(ctx, f.reading, d))
}

func (f documentFields) Project(ctx context.Context, d *model.Document) (*model.Project, error) {
	return optional(documentProject.load(ctx, f.reading, d))
}

func (f documentFields) Company(ctx context.Context, d *model.Document) (*model.Company, error) {
	return required(documentCompany.load(ctx, f.reading, d))
}

func (f documentFields) Chunks(
	ctx context.Context, d *model.Document, first *int32, after *string, last *int32, before *string,
) (*model.DocumentChunkConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return documentChunks.load(ctx, d, func(ctx context.Context, ids []model.DocumentID) (map[model.DocumentID]*model.DocumentChunkConnection, error) {
		return f.as(ctx).ChunksByDocument(ctx, ids, page)
	})
}

func (f documentFields) Themes(
	ctx context.Context, d *model.Document, first *int32, after *string, last *int32, before *string,
	filter *model.ThemeFilter, orderBy model.ThemeOrder,
) (*model.ThemeConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return documentThemes.load(ctx, d, func(ctx context.Context, ids []model.DocumentID) (map[model.DocumentID]*model.ThemeConnection, error) {
		return f.as(ctx).ThemesByDocument(ctx, ids, page, filter, orderBy)
	})
}

type documentMutations struct{ store *repo.Store }

func (m documentMutations) CreateDocument(
	ctx context.Context, in model.CreateDocumentInput,
) (*model.CreateDocumentPayload, error) {
	document, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.CreateDocument(ctx, in)
	})
	return &model.CreateDocumentPayload{Document: document, UserErrors: userErrors}, err
}

func (m documentMutations) CreateDocuments(
	ctx context.Context, in model.CreateDocumentsInput,
) (*model.CreateDocumentsPayload, error) {
	documents, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) ([]*model.Document, error) {
		return tx.CreateDocuments(ctx, in.Documents)
	})
	if documents == nil {
		documents = []*model.Document{}
	}
	return &model.CreateDocumentsPayload{Documents: documents, UserErrors: userErrors}, err
}

func (m documentMutations) UpdateDocument(
	ctx context.Context, in model.UpdateDocumentInput,
) (*model.UpdateDocumentPayload, error) {
	document, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.UpdateDocument(ctx, in)
	})
	return &model.UpdateDocumentPayload{Document: document, UserErrors: userErrors}, err
}

func (m documentMutations) DeleteDocument(
	ctx context.Context, in model.DeleteDocumentInput,
) (*model.DeleteDocumentPayload, error) {
	deleted, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.DocumentID, error) {
		return &in.ID, tx.DeleteDocument(ctx, in)
	})
	return &model.DeleteDocumentPayload{DeletedDocumentID: deleted, UserErrors: userErrors}, err
}
