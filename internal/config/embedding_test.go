package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWrongEmbeddings(t *testing.T) {
	t.Parallel()
	endpoint := map[string]string{"EMBEDDINGS_URL": "https://api.example/v1", "EMBEDDINGS_KEY": "hunter2", "EMBEDDINGS_MODEL": "m", "EMBEDDINGS_DIMENSIONS": "1024"}
	noURL := "EMBEDDINGS_KEY and models other than dossier-384-v1 are of EMBEDDINGS_URL, which is empty"
	wrongURL := "EMBEDDINGS_URL is an http or https URL such as https://api.openai.com/v1, without user, password, ? or #: EMBEDDINGS_KEY has the key"
	for _, test := range []struct {
		want    string
		setting map[string]string
	}{
		{"", nil},
		{"", map[string]string{"EMBEDDINGS_KEY": "", "EMBEDDINGS_URL": "http://localhost:11434/v1/"}},
		{"", map[string]string{"EMBEDDINGS_SEARCH_MODEL": OfflineModel}},
		{"", map[string]string{"EMBEDDINGS_SEARCH_MODEL": "n", "EMBEDDINGS_SEARCH_DIMENSIONS": "256"}},
		{"", map[string]string{"EMBEDDINGS_MODEL": OfflineModel, "EMBEDDINGS_DIMENSIONS": "", "EMBEDDINGS_SEARCH_MODEL": "m", "EMBEDDINGS_SEARCH_DIMENSIONS": "1024"}},
		{noURL, map[string]string{"EMBEDDINGS_URL": ""}},
		{noURL, map[string]string{"EMBEDDINGS_URL": "", "EMBEDDINGS_KEY": "", "EMBEDDINGS_MODEL": "", "EMBEDDINGS_DIMENSIONS": "", "EMBEDDINGS_SEARCH_MODEL": "m"}},
		{wrongURL, map[string]string{"EMBEDDINGS_URL": "api.example/v1"}},
		{wrongURL, map[string]string{"EMBEDDINGS_URL": "ftp://api.example/v1"}},
		{wrongURL, map[string]string{"EMBEDDINGS_URL": "https://u:hunter2@api.example/v1"}},
		{wrongURL, map[string]string{"EMBEDDINGS_URL": "https://api.example/v1?key=hunter2"}},
		{"EMBEDDINGS_MODEL is required with EMBEDDINGS_URL: the name of a model there", map[string]string{"EMBEDDINGS_MODEL": ""}},
		{"EMBEDDINGS_DIMENSIONS is how long the vectors of m are, from 1 to 4000, not 0", map[string]string{"EMBEDDINGS_DIMENSIONS": ""}},
		{"EMBEDDINGS_DIMENSIONS is how long the vectors of m are, from 1 to 4000, not 4001", map[string]string{"EMBEDDINGS_DIMENSIONS": "4001"}},
		{"EMBEDDINGS_DIMENSIONS is not a whole number", map[string]string{"EMBEDDINGS_DIMENSIONS": "many", "EMBEDDINGS_MODEL": OfflineModel}},
		{"EMBEDDINGS_DIMENSIONS is 384 for dossier-384-v1, not 1024", map[string]string{"EMBEDDINGS_MODEL": OfflineModel}},
		{"EMBEDDINGS_SEARCH_DIMENSIONS is EMBEDDINGS_DIMENSIONS where both are of one model", map[string]string{"EMBEDDINGS_SEARCH_DIMENSIONS": "256"}},
		{"EMBEDDINGS_SEARCH_DIMENSIONS is how long the vectors of n are, from 1 to 4000, not -1", map[string]string{"EMBEDDINGS_SEARCH_MODEL": "n", "EMBEDDINGS_SEARCH_DIMENSIONS": "-1"}},
		{"EMBEDDINGS_SEARCH_DIMENSIONS is 384 for dossier-384-v1, not 256", map[string]string{"EMBEDDINGS_SEARCH_MODEL": OfflineModel, "EMBEDDINGS_SEARCH_DIMENSIONS": "256"}},
		{`SEARCH_LANGUAGE is a text search configuration of PostgreSQL such as english or simple, not "English'"`, map[string]string{"SEARCH_LANGUAGE": "English'"}},
		{"EMBEDDINGS_URL is https with APP_ENV=production when there is an EMBEDDINGS_KEY, or it can be read on its way", map[string]string{"APP_ENV": Production, "POSTGRES_URL": "postgres://db.example/dossier", "PUBLIC_URL": "https://api.example", "EMBEDDINGS_URL": "http://api.example/v1"}},
	} {
		environment := maps.Clone(endpoint)
		maps.Copy(environment, test.setting)
		got := ""
		if _, err := parse(environment); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v\ngot  %s\nwant %s", test.setting, got, test.want)
		}
	}
}

// What is left empty is filled, so that whoever reads it need not ask twice.
func TestEmbeddingDefaults(t *testing.T) {
	t.Parallel()
	c := mustParse(t, map[string]string{"EMBEDDINGS_URL": "https://api.example/v1", "EMBEDDINGS_KEY": "hunter2", "EMBEDDINGS_MODEL": "m", "EMBEDDINGS_DIMENSIONS": "1024"})
	if c.EmbeddingsSearchModel != "m" || c.EmbeddingsSearchDimensions != 1024 || c.SearchLanguage != "english" {
		t.Errorf("%v", c.Lines())
	}
	if lines := c.Lines(); !slices.Contains(lines, "EMBEDDINGS_KEY=(set)") || strings.Contains(strings.Join(lines, "\n"), "hunter2") {
		t.Errorf("%q", lines)
	}
	c = mustParse(t, map[string]string{"EMBEDDINGS_URL": "https://api.example/v1", "EMBEDDINGS_MODEL": "m", "EMBEDDINGS_DIMENSIONS": "1024", "EMBEDDINGS_SEARCH_MODEL": OfflineModel})
	if c.EmbeddingsSearchDimensions != OfflineDimensions {
		t.Errorf("%v", c.Lines())
	}
}
