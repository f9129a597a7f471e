package repo

import (
	"context"
	"fmt"
	"time"

	"dossier/model"
)

// ExpiredMax is how many rows of each table go in one transaction, so that none holds its locks for long.
const ExpiredMax = 1000

// invitationsKept is how long an invitation that has ended is still shown to whoever could renew it.
const invitationsKept = 30 * 24 * time.Hour

// DeleteExpired deletes rows that have been over for so long that they tell nobody anything, and counts them. There may be more
// unless it is none. API keys stay, with what they were used for.
func (tx *Tx) DeleteExpired(ctx context.Context) (int32, error) {
	var deleted int32
	for _, remove := range []func(context.Context, *Tx) (int32, error){
		deleteExpired[model.Session](0), deleteExpired[model.OneTimeToken](0), deleteExpired[model.VerificationToken](0),
		deleteExpired[model.Invitation](invitationsKept),
	} {
		n, err := remove(ctx, tx)
		if err != nil {
			return 0, fmt.Errorf("delete expired rows: %w", err)
		}
		deleted += n
	}
	return deleted, nil
}

// deleteExpired passes over rows that are locked: who is about to change or delete them does.
func deleteExpired[T any](kept time.Duration) func(context.Context, *Tx) (int32, error) {
	return func(ctx context.Context, tx *Tx) (int32, error) {
		over := tx.db.NewSelect().Model((*T)(nil)).Column("id").Where("expires <= now() - make_interval(secs => ?)", kept.Seconds()).
			OrderExpr("expires").Limit(ExpiredMax).For("UPDATE SKIP LOCKED")
		return count(tx.db.NewDelete().Model((*T)(nil)).Where("id IN (?)", over).Exec(ctx))
	}
}
