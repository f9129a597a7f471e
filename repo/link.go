package repo

import (
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"dossier/model"
)

// link is how the rows of a list belong to parents: by a column of their own, or through a table of pairs.
type link struct {
	column string // names the parent: of the row, or of the pair
	pairs  string // the table of pairs, empty for none
	row    string // the column of a pair that names the row
}

// byColumn ties each row to the one parent that its column names.
func byColumn(column string) link { return link{column: column} }

// The links of many to many. EXISTS leaves it to PostgreSQL to walk the list's order and probe the pairs, or to start
// from the pairs where they are few.
var (
	projectThemes  = link{"project_id", "project_themes", "theme_id"}
	documentThemes = link{"document_id", "document_themes", "theme_id"}
	themeProjects  = link{"theme_id", "project_themes", "project_id"}
	themeDocuments = link{"theme_id", "document_themes", "document_id"}
)

// of keeps the rows that belong to this parent, an id or an expression.
func (l link) of(q *bun.SelectQuery, parent any) *bun.SelectQuery {
	if l.pairs == "" {
		return q.Where("?TableAlias.? = ?", bun.Ident(l.column), parent)
	}
	return q.Where("EXISTS (SELECT FROM ? AS pair WHERE pair.? = ? AND pair.? = ?TableAlias.id)",
		bun.Ident(l.pairs), bun.Ident(l.column), parent, bun.Ident(l.row))
}

// joined gives the query with each row once for each of its parents, and the expression that names the parent.
func (l link) joined(q *bun.SelectQuery) (*bun.SelectQuery, schema.QueryAppender) {
	if l.pairs == "" {
		return q, bun.SafeQuery("?TableAlias.?", bun.Ident(l.column))
	}
	q = q.Join("JOIN ? AS pair ON pair.? = ?TableAlias.id", bun.Ident(l.pairs), bun.Ident(l.row))
	return q, bun.SafeQuery("pair.?", bun.Ident(l.column))
}

// value is a parent, or an array of them, in a statement. Where one parent may have most of a table and another next to
// nothing, each wants a plan of its own.
func (l link) value(parents any) any {
	if l.pairs != "" || l.column == "company_id" {
		return planned{parents}
	}
	return param{parents}
}

// belonging narrows a list to the rows of a parent, if one is named.
func belonging[K model.ID](q *bun.SelectQuery, l link, parent *K) *bun.SelectQuery {
	if parent == nil {
		return q
	}
	return l.of(q, l.value(*parent))
}
