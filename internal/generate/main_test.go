package main

import (
	"maps"
	"os"
	"strings"
	"testing"
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
		if own := strings.Contains(string(text), "func (ec *executionContext) _"+field+"("); own == plain {
			t.Errorf("%s is plain: %v, want %v", field, !own, plain)
		}
	}
}
