package repo

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/model"
)

var auditOrders = map[model.AuditOrderField]order[model.AuditEntry]{
	model.AuditByCreatedAt: byTime("created_at", func(a *model.AuditEntry) time.Time { return a.CreatedAt },
		func(a *model.AuditEntry) uuid.UUID { return uuid.UUID(a.ID) }),
}

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
		if f.SubjectID != nil {
			q = equal(q, "subject_type", &f.SubjectID.Prefix)
			q = equal(q, "subject_id", &f.SubjectID.UUID)
		}
		q = equal(q, "company_id", f.CompanyID)
		q = equal(q, "actor_id", f.ActorID)
		q = among(q, "action", f.Actions)
		return within(q, "created_at", f.CreatedAt)
	}
}

// RecordDenied leaves an entry of a mutation that the viewer was refused, and why.
func (tx *Tx) RecordDenied(ctx context.Context, mutation, reason string) error {
	return tx.record(ctx, model.WriteDenied,
		entry{tx.viewerSubject(), map[string]any{"mutation": mutation, "reason": reason}})
}

// AuditLog lists what was done.
func (r Reader) AuditLog(
	ctx context.Context, args model.PageArgs, f *model.AuditFilter, by model.AuditOrder,
) (*model.AuditEntryConnection, error) {
	p, err := newPage(args, f, auditOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.audit(f))
}

// AuditEntriesByIDs reads entries in any order; those not there or not visible are left out.
func (r Reader) AuditEntriesByIDs(ctx context.Context, ids []model.AuditID) ([]*model.AuditEntry, error) {
	return byIDs[model.AuditEntry](ctx, r, r.audit(nil)(), ids)
}
