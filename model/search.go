package model

import (
	"io"
	"slices"
	"strings"
)

// SearchMode is how passages are found.
type SearchMode string

// The modes.
const (
	SearchHybrid SearchMode = "HYBRID"
	SearchVector SearchMode = "VECTOR"
	SearchText   SearchMode = "TEXT"
)

// MarshalGQL writes the enum.
func (m SearchMode) MarshalGQL(w io.Writer) { marshalEnum(w, m) }

// UnmarshalGQL reads the enum.
func (m *SearchMode) UnmarshalGQL(v any) error {
	return unmarshalEnum(v, m, SearchHybrid, SearchVector, SearchText)
}

// Limits of a search.
const (
	queryLengthMax     = 1000
	searchDocumentsMax = 1000
	// SearchHitsMax is how many hits a search has, over all its pages.
	SearchHitsMax = 200
)

// SearchFilter narrows a search to the passages of some documents.
type SearchFilter struct {
	ProjectID   *ProjectID
	DocumentIDs []DocumentID
	ThemeID     *ThemeID
	ContentType []string
	OwnerID     *UserID
	CompanyID   *CompanyID
}

// IsEmpty reports whether it narrows nothing.
func (f *SearchFilter) IsEmpty() bool {
	return f == nil || f.ProjectID == nil && f.DocumentIDs == nil && f.ThemeID == nil && f.ContentType == nil && f.OwnerID == nil &&
		f.CompanyID == nil
}

// Search is what is searched for.
type Search struct {
	Query  string
	Filter *SearchFilter
	Mode   SearchMode
	First  *int32
	After  *string
}

// Validate reports all that is wrong with it.
func (s Search) Validate() error {
	var c Checks
	c.text("query", s.Query, queryLengthMax)
	if s.Filter != nil {
		c.listLength("filter.documentIds", len(s.Filter.DocumentIDs), searchDocumentsMax)
		c.contentTypes("filter.contentType", s.Filter.ContentType)
	}
	if s.Mode == "" { // a variable may be null where the argument's default is not
		c.fail("mode", "must not be null.")
	}
	return c.err()
}

// SearchHit is a passage that was found.
type SearchHit struct {
	Batched[SearchHit]

	Score   float64
	Snippet []SnippetPart
	Chunk   *DocumentChunk
}

// Page is the page that the passage begins on; nil where the format has none.
func (h *SearchHit) Page() *int32 { return h.Chunk.Page }

// SnippetPart is a part of a snippet, all of which is a word that was searched for, or none of it.
type SnippetPart struct {
	Text   string
	Marked bool
}

// SnippetStart and SnippetStop stand around what is marked in a snippet, where it is one text: characters for private use. A text that has
// them itself is shown without.
const (
	SnippetStart = "\ue000"
	SnippetStop  = "\ue001"
)

// SnippetOf reads a snippet that is one text.
func SnippetOf(text string) []SnippetPart {
	parts := []SnippetPart{}
	add := func(text string, marked bool) {
		text = strings.NewReplacer(SnippetStart, "", SnippetStop, "").Replace(text)
		if text != "" {
			parts = append(parts, SnippetPart{text, marked})
		}
	}
	before, rest, found := strings.Cut(text, SnippetStart)
	add(before, false)
	for found {
		var marked string
		marked, rest, _ = strings.Cut(rest, SnippetStop)
		add(marked, true)
		before, rest, found = strings.Cut(rest, SnippetStart)
		add(before, false)
	}
	return slices.Clip(parts)
}
