package config

import (
	"os"
	"strings"
	"testing"
)

func TestBlobURL(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"documents", "/data/blobs", "http://store.example", "s3://", "gs:documents", "s3://key:hunter2@documents",
		"s3://hunter2@documents", "file://", "s3://documents#hunter2", "s3://hunter2%", "ftp://hunter2"} {
		_, err := parse(map[string]string{"BLOB_URL": address})
		if err == nil || !strings.HasPrefix(err.Error(), "BLOB_URL is file:///folder") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("BLOB_URL %q: %v", address, err)
		}
	}
	for _, address := range []string{"file:///data/blobs", "mem://", "s3://documents?region=eu-central-1", "gs://documents", "azblob://documents"} {
		mustParse(t, map[string]string{"BLOB_URL": address})
	}
}

// The folder is below DATA_DIR, also when that is relative or has what a URL must escape.
func TestDefaultBlobURL(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{"/data": "file:///data/blobs/documents", "/a b#?%": "file:///a%20b%23%3F%25/blobs/documents", "x": "file://" + here + "/x/blobs/documents"} {
		if c := mustParse(t, map[string]string{"DATA_DIR": folder}); c.BlobURL != want {
			t.Errorf("below %q it is %s", folder, c.BlobURL)
		}
	}
}
