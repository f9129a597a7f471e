package files

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"dossier/internal/blob"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// SweepAge is how old a blob must be for a sweep to remove it: what was just written may be about to become a document, and a request
// may take an hour to bring all of its files.
const SweepAge = 6 * time.Hour

// sweepBatch is how many blobs the database is asked of at once.
const sweepBatch = 1000

// A sweep that finds more than half of all blobs without a row, and more than this, removes none: rather the database was restored from
// long ago, or is a copy of the one that has them.
const orphansMax = 1000

// Swept is what a sweep has found.
type Swept struct {
	Blobs        int // that are there
	Orphans      []blob.Object
	Missing      []*model.Document // whose bytes are not there
	Uploads      int               // that had expired
	OrphansBytes int64
}

// Sweep forgets expired uploads, and removes the blobs of at least this age that no row has. It tells of documents whose blobs are
// not there. A dry one changes nothing.
func (f *Files) Sweep(ctx context.Context, age time.Duration, dry bool) (Swept, error) {
	var swept Swept
	if !dry {
		if err := f.expire(ctx, &swept); err != nil {
			return swept, err
		}
	}
	prefix, err := f.prefix(ctx)
	if err != nil {
		return swept, err
	}
	s := &sweep{Files: f, old: time.Now().Add(-age), last: prefix, Swept: &swept}
	if err := s.compare(ctx, prefix); err != nil {
		return swept, err
	}
	for _, orphan := range swept.Orphans {
		swept.OrphansBytes += orphan.Size
	}
	if dry {
		return swept, nil
	}
	if len(swept.Orphans) > orphansMax && len(swept.Orphans) > swept.Blobs/2 {
		return swept, fmt.Errorf("%d of %d blobs have no row: nothing was removed, as this looks like a copy or an old state of the database",
			len(swept.Orphans), swept.Blobs)
	}
	return swept, s.remove(ctx)
}

// expire forgets the uploads whose time is over, with what came of them.
func (f *Files) expire(ctx context.Context, swept *Swept) error {
	for {
		var gone []*model.PendingUpload
		err := f.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
			gone, err = tx.DeleteExpiredUploads(ctx)
			return err
		})
		if err != nil || len(gone) == 0 {
			return err
		}
		swept.Uploads += len(gone)
		for _, upload := range gone {
			var refs []model.BlobRef
			for _, name := range append(upload.Parts, upload.BlobName) {
				refs = append(refs, model.BlobRef{Container: upload.ContainerName, Name: name})
			}
			if err := f.Remove(ctx, refs...); err != nil {
				return err
			}
		}
	}
}

// sweep goes through the store and the database side by side, as both are sorted by name.
type sweep struct {
	*Files
	*Swept
	old  time.Time
	last string // up to which name documents were compared
}

func (s *sweep) compare(ctx context.Context, prefix string) error {
	var batch []blob.Object
	for object, err := range s.Files.Blobs.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if batch = append(batch, object); len(batch) == sweepBatch {
			if err := s.compareBatch(ctx, batch, object.Name); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return s.compareBatch(ctx, batch, prefix+"\uffff")
}

// compareBatch compares blobs with the rows whose names lie between the last batch and to.
func (s *sweep) compareBatch(ctx context.Context, batch []blob.Object, to string) error {
	s.Swept.Blobs += len(batch)
	if err := s.findOrphans(ctx, batch); err != nil {
		return err
	}
	there := make(map[string]bool, len(batch))
	for _, object := range batch {
		there[object.Name] = true
	}
	for {
		documents, err := s.Store.System().StoredDocuments(ctx, s.Files.Blobs.Container(), s.last, to)
		if err != nil {
			return err
		}
		if len(documents) == 0 {
			s.last = to
			return nil
		}
		for _, document := range documents {
			s.last = *document.BlobName
			if there[s.last] {
				continue
			}
			if err := s.findMissing(ctx, document); err != nil {
				return err
			}
		}
	}
}

// findMissing notes a document without its bytes, if they have not come and it has not gone since it was read.
func (s *sweep) findMissing(ctx context.Context, document *model.Document) error {
	_, err := s.Files.Blobs.Stat(ctx, s.ref(document))
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	used, err := s.used(ctx, []string{*document.BlobName})
	if used[*document.BlobName] {
		s.Missing = append(s.Missing, document)
	}
	return err
}

func (s *sweep) findOrphans(ctx context.Context, batch []blob.Object) error {
	var old []string
	for _, object := range batch {
		if object.ModTime.Before(s.old) {
			old = append(old, object.Name)
		}
	}
	used, err := s.used(ctx, old)
	for _, object := range batch {
		if object.ModTime.Before(s.old) && !used[object.Name] {
			s.Orphans = append(s.Orphans, object)
		}
	}
	return err
}

func (f *Files) used(ctx context.Context, names []string) (map[string]bool, error) {
	used := map[string]bool{}
	if len(names) == 0 {
		return used, nil
	}
	found, err := f.Store.System().BlobsInUse(ctx, names)
	for _, name := range found {
		used[name] = true
	}
	return used, err
}

func (s *sweep) remove(ctx context.Context) error {
	for batch := range slices.Chunk(s.Orphans, sweepBatch) {
		refs := make([]model.BlobRef, len(batch))
		for i, orphan := range batch {
			refs[i] = model.BlobRef{Container: s.Files.Blobs.Container(), Name: orphan.Name}
		}
		if err := s.Remove(ctx, refs...); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes blobs that no row has, however often it is asked to.
func (f *Files) Remove(ctx context.Context, refs ...model.BlobRef) error {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.Name
	}
	used, err := f.used(ctx, names)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if used[ref.Name] {
			continue
		}
		if err := f.Blobs.Delete(ctx, blob.Ref{Container: cmp.Or(ref.Container, f.Blobs.Container()), Name: ref.Name}); err != nil {
			return err
		}
	}
	return nil
}
