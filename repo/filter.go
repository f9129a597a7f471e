package repo

import (
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"dossier/model"
)

// Conditions of filters, one helper for each kind. What is absent does not narrow.

// equal narrows to the rows whose column has the value.
func equal[V any](q *bun.SelectQuery, column string, value *V) *bun.SelectQuery {
	if value == nil {
		return q
	}
	return q.Where("?TableAlias.? = ?", bun.Ident(column), param{*value})
}

// among narrows to the rows whose column has one of the values: to none, if there are none.
func among[V any](q *bun.SelectQuery, column string, values []V) *bun.SelectQuery {
	if values == nil {
		return q
	}
	return q.Where("?TableAlias.? IN (?)", bun.Ident(column), planned{bun.List(values)})
}

// present narrows to the rows whose column has a value, or to those whose column has none.
func present(q *bun.SelectQuery, column string, want *bool) *bun.SelectQuery {
	if want == nil {
		return q
	}
	if *want {
		return q.Where("?TableAlias.? IS NOT NULL", bun.Ident(column))
	}
	return q.Where("?TableAlias.? IS NULL", bun.Ident(column))
}

// within narrows to the rows whose column lies in the range. PostgreSQL keeps microseconds: a bound between two of them
// is as good as the later one.
func within(q *bun.SelectQuery, column string, times *model.TimeRange) *bun.SelectQuery {
	if times == nil {
		return q
	}
	bound := func(comparison bun.Safe, at *time.Time) {
		if at != nil {
			q = q.Where("?TableAlias.? ? ?", bun.Ident(column), comparison, planned{at.Add(time.Microsecond - 1).Truncate(time.Microsecond)})
		}
	}
	bound(">=", times.From)
	bound("<", times.Until)
	return q
}

// search narrows to the rows with the text in one of the columns, whatever its case. The empty text is in all.
func search(q *bun.SelectQuery, text *string, columns ...string) *bun.SelectQuery {
	if text == nil || *text == "" {
		return q
	}
	pattern := planned{likePattern(*text)}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, column := range columns {
			q = q.WhereOr("?TableAlias.? ILIKE ?", bun.Ident(column), pattern)
		}
		return q
	})
}

// likePattern finds the text anywhere: its own %, _ and \ are literal.
func likePattern(text string) string {
	return fmt.Sprintf("%%%s%%", strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text))
}
