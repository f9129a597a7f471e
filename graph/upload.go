package graph

import (
	"context"
	"errors"

	"dossier/internal/files"
	"dossier/internal/pgconn"
	"dossier/model"
	"dossier/repo"
)

type uploadMutations struct {
	store *repo.Store
	files *files.Files
}

func (m uploadMutations) UploadDocument(
	ctx context.Context, in model.UploadDocumentInput,
) (*model.UploadDocumentPayload, error) {
	uploaded, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*repo.Uploaded, error) {
		return tx.UploadDocument(ctx, in, m.files.Limits.CompanyBytes)
	})
	if uploaded != nil || errors.Is(err, pgconn.ErrCommitUnknown) { // another field may have the file, too
		in.File.Kept = true
	}
	return m.payload(ctx, in.UploadedDocument, uploaded, userErrors, err)
}

func (m uploadMutations) CreateUpload(
	ctx context.Context, in model.CreateUploadInput,
) (*model.CreateUploadPayload, error) {
	var target *model.UploadTarget
	var upload *model.PendingUpload
	checked := checks{in, func() (err error) {
		upload, target, err = m.files.NewUpload(ctx, in)
		return err
	}}
	target, userErrors, err := mutate(ctx, m.store, checked, func(ctx context.Context, tx *repo.Tx) (*model.UploadTarget, error) {
		return target, tx.CreateUpload(ctx, upload, m.files.Limits.CompanyBytes)
	})
	return &model.CreateUploadPayload{Upload: target, UserErrors: userErrors}, err
}

func (m uploadMutations) CompleteUpload(
	ctx context.Context, in model.CompleteUploadInput,
) (*model.CompleteUploadPayload, error) {
	var file model.File
	checked := checks{in, func() (err error) {
		file, err = m.files.Completed(ctx, model.ViewerFrom(ctx), in)
		return err
	}}
	uploaded, userErrors, err := mutate(ctx, m.store, checked, func(ctx context.Context, tx *repo.Tx) (*repo.Uploaded, error) {
		return tx.CompleteUpload(ctx, in, file, m.files.Limits.CompanyBytes)
	})
	return m.payload(ctx, in.UploadedDocument, uploaded, userErrors, err)
}

func (m uploadMutations) payload(
	ctx context.Context, in model.UploadedDocument, uploaded *repo.Uploaded, userErrors []model.UserError, err error,
) (*model.UploadDocumentPayload, error) {
	payload := &model.UploadDocumentPayload{UserErrors: userErrors}
	if uploaded == nil || err != nil {
		return payload, err
	}
	payload.Document, payload.DuplicateOf = uploaded.Document, uploaded.DuplicateOf
	if in.WaitUntilReady {
		payload.Document = awaitOutcome(ctx, reading{m.store}, uploaded.Document)
	}
	return payload, nil
}

// checks are those of an input, and then, when nothing is wrong with it, one that takes more than the input.
type checks struct {
	input interface{ Validate() error }
	more  func() error
}

// Validate makes all of them.
func (c checks) Validate() error {
	if err := c.input.Validate(); err != nil {
		return err
	}
	return c.more()
}
