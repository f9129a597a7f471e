package files_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/internal/blob"
	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// world is a store of files in a folder, over a database.
type world struct {
	*files.Files
	db     *pgtest.DB
	folder string
	viewer model.Viewer
	user   *model.User
}

func newWorld(t *testing.T) world {
	t.Helper()
	db := pgtest.New(t)
	folder := filepath.Join(t.TempDir(), "documents")
	blobs, err := blob.Open("file://" + folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	user := db.User(t, db.Company(t, "Acme"), model.RoleManager, "Mia")
	return world{
		files.New(files.Config{Store: db.Store, Blobs: blobs, Keys: []string{files.NewKey()}, PublicURL: "http://test.example",
			Limits: files.Limits{FileBytes: 1 << 20, Types: []string{"text/*"}}}),
		db, folder, model.Viewer{UserID: user.ID, CompanyID: user.CompanyID, Role: user.Role}, user,
	}
}

// document uploads one.
func (w world) document(t *testing.T, content string) *model.Document {
	t.Helper()
	file := w.receive(t, content)
	uploaded, err := repo.Do(t.Context(), w.db.Store, w.viewer, func(ctx context.Context, tx *repo.Tx) (*repo.Uploaded, error) {
		return tx.UploadDocument(ctx, model.UploadDocumentInput{File: model.Upload{ReceivedFile: file}}, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	return uploaded.Document
}

// receive keeps a file of which nothing becomes.
func (w world) receive(t *testing.T, content string) *model.ReceivedFile {
	t.Helper()
	incoming, err := w.Begin(w.viewer)
	if err != nil {
		t.Fatal(err)
	}
	file, err := incoming.Receive(t.Context(), "file.txt", strings.NewReader(content))
	if err != nil || file.Fault != nil {
		t.Fatal(err, file)
	}
	incoming.Settle(t.Context()) // as if the process had died before it could remove the file
	return file
}

// upload creates an upload.
func (w world) upload(t *testing.T, size int64) *model.PendingUpload {
	t.Helper()
	upload, _, err := w.NewUpload(t.Context(), model.CreateUploadInput{SizeBytes: size})
	if err == nil {
		err = w.db.Store.InTx(t.Context(), w.viewer, func(ctx context.Context, tx *repo.Tx) error { return tx.CreateUpload(ctx, upload, 0) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return upload
}

func (w world) put(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(w.folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// names are those of all files that are there.
func (w world) names(t *testing.T) []string {
	t.Helper()
	names := []string{}
	for object, err := range w.Blobs.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, object.Name)
	}
	slices.Sort(names)
	return names
}

func (w world) sweep(t *testing.T, age time.Duration, dry bool) files.Swept {
	t.Helper()
	swept, err := w.Sweep(t.Context(), age, dry)
	if err != nil {
		t.Fatal(err)
	}
	return swept
}

func TestSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept := w.document(t, "kept")
	lost := w.document(t, "lost")
	orphan := w.receive(t, "nothing became of it")
	parts := w.upload(t, 100)
	if n, err := w.Append(t.Context(), parts, strings.NewReader("a first part")); n != 12 || err != nil {
		t.Fatal(n, err)
	}
	prefix := filepath.Dir(*kept.BlobName) + "/"
	others := []string{"dossier/0198c0de-0000-7000-8000-000000000000/x", "2023/tender.pdf", "dossier.txt"}
	for _, name := range others {
		w.put(t, name, "of someone else")
	}
	w.put(t, prefix+"fileblob123", "that a killed process left")
	if err := w.Blobs.Delete(t.Context(), blob.Ref{Container: w.Blobs.Container(), Name: *lost.BlobName}); err != nil {
		t.Fatal(err)
	}
	before := w.names(t)

	orphans := []string{orphan.BlobName, prefix + "fileblob123"}
	slices.Sort(orphans)
	wantSwept := func(swept files.Swept, want ...string) {
		t.Helper()
		var got []string
		for _, one := range swept.Orphans {
			got = append(got, one.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("orphans are %v, want %v", got, want)
		}
		if len(swept.Missing) != 1 || swept.Missing[0].ID != lost.ID {
			t.Errorf("missing are %v, want %s", swept.Missing, lost.ID)
		}
	}
	wantSwept(w.sweep(t, time.Hour, false))
	wantSwept(w.sweep(t, 0, true), orphans...)
	if after := w.names(t); !slices.Equal(after, before) {
		t.Errorf("young ones, or those of a dry sweep, went: %v of %v", after, before)
	}
	wantSwept(w.sweep(t, 0, false), orphans...)
	want := append([]string{*kept.BlobName, parts.Parts[0]}, others...)
	slices.Sort(want)
	if after := w.names(t); !slices.Equal(after, want) {
		t.Errorf("there are %v, want %v", after, want)
	}

	if _, err := w.db.Pool.Exec("UPDATE uploads SET expires_at = now()"); err != nil {
		t.Fatal(err)
	}
	swept := w.sweep(t, 0, false)
	wantSwept(swept) // its parts go with it
	if names := w.names(t); swept.Uploads != 1 || slices.Contains(names, parts.Parts[0]) || len(names) != len(want)-1 {
		t.Errorf("got %+v, and there are %v", swept, names)
	}
	if _, err := w.Pending(t.Context(), "no token"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("got %v", err)
	}
}

// A sweep compares in batches: what lies at their edges counts, on both sides.
func TestSweepOfManyBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.document(t, "first")
	prefix := filepath.Dir(*first.BlobName) + "/"
	const all = 2500
	var missing, orphans int
	if _, err := w.db.Pool.Exec(fmt.Sprintf(`INSERT INTO documents (id, company_id, owner_id, name, status, content_type, size_bytes, container_name, blob_name)
		SELECT gen_random_uuid(), company_id, owner_id, name, status, content_type, 1, container_name, '%s' || lpad(n::text, 5, '0')
		FROM documents, generate_series(1, %d) AS n WHERE n %% 7 <> 0`, prefix, all)); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= all; n++ {
		switch {
		case n%11 == 0 && n%7 != 0:
			missing++
		case n%11 != 0:
			w.put(t, fmt.Sprintf("%s%05d", prefix, n), "x")
			if n%7 == 0 {
				orphans++
			}
		}
	}
	if swept := w.sweep(t, 0, true); len(swept.Orphans) != orphans || len(swept.Missing) != missing {
		t.Errorf("%d orphans and %d missing, want %d and %d", len(swept.Orphans), len(swept.Missing), orphans, missing)
	}
}

// A database that knows next to nothing of what is there is rather not the one that it belongs to.
func TestSweepOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept := w.document(t, "kept")
	for n := range 1500 {
		w.put(t, fmt.Sprintf("%s/%05d", filepath.Dir(*kept.BlobName), n), "x")
	}
	if _, err := w.Sweep(t.Context(), 0, false); err == nil || !strings.Contains(err.Error(), "nothing was removed") {
		t.Errorf("got %v", err)
	}
	if names := w.names(t); len(names) != 1501 {
		t.Errorf("%d files are left", len(names))
	}
}

// A blob that a row has stays, whoever asks for it to be removed and how often.
func TestRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept, orphan := w.document(t, "kept"), w.receive(t, "orphan")
	refs := []model.BlobRef{{Container: w.Blobs.Container(), Name: *kept.BlobName}, {Container: orphan.ContainerName, Name: orphan.BlobName}}
	for range 2 {
		if err := w.Remove(t.Context(), refs...); err != nil {
			t.Fatal(err)
		}
	}
	if names := w.names(t); !slices.Equal(names, []string{*kept.BlobName}) {
		t.Errorf("there are %v", names)
	}
}
