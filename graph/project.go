package graph

import (
	"context"

	"dossier/model"
	"dossier/repo"
)

type projectQueries struct{ reading }

func (q projectQueries) Project(ctx context.Context, id model.GlobalID) (*model.Project, error) {
	return byID(ctx, "project", id, q.as(ctx).ProjectsByIDs)
}

func (q projectQueries) Projects(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.ProjectFilter, orderBy model.ProjectOrder,
) (*model.ProjectConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return q.as(ctx).Projects(ctx, page, filter, orderBy)
}

type projectFields struct{ reading }

func (f projectFields) Owner(ctx context.Context, p *model.Project) (*model.User, error) {
	return required(projectOwner.load(ctx, f.reading, p))
}

func (f projectFields) Company(ctx context.Context, p *model.Project) (*model.Company, error) {
	return required(projectCompany.load(ctx, f.reading, p))
}

func (f projectFields) Documents(
	ctx context.Context, p *model.Project, first *int32, after *string, last *int32, before *string,
	filter *model.DocumentFilter, orderBy model.DocumentOrder,
) (*model.DocumentConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return projectDocuments.load(ctx, p, func(ctx context.Context, ids []model.ProjectID) (map[model.ProjectID]*model.DocumentConnection, error) {
		return f.as(ctx).DocumentsByProject(ctx, ids, page, filter, orderBy)
	})
}

func (f projectFields) DocumentCount(ctx context.Context, p *model.Project) (int32, error) {
	return projectDocumentCount.load(ctx, p, func(ctx context.Context, ids []model.ProjectID) (map[model.ProjectID]int32, error) {
		return f.as(ctx).DocumentCountsByProject(ctx, ids)
	})
}

func (f projectFields) Themes(
	ctx context.Context, p *model.Project, first *int32, after *string, last *int32, before *string,
	filter *model.ThemeFilter, orderBy model.ThemeOrder,
) (*model.ThemeConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return projectThemes.load(ctx, p, func(ctx context.Context, ids []model.ProjectID) (map[model.ProjectID]*model.ThemeConnection, error) {
		return f.as(ctx).ThemesByProject(ctx, ids, page, filter, orderBy)
	})
}

func (f projectFields) Conversations(
	ctx context.Context, p *model.Project, first *int32, after *string, last *int32, before *string,
	filter *model.ConversationFilter, orderBy model.ConversationOrder,
) (*model.ConversationConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return projectConversations.load(ctx, p, func(ctx context.Context, ids []model.ProjectID) (map[model.ProjectID]*model.ConversationConnection, error) {
		return f.as(ctx).ConversationsByProject(ctx, ids, page, filter, orderBy)
	})
}

type projectMutations struct{ store *repo.Store }

func (m projectMutations) CreateProject(
	ctx context.Context, in model.CreateProjectInput,
) (*model.CreateProjectPayload, error) {
	project, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Project, error) {
		return tx.CreateProject(ctx, in)
	})
	return &model.CreateProjectPayload{Project: project, UserErrors: userErrors}, err
}

func (m projectMutations) UpdateProject(
	ctx context.Context, in model.UpdateProjectInput,
) (*model.UpdateProjectPayload, error) {
	project, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Project, error) {
		return tx.UpdateProject(ctx, in)
	})
	return &model.UpdateProjectPayload{Project: project, UserErrors: userErrors}, err
}

func (m projectMutations) DeleteProject(
	ctx context.Context, in model.DeleteProjectInput,
) (*model.DeleteProjectPayload, error) {
	gone, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*repo.DeletedProject, error) {
		return tx.DeleteProject(ctx, in)
	})
	payload := &model.DeleteProjectPayload{UserErrors: userErrors}
	if gone != nil {
		payload.DeletedProjectID = &in.ID
		payload.DeletedDocumentCount, payload.KeptDocumentCount = gone.DocumentsDeleted, gone.DocumentsKept
		payload.KeptConversationCount = gone.ConversationsKept
	}
	return payload, err
}
