package config

import (
	"fmt"
	"net/url"
	"regexp"
)

// OfflineModel is the model that needs no endpoint, and OfflineDimensions the length of its vectors.
const (
	OfflineModel      = "dossier-384-v1"
	OfflineDimensions = 384
)

// dimensionsMax is what an index of vectors takes.
const dimensionsMax = 4000

var languagePattern = regexp.MustCompile(`^[a-z_]{1,63}$`)

// fillEmbeddings gives the model of an empty EMBEDDINGS_URL, and of an empty EMBEDDINGS_SEARCH_MODEL.
func (c *Config) fillEmbeddings() {
	if c.EmbeddingsModel == "" && c.EmbeddingsURL == "" {
		c.EmbeddingsModel = OfflineModel
	}
	if c.EmbeddingsDimensions == 0 && c.EmbeddingsModel == OfflineModel {
		c.EmbeddingsDimensions = OfflineDimensions
	}
	if c.EmbeddingsSearchModel == "" {
		c.EmbeddingsSearchModel = c.EmbeddingsModel
	}
	if c.EmbeddingsSearchDimensions != 0 {
		return
	}
	if c.EmbeddingsSearchModel == OfflineModel {
		c.EmbeddingsSearchDimensions = OfflineDimensions
	} else if c.EmbeddingsModel != OfflineModel {
		c.EmbeddingsSearchDimensions = c.EmbeddingsDimensions
	}
}

// checkEmbeddings says what is wrong with how texts become vectors. The URL is not told: it may have a password.
func (c Config) checkEmbeddings() []error {
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if !languagePattern.MatchString(c.SearchLanguage) {
		fail("SEARCH_LANGUAGE is a text search configuration of PostgreSQL such as english or simple, not %q", c.SearchLanguage)
	}
	if c.EmbeddingsURL == "" {
		if c.EmbeddingsKey != "" || c.EmbeddingsModel != OfflineModel || c.EmbeddingsSearchModel != OfflineModel {
			fail("EMBEDDINGS_KEY and models other than %s are of EMBEDDINGS_URL, which is empty", OfflineModel)
			return wrong
		}
	} else if u, err := url.Parse(c.EmbeddingsURL); err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "http" && u.Scheme != "https" {
		fail("EMBEDDINGS_URL is an http or https URL such as https://api.openai.com/v1, without user, password, ? or #: EMBEDDINGS_KEY has the key")
	}
	if c.EmbeddingsModel == "" {
		fail("EMBEDDINGS_MODEL is required with EMBEDDINGS_URL: the name of a model there")
		return wrong
	}
	bad := checkDimensions("EMBEDDINGS_DIMENSIONS", c.EmbeddingsModel, c.EmbeddingsDimensions)
	wrong = append(wrong, bad...)
	if c.EmbeddingsSearchModel != c.EmbeddingsModel {
		wrong = append(wrong, checkDimensions("EMBEDDINGS_SEARCH_DIMENSIONS", c.EmbeddingsSearchModel, c.EmbeddingsSearchDimensions)...)
	} else if c.EmbeddingsSearchDimensions != c.EmbeddingsDimensions && bad == nil {
		fail("EMBEDDINGS_SEARCH_DIMENSIONS is EMBEDDINGS_DIMENSIONS where both are of one model")
	}
	return wrong
}

func checkDimensions(name, model string, dimensions int) []error {
	if model == OfflineModel && dimensions != OfflineDimensions {
		return []error{fmt.Errorf("%s is %d for %s, not %d", name, OfflineDimensions, model, dimensions)}
	}
	if dimensions < 1 || dimensions > dimensionsMax {
		return []error{fmt.Errorf("%s is how long the vectors of %s are, from 1 to %d, not %d", name, model, dimensionsMax, dimensions)}
	}
	return nil
}
