package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/model"
)

func conversationUUID(c *model.Conversation) uuid.UUID { return uuid.UUID(c.ID) }

var conversationOrders = map[model.ConversationOrderField]order[model.Conversation]{
	model.ConversationsByUpdatedAt: byTime("updated_at",
		func(c *model.Conversation) time.Time { return c.UpdatedAt }, conversationUUID),
	model.ConversationsByCreatedAt: byTime("created_at",
		func(c *model.Conversation) time.Time { return c.CreatedAt }, conversationUUID),
	model.ConversationsByTitle: byText("title", func(c *model.Conversation) string { return c.Title }, conversationUUID),
}

func (r Reader) conversations(f *model.ConversationFilter) func() *bun.SelectQuery {
	return func() *bun.SelectQuery {
		q := from[model.Conversation](r)
		if f == nil {
			return q
		}
		q = equal(q, "owner_id", f.OwnerID)
		q = equal(q, "company_id", f.CompanyID)
		q = equal(q, "project_id", f.ProjectID)
		q = within(q, "created_at", f.CreatedAt)
		q = within(q, "updated_at", f.UpdatedAt)
		return search(q, f.Search, "title")
	}
}

// Conversations lists the conversations that the viewer may see.
func (r Reader) Conversations(
	ctx context.Context, args model.PageArgs, f *model.ConversationFilter, by model.ConversationOrder,
) (*model.ConversationConnection, error) {
	p, err := newPage(args, f, conversationOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return list(ctx, r, p, r.conversations(f))
}

// ConversationsByCompany lists each company's conversations.
func (r Reader) ConversationsByCompany(
	ctx context.Context, companies []model.CompanyID, args model.PageArgs, f *model.ConversationFilter, by model.ConversationOrder,
) (map[model.CompanyID]*model.ConversationConnection, error) {
	return conversationLists(ctx, r, companies, args, f, by, byColumn("company_id"))
}

// ConversationsByOwner lists each user's conversations.
func (r Reader) ConversationsByOwner(
	ctx context.Context, owners []model.UserID, args model.PageArgs, f *model.ConversationFilter, by model.ConversationOrder,
) (map[model.UserID]*model.ConversationConnection, error) {
	return conversationLists(ctx, r, owners, args, f, by, byColumn("owner_id"))
}

// ConversationsByProject lists each project's conversations.
func (r Reader) ConversationsByProject(
	ctx context.Context, projects []model.ProjectID, args model.PageArgs, f *model.ConversationFilter, by model.ConversationOrder,
) (map[model.ProjectID]*model.ConversationConnection, error) {
	return conversationLists(ctx, r, projects, args, f, by, byColumn("project_id"))
}

func conversationLists[K model.ID](
	ctx context.Context, r Reader, parents []K, args model.PageArgs, f *model.ConversationFilter, by model.ConversationOrder,
	through link,
) (map[K]*model.ConversationConnection, error) {
	p, err := newPage(args, f, conversationOrders[by.Field], by.Direction)
	if err != nil {
		return nil, err
	}
	return lists(ctx, r, p, parents, through, r.conversations(f))
}

// ConversationsByIDs reads conversations in any order; those not there or not visible are left out.
func (r Reader) ConversationsByIDs(ctx context.Context, ids []model.ConversationID) ([]*model.Conversation, error) {
	return byIDs[model.Conversation](ctx, r, r.conversations(nil)(), ids)
}

func (tx *Tx) lockConversation(
	ctx context.Context, to strength, id model.ConversationID, expected *int32,
) (*model.Conversation, error) {
	conversation, err := lock(ctx, tx, tx.conversations(nil)(), to, "conversation", id, expected,
		func(c *model.Conversation) int32 { return c.Version })
	if err != nil {
		return nil, err
	}
	return conversation, tx.mayChange("conversation", conversation.OwnerID, conversation.CompanyID)
}

// CreateConversation adds a conversation of the viewer, or of the owner that the input names.
func (tx *Tx) CreateConversation(ctx context.Context, in model.CreateConversationInput) (*model.Conversation, error) {
	owner, company, err := tx.owner(ctx, in.OwnerID)
	if err != nil {
		return nil, fmt.Errorf("create conversation: %w", err)
	}
	conversation := &model.Conversation{
		ID: model.NewID[model.ConversationID](), CompanyID: company, OwnerID: owner,
		ProjectID: in.ProjectID, // its foreign key keeps it in the company
		Title:     in.Title, ContainerName: in.ContainerName, BlobName: in.BlobName,
	}
	also := tx.recorded(model.ConversationCreated,
		entry{conversation.AuditSubject(), map[string]any{"title": conversation.Title}})
	if err := insert(ctx, tx, also, conversation); err != nil {
		return nil, fmt.Errorf("create conversation: %w", err)
	}
	return conversation, nil
}

// UpdateConversation changes what the input names.
func (tx *Tx) UpdateConversation(ctx context.Context, in model.UpdateConversationInput) (*model.Conversation, error) {
	conversation, err := tx.lockConversation(ctx, toChange, in.ID, in.ExpectedVersion)
	if err != nil {
		return nil, wrap(err, "update conversation", in.ID)
	}
	var c changes
	set(&c, "title", &conversation.Title, in.Title)
	if project, ok := in.ProjectID.ValueOK(); ok {
		setNull(&c, "project_id", &conversation.ProjectID, project) // its foreign key keeps it in the company
	}
	if len(c.columns) == 0 {
		return conversation, nil
	}
	err = save(ctx, tx, conversation, &conversation.Version, c,
		tx.recorded(model.ConversationUpdated, entry{conversation.AuditSubject(), c.details}))
	return conversation, wrap(err, "update conversation", in.ID)
}

// DeleteConversation removes a conversation.
func (tx *Tx) DeleteConversation(ctx context.Context, in model.DeleteConversationInput) error {
	conversation, err := tx.lockConversation(ctx, toRemove, in.ID, in.ExpectedVersion)
	if err != nil {
		return wrap(err, "delete conversation", in.ID)
	}
	err = remove(ctx, tx, conversation, tx.recorded(model.ConversationDeleted,
		entry{conversation.AuditSubject(), map[string]any{"title": conversation.Title}}))
	return wrap(err, "delete conversation", in.ID)
}
