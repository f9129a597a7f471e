package repo

import (
	"context"
	"time"

	"dossier/model"
)

// sessionAgeMax is when a session ends however often it is used, counted from its beginning.
const sessionAgeMax = 365 * 24 * time.Hour

// slideMin is how much a session must gain for its end to be written: so it is written once an hour at most, and one that is used
// may end this much early.
const slideMin = time.Hour

// slideTimeout bounds how long a request waits for that.
const slideTimeout = 250 * time.Millisecond

// slidExpires is when a session ends that is used now. Its length is what lay between the time that its end was set and that end: it
// is not stored apart, and whoever makes sessions of another length than a sign-in's keeps it.
const slidExpires = "LEAST(now() + (session.expires - session.updated_at), session.created_at + make_interval(secs => ?))"

// slide moves the end of a session that is used, and gives the end that holds. A session that cannot be moved is good all the
// same.
func (s *Store) slide(ctx context.Context, id model.SessionID, expires time.Time) time.Time {
	ctx, cancel := context.WithTimeout(ctx, slideTimeout)
	defer cancel()
	var slid time.Time
	_, err := s.db.NewUpdate().Model((*model.Session)(nil)).
		Set("expires = "+slidExpires, sessionAgeMax.Seconds()).Set("updated_at = now()").
		Where("?TableAlias.id = ? AND ?TableAlias.expires = ?", id, expires). // of several requests one writes
		Returning("expires").Exec(ctx, &slid)
	if err != nil || slid.IsZero() {
		return expires
	}
	return slid
}
