package graph

import (
	"context"

	"dossier/internal/auth"
	"dossier/model"
	"dossier/repo"
)

type userQueries struct{ reading }

func (q userQueries) Me(ctx context.Context) (*model.User, error) {
	return q.as(ctx).Me(ctx)
}

func (q userQueries) User(ctx context.Context, id model.GlobalID) (*model.User, error) {
	return byID(ctx, "user", id, q.as(ctx).UsersByIDs)
}

func (q userQueries) UserByEmail(ctx context.Context, email string) (*model.User, error) {
	if err := model.CheckEmailLength("email", email); err != nil {
		return nil, err
	}
	return q.as(ctx).UserByEmail(ctx, email)
}

func (q userQueries) Users(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.UserFilter, orderBy model.UserOrder,
) (*model.UserConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return q.as(ctx).Users(ctx, page, filter, orderBy)
}

type userFields struct{ reading }

func (f userFields) Company(ctx context.Context, u *model.User) (*model.Company, error) {
	return optional(userCompany.load(ctx, f.reading, u))
}

func (f userFields) Projects(
	ctx context.Context, u *model.User, first *int32, after *string, last *int32, before *string,
	filter *model.ProjectFilter, orderBy model.ProjectOrder,
) (*model.ProjectConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return userProjects.load(ctx, u, func(ctx context.Context, ids []model.UserID) (map[model.UserID]*model.ProjectConnection, error) {
		return f.as(ctx).ProjectsByOwner(ctx, ids, page, filter, orderBy)
	})
}

func (f userFields) Documents(
	ctx context.Context, u *model.User, first *int32, after *string, last *int32, before *string,
	filter *model.DocumentFilter, orderBy model.DocumentOrder,
) (*model.DocumentConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return userDocuments.load(ctx, u, func(ctx context.Context, ids []model.UserID) (map[model.UserID]*model.DocumentConnection, error) {
		return f.as(ctx).DocumentsByOwner(ctx, ids, page, filter, orderBy)
	})
}

func (f userFields) Conversations(
	ctx context.Context, u *model.User, first *int32, after *string, last *int32, before *string,
	filter *model.ConversationFilter, orderBy model.ConversationOrder,
) (*model.ConversationConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return userConversations.load(ctx, u, func(ctx context.Context, ids []model.UserID) (map[model.UserID]*model.ConversationConnection, error) {
		return f.as(ctx).ConversationsByOwner(ctx, ids, page, filter, orderBy)
	})
}

func (f userFields) Sessions(
	ctx context.Context, u *model.User, first *int32, after *string, last *int32, before *string,
) (*model.SessionConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return userSessions.load(ctx, u, func(ctx context.Context, ids []model.UserID) (map[model.UserID]*model.SessionConnection, error) {
		return f.as(ctx).SessionsByUser(ctx, ids, page)
	})
}

func (f userFields) Accounts(
	ctx context.Context, u *model.User, first *int32, after *string, last *int32, before *string,
) (*model.AccountConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return userAccounts.load(ctx, u, func(ctx context.Context, ids []model.UserID) (map[model.UserID]*model.AccountConnection, error) {
		return f.as(ctx).AccountsByUser(ctx, ids, page)
	})
}

func (f userFields) Invitation(ctx context.Context, u *model.User) (*model.Invitation, error) {
	return optional(userInvitation.load(ctx, u, func(ctx context.Context, ids []model.UserID) (map[model.UserID]*model.Invitation, error) {
		return f.as(ctx).InvitationsByUser(ctx, ids)
	}))
}

type userMutations struct {
	store    *repo.Store
	sessions auth.Sessions
}

func (m userMutations) CreateUser(ctx context.Context, in model.CreateUserInput) (*model.CreateUserPayload, error) {
	var hash *string
	if in.Password != nil && in.Validate() == nil { // hashed before the transaction, which would be held up by it
		hashed, err := auth.HashPassword(ctx, *in.Password)
		if err != nil {
			return nil, err
		}
		hash = &hashed
	}
	user, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.CreateUser(ctx, in, hash)
	})
	return &model.CreateUserPayload{User: user, UserErrors: userErrors}, err
}

func (m userMutations) UpdateUser(ctx context.Context, in model.UpdateUserInput) (*model.UpdateUserPayload, error) {
	user, err := m.sessions.UpdateUser(ctx, model.ViewerFrom(ctx), in, auth.ClientFrom(ctx))
	userErrors, err := splitUserErrors(err)
	return &model.UpdateUserPayload{User: user, UserErrors: userErrors}, err
}

func (m userMutations) DeleteUser(ctx context.Context, in model.DeleteUserInput) (*model.DeleteUserPayload, error) {
	reassigned, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Reassigned, error) {
		return tx.DeleteUser(ctx, in)
	})
	payload := &model.DeleteUserPayload{Reassigned: reassigned, UserErrors: userErrors}
	if reassigned != nil {
		payload.DeletedUserID = &in.ID
	}
	return payload, err
}

func (m userMutations) TransferUser(
	ctx context.Context, in model.TransferUserInput,
) (*model.TransferUserPayload, error) {
	var user *model.User
	reassigned, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (r *model.Reassigned, err error) {
		user, r, err = tx.TransferUser(ctx, in)
		return r, err
	})
	if reassigned == nil {
		user = nil
	}
	return &model.TransferUserPayload{User: user, Reassigned: reassigned, UserErrors: userErrors}, err
}
