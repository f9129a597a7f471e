package repo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

func names(page *model.ProjectConnection) []string {
	out := []string{}
	for _, p := range page.Nodes {
		out = append(out, p.Name)
	}
	return out
}

// Pages fit together without a gap or a double, in both directions, and where the sorted values are equal.
func TestPagesWalkForwardAndBackward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 23) // one transaction: all have the same created_at
	r := w.reader(w.member)
	for _, by := range []model.ProjectOrder{
		{Field: model.ProjectsByCreatedAt, Direction: model.Ascending},
		{Field: model.ProjectsByCreatedAt, Direction: model.Descending},
		{Field: model.ProjectsByName, Direction: model.Ascending},
		{Field: model.ProjectsByName, Direction: model.Descending},
	} {
		all := names(must[*model.ProjectConnection](t)(r.Projects(t.Context(), first(100), nil, by)))
		if len(all) != 23 {
			t.Fatalf("%d projects", len(all))
		}
		var forward, backward []string
		size := int32(5)
		args := model.PageArgs{First: &size}
		for pages := 0; ; pages++ {
			page := must[*model.ProjectConnection](t)(r.Projects(t.Context(), args, nil, by))
			forward = append(forward, names(page)...)
			info := page.PageInfo()
			if info.HasPreviousPage != (pages > 0) {
				t.Errorf("page %d: hasPreviousPage is %t", pages, info.HasPreviousPage)
			}
			if !info.HasNextPage {
				break
			}
			args.After = info.EndCursor
		}
		args = model.PageArgs{Last: &size}
		for {
			page := must[*model.ProjectConnection](t)(r.Projects(t.Context(), args, nil, by))
			backward = append(names(page), backward...)
			if !page.PageInfo().HasPreviousPage {
				break
			}
			args.Before = page.PageInfo().StartCursor
		}
		if !slices.Equal(forward, all) || !slices.Equal(backward, all) {
			t.Errorf("%v\nall      %v\nforward  %v\nbackward %v", by, all, forward, backward)
		}
	}
}

// Rows that are added while a client walks do not make it see a row twice, or miss one.
func TestPagesHoldWhileRowsAreAdded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 10)
	r := w.reader(w.member)
	for _, direction := range []model.OrderDirection{model.Ascending, model.Descending} {
		by := model.ProjectOrder{Field: model.ProjectsByName, Direction: direction}
		before := names(must[*model.ProjectConnection](t)(r.Projects(t.Context(), first(100), nil, by)))
		size := int32(3)
		args := model.PageArgs{First: &size}
		seen := map[string]int{}
		for {
			page := must[*model.ProjectConnection](t)(r.Projects(t.Context(), args, nil, by))
			for _, p := range page.Nodes {
				seen[p.ID.String()+p.Name]++
			}
			if !page.PageInfo().HasNextPage {
				break
			}
			args.After = page.PageInfo().EndCursor
			w.Projects(t, w.manager, 2)
		}
		var seenNames []string
		for key, times := range seen {
			if times > 1 {
				t.Errorf("%s was seen %d times", key, times)
			}
			seenNames = append(seenNames, key)
		}
		for _, name := range before {
			if !slices.ContainsFunc(seenNames, func(key string) bool { return strings.HasSuffix(key, name) }) {
				t.Errorf("%s was not seen", name)
			}
		}
	}
}

// after and before together bound a page on both sides.
func TestPageBetweenTwoCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 6)
	r := w.reader(w.member)
	by := model.ProjectOrder{Field: model.ProjectsByName, Direction: model.Ascending}
	whole := must[*model.ProjectConnection](t)(r.Projects(t.Context(), first(6), nil, by))
	edges := whole.Edges()
	after, before := edges[0].Cursor(), edges[4].Cursor()
	page := must[*model.ProjectConnection](t)(r.Projects(t.Context(), model.PageArgs{After: &after, Before: &before}, nil, by))
	if diff := cmp.Diff(names(whole)[1:4], names(page)); diff != "" {
		t.Error(diff)
	}
	last := int32(9)
	for _, args := range []model.PageArgs{{After: &after, Before: &before}, {Last: &last, After: &after, Before: &before}} {
		page := must[*model.ProjectConnection](t)(r.Projects(t.Context(), args, nil, by))
		if info := page.PageInfo(); !info.HasNextPage || !info.HasPreviousPage {
			t.Errorf("rows on both sides: %+v", info)
		}
	}
}

func TestPageArgumentsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 1)
	r := w.reader(w.member)
	ten, zero, many := int32(10), int32(0), int32(101)
	byName := model.ProjectOrder{Field: model.ProjectsByName, Direction: model.Ascending}
	cursorOfName := *must[*model.ProjectConnection](t)(r.Projects(t.Context(), first(1), nil, byName)).PageInfo().EndCursor
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		args     model.PageArgs
		code     fault.Code
		argument string
	}{
		"first and last":         {model.PageArgs{First: &ten, Last: &ten}, fault.BadUserInput, "last"},
		"zero":                   {model.PageArgs{First: &zero}, fault.BadUserInput, "first"},
		"too many":               {model.PageArgs{Last: &many}, fault.TooComplex, "last"},
		"cursor of nothing":      {model.PageArgs{After: text("x")}, fault.BadUserInput, "after"},
		"not base64":             {model.PageArgs{Before: text("%%")}, fault.BadUserInput, "before"},
		"empty cursor":           {model.PageArgs{Before: text("")}, fault.BadUserInput, "before"},
		"cursor of another sort": {model.PageArgs{After: &cursorOfName}, fault.BadUserInput, "after"},
		"a long cursor":          {model.PageArgs{After: text(strings.Repeat("A", 5000))}, fault.BadUserInput, "after"},
	} {
		_, err := r.Projects(t.Context(), c.args, nil, oldestProjects)
		faults := fault.All(err)
		if len(faults) != 1 || faults[0].Code != c.code || fmt.Sprint(faults[0].Field) != "["+c.argument+"]" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One statement gives each parent its own page, and each its own count, whatever the order of the keys.
func TestNestedPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	projects := w.Projects(t, w.member, 3)
	for i, n := range []int{7, 0, 3} {
		if n > 0 {
			w.Documents(t, w.member, projects[i], n)
		}
	}
	w.SQL.Reset()
	ids := []model.ProjectID{projects[2].ID, projects[0].ID, projects[1].ID}
	pages := must[map[model.ProjectID]*model.DocumentConnection](t)(
		w.reader(w.member).DocumentsByProject(t.Context(), ids, first(5), nil, newestDocs))
	if sent := w.SQL.Statements(false); len(sent) != 1 {
		t.Errorf("%d statements", len(sent))
	}
	for i, want := range []struct {
		rows, total int
		more        bool
	}{{5, 7, true}, {0, 0, false}, {3, 3, false}} {
		page := pages[projects[i].ID]
		total := must[int32](t)(page.TotalCount(t.Context()))
		if len(page.Nodes) != want.rows || int(total) != want.total || page.PageInfo().HasNextPage != want.more {
			t.Errorf("project %d: %d rows of %d, more %t", i, len(page.Nodes), total, page.PageInfo().HasNextPage)
		}
	}
	if sent := w.SQL.Statements(false); len(sent) != 2 {
		t.Errorf("%d statements after three counts", len(sent))
	}
	// An inner page goes on from its own cursor.
	args := first(5)
	args.After = pages[projects[0].ID].PageInfo().EndCursor
	rest := must[map[model.ProjectID]*model.DocumentConnection](t)(
		w.reader(w.member).DocumentsByProject(t.Context(), ids[1:2], args, nil, newestDocs))[projects[0].ID]
	if len(rest.Nodes) != 2 || rest.PageInfo().HasNextPage {
		t.Errorf("the second page has %d rows", len(rest.Nodes))
	}
}

func BenchmarkCursor(b *testing.B) {
	user := &model.User{ID: model.NewID[model.UserID](), CreatedAt: time.Now(), Name: "Ada Admin"}
	for name, field := range map[string]model.UserOrderField{"time": model.UsersByCreatedAt, "text": model.UsersByName} {
		cursor := repo.CursorOf(user, field)
		b.Run("encode "+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				repo.CursorOf(user, field)
			}
		})
		b.Run("decode "+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := repo.DecodeCursor(cursor, field); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan reads 1,000 documents: all columns, and those that a list shows.
func BenchmarkScan(b *testing.B) {
	w := newWorld(b)
	for range 10 {
		w.Documents(b, w.member, nil, 100)
	}
	ids := make([]model.DocumentID, 0, 1000)
	for _, text := range must[[]string](b)(query(w.DB, "SELECT id::text FROM documents")) {
		ids = append(ids, model.DocumentID(uuid.MustParse(text)))
	}
	few := model.Selection{}
	for _, field := range []string{"id", "name", "status", "updatedAt"} {
		few.Add("Document", field)
	}
	for name, selection := range map[string]model.Selection{"all columns": nil, "selected columns": few} {
		b.Run(name, func(b *testing.B) {
			reader := w.reader(w.admin).Selecting(selection)
			b.ReportAllocs()
			for b.Loop() {
				must[[]*model.Document](b)(reader.DocumentsByIDs(b.Context(), ids))
			}
		})
	}
}
