package graph

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
)

// Long texts do not fill the cache of queries.
func TestLongQueriesAreNotKept(t *testing.T) {
	t.Parallel()
	var cache graphql.Cache[*ast.QueryDocument] = shortQueries{lru.New[*ast.QueryDocument](10)}
	for text, want := range map[string]bool{"short": true, strings.Repeat("x", cachedQueryBytesMax+1): false} {
		cache.Add(t.Context(), text, &ast.QueryDocument{})
		if _, kept := cache.Get(t.Context(), text); kept != want {
			t.Errorf("a text of %d bytes: kept %t", len(text), kept)
		}
	}
}
