package graph

import (
	"context"

	"dossier/model"
	"dossier/repo"
)

type themeQueries struct{ reading }

func (q themeQueries) Theme(ctx context.Context, id model.GlobalID) (*model.Theme, error) {
	return byID(ctx, "theme", id, q.as(ctx).ThemesByIDs)
}

func (q themeQueries) Themes(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.ThemeFilter, orderBy model.ThemeOrder,
) (*model.ThemeConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return q.as(ctx).Themes(ctx, page, filter, orderBy)
}

type themeFields struct{ reading }

func (f themeFields) Company(ctx context.Context, t *model.Theme) (*model.Company, error) {
	return required(themeCompany.load(ctx, f.reading, t))
}

func (f themeFields) Projects(
	ctx context.Context, t *model.Theme, first *int32, after *string, last *int32, before *string,
	filter *model.ProjectFilter, orderBy model.ProjectOrder,
) (*model.ProjectConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return themeProjects.load(ctx, t, func(ctx context.Context, ids []model.ThemeID) (map[model.ThemeID]*model.ProjectConnection, error) {
		return f.as(ctx).ProjectsByTheme(ctx, ids, page, filter, orderBy)
	})
}

func (f themeFields) Documents(
	ctx context.Context, t *model.Theme, first *int32, after *string, last *int32, before *string,
	filter *model.DocumentFilter, orderBy model.DocumentOrder,
) (*model.DocumentConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return themeDocuments.load(ctx, t, func(ctx context.Context, ids []model.ThemeID) (map[model.ThemeID]*model.DocumentConnection, error) {
		return f.as(ctx).DocumentsByTheme(ctx, ids, page, filter, orderBy)
	})
}

type themeMutations struct{ store *repo.Store }

func (m themeMutations) CreateTheme(ctx context.Context, in model.CreateThemeInput) (*model.CreateThemePayload, error) {
	theme, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Theme, error) {
		return tx.CreateTheme(ctx, in)
	})
	return &model.CreateThemePayload{Theme: theme, UserErrors: userErrors}, err
}

func (m themeMutations) UpdateTheme(ctx context.Context, in model.UpdateThemeInput) (*model.UpdateThemePayload, error) {
	theme, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Theme, error) {
		return tx.UpdateTheme(ctx, in)
	})
	return &model.UpdateThemePayload{Theme: theme, UserErrors: userErrors}, err
}

func (m themeMutations) DeleteTheme(ctx context.Context, in model.DeleteThemeInput) (*model.DeleteThemePayload, error) {
	was, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Tagged, error) {
		return tx.DeleteTheme(ctx, in)
	})
	payload := &model.DeleteThemePayload{Detached: was, UserErrors: userErrors}
	if was != nil {
		payload.DeletedThemeID = &in.ID
	}
	return payload, err
}

func (m themeMutations) AttachThemes(
	ctx context.Context, in model.AttachThemesInput,
) (*model.AttachThemesPayload, error) {
	done, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*repo.ThemesTagged, error) {
		return tx.AttachThemes(ctx, in)
	})
	if done == nil {
		return &model.AttachThemesPayload{Themes: []*model.Theme{}, UserErrors: userErrors}, err
	}
	return &model.AttachThemesPayload{Themes: done.Themes, Attached: &done.Tagged, UserErrors: userErrors}, err
}

func (m themeMutations) DetachThemes(
	ctx context.Context, in model.DetachThemesInput,
) (*model.DetachThemesPayload, error) {
	done, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*repo.ThemesTagged, error) {
		return tx.DetachThemes(ctx, in)
	})
	if done == nil {
		return &model.DetachThemesPayload{Themes: []*model.Theme{}, UserErrors: userErrors}, err
	}
	return &model.DetachThemesPayload{Themes: done.Themes, Detached: &done.Tagged, UserErrors: userErrors}, err
}
