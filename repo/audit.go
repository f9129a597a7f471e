package repo

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/model"
)

var auditByTime = byTime("created_at", func(a *model.AuditEntry) time.Time { return a.CreatedAt },
	func(a *model.AuditEntry) uuid.UUID { return uuid.UUID(a.ID) })

// audit selects what the viewer may read of the log: staff all, a MANAGER the own company's, a MEMBER nothing.
func (r Reader) audit(f *model.AuditFilter) func() *bun.SelectQuery {
	return func() *bun.SelectQuery {
		q := from[model.AuditEntry](r)
		if !r.viewer.Role.AtLeast(model.RoleManager) {
			q = q.Where("FALSE")
		}
		if f == nil {
			return q
		}
		if f.CompanyID != nil {
			q = q.Where("?TableAlias.company_id = ?", *f.CompanyID)
		}
		if f.ActorID != nil {
			q = q.Where("?TableAlias.actor_id = ?", *f.ActorID)
		}
		if f.Actions != nil {
			q = q.Where("?TableAlias.action IN (?)", bun.List(f.Actions))
		}
		return q
	}
}

// AuditLog lists what was done, newest first.
func (r Reader) AuditLog(
	ctx context.Context, args model.PageArgs, f *model.AuditFilter,
) (*model.AuditConnection, error) {
	p, err := newPage(args, f, auditByTime, model.Descending)
	if err != nil {
		return nil, err
	}
	return list(ctx, p, r.audit(f))
}

// AuditEntriesByIDs reads entries in any order; those not there or not visible are left out.
func (r Reader) AuditEntriesByIDs(ctx context.Context, ids []model.AuditID) ([]*model.AuditEntry, error) {
	return byIDs[model.AuditEntry](ctx, r.audit(nil)(), ids)
}
