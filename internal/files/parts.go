package files

import (
	"bufio"
	"context"
	"errors"
	"io"

	"dossier/internal/blob"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// A resumable upload comes in parts, each a blob of its own: what is there of it is known after each one, whatever becomes of the
// connection or of the server. When all are there they are joined to one blob.
const (
	// partBytesMax is how much has to be sent again at most after the server has died.
	partBytesMax = 64 << 20
	// partsMax bounds how finely an upload may be cut.
	partsMax = 1000
)

var (
	errTooManyParts = fault.New(fault.BadUserInput, "The upload came in %d parts, and may come in no more: send larger ones.", partsMax)
	errAnotherSends = fault.New(fault.Conflict, "Another request sends to this upload.")
)

// Append keeps what is read of r as the next parts of an upload, and says how much was kept, with an error too.
func (f *Files) Append(ctx context.Context, upload *model.PendingUpload, r io.Reader) (int64, error) {
	giveBack, err := f.receiving.take(upload.UserID)
	if err != nil {
		return 0, err
	}
	defer giveBack()
	ctx, cancel := context.WithTimeout(ctx, bodyTimeMax)
	defer cancel()
	before := upload.ReceivedBytes
	for more := true; more; {
		part := bufio.NewReaderSize(io.LimitReader(r, min(partBytesMax, upload.SizeBytes-upload.ReceivedBytes)), sniffBytes)
		head, err := part.Peek(sniffBytes)
		if err != nil && err != io.EOF {
			return upload.ReceivedBytes - before, err
		}
		if more = len(head) > 0; more {
			if err := f.appendPart(ctx, upload, head, part); err != nil {
				return upload.ReceivedBytes - before, err
			}
		}
	}
	return upload.ReceivedBytes - before, nil
}

func (f *Files) appendPart(ctx context.Context, upload *model.PendingUpload, head []byte, r io.Reader) error {
	if len(upload.Parts) == partsMax {
		return errTooManyParts
	}
	if upload.ReceivedBytes == 0 { // nobody should send all of what is not taken
		if err := f.check(contentType(head)); err != nil {
			return err
		}
	}
	part, err := f.newBlob(ctx)
	if err != nil {
		return err
	}
	size, err := f.Blobs.Write(ctx, part.BlobName, r)
	if err != nil {
		return err
	}
	added := false
	err = f.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
		added, err = tx.AddUploadPart(ctx, upload, part.BlobName, size)
		return err
	})
	if err != nil {
		return err // it may be added all the same: Sweep sees
	}
	if !added {
		f.forget(ctx, part.ContainerName, part.BlobName)
		return errAnotherSends
	}
	upload.ReceivedBytes += size
	upload.Parts = append(upload.Parts, part.BlobName)
	return nil
}

// Join makes one blob of the parts of an upload when all are there. An upload of which that turns out not to be what was told has to be
// created anew.
func (f *Files) Join(ctx context.Context, upload *model.PendingUpload) error {
	if upload.ReceivedBytes != upload.SizeBytes {
		return f.incomplete(upload)
	}
	joined := &joinedParts{ctx: ctx, blobs: f.Blobs, container: upload.ContainerName, left: upload.Parts}
	defer joined.Close()
	err := f.ReceiveAll(ctx, upload, joined)
	if fault.Is(err, fault.BadUserInput) {
		// Not one that was sent whole meanwhile.
		if gone := f.abandon(ctx, upload.ID, false); gone != nil && !fault.Is(gone, fault.NotFound) {
			return errors.Join(err, gone)
		}
	}
	return err
}

// Abandon forgets an upload and what came of it. One that became a document in the meantime is NOT_FOUND: its bytes are the document's.
func (f *Files) Abandon(ctx context.Context, id model.UploadID) error {
	return f.abandon(ctx, id, true)
}

func (f *Files) abandon(ctx context.Context, id model.UploadID, whole bool) error {
	var upload *model.PendingUpload
	err := f.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
		upload, err = tx.DeleteUpload(ctx, id, whole)
		return err
	})
	if err != nil {
		return err
	}
	f.forget(ctx, upload.ContainerName, append(upload.Parts, upload.BlobName)...)
	return nil
}

// joinedParts reads blobs one after the other. It opens each when it comes to it.
type joinedParts struct {
	ctx       context.Context
	blobs     *blob.Store
	container string
	left      []string
	current   *blob.Reader
}

func (j *joinedParts) Read(p []byte) (int, error) {
	for {
		if j.current == nil {
			if len(j.left) == 0 {
				return 0, io.EOF
			}
			part, err := j.blobs.Read(j.ctx, blob.Ref{Container: j.container, Name: j.left[0]})
			if err != nil {
				return 0, err
			}
			j.current, j.left = part, j.left[1:]
		}
		n, err := j.current.Read(p)
		if err == io.EOF {
			err = j.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close closes the blob that is being read.
func (j *joinedParts) Close() error {
	if j.current == nil {
		return nil
	}
	err := j.current.Close()
	j.current = nil
	return err
}
