package seed

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/pgconn"
	"dossier/model"
	"dossier/repo"
)

// ErrNotKept tells that the store of files took none of the tender pack.
var ErrNotKept = errors.New("keep the demo documents")

// receivePack keeps the bytes of the tender pack. A file that the settings do not let in is left out. settle says what came of the rows.
func receivePack(ctx context.Context, kept *files.Files) (pack []*model.ReceivedFile, settle func(error), err error) {
	incoming, err := kept.Begin(model.Viewer{})
	if err != nil {
		return nil, nil, err
	}
	settle = func(err error) {
		for _, file := range pack {
			file.Kept = err == nil || errors.Is(err, pgconn.ErrCommitUnknown)
		}
		incoming.Settle(ctx, pack...)
	}
	for _, file := range Pack() {
		received, err := incoming.Receive(ctx, file.Name, bytes.NewReader(file.Content))
		switch {
		case fault.Is(err, fault.TooComplex): // it is larger than files may be
		case err != nil:
			settle(err)
			return nil, nil, fmt.Errorf("%w: %w", ErrNotKept, err)
		case received.Fault == nil:
			pack = append(pack, received)
		}
	}
	return pack, settle, nil
}

// tender adds a project of the transaction's viewer whose documents have bytes, to be read and searched. Chance has no part in it.
func (s *seeder) tender(ctx context.Context, tx *repo.Tx, themes []*model.Theme) error {
	project, err := tx.CreateProject(ctx, model.CreateProjectInput{
		Name: "Catering and facilities for Harborview Hospital", ClientName: "Harborview Hospital",
	})
	if err != nil {
		return err
	}
	for _, file := range s.pack {
		in := model.UploadDocumentInput{File: model.Upload{ReceivedFile: file}}
		in.ProjectID = &project.ID
		if _, err := tx.UploadDocument(ctx, in, 0); err != nil {
			return err
		}
	}
	targets := model.ThemeTargets{ProjectIDs: []model.ProjectID{project.ID}}
	for _, theme := range themes {
		if theme.Name == "One contact" || theme.Name == "Low carbon" { // one partner is asked for, and less carbon
			targets.ThemeIDs = append(targets.ThemeIDs, theme.ID)
		}
	}
	_, err = tx.AttachThemes(ctx, targets)
	return err
}
