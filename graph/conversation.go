package graph

import (
	"context"

	"dossier/model"
	"dossier/repo"
)

type conversationQueries struct{ reading }

func (q conversationQueries) Conversation(ctx context.Context, id model.GlobalID) (*model.Conversation, error) {
	return byID(ctx, "conversation", id, q.as(ctx).ConversationsByIDs)
}

func (q conversationQueries) Conversations(
	ctx context.Context, first *int32, after *string, last *int32, before *string,
	filter *model.ConversationFilter, orderBy model.ConversationOrder,
) (*model.ConversationConnection, error) {
	page := model.PageArgs{First: first, After: after, Last: last, Before: before}
	return q.as(ctx).Conversations(ctx, page, filter, orderBy)
}

type conversationFields struct{ reading }

func (f conversationFields) Owner(ctx context.Context, c *model.Conversation) (*model.User, error) {
	return required(conversationOwner.load(ctx, f.reading, c))
}

func (f conversationFields) Project(ctx context.Context, c *model.Conversation) (*model.Project, error) {
	return optional(conversationProject.load(ctx, f.reading, c))
}

func (f conversationFields) Company(ctx context.Context, c *model.Conversation) (*model.Company, error) {
	return required(conversationCompany.load(ctx, f.reading, c))
}

type conversationMutations struct{ store *repo.Store }

func (m conversationMutations) CreateConversation(
	ctx context.Context, in model.CreateConversationInput,
) (*model.CreateConversationPayload, error) {
	conversation, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Conversation, error) {
		return tx.CreateConversation(ctx, in)
	})
	return &model.CreateConversationPayload{Conversation: conversation, UserErrors: userErrors}, err
}

func (m conversationMutations) UpdateConversation(
	ctx context.Context, in model.UpdateConversationInput,
) (*model.UpdateConversationPayload, error) {
	conversation, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.Conversation, error) {
		return tx.UpdateConversation(ctx, in)
	})
	return &model.UpdateConversationPayload{Conversation: conversation, UserErrors: userErrors}, err
}

func (m conversationMutations) DeleteConversation(
	ctx context.Context, in model.DeleteConversationInput,
) (*model.DeleteConversationPayload, error) {
	deleted, userErrors, err := mutate(ctx, m.store, in, func(ctx context.Context, tx *repo.Tx) (*model.ConversationID, error) {
		return &in.ID, tx.DeleteConversation(ctx, in)
	})
	return &model.DeleteConversationPayload{DeletedConversationID: deleted, UserErrors: userErrors}, err
}
