package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// Long texts do not fill the cache of queries.
func TestLongQueriesAreNotKept(t *testing.T) {
	t.Parallel()
	cache := newQueryCache()
	for text, want := range map[string]bool{"short": true, strings.Repeat("x", cachedQueryBytesMax+1): false} {
		cache.Add(t.Context(), text, &ast.QueryDocument{})
		if _, kept := cache.Get(t.Context(), text); kept != want {
			t.Errorf("a text of %d bytes: kept %t", len(text), kept)
		}
	}
}

// Many texts are kept up to their bound, however long each is: whoever sends them decides what they take.
func TestQueriesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	cache := newQueryCache()
	for i := range 4 * cachedBytesMax / cachedQueryBytesMax {
		text := fmt.Sprintf("%0*d", cachedQueryBytesMax, i)
		cache.Add(t.Context(), text, &ast.QueryDocument{})
	}
	cache.known.CleanUp()
	kept := 0
	for text := range cache.known.Keys() {
		kept += len(text)
	}
	if kept == 0 || kept > cachedBytesMax {
		t.Errorf("%d bytes are kept", kept)
	}
}
