package web_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"dossier/model"
)

// A file without bytes is one, however it is sent.
func TestUploadOfNothing(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	upload := s.create(t, 0, hashOf(nil))
	head(t, upload.resumable).wantOffset(t, http.StatusOK, 0) // all is there: tus clients send nothing
	if hash, got, wrong := s.complete(t, upload); hash != hashOf(nil) || got != "" || wrong != "" {
		t.Errorf("by tus: hash %s, %d bytes, %s", hash, len(got), wrong)
	}
	upload = s.create(t, 0, "")
	if a := ask(t, http.MethodPut, upload.url, strings.NewReader("")); a.StatusCode != http.StatusNoContent {
		t.Errorf("PUT: %d %s", a.StatusCode, a.body)
	}
	if hash, _, wrong := s.complete(t, upload); hash != hashOf(nil) || wrong != "" {
		t.Errorf("by PUT: hash %s, %s", hash, wrong)
	}
}

// A PUT of all takes the place of what came in parts.
func TestUploadAfterParts(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	content := text(30_000)
	upload := s.create(t, len(content), hashOf(content))
	patch(t, upload.resumable, 0, content[:10_000]).wantOffset(t, http.StatusNoContent, 10_000)
	patch(t, upload.resumable, 10_000, content[10_000:20_000]).wantOffset(t, http.StatusNoContent, 20_000)
	if a := ask(t, http.MethodPut, upload.url, bytes.NewReader(content)); a.StatusCode != http.StatusNoContent ||
		a.Header.Get("ETag") != `"`+hashOf(content)+`"` {
		t.Fatalf("PUT: %d %s %s", a.StatusCode, a.Header.Get("ETag"), a.body)
	}
	head(t, upload.resumable).wantOffset(t, http.StatusOK, len(content))
	if kept := s.kept(t); len(kept) != 1 {
		t.Errorf("the parts are still there: %q", kept)
	}
	if hash, _, wrong := s.complete(t, upload); hash != hashOf(content) {
		t.Errorf("hash %s, %s", hash, wrong)
	}
}

// Of requests that complete the same upload at once one makes a document.
func TestCompleteUploadAtOnce(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(t *testing.T, s shelf, pending *model.PendingUpload, content []byte) error{
		"in parts": func(t *testing.T, s shelf, pending *model.PendingUpload, content []byte) error {
			_, err := s.Files.Append(t.Context(), pending, bytes.NewReader(content))
			return err
		},
		"straight to the store": func(t *testing.T, s shelf, pending *model.PendingUpload, content []byte) error {
			_, err := s.Files.Blobs.Write(t.Context(), pending.BlobName, bytes.NewReader(content))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			content := text(1_000_000)
			upload := s.create(t, len(content), hashOf(content))
			pending, err := s.Files.Pending(t.Context(), strings.TrimPrefix(upload.resumable, s.URL+"/uploads/"))
			if err == nil {
				err = send(t, s, pending, content)
			}
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			hashes, wrongs := make([]string, 5), make([]string, 5)
			for i := range hashes {
				group.Go(func() { hashes[i], _, wrongs[i] = s.complete(t, upload) })
			}
			group.Wait()
			made := 0
			for i, hash := range hashes {
				if hash == hashOf(content) {
					made++
				} else if code, _, _ := strings.Cut(wrongs[i], " "); code != "NOT_FOUND" && code != "CONFLICT" {
					t.Errorf("hash %q, %s", hash, wrongs[i])
				}
			}
			if kept := s.kept(t); made != 1 || len(kept) != 1 {
				t.Errorf("%d documents of %q", made, kept)
			}
		})
	}
}
