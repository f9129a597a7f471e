package repo

import (
	"context"
	"encoding/base64"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// order is one way to sort a list: by a column, then by id. An index on the two serves it in both directions.
type order[T any] struct {
	name   string // of the list and the sort, in cursors
	column string
	cast   string          // SQL type of the column
	text   func(*T) string // the column's value in a row, as PostgreSQL reads it
	id     func(*T) uuid.UUID
}

func byTime[T any](column string, at func(*T) time.Time, id func(*T) uuid.UUID) order[T] {
	return order[T]{orderName[T](column), column, "timestamptz",
		func(row *T) string { return at(row).UTC().Format(time.RFC3339Nano) }, id}
}

func byText[T any](column string, text func(*T) string, id func(*T) uuid.UUID) order[T] {
	return order[T]{orderName[T](column), column, "text", text, id}
}

func byNumber[T any](column string, number func(*T) int64, id func(*T) uuid.UUID) order[T] {
	return order[T]{orderName[T](column), column, "bigint", func(row *T) string { return strconv.FormatInt(number(row), 10) }, id}
}

func orderName[T any](column string) string { return reflect.TypeFor[T]().Name() + "." + column }

// cursor is a place in a list: the sorted column's value and the id of a row. It names the list and the column, so that a
// cursor of another list or sort is refused rather than misread.
func (o order[T]) cursor(row *T) string {
	id := o.id(row)
	return base64.RawURLEncoding.EncodeToString([]byte(o.name + "\x00" + string(id[:]) + o.text(row)))
}

// place is a decoded cursor.
type place struct {
	text string
	id   uuid.UUID
}

// cursorLengthMax bounds the text of a cursor: names of 200 characters fit, in base64.
const cursorLengthMax = 2048

func (o order[T]) decode(argument string, cursor *string) (*place, error) {
	if cursor == nil {
		return nil, nil
	}
	malformed := fault.Invalid([]string{argument}, "is not a cursor of this list and sort.")
	if len(*cursor) > cursorLengthMax {
		return nil, malformed
	}
	raw, err := base64.RawURLEncoding.DecodeString(*cursor)
	if err != nil {
		return nil, malformed
	}
	rest, ok := strings.CutPrefix(string(raw), o.name+"\x00")
	if !ok || len(rest) < len(uuid.UUID{}) {
		return nil, malformed
	}
	at := &place{text: rest[16:], id: uuid.UUID([]byte(rest[:16]))}
	if _, err := model.UnmarshalString(at.text); err != nil {
		return nil, malformed
	}
	// What is not written as cursor writes it was made by hand, and PostgreSQL may not read it.
	if o.cast == "timestamptz" {
		parsed, err := time.Parse(time.RFC3339Nano, at.text)
		if err != nil || parsed.UTC().Format(time.RFC3339Nano) != at.text || parsed.Year() < 1 || parsed.Year() > 9999 {
			return nil, malformed
		}
	}
	if o.cast == "bigint" {
		if n, err := strconv.ParseInt(at.text, 10, 64); err != nil || strconv.FormatInt(n, 10) != at.text {
			return nil, malformed
		}
	}
	return at, nil
}

// page is one page of a list, asked for.
type page[T any] struct {
	args          model.PageArgs
	order         order[T]
	descending    bool
	size          int
	backward      bool
	after, before *place
}

// newPage checks what a list is asked for.
func newPage[T any](
	args model.PageArgs, filter interface{ Validate() error }, by order[T], direction model.OrderDirection,
) (page[T], error) {
	p := page[T]{args: args, order: by, descending: direction == model.Descending}
	if by.id == nil { // a variable may be null where the argument's default is not
		return p, fault.Invalid([]string{"orderBy"}, "must not be null.")
	}
	err := filter.Validate()
	if err != nil {
		return p, err
	}
	if p.size, p.backward, err = args.Size(); err != nil {
		return p, err
	}
	if p.after, err = by.decode("after", args.After); err != nil {
		return p, err
	}
	p.before, err = by.decode("before", args.Before)
	return p, err
}

// apply adds the page's place, sort and length. It reads one row more than the page has, to see whether there is more.
func (p page[T]) apply(q *bun.SelectQuery) *bun.SelectQuery {
	column := bun.Ident(p.order.column)
	beyond, short := bun.Safe(">"), bun.Safe("<")
	if p.descending {
		beyond, short = short, beyond
	}
	at := func(comparison bun.Safe, place *place) {
		q = q.Where("(?TableAlias.?, ?TableAlias.id) ? (?::?, ?::uuid)",
			column, comparison, param{place.text}, bun.Safe(p.order.cast), param{place.id.String()})
	}
	if p.after != nil {
		at(beyond, p.after)
	}
	if p.before != nil {
		at(short, p.before)
	}
	direction := bun.Safe("ASC")
	if p.descending != p.backward {
		direction = "DESC"
	}
	return q.OrderExpr("?TableAlias.? ?, ?TableAlias.id ?", column, direction, direction).Limit(int64(p.size) + 1)
}

func (p page[T]) connection(rows []*T, total func(context.Context) (int32, error)) *model.Connection[T] {
	return model.NewConnection(rows, p.args, p.size, p.backward, p.order.cursor, total)
}

// list reads one page. build makes the query of the whole list, anew at each call.
func list[T any, P model.Row[T]](
	ctx context.Context, r Reader, p page[T], build func() *bun.SelectQuery,
) (*model.Connection[T], error) {
	rows, err := read[T](ctx, r, p.apply(build()), p.order.column)
	if err != nil {
		return nil, err
	}
	connection := p.connection(rows, func(ctx context.Context) (int32, error) {
		var count int32
		err := build().ColumnExpr("count(*)").Scan(ctx, &count)
		return count, translate(err)
	})
	// The row beyond the page is no part of its batch: nothing is loaded for it.
	model.Join[T, P](connection.Nodes)
	return connection, nil
}

// lists reads one page for each parent, in one statement. Rows of one parent come in the page's order: each is the
// outcome of its own LATERAL query, which a nested loop runs parent by parent.
func lists[K model.ID, T any, P model.Row[T]](
	ctx context.Context, r Reader, p page[T], parents []K, by link, build func() *bun.SelectQuery,
) (map[K]*model.Connection[T], error) {
	if err := granted[T](r); err != nil { // Bun does not tell of the error of a query within a query
		return nil, err
	}
	inner := pick[T](r, p.apply(by.of(build(), bun.Safe("parent.id"))), p.order.column)
	q, err := prepare(r, r.db.NewSelect().Model((*T)(nil)).ColumnExpr("?TableAlias.*, parent.id AS parent_id").
		ModelTableExpr("unnest(?::uuid[]) AS parent (id)", param{uuidArray(parents)}).
		Join("CROSS JOIN LATERAL (?) AS ?TableAlias", inner))
	if err != nil {
		return nil, err
	}
	rows, err := scan[T](ctx, q)
	if err != nil {
		return nil, err
	}
	byParent := make(map[K][]*T, len(parents))
	for _, row := range rows {
		key := K(P(row).ParentID())
		byParent[key] = append(byParent[key], row)
	}
	counted := countOnce(r, parents, by, build)
	connections := make(map[K]*model.Connection[T], len(parents))
	shown := make([]*T, 0, len(rows))
	for _, key := range parents {
		connections[key] = p.connection(byParent[key], func(ctx context.Context) (int32, error) {
			counts, err := counted(ctx)
			return counts[key], err
		})
		shown = append(shown, connections[key].Nodes...)
	}
	model.Join[T, P](shown)
	return connections, nil
}

// countOnce gives the counts of all parents' lists, by one statement when it is first asked for.
func countOnce[K model.ID](
	r Reader, parents []K, by link, build func() *bun.SelectQuery,
) func(context.Context) (map[K]int32, error) {
	var once sync.Once
	var counts map[K]int32
	err := errors.New("the count was cut short")
	return func(ctx context.Context) (map[K]int32, error) {
		once.Do(func() { counts, err = countBy(ctx, r, parents, by, build()) })
		return counts, err
	}
}

// countBy counts the rows of each parent in one grouped statement. Parents without rows are left out.
func countBy[K model.ID](
	ctx context.Context, r Reader, parents []K, by link, q *bun.SelectQuery,
) (map[K]int32, error) {
	var groups []struct {
		Parent uuid.UUID
		Count  int32
	}
	q, parent := by.joined(q)
	q, err := prepare(r, q.ColumnExpr("? AS parent, count(*) AS count", parent).
		Where("? = ANY (?::uuid[])", parent, by.value(uuidArray(parents))).GroupExpr("?", parent))
	if err != nil {
		return nil, err
	}
	if err := q.Scan(ctx, &groups); err != nil {
		return nil, translate(err)
	}
	counts := make(map[K]int32, len(groups))
	for _, group := range groups {
		counts[K(group.Parent)] = group.Count
	}
	return counts, nil
}

// uuidArray writes ids as a PostgreSQL array: one parameter, however many ids.
func uuidArray[K model.ID](ids []K) string {
	var text strings.Builder
	text.WriteByte('{')
	for i, id := range ids {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(uuid.UUID(id).String())
	}
	text.WriteByte('}')
	return text.String()
}
