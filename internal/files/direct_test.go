package files_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"dossier/internal/blob"
	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/model"
	"dossier/repo"
)

// onS3 gives the world files in a bucket of an S3 server that keeps them in memory.
func onS3(t *testing.T) world {
	t.Helper()
	w := newWorld(t)
	backend := s3mem.New()
	if err := backend.CreateBucket("documents"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	blobs, err := blob.Open("s3://documents?use_path_style=true&endpoint=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	w.Files = files.New(files.Config{Store: w.db.Store, Blobs: blobs, Keys: w.Keys, PublicURL: w.PublicURL, Limits: w.Limits})
	return w
}

// create makes an upload whose bytes go straight to the store.
func (w world) create(t *testing.T, in model.CreateUploadInput) (*model.PendingUpload, *model.UploadTarget) {
	t.Helper()
	upload, target, err := w.NewUpload(t.Context(), in)
	if err == nil {
		err = w.db.Store.InTx(t.Context(), w.viewer, func(ctx context.Context, tx *repo.Tx) error { return tx.CreateUpload(ctx, upload, 0) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return upload, target
}

// send sends what a client sends to the target.
func send(t *testing.T, target *model.UploadTarget, content string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), target.Method, target.URL, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range target.Headers {
		request.Header.Set(header.Name, header.Value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// What went straight to the store is checked, and is kept where the link does not lead any more.
func TestUploadStraightToTheStore(t *testing.T) {
	t.Parallel()
	w := onS3(t)
	const content = "straight to the store"
	upload, target := w.create(t, model.CreateUploadInput{SizeBytes: int64(len(content))})
	if strings.HasPrefix(target.URL, w.PublicURL) || !strings.HasPrefix(target.ResumableURL, w.PublicURL) {
		t.Fatalf("the target is %+v", target)
	}
	name := "Direct.txt"
	in := model.CompleteUploadInput{UploadID: upload.ID, UploadedDocument: model.UploadedDocument{Name: &name}}
	if _, err := w.Completed(t.Context(), w.viewer, in); !fault.Is(err, fault.BadUserInput) {
		t.Errorf("before anything was sent: %v", err)
	}
	if status := send(t, target, content); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	for range 2 { // an answer may get lost
		file, err := w.Completed(t.Context(), w.viewer, in)
		if err != nil || file.SizeBytes != int64(len(content)) || file.SHA256 == nil || file.ContentType != "text/plain; charset=utf-8" {
			t.Fatalf("got %+v, %v", file, err)
		}
		if file.BlobName == upload.BlobName {
			t.Error("it lies where the link leads")
		}
		if names := w.names(t); !slices.Equal(names, []string{file.BlobName}) {
			t.Errorf("there are %v", names)
		}
	}
	// Two at once: whoever is late finds what the other has done.
	again, target := w.create(t, model.CreateUploadInput{SizeBytes: int64(len(content))})
	if status := send(t, target, content); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() {
			in := model.CompleteUploadInput{UploadID: again.ID, UploadedDocument: model.UploadedDocument{Name: &name}}
			if _, err := w.Completed(t.Context(), w.viewer, in); err != nil && !fault.Is(err, fault.BadUserInput) {
				t.Errorf("together: %v", err)
			}
		})
	}
	both.Wait()
	if names := w.names(t); len(names) != 2 {
		t.Errorf("there are %v", names)
	}
	other := model.Viewer{UserID: w.db.User(t, w.db.Company(t, "Other"), model.RoleMember, "Otto").ID, Role: model.RoleMember}
	if _, err := w.Completed(t.Context(), other, in); !fault.Is(err, fault.NotFound) {
		t.Errorf("another user's: %v", err)
	}
}

// What is not what was told is refused, and may be sent again where the store lets it.
func TestUploadOfSomethingElseToTheStore(t *testing.T) {
	t.Parallel()
	w := onS3(t)
	upload, target := w.create(t, model.CreateUploadInput{SizeBytes: 5, SHA256: make([]byte, 32)})
	if status := send(t, target, "wrong"); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	name := "Wrong.txt"
	in := model.CompleteUploadInput{UploadID: upload.ID, UploadedDocument: model.UploadedDocument{Name: &name}}
	if _, err := w.Completed(t.Context(), w.viewer, in); !fault.Is(err, fault.BadUserInput) || !strings.Contains(err.Error(), "another SHA-256 hash") {
		t.Errorf("got %v", err)
	}
	if names := w.names(t); len(names) > 0 {
		t.Errorf("there are %v", names)
	}
	if status := send(t, target, "again"); status != http.StatusOK {
		t.Errorf("sent again: status %d", status)
	}
}

// A resumable upload and a sweep do on a remote store what they do in a folder.
func TestPartsOnAStore(t *testing.T) {
	t.Parallel()
	w := onS3(t)
	upload, _ := w.create(t, model.CreateUploadInput{SizeBytes: 11})
	for _, part := range []string{"first ", "later"} {
		if n, err := w.Append(t.Context(), upload, strings.NewReader(part)); int(n) != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Join(t.Context(), upload); err != nil {
		t.Fatal(err)
	}
	orphan := w.receive(t, "nothing became of it")
	w.sweep(t, 0, false)
	if names := w.names(t); !slices.Equal(names, []string{upload.BlobName}) {
		t.Errorf("there are %v, want %s without %s", names, upload.BlobName, orphan.BlobName)
	}
}

func init() { // the SDK reads the environment
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
}
