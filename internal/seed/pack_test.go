package seed_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"dossier/internal/seed"
)

func TestPackHasAllItsFiles(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("pack")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range seed.Pack() {
		names[file.Name] = true
		words := len(strings.Fields(string(file.Content)))
		if !utf8.Valid(file.Content) || words < 350 || words > 2500 || file.ContentType == "" {
			t.Errorf("%s is %s with %d words", file.Name, file.ContentType, words)
		}
	}
	for _, entry := range entries {
		if !names[entry.Name()] {
			t.Errorf("%s is not in the pack", entry.Name())
		}
	}
	if len(names) != 8 {
		t.Errorf("the pack has %d files", len(names))
	}
}
