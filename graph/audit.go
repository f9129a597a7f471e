package graph

import (
	"context"

	"dossier/model"
)

type auditQueries struct{ reading }

func (q auditQueries) AuditLog(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.AuditFilter, orderBy model.AuditOrder,
) (*model.AuditConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return q.as(ctx).AuditLog(ctx, page, filter, orderBy)
}

type auditFields struct{ reading }

func (f auditFields) Actor(ctx context.Context, a *model.AuditEntry) (*model.User, error) {
	return optional(auditActor.load(ctx, f.reading, a))
}

func (f auditFields) Company(ctx context.Context, a *model.AuditEntry) (*model.Company, error) {
	return optional(auditCompany.load(ctx, f.reading, a))
}

// Subject takes a statement for each entity that the entries are about.
func (f auditFields) Subject(ctx context.Context, a *model.AuditEntry) (model.Node, error) {
	return optional(auditSubject.load(ctx, a, func(ctx context.Context, _ []model.AuditID) (map[model.AuditID]model.Node, error) {
		rows := batchOf(a).Rows
		ids := make([]model.GlobalID, len(rows))
		for i, row := range rows {
			ids[i] = row.SubjectID()
		}
		found, err := readNodes(ctx, f.as(ctx), ids)
		subjects := make(map[model.AuditID]model.Node, len(rows))
		for i, row := range rows {
			if node := found[ids[i]]; node != nil {
				subjects[row.ID] = node
			}
		}
		return subjects, err
	}))
}
