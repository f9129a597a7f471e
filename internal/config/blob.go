package config

import (
	"errors"
	"net/url"
	"path/filepath"
	"slices"
)

// schemeMemory is of a store that forgets all when the program stops.
const schemeMemory = "mem"

// defaultBlobURL is a folder beside the PostgreSQL of the program's own.
func defaultBlobURL(dataDir string) string {
	if absolute, err := filepath.Abs(dataDir); err == nil {
		dataDir = absolute
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dataDir, "blobs", "documents"))}).String()
}

// checkBlobs says what is wrong with where documents are kept. The value is not told: it may have a password.
func (c Config) checkBlobs() []error {
	u, err := url.Parse(c.BlobURL)
	if err != nil || !slices.Contains([]string{"file", schemeMemory, "s3", "gs", "azblob"}, u.Scheme) || u.User != nil || u.Opaque != "" ||
		u.Fragment != "" || u.Host+u.Path == "" && u.Scheme != schemeMemory {
		return []error{errors.New("BLOB_URL is file:///folder, s3://bucket, gs://bucket, azblob://container or mem://, without user or " +
			"password: the store's own variables have those")}
	}
	return nil
}
