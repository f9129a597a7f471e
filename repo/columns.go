package repo

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"dossier/model"
)

// columnFields are the fields of the schema that need a column, where they are not named like it.
var columnFields = map[string][]string{
	"AuditEntry.subject_type":    {"subject", "subjectId"},
	"AuditEntry.subject_id":      {"subject", "subjectId"},
	"Session.expires":            {"expiresAt"},
	"APIKey.expires":             {"expiresAt"},
	"Document.blob_name":         {"downloadUrl"},
	"Document.page_count":        {"pages"},
	"DocumentChunk.start_offset": {"start"},
	"DocumentChunk.end_offset":   {"end"},
}

// typeNames are what the schema calls types, where Go calls them otherwise.
var typeNames = map[string]string{"APIKey": "ApiKey"}

// pick makes the query read the columns that the reader's selection needs, the id, and those named. Without a selection all
// columns are read.
func pick[T any](r Reader, q *bun.SelectQuery, always ...string) *bun.SelectQuery {
	if r.selection == nil {
		return q
	}
	name := reflect.TypeFor[T]().Name()
	selected := r.selection[cmp.Or(typeNames[name], name)]
	for _, column := range columnsOf[T](r.db.Dialect()) {
		if column.key || slices.Contains(always, column.name) || slices.ContainsFunc(column.fields, selected.Has) {
			q = q.Column(column.name)
		}
	}
	return q
}

// column is a column of a table, and the fields of the schema that need it.
type column struct {
	name   string
	key    bool
	fields []string
}

var columnsByType sync.Map

// columnsOf gives the columns of a type's table. A column serves the field of its name, and one that names a row the field
// that leads to it: client_name serves clientName, owner_id serves owner.
func columnsOf[T any](dialect schema.Dialect) []column {
	rowType := reflect.TypeFor[T]()
	if known, ok := columnsByType.Load(rowType); ok {
		return known.([]column)
	}
	var columns []column
	for _, field := range dialect.Tables().Get(rowType).Fields {
		name := fieldName(field.Name)
		columns = append(columns, column{
			name: field.Name, key: field.IsPK,
			fields: append([]string{name, strings.TrimSuffix(name, "Id")}, columnFields[rowType.Name()+"."+field.Name]...),
		})
	}
	columnsByType.Store(rowType, columns)
	return columns
}

// Selecting gives the reader that reads what an operation selects, and leaves all other fields of its rows empty.
func (r Reader) Selecting(selection model.Selection) Reader {
	r.selection = selection
	return r
}
