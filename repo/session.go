package repo

import (
	"context"
	"fmt"
	"time"

	"dossier/internal/fault"
	"dossier/model"
)

// ViewerBySession gives whose session has this token hash, UNAUTHENTICATED when there is none or it is over.
func (s *Store) ViewerBySession(ctx context.Context, tokenHash []byte) (model.Viewer, error) {
	var rows []struct {
		SessionID model.SessionID
		UserID    model.UserID
		CompanyID *model.CompanyID
		Role      model.Role
	}
	err := s.db.NewSelect().TableExpr("sessions AS session").
		Join(`JOIN users AS "user" ON "user".id = session.user_id`).
		ColumnExpr(`session.id AS session_id, "user".id AS user_id, "user".company_id, "user".role`).
		Where("session.token_hash = ? AND session.expires > now()", tokenHash).Scan(ctx, &rows)
	if err != nil {
		return model.Viewer{}, translate(err)
	}
	if len(rows) == 0 {
		return model.Viewer{}, fault.New(fault.Unauthenticated, "The session is unknown or has ended: sign in again.")
	}
	return model.Viewer{
		UserID: rows[0].UserID, CompanyID: rows[0].CompanyID, Role: rows[0].Role, SessionID: rows[0].SessionID,
	}, nil
}

// CreateSession starts a session of the transaction's viewer, and clears those of the viewer that are over.
func (tx *Tx) CreateSession(ctx context.Context, session *model.Session) error {
	_, err := tx.db.NewDelete().Model((*model.Session)(nil)).
		Where("user_id = ? AND expires <= now()", tx.viewer.UserID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("clear sessions: %w", err)
	}
	session.ID, session.UserID = model.NewID[model.SessionID](), tx.viewer.UserID
	if _, err := tx.db.NewInsert().Model(session).Exec(ctx); err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	return tx.record(ctx, model.UserSignedIn, entry{tx.viewerSubject(),
		map[string]any{"expires": session.Expires.UTC().Format(time.RFC3339)}})
}

// EndSession ends the session that the viewer's credential is of, and reports whether there was one.
func (tx *Tx) EndSession(ctx context.Context) (bool, error) {
	result, err := tx.db.NewDelete().Model((*model.Session)(nil)).
		Where("id = ? AND user_id = ?", tx.viewer.SessionID, tx.viewer.UserID).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("end session: %w", err)
	}
	if ended, err := result.RowsAffected(); err != nil || ended == 0 {
		return false, err
	}
	return true, tx.record(ctx, model.UserSignedOut, entry{subject: tx.viewerSubject()})
}

func (tx *Tx) viewerSubject() model.AuditSubject {
	return model.AuditSubject{ID: tx.viewer.UserID.Global(), CompanyID: tx.viewer.CompanyID}
}

func (tx *Tx) endSessions(ctx context.Context, user model.UserID) error {
	_, err := tx.db.NewDelete().Model((*model.Session)(nil)).Where("user_id = ?", user).Exec(ctx)
	return err
}
