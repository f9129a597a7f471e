package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// sessionUser is the user of a live session, with what the session adds. The password's hash is not read: it is nobody's
// business but a sign-in's.
type sessionUser struct {
	bun.BaseModel `bun:"table:users,alias:user"`
	model.User

	SessionID        model.SessionID `bun:",scanonly"`
	SessionExpiresAt time.Time       `bun:",scanonly"`
	SessionSlides    bool            `bun:",scanonly"` // its end is to be moved
}

// ViewerBySession gives whose session has this token hash, UNAUTHENTICATED when there is none, it is over, or its user is
// deactivated. A session that was asked for before costs no statement. One that is used ends later; once an hour at most that
// costs a statement, too.
func (s *Store) ViewerBySession(ctx context.Context, tokenHash []byte) (model.Viewer, error) {
	return s.viewerBy(tokenHash, func() (*credential, error) { return s.loadSession(ctx, tokenHash) })
}

func (s *Store) loadSession(ctx context.Context, tokenHash []byte) (*credential, error) {
	var found []*sessionUser
	err := s.db.NewSelect().Model(&found).ExcludeColumn("password_hash").
		ColumnExpr("session.id AS session_id, session.expires AS session_expires_at").
		ColumnExpr(slidExpires+" >= session.expires + make_interval(secs => ?) AS session_slides",
			sessionAgeMax.Seconds(), slideMin.Seconds()).
		Join("JOIN sessions AS session ON session.user_id = ?TableAlias.id").
		Where("session.token_hash = ? AND session.expires > now() AND ?TableAlias.deactivated_at IS NULL", tokenHash).
		Scan(ctx)
	if err != nil {
		return nil, translate(err)
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Unauthenticated, "The session is unknown or has ended: sign in again.")
	}
	if found[0].SessionSlides {
		found[0].SessionExpiresAt = s.slide(ctx, found[0].SessionID, found[0].SessionExpiresAt)
	}
	return &credential{sessionID: found[0].SessionID, expiresAt: &found[0].SessionExpiresAt, user: &found[0].User}, nil
}

// personal selects rows that are a user's private affair: one's own, those of the company's users for a MANAGER, all for
// staff. To anyone else they are not there.
func personal[T any](r Reader) *bun.SelectQuery {
	q := r.db.NewSelect().Model((*T)(nil)).Err(granted[T](r))
	switch r.viewer.Role {
	case model.RoleAdmin:
		return q
	case model.RoleManager:
		// Without ?TableAlias, which beside a subquery is the subquery's.
		return q.Where("user_id IN (?)", r.users(nil)().Column("id"))
	default:
		return q.Where("?TableAlias.user_id = ?", param{r.viewer.UserID})
	}
}

var sessionsByTime = byTime("created_at", func(s *model.Session) time.Time { return s.CreatedAt },
	func(s *model.Session) uuid.UUID { return uuid.UUID(s.ID) })

// sessions selects the live sessions that the viewer may see.
func (r Reader) sessions() *bun.SelectQuery {
	return personal[model.Session](r).Where("?TableAlias.expires > now()")
}

// SessionsByUser lists each user's live sessions, newest first.
func (r Reader) SessionsByUser(
	ctx context.Context, users []model.UserID, args model.PageArgs,
) (map[model.UserID]*model.SessionConnection, error) {
	p, err := newPage(args, model.NoFilter{}, sessionsByTime, model.Descending)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, users, byColumn("user_id"), r.sessions)
}

// SessionsByIDs reads live sessions in any order; those not there or not visible are left out.
func (r Reader) SessionsByIDs(ctx context.Context, ids []model.SessionID) ([]*model.Session, error) {
	return byIDs[model.Session](ctx, r, r.sessions(), ids)
}

// CreateSession starts a session of the transaction's viewer, and clears those of the viewer that are over.
func (tx *Tx) CreateSession(ctx context.Context, session *model.Session) error {
	return tx.startSession(ctx, session, tx.viewer.UserID, tx.viewerSubject())
}

func (tx *Tx) startSession(
	ctx context.Context, session *model.Session, user model.UserID, subject model.AuditSubject,
) error {
	session.ID, session.UserID, session.APIKeyID = model.NewID[model.SessionID](), user, tx.maker()
	also := append(tx.recorded(model.UserSignedIn, entry{subject, map[string]any{"expires": timeText(session.ExpiresAt)}}),
		tx.db.NewDelete().Model((*model.Session)(nil)).Where("user_id = ? AND expires <= now()", user),
		tx.endInvitation(user)) // which is for whoever cannot sign in yet
	if _, err := with(tx.db.NewInsert().Model(session), also).Exec(ctx); err != nil {
		return fmt.Errorf("create session: %w", err)
	}
	return nil
}

// SignOut ends the session that the viewer's credential is of, and reports whether there was one.
func (tx *Tx) SignOut(ctx context.Context) (bool, error) {
	if err := tx.confirmViewer(ctx); err != nil {
		return false, err
	}
	ended, err := count(tx.db.NewDelete().Model((*model.Session)(nil)).
		Where("id = ? AND user_id = ?", tx.viewer.SessionID, tx.viewer.UserID).Exec(ctx))
	if err != nil {
		return false, fmt.Errorf("sign out: %w", err)
	}
	if ended == 0 {
		return false, nil
	}
	tx.outdate(&model.Session{UserID: tx.viewer.UserID})
	return true, tx.record(ctx, model.UserSignedOut, entry{subject: tx.viewerSubject()})
}

// EndSession ends one session that the viewer may see.
func (tx *Tx) EndSession(ctx context.Context, in model.EndSessionInput) error {
	sessions, err := all[model.Session](ctx, tx.sessions().Where("?TableAlias.id = ?", in.ID).For(string(toRemove)))
	if err != nil {
		return wrap(err, "end session", in.ID)
	}
	if len(sessions) == 0 {
		return fault.Missing("session").At("id")
	}
	company, err := tx.companyOf(ctx, sessions[0].UserID)
	if err != nil {
		return wrap(err, "end session", in.ID)
	}
	err = remove(ctx, tx, sessions[0], tx.recorded(model.SessionEnded, entry{
		model.AuditSubject{ID: in.ID.Global(), CompanyID: company},
		map[string]any{"userId": sessions[0].UserID.String()}}))
	return wrap(err, "end session", in.ID)
}

// EndSessions ends a user's sessions and counts them. The one that the viewer's credential is of stays if it is to be kept.
func (tx *Tx) EndSessions(ctx context.Context, in model.EndSessionsInput) (int32, error) {
	user, err := tx.lockUser(ctx, toChange, in.UserID, nil)
	if err != nil {
		return 0, wrap(blameUser(err), "end sessions", in.UserID)
	}
	if err := tx.mayChangeUser(user); err != nil {
		return 0, err
	}
	kept := model.SessionID{}
	if in.KeepCurrent {
		kept = tx.viewer.SessionID
	}
	if err := tx.confirmViewer(ctx); err != nil {
		return 0, err
	}
	ended, err := count(tx.endSessions(user.ID, kept).Exec(ctx))
	if err != nil || ended == 0 {
		return 0, wrap(err, "end sessions", in.UserID)
	}
	return ended, tx.record(ctx, model.SessionsEnded, entry{user.AuditSubject(), map[string]any{"sessions": ended}})
}

// endSessions ends the live sessions of a user but the one to keep.
func (tx *Tx) endSessions(user model.UserID, kept model.SessionID) *bun.DeleteQuery {
	tx.outdate(&model.Session{UserID: user})
	return tx.db.NewDelete().Model((*model.Session)(nil)).
		Where("user_id = ? AND id <> ? AND expires > now()", param{user}, param{kept})
}

func (tx *Tx) viewerSubject() model.AuditSubject {
	return model.AuditSubject{ID: tx.viewer.UserID.Global(), CompanyID: tx.viewer.CompanyID}
}

// companyOf gives the company that may read what is recorded of a visible user.
func (tx *Tx) companyOf(ctx context.Context, id model.UserID) (*model.CompanyID, error) {
	users, err := tx.UsersByIDs(ctx, []model.UserID{id})
	if err != nil || len(users) == 0 {
		return nil, err
	}
	return users[0].CompanyID, nil
}
