package repo_test

import (
	"context"
	"errors"
	"testing"

	"dossier/model"
	"dossier/repo"
)

// begun is a document of the manager, and the run that processes it.
func (w world) begun(t *testing.T) (*model.Document, repo.Run) {
	t.Helper()
	document := w.Documents(t, w.manager, nil, 1)[0]
	if _, err := w.Pool.Exec("UPDATE documents SET status = 'PENDING', container_name = 'c', blob_name = 'b' WHERE id = $1", document.ID); err != nil {
		t.Fatal(err)
	}
	return document, w.begin(t, document.ID, 0)
}

func (w world) begin(t *testing.T, id model.DocumentID, after int32) repo.Run {
	t.Helper()
	document := must[*model.Document](t)(repo.Do(t.Context(), w.Store, viewer(w.admin), func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.BeginDocument(ctx, model.ProcessDocument{DocumentID: id, After: after})
	}))
	return repo.Run{DocumentID: id, CompanyID: document.CompanyID, Attempt: document.Attempt}
}

func (w world) process(t *testing.T, fn func(context.Context, *repo.Tx) error) error {
	t.Helper()
	return w.Store.SystemTx(t.Context(), fn)
}

// A run whose document was canceled and asked for anew meanwhile changes nothing of it.
func TestPostponeOfAnOldRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document, run := w.begun(t)
	_, err := inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		if _, err := tx.CancelDocument(ctx, model.CancelDocumentInput{ID: document.ID}); err != nil {
			return nil, err
		}
		return tx.RetryDocument(ctx, model.RetryDocumentInput{ID: document.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.process(t, func(ctx context.Context, tx *repo.Tx) error {
		return tx.PostponeDocument(ctx, run, model.DocumentExtracting, "OTHER", "Something.")
	})
	if !errors.Is(err, repo.ErrNotHeld) {
		t.Errorf("postponed: %v", err)
	}
	now := must[[]*model.Document](t)(w.Store.System().DocumentsByIDs(t.Context(), []model.DocumentID{document.ID}))[0]
	if now.Status != model.DocumentPending || now.ErrorCode != nil || now.Tries != 0 {
		t.Errorf("it is %s of %v after %d tries", now.Status, now.ErrorCode, now.Tries)
	}
}

// What a try has failed of is over when the next one goes well.
func TestReadyAfterATryThatFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document, run := w.begun(t)
	err := w.process(t, func(ctx context.Context, tx *repo.Tx) error {
		return tx.PostponeDocument(ctx, run, model.DocumentExtracting, "OTHER", "Something.")
	})
	if err != nil {
		t.Fatal(err)
	}
	run = w.begin(t, document.ID, run.Attempt)
	err = w.process(t, func(ctx context.Context, tx *repo.Tx) error {
		if err := tx.AdvanceDocument(ctx, run, model.DocumentExtracting, model.DocumentEmbedding, 0.5); err != nil {
			return err
		}
		return tx.EndDocument(ctx, run, model.DocumentEmbedding, repo.Outcome{})
	})
	now := must[[]*model.Document](t)(w.Store.System().DocumentsByIDs(t.Context(), []model.DocumentID{document.ID}))[0]
	if err != nil || now.Status != model.DocumentReady || now.ErrorCode != nil || now.ErrorMessage != nil {
		t.Errorf("it is %s of %v, %v", now.Status, now.ErrorCode, err)
	}
}
