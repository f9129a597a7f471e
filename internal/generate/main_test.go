package main

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/codegen"
	"github.com/vektah/gqlparser/v2/ast"
)

// What gqlgen changes in its templates does not slip past the edits.
func TestEdits(t *testing.T) {
	t.Parallel()
	original, err := theirs()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		found := e.what.FindString(original[e.file])
		for change, by := range map[string]string{"gone": "", "twice": found + found} {
			texts := maps.Clone(original)
			texts[e.file] = strings.Replace(texts[e.file], found, by, 1)
			if _, err := edit(texts); found == "" || err == nil || !strings.Contains(err.Error(), e.file) {
				t.Errorf("%s, %s: %v", e.what, change, err)
			}
		}
	}
	if _, err := edit(original); err != nil {
		t.Error(err)
	}
}

// What object.gotpl and graph/exec leave out is not in the schema.
func TestSupported(t *testing.T) {
	t.Parallel()
	directive := func(location ast.DirectiveLocation) codegen.DirectiveList {
		return codegen.DirectiveList{"d": {DirectiveDefinition: &ast.DirectiveDefinition{Locations: []ast.DirectiveLocation{location}}}}
	}
	for want, data := range map[string]*codegen.Data{
		"":                        {AllDirectives: directive(ast.LocationFieldDefinition)},
		"subscriptions":           {SubscriptionRoot: &codegen.Object{}},
		"a directive on QUERY":    {AllDirectives: directive(ast.LocationQuery)},
		"a directive on MUTATION": {AllDirectives: directive(ast.LocationMutation)},
		"a directive on FIELD ":   {AllDirectives: directive(ast.LocationField)},
	} {
		if err := supported(data); (err != nil) != (want != "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// A field is written at once where it is a leaf of a model and nothing else.
func TestPlainFields(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../graph/exec/generated.go")
	if err != nil {
		t.Fatal(err)
	}
	for field, plain := range map[string]bool{
		"User_email":            true,
		"Document_status":       true,
		"DocumentEdge_cursor":   true,
		"User_company":          false, // a resolver
		"Project_documentCount": false, // a leaf that a resolver gives
		"UserConnection_nodes":  false, // objects
		"Document_downloadUrl":  false, // @access stands in front of it
	} {
		has := func(function string) bool {
			return strings.Contains(string(text), "func (ec *executionContext) "+function+field+"(")
		}
		if !has("fieldContext_") {
			t.Errorf("there is no %s", field)
		}
		if has("_") == plain {
			t.Errorf("%s is plain: %v", field, !plain)
		}
	}
}
