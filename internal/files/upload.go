package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"time"

	"dossier/internal/blob"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// PathUploads is where links to upload lead, with the secret part behind it.
const PathUploads = "/uploads/"

// uploadLife is how long an upload may take, from createUpload to completeUpload.
const uploadLife = 24 * time.Hour

// NewUpload makes the row of an upload and says where its bytes are to be sent, or why they would not be taken.
func (f *Files) NewUpload(ctx context.Context, in model.CreateUploadInput) (*model.PendingUpload, *model.UploadTarget, error) {
	if in.SizeBytes > f.Limits.FileBytes {
		return nil, nil, fault.Invalid([]string{"sizeBytes"}, "must be at most %d.", f.Limits.FileBytes)
	}
	blob, err := f.newBlob(ctx)
	if err != nil {
		return nil, nil, err
	}
	upload := &model.PendingUpload{
		ID: model.NewID[model.UploadID](), SizeBytes: in.SizeBytes, SHA256: in.SHA256, Parts: []string{},
		ContainerName: blob.ContainerName, BlobName: blob.BlobName, ExpiresAt: time.Now().Add(uploadLife),
	}
	target, err := f.target(ctx, upload)
	return upload, target, err
}

// target says where to send the bytes of an upload: straight to the store where that can sign a link, else here.
func (f *Files) target(ctx context.Context, upload *model.PendingUpload) (*model.UploadTarget, error) {
	here := f.PublicURL + PathUploads + f.sign(forUpload, upload.ID.Global(), "", upload.ExpiresAt)
	target := &model.UploadTarget{
		ID: upload.ID, URL: here, ResumableURL: here, Method: http.MethodPut, Headers: []*model.HTTPHeader{}, ExpiresAt: upload.ExpiresAt,
	}
	signed, err := f.Blobs.SignPut(ctx, upload.BlobName, upload.SizeBytes, time.Until(upload.ExpiresAt))
	if errors.Is(err, blob.ErrNotSigned) {
		return target, nil
	}
	if err != nil {
		return nil, err
	}
	target.URL = signed.URL
	for name, value := range signed.Headers {
		target.Headers = append(target.Headers, &model.HTTPHeader{Name: name, Value: value})
	}
	return target, nil
}

// CheckUploadLink refuses a link that was not signed here, without asking the database.
func (f *Files) CheckUploadLink(token string) error {
	_, err := f.verify(forUpload, token)
	return err
}

// Pending gives the upload that a link leads to. A link that is not good is FORBIDDEN, and an upload that became a document, or expired,
// is NOT_FOUND.
func (f *Files) Pending(ctx context.Context, token string) (*model.PendingUpload, error) {
	claims, err := f.verify(forUpload, token)
	if err != nil {
		return nil, err
	}
	id, err := idOf[model.UploadID](claims.Subject)
	if err != nil {
		return nil, err
	}
	return f.Store.System().Upload(ctx, id)
}

var errReceived = fault.New(fault.Conflict, "All of the file is there already.")

// ReceiveAll takes all bytes of an upload, in the place of its parts. What is not of the size or hash that was told is BAD_USER_INPUT, and may be sent again.
func (f *Files) ReceiveAll(ctx context.Context, upload *model.PendingUpload, r io.Reader) error {
	if upload.ReceivedSHA256 != nil {
		return errReceived
	}
	before := *upload
	giveBack, err := f.receiving.take(upload.UserID)
	if err != nil {
		return err
	}
	defer giveBack()
	file, err := f.keep(ctx, "", &measured{r: r, hash: sha256.New(), left: upload.SizeBytes})
	if errors.Is(err, errTooLarge) {
		return fault.New(fault.BadUserInput, "The file is larger than the %d bytes that were told.", upload.SizeBytes)
	}
	if err != nil {
		return err
	}
	if err := differs(upload, file); err != nil {
		f.forget(ctx, file.ContainerName, file.BlobName)
		return err
	}
	first, err := f.note(ctx, upload, file)
	if err != nil {
		return err
	}
	if !first {
		f.forget(ctx, file.ContainerName, file.BlobName)
		return errReceived
	}
	f.forget(ctx, before.ContainerName, before.Parts...)
	return nil
}

// differs says in what the file is not what was told of it.
func differs(upload *model.PendingUpload, file model.File) error {
	switch {
	case file.SizeBytes != upload.SizeBytes:
		return fault.New(fault.BadUserInput, "The file has %d bytes, not the %d that were told.", file.SizeBytes, upload.SizeBytes)
	case upload.SHA256 != nil && !bytes.Equal(upload.SHA256, file.SHA256):
		return fault.New(fault.BadUserInput, "The file has another SHA-256 hash than was told.")
	}
	return nil
}

// note records that all of an upload is there. It reports false where that was known already.
func (f *Files) note(ctx context.Context, upload *model.PendingUpload, file model.File) (bool, error) {
	first := false
	err := f.Store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
		first, err = tx.ReceiveUpload(ctx, upload.ID, file)
		return err
	})
	if first {
		upload.ReceivedSHA256, upload.ContentType = file.SHA256, &file.ContentType
		upload.ContainerName, upload.BlobName = file.ContainerName, file.BlobName
		upload.ReceivedBytes, upload.Parts = file.SizeBytes, nil
	}
	return first, err
}

// Completed gives the file of an upload of the viewer, of which all must be there. One that went straight to the store is read, and
// copied to where its link does not lead: it may be sent to again.
func (f *Files) Completed(ctx context.Context, viewer model.Viewer, in model.CompleteUploadInput) (model.File, error) {
	upload, err := f.Store.Reader(viewer).Upload(ctx, in.UploadID)
	if err != nil {
		return model.File{}, fault.Blame(err, "uploadId")
	}
	if upload.ReceivedSHA256 == nil {
		if err := f.gather(ctx, upload); err != nil {
			// Another request may have been first, and have removed what this one was reading.
			if upload, _ = f.Store.Reader(viewer).Upload(ctx, in.UploadID); upload == nil || upload.ReceivedSHA256 == nil {
				return model.File{}, fault.Blame(err, "uploadId")
			}
		}
	}
	return model.File{
		ContainerName: upload.ContainerName, BlobName: upload.BlobName, SizeBytes: upload.SizeBytes,
		SHA256: upload.ReceivedSHA256, ContentType: named(*upload.ContentType, *in.Name),
	}, nil
}

// gather receives what is in parts, or in the store.
func (f *Files) gather(ctx context.Context, upload *model.PendingUpload) error {
	if len(upload.Parts) > 0 || upload.SizeBytes == 0 { // of nothing no part comes
		return f.Join(ctx, upload)
	}
	ref := blob.Ref{Container: upload.ContainerName, Name: upload.BlobName}
	sent, err := f.Blobs.Read(ctx, ref)
	if fault.Is(err, fault.NotFound) {
		return f.incomplete(upload)
	}
	if err != nil {
		return err
	}
	defer sent.Close()
	err = f.ReceiveAll(ctx, upload, sent)
	if err == nil || fault.Is(err, fault.BadUserInput) { // then another one can be sent: a store writes over nothing
		f.forget(ctx, ref.Container, ref.Name)
	}
	return err
}

func (f *Files) incomplete(upload *model.PendingUpload) error {
	return fault.New(fault.BadUserInput, "is not complete: %d of %d bytes are there.", upload.ReceivedBytes, upload.SizeBytes)
}
