package model

import (
	"context"
	"slices"

	"dossier/internal/fault"
)

// Sizes of pages, in rows.
const (
	PageSizeMax     = 100
	PageSizeDefault = 20
)

// PageArgs are the paging arguments of a connection (Relay Cursor Connections, section 4).
type PageArgs struct {
	First  *int32
	After  *string
	Last   *int32
	Before *string
}

// Size checks the arguments and gives the number of rows asked for, and whether they are counted from the end.
func (p PageArgs) Size() (size int, backward bool, err error) {
	if p.First != nil && p.Last != nil {
		return 0, false, fault.Invalid([]string{"last"}, "Give first or last, not both.")
	}
	name, asked := "first", p.First
	if p.Last != nil {
		name, asked = "last", p.Last
	}
	switch {
	case asked == nil:
		return PageSizeDefault, false, nil
	case *asked < 1:
		return 0, false, fault.Invalid([]string{name}, "must be between 1 and %d.", PageSizeMax)
	case *asked > PageSizeMax:
		return 0, false, fault.Exceeded("page_size", PageSizeMax, int(*asked)).At(name)
	}
	return int(*asked), p.Last != nil, nil
}

// OrderDirection is the direction of a sort.
type OrderDirection string

// The directions.
const (
	Ascending  OrderDirection = "ASC"
	Descending OrderDirection = "DESC"
)

// PageInfo says whether there is more, and where.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Edge is a row of a connection, with its place in it.
type Edge[T any] struct {
	Node   *T
	cursor func(*T) string
}

// Cursor is opaque; it is made when it is asked for.
func (e Edge[T]) Cursor() string { return e.cursor(e.Node) }

// Connection is one page of a list.
type Connection[T any] struct {
	Nodes []*T

	more, before bool // beyond the end, and before the start, of this page
	cursor       func(*T) string
	total        func(context.Context) (int32, error)
}

// NewConnection makes a page of the rows read. Rows holds one more than size where there is more in the direction of
// reading, and is in that direction's order; backward pages are turned around here. Cursor and total are called only
// when they are selected.
func NewConnection[T any](
	rows []*T, args PageArgs, size int, backward bool,
	cursor func(*T) string, total func(context.Context) (int32, error),
) *Connection[T] {
	beyond := len(rows) > size
	if beyond {
		rows = rows[:size]
	}
	// A cursor stands for a row beyond the page on its side.
	c := &Connection[T]{Nodes: rows, more: args.Before != nil, before: args.After != nil, cursor: cursor, total: total}
	if backward {
		slices.Reverse(c.Nodes)
		c.before = c.before || beyond
	} else {
		c.more = c.more || beyond
	}
	if c.Nodes == nil {
		c.Nodes = []*T{}
	}
	return c
}

// Edges are the rows with their cursors.
func (c *Connection[T]) Edges() []Edge[T] {
	edges := make([]Edge[T], len(c.Nodes))
	for i, row := range c.Nodes {
		edges[i] = Edge[T]{Node: row, cursor: c.cursor}
	}
	return edges
}

// PageInfo describes the page.
func (c *Connection[T]) PageInfo() PageInfo {
	info := PageInfo{HasNextPage: c.more, HasPreviousPage: c.before}
	if len(c.Nodes) > 0 {
		start, end := c.cursor(c.Nodes[0]), c.cursor(c.Nodes[len(c.Nodes)-1])
		info.StartCursor, info.EndCursor = &start, &end
	}
	return info
}

// TotalCount counts the rows of all pages; it costs a statement, one for all parents of a level.
func (c *Connection[T]) TotalCount(ctx context.Context) (int32, error) { return c.total(ctx) }

// The connections of the schema. gqlgen binds an instantiated alias where it would not bind a generic type.
type (
	CompanyConnection       = Connection[Company]
	CompanyEdge             = Edge[Company]
	UserConnection          = Connection[User]
	UserEdge                = Edge[User]
	ProjectConnection       = Connection[Project]
	ProjectEdge             = Edge[Project]
	DocumentConnection      = Connection[Document]
	DocumentEdge            = Edge[Document]
	DocumentChunkConnection = Connection[DocumentChunk]
	DocumentChunkEdge       = Edge[DocumentChunk]
	SearchHitConnection     = Connection[SearchHit]
	SearchHitEdge           = Edge[SearchHit]
	ThemeConnection         = Connection[Theme]
	ThemeEdge               = Edge[Theme]
	ConversationConnection  = Connection[Conversation]
	ConversationEdge        = Edge[Conversation]
	AuditEntryConnection    = Connection[AuditEntry]
	AuditEntryEdge          = Edge[AuditEntry]
	SessionConnection       = Connection[Session]
	SessionEdge             = Edge[Session]
	AccountConnection       = Connection[Account]
	AccountEdge             = Edge[Account]
	APIKeyConnection        = Connection[APIKey]
	APIKeyEdge              = Edge[APIKey]
)
