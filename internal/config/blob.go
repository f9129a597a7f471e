package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
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

// defaultUploadTypes are what tender packs are made of.
var defaultUploadTypes = []string{
	"application/pdf", "application/msword", "application/vnd.openxmlformats-officedocument.*", "application/vnd.ms-*",
	"application/vnd.oasis.opendocument.*", "application/x-ole-storage", "application/rtf", "application/json", "application/zip",
	"text/*", "image/*", "message/*",
}

var typePattern = regexp.MustCompile(`^(\*|[a-z]+/(\*|[a-z0-9][a-z0-9.+-]*\*?))$`)

// checkUploads says what is wrong with what documents may be.
func (c Config) checkUploads() []error {
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for i, key := range c.SigningKeys {
		if len(key) < secretLengthMin {
			fail("SIGNING_KEYS has a key of %d bytes, number %d, and each needs %d: openssl rand -base64 32 makes one", len(key), i+1, secretLengthMin)
		}
	}
	for _, pattern := range c.UploadTypes {
		if !typePattern.MatchString(pattern) {
			fail("UPLOAD_TYPES has media types in lower case such as application/pdf, image/* and *, not %q", pattern)
		}
	}
	if c.UploadSizeMax < 1 {
		fail("UPLOAD_SIZE_MAX is at least 1, not %d", int64(c.UploadSizeMax))
	}
	return wrong
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
