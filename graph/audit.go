package graph

import (
	"context"

	"dossier/model"
	"dossier/repo"
)

type auditQueries struct{ reading }

func (q auditQueries) AuditLog(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.AuditFilter, orderBy model.AuditOrder,
) (*model.AuditEntryConnection, error) {
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

// subject is what an entry is about, or why that is not shown.
type subject struct {
	node model.Node
	err  error
}

// Subject takes a statement for each entity that the entries are about.
func (f auditFields) Subject(ctx context.Context, a *model.AuditEntry) (model.Node, error) {
	about, err := auditSubject.load(ctx, a, func(ctx context.Context, _ []model.AuditID) (map[model.AuditID]subject, error) {
		return readSubjects(ctx, f.as(ctx), batchOf(a).Rows), nil
	})
	if err != nil {
		return nil, err
	}
	return about.node, about.err
}

// readSubjects reads what the entries are about. What an API key may not read hides nothing of what it may.
func readSubjects(ctx context.Context, reader repo.Reader, entries []*model.AuditEntry) map[model.AuditID]subject {
	byType := map[string][]*model.AuditEntry{}
	for _, entry := range entries {
		byType[entry.SubjectType] = append(byType[entry.SubjectType], entry)
	}
	subjects := make(map[model.AuditID]subject, len(entries))
	for _, entries := range byType {
		ids := make([]model.GlobalID, len(entries))
		for i, entry := range entries {
			ids[i] = entry.SubjectID()
		}
		found, err := readNodes(ctx, reader, ids)
		for i, entry := range entries {
			subjects[entry.ID] = subject{found[ids[i]], err}
		}
	}
	return subjects
}
