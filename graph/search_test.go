package graph_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/model"
)

const searchQuery = `query($q: String!, $mode: SearchMode! = HYBRID, $filter: SearchFilter, $first: Int, $after: String) {
	searchDocuments(query: $q, mode: $mode, filter: $filter, first: $first, after: $after) {
		nodes { score page snippet { text marked } chunk { id text document { id } } document { id name owner { name } } }
		edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } }`

var modes = []string{"HYBRID", "VECTOR", "TEXT"}

// found are the texts of the passages that a search finds.
func found(t testing.TB, client apitest.Client, mode, query string, filter map[string]any) []string {
	t.Helper()
	var texts []string
	for _, hit := range client.Query(t, searchQuery, "q", query, "mode", mode, "filter", filter).List("searchDocuments.nodes") {
		texts = append(texts, hit.Text("chunk.text"))
	}
	return texts
}

// A passage is found by its words in each mode, with what a client shows of it.
func TestSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	documents := w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 2)
	w.Chunks(t, documents[0], "The caterer serves vegetarian meals on Mondays.", "Bids are due on 14 May at noon.", "Liability insurance covers five million euros.")
	w.Chunks(t, documents[1], "Every window is cleaned twice a year.")
	if _, err := w.Pool.Exec("UPDATE document_chunks SET page = position + 3"); err != nil {
		t.Fatal(err)
	}
	for mode, statements := range map[string]int{"TEXT": 5, "VECTOR": 5, "HYBRID": 6} {
		w.SQL.Reset()
		data := member.Query(t, searchQuery, "q", "vegetarian meal", "mode", mode)
		w.WantSQL(t, statements)
		hit := data.At("searchDocuments.nodes.0")
		if hit.Text("chunk.text") != "The caterer serves vegetarian meals on Mondays." || hit.Text("page") != "3" ||
			hit.Text("document.id") != documents[0].ID.String() || hit.Text("chunk.document.id") != documents[0].ID.String() {
			t.Errorf("%s: %v", mode, hit.Raw())
		}
		whole, marked := "", []string{}
		for _, part := range hit.List("snippet") {
			whole += part.Text("text")
			if part.At("marked").Raw() == true {
				marked = append(marked, part.Text("text"))
			}
		}
		if !strings.Contains(whole, "caterer serves vegetarian meals on Mondays") || !slices.Equal(marked, []string{"vegetarian", "meals"}) {
			t.Errorf("%s: snippet %q marks %q", mode, whole, marked)
		}
	}
	for query, want := range map[string]int{`"vegetarian meals"`: 1, `"meals vegetarian"`: 0, "vegetarian -Mondays": 0, "vegetarian or window": 2, "cleaning": 1, "the": 0} {
		if got := found(t, member, "TEXT", query, nil); len(got) != want {
			t.Errorf("%s finds %q", query, got)
		}
	}
}

// A search sees what its viewer may see, and of that what the filter lets through, in each mode.
func TestSearchKeepsToItsWalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	projects := w.Projects(t, w.member, 2)
	one, two := w.Documents(t, w.member, projects[0], 1)[0], w.Documents(t, w.manager, projects[1], 1)[0]
	theirs := w.Documents(t, w.stranger, w.Projects(t, w.stranger, 1)[0], 1)[0]
	w.Chunks(t, one, "Insurance of the first.")
	w.Chunks(t, two, "Insurance of the second.")
	w.Chunks(t, theirs, "Insurance of the stranger.")
	manager := w.As(t, w.manager)
	green := theme(t, manager, "Green")
	manager.Query(t, attach, "t", []any{green}, "d", []any{one.ID})
	if _, err := w.Pool.Exec("UPDATE documents SET content_type = 'text/html' WHERE id = $1", two.ID); err != nil {
		t.Fatal(err)
	}
	const first, second, stranger = "Insurance of the first.", "Insurance of the second.", "Insurance of the stranger."
	for _, mode := range modes {
		for i, probe := range []struct {
			client apitest.Client
			filter map[string]any
			want   []string
		}{
			{w.As(t, w.member), nil, []string{first, second}},
			{w.As(t, w.stranger), nil, []string{stranger}},
			{w.As(t, w.admin), nil, []string{first, second, stranger}},
			{w.As(t, w.admin), map[string]any{"companyId": w.other.ID}, []string{stranger}},
			{manager, map[string]any{"companyId": w.other.ID}, nil},
			{manager, map[string]any{"projectId": projects[1].ID}, []string{second}},
			{manager, map[string]any{"ownerId": w.member.ID}, []string{first}},
			{manager, map[string]any{"themeId": green}, []string{first}},
			{manager, map[string]any{"contentType": []any{"text/html"}}, []string{second}},
			{manager, map[string]any{"documentIds": []any{one.ID, theirs.ID}}, []string{first}},
			{manager, map[string]any{"documentIds": []any{theirs.ID}}, nil},
			{manager, map[string]any{"documentIds": []any{}}, nil},
			{manager, map[string]any{"projectId": projects[0].ID, "ownerId": w.manager.ID}, nil},
			{w.With(w.Key(t, w.manager, model.ScopeDocumentsRead, model.ScopeUsersRead)), nil, []string{first, second}},
		} {
			got := found(t, probe.client, mode, "insurance", probe.filter)
			if slices.Sort(got); !slices.Equal(got, probe.want) {
				t.Errorf("%s %d finds %q, want %q", mode, i, got, probe.want)
			}
		}
	}
}

// Pages of a search follow one another without a gap, up to the end of the ranking; statements do not depend on the hits.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	document := w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 1)[0]
	texts := make([]string, 230)
	for i := range texts {
		texts[i] = fmt.Sprintf("Insurance clause %d.%s", i, strings.Repeat(" word", i%7))
	}
	w.Chunks(t, document, texts...)
	for mode, statements := range map[string]int{"TEXT": 5, "VECTOR": 5, "HYBRID": 6} {
		seen := map[string]bool{}
		var after any
		for pages := 1; ; pages++ {
			w.SQL.Reset()
			data := member.Query(t, searchQuery, "q", "insurance clause", "mode", mode, "first", 90, "after", after)
			w.WantSQL(t, statements)
			for _, hit := range data.List("searchDocuments.nodes") {
				if id := hit.Text("chunk.id"); seen[id] {
					t.Fatalf("%s: %s comes twice", mode, id)
				} else {
					seen[id] = true
				}
			}
			if data.At("searchDocuments.pageInfo.hasPreviousPage").Raw() != (pages > 1) {
				t.Errorf("%s, page %d: %v", mode, pages, data.At("searchDocuments.pageInfo").Raw())
			}
			if after = data.At("searchDocuments.pageInfo.endCursor").Raw(); data.At("searchDocuments.pageInfo.hasNextPage").Raw() != true {
				break
			}
		}
		if len(seen) != model.SearchHitsMax {
			t.Errorf("%s: %d hits, want %d", mode, len(seen), model.SearchHitsMax)
		}
	}
}

// What cannot be searched for is told by its name.
func TestSearchRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	for _, probe := range []struct {
		variables []any
		argument  string
	}{
		{[]any{"q", "  "}, "query"},
		{[]any{"q", strings.Repeat("x", 1001)}, "query"},
		{[]any{"q", "x", "first", 101}, "first"},
		{[]any{"q", "x", "first", 0}, "first"},
		{[]any{"q", "x", "after", "bad cursor"}, "after"},
		{[]any{"q", "x", "after", strings.Repeat("A", 38)}, "after"},
		{[]any{"q", "x", "filter", map[string]any{"contentType": make([]string, 21)}}, "filter.contentType"},
	} {
		answer := member.Do(t, searchQuery, probe.variables...)
		if len(answer.Errors) != 1 || answer.Errors[0].Extensions["argument"] != probe.argument {
			t.Errorf("%v: %s", probe.variables, answer.Body)
		}
	}
	if got := found(t, member, "HYBRID", `"unbalanced ( & | ! :* <-> \`, nil); len(got) != 0 {
		t.Errorf("operators of tsquery find %q", got)
	}
}

type absentModel struct{}

func (absentModel) Model() string { return "absent" }
func (absentModel) Query(context.Context, string) ([]float32, error) {
	return nil, errors.New("dial: the secret address does not answer")
}

// Without the model a search by words goes on, and any other says that it cannot.
func TestSearchWithoutTheModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *graph.Config) { c.Embedder = absentModel{} })
	member := w.As(t, w.member)
	w.Chunks(t, w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 1)[0], "Insurance.")
	if got := found(t, member, "TEXT", "insurance", nil); len(got) != 1 {
		t.Errorf("TEXT finds %q", got)
	}
	for _, mode := range []string{"VECTOR", "HYBRID"} {
		answer := member.Do(t, searchQuery, "q", "insurance", "mode", mode)
		if len(answer.Errors) != 1 || answer.Errors[0].Code() != "UNAVAILABLE" || answer.Errors[0].Extensions["retryable"] != true ||
			strings.Contains(answer.Body, "secret") {
			t.Errorf("%s: %s", mode, answer.Body)
		}
	}
}
