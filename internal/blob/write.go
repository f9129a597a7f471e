package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"dossier/internal/fault"
)

const (
	// partBytes is how much of a blob is sent at a time: the least that S3 takes. With its 10,000 parts a blob written
	// here has at most 48 GiB; Azure takes 50,000 blocks.
	partBytes = 5 << 20
	// partsAtOnce keeps the memory of a write small: S3 fills a second part while it sends the first.
	partsAtOnce = 1
	// copyBytes is how much is read at a time.
	copyBytes = 256 << 10
)

// contentType is what every blob is to its store: a browser that gets one straight from it renders nothing.
const contentType = "application/octet-stream"

// Write stores what r gives under a new name in Container(), and tells its size in bytes. It is all or nothing: when r fails or the
// context ends, nothing is left under the name. An error of r comes back as it is. A name that is taken is a CONFLICT: no blob
// is ever written over. A store that does not answer to the last request may have the blob all the same, without anyone who
// knows of it: a sweep finds it. A folder has it on the disk when Write returns.
func (s *Store) Write(ctx context.Context, name string, r io.Reader) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	bucket, err := s.bucket(s.container)
	if err != nil {
		return 0, err
	}
	from := &source{ctx: ctx, reader: r}
	if s.url.Scheme == schemeS3 || s.url.Scheme == schemeAzure {
		err = upload(ctx, bucket, name, from)
	} else {
		err = s.write(ctx, bucket, name, from)
	}
	if from.err != nil {
		return 0, from.err
	}
	if err != nil {
		return 0, translateWrite(ctx, err)
	}
	return from.size, nil
}

// write writes a file, or to what else takes bytes as they come.
func (s *Store) write(ctx context.Context, bucket *blob.Bucket, name string, from *source) error {
	ctx, cancel := context.WithCancel(ctx)
	to := &target{}
	defer func() {
		cancel() // before Close: what gocloud closes with a live context is stored, half as it may be
		to.drop()
	}()
	var err error
	to.writer, err = bucket.NewWriter(ctx, name, &blob.WriterOptions{
		BufferSize: partBytes, MaxConcurrency: partsAtOnce, ContentType: contentType, IfNotExist: true,
		BeforeWrite: func(as func(any) bool) error { as(&to.file); return nil },
	})
	if err == nil {
		err = copyTo(to.writer, from)
	}
	if err == nil {
		err = to.finish()
	}
	if err == nil && to.file != nil {
		if err = s.syncBelow(name); err != nil {
			err = errors.Join(err, bucket.Delete(ctx, name))
		}
	}
	return err
}

// upload sends a blob to S3 or Azure, which read it in a goroutine of theirs. They get it through a pipe, so that the reader is read, and
// panics, in its own, and so that a blob that is not whole never seems to end. gocloud's own pipe dereferences nil when Azure fails.
func upload(ctx context.Context, bucket *blob.Bucket, name string, from *source) error {
	reader, writer := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := bucket.Upload(ctx, name, reader, &blob.WriterOptions{
			BufferSize: partBytes, MaxConcurrency: partsAtOnce, ContentType: contentType, IfNotExist: true,
			BeforeWrite: func(as func(any) bool) error { sendParts(bucket, as); return nil },
		})
		_ = reader.CloseWithError(err) // never fails; the copy need not go on
		sent <- err
	}()
	done := false
	defer func() {
		if !done { // the reader panics
			_ = writer.CloseWithError(context.Canceled)
			<-sent
		}
	}()
	err := copyTo(writer, from)
	_ = writer.CloseWithError(err) // never fails; nil is the end
	done = true
	return errors.Join(<-sent, err)
}

// sendParts lets S3 begin to send as soon as it has a part. gocloud does not hand on the threshold: until that is passed, all is held in
// memory, 16 MiB by default.
func sendParts(bucket *blob.Bucket, as func(any) bool) {
	var manager *transfermanager.Client
	var client *s3.Client
	if !as(&manager) || !bucket.As(&client) {
		return
	}
	*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
		o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partBytes, partBytes, partsAtOnce
	})
}

// copyTo hides the other methods of a writer: gocloud's ReadFrom takes a larger buffer.
func copyTo(to io.Writer, from io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, from, make([]byte, copyBytes))
	return err
}

// translateWrite is translate of a write, where a missing container is a store that is not there.
func translateWrite(ctx context.Context, err error) error {
	if ctx.Err() == nil && gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return taken.Because(err)
	}
	if err = translate(ctx, err); fault.Is(err, fault.NotFound) {
		return unavailable.Because(err)
	}
	return err
}

// source remembers what it gave, and how it failed, to tell a reader's error from the store's.
type source struct {
	ctx    context.Context
	reader io.Reader
	size   int64
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil { // a file's writer does not look
		return 0, err
	}
	n, err := s.reader.Read(p)
	s.size += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// target is a blob that is being written.
type target struct {
	writer *blob.Writer
	file   *os.File // of a folder
	closed bool
}

// finish makes the blob be there: a file is on the disk before it has its name.
func (t *target) finish() error {
	if t.file != nil {
		if err := t.file.Sync(); err != nil {
			return err
		}
	}
	t.closed = true
	return t.writer.Close()
}

// drop lets go of what was not finished. The context must have been canceled.
func (t *target) drop() {
	if t.writer != nil && !t.closed {
		_ = t.writer.Close() // the write has failed already, or panics
	}
	if t.file != nil {
		_ = os.Remove(t.file.Name()) // gocloud leaves it when closing fails; it is gone after a rename
	}
}

// syncBelow makes the folders from the container down to a blob remember it.
func (s *Store) syncBelow(name string) error {
	folder := s.folder()
	if err := syncFolder(folder); err != nil {
		return err
	}
	segments := strings.Split(name, "/")
	for _, segment := range segments[:len(segments)-1] {
		folder = filepath.Join(folder, segment)
		if err := syncFolder(folder); err != nil {
			return err
		}
	}
	return nil
}

// syncAbove makes the folders above a new one remember it, as far as they can be opened.
func syncAbove(folder string) {
	for parent := filepath.Dir(folder); parent != folder; folder, parent = parent, filepath.Dir(parent) {
		_ = syncFolder(parent) // those above the first that we made need no sync
	}
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}
