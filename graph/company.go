package graph

import (
	"context"

	"dossier/internal/files"
	"dossier/model"
	"dossier/repo"
)

type companyQueries struct{ reading }

func (q companyQueries) Company(ctx context.Context, id model.GlobalID) (*model.Company, error) {
	return byID(ctx, "company", id, q.as(ctx).CompaniesByIDs)
}

func (q companyQueries) Companies(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.CompanyFilter, orderBy model.CompanyOrder,
) (*model.CompanyConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return q.as(ctx).Companies(ctx, page, filter, orderBy)
}

type companyFields struct {
	reading

	files *files.Files
}

func (f companyFields) Users(
	ctx context.Context, c *model.Company, first *int32, after *string, last *int32, before *string,
	filter *model.UserFilter, orderBy model.UserOrder,
) (*model.UserConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return companyUsers.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]*model.UserConnection, error) {
		return f.as(ctx).UsersByCompany(ctx, ids, page, filter, orderBy)
	})
}

func (f companyFields) Projects(
	ctx context.Context, c *model.Company, first *int32, after *string, last *int32, before *string,
	filter *model.ProjectFilter, orderBy model.ProjectOrder,
) (*model.ProjectConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return companyProjects.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]*model.ProjectConnection, error) {
		return f.as(ctx).ProjectsByCompany(ctx, ids, page, filter, orderBy)
	})
}

func (f companyFields) Documents(
	ctx context.Context, c *model.Company, first *int32, after *string, last *int32, before *string,
	filter *model.DocumentFilter, orderBy model.DocumentOrder,
) (*model.DocumentConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return companyDocuments.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]*model.DocumentConnection, error) {
		return f.as(ctx).DocumentsByCompany(ctx, ids, page, filter, orderBy)
	})
}

func (f companyFields) Themes(
	ctx context.Context, c *model.Company, first *int32, after *string, last *int32, before *string,
	filter *model.ThemeFilter, orderBy model.ThemeOrder,
) (*model.ThemeConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return companyThemes.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]*model.ThemeConnection, error) {
		return f.as(ctx).ThemesByCompany(ctx, ids, page, filter, orderBy)
	})
}

func (f companyFields) Conversations(
	ctx context.Context, c *model.Company, first *int32, after *string, last *int32, before *string,
	filter *model.ConversationFilter, orderBy model.ConversationOrder,
) (*model.ConversationConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return companyConversations.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]*model.ConversationConnection, error) {
		return f.as(ctx).ConversationsByCompany(ctx, ids, page, filter, orderBy)
	})
}

func (f companyFields) UserCount(ctx context.Context, c *model.Company) (int32, error) {
	return companyUserCount.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]int32, error) {
		return f.as(ctx).UserCountsByCompany(ctx, ids)
	})
}

func (f companyFields) ProjectCount(ctx context.Context, c *model.Company) (int32, error) {
	return companyProjectCount.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]int32, error) {
		return f.as(ctx).ProjectCountsByCompany(ctx, ids)
	})
}

func (f companyFields) DocumentCount(ctx context.Context, c *model.Company) (int32, error) {
	return companyDocumentCount.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]int32, error) {
		return f.as(ctx).DocumentCountsByCompany(ctx, ids)
	})
}

func (f companyFields) DocumentCountByStatus(ctx context.Context, c *model.Company) ([]*model.DocumentStatusCount, error) {
	return companyDocumentCountByStatus.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID][]*model.DocumentStatusCount, error) {
		return f.as(ctx).DocumentStatusCountsByCompany(ctx, ids)
	})
}

func (f companyFields) Storage(ctx context.Context, c *model.Company) (*model.Storage, error) {
	used, err := companyStorage.load(ctx, c, func(ctx context.Context, ids []model.CompanyID) (map[model.CompanyID]int64, error) {
		return f.as(ctx).StorageByCompany(ctx, ids)
	})
	storage := &model.Storage{Used: used}
	if limit := f.files.Limits.CompanyBytes; limit > 0 {
		storage.Limit = &limit
	}
	return storage, err
}

type companyMutations struct{ store *repo.Store }

func (m companyMutations) CreateCompany(
	ctx context.Context, in model.CreateCompanyInput,
) (*model.CreateCompanyPayload, error) {
	company, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Company, error) {
		return tx.CreateCompany(ctx, in)
	})
	return &model.CreateCompanyPayload{Company: company, UserErrors: userErrors}, err
}

func (m companyMutations) UpdateCompany(
	ctx context.Context, in model.UpdateCompanyInput,
) (*model.UpdateCompanyPayload, error) {
	company, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Company, error) {
		return tx.UpdateCompany(ctx, in)
	})
	return &model.UpdateCompanyPayload{Company: company, UserErrors: userErrors}, err
}

func (m companyMutations) DeleteCompany(
	ctx context.Context, in model.DeleteCompanyInput,
) (*model.DeleteCompanyPayload, error) {
	deleted, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.CompanyID, error) {
		return &in.ID, tx.DeleteCompany(ctx, in)
	})
	return &model.DeleteCompanyPayload{DeletedCompanyID: deleted, UserErrors: userErrors}, err
}
