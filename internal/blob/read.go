package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"gocloud.dev/blob"
)

// A Reader asks for a blob in windows. The first one is small, so that who wants a range, or goes away, has not asked for the
// rest of a large blob, and each next one is larger, so that whoever reads on asks seldom: 19 times for a GiB.
const (
	windowMin    = 1 << 20
	windowMax    = 64 << 20
	windowFactor = 4
)

// Reader reads a blob. Seeking asks the store for nothing. It is for one goroutine, and must be closed.
type Reader struct {
	ctx    context.Context
	bucket *blob.Bucket
	object Object
	closed bool

	offset int64 // of the next byte to read
	window int64 // how much to ask for next

	body   *blob.Reader // the open window, if any
	at     int64        // the offset of its next byte
	behind int64        // how many it still has
}

// Read opens a blob for reading. The context is for all that is read.
func (s *Store) Read(ctx context.Context, ref Ref) (*Reader, error) {
	object, err := s.Stat(ctx, ref)
	if err != nil {
		return nil, err
	}
	bucket, err := s.bucket(ref.Container)
	if err != nil {
		return nil, err
	}
	return &Reader{ctx: ctx, bucket: bucket, object: object, window: windowMin}, nil
}

// Size is in bytes.
func (r *Reader) Size() int64 { return r.object.Size }

// ModTime is when the blob was written.
func (r *Reader) ModTime() time.Time { return r.object.ModTime }

// Seek sets the offset of the next byte to read. One behind the end is good: there is nothing to read.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.object.Size
	case io.SeekStart:
	default:
		return 0, fmt.Errorf("seek: whence %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("seek: before the start")
	}
	r.offset = offset
	return offset, nil
}

// Read reads on from where the reader is.
func (r *Reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	if r.offset >= r.object.Size {
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil { // a file does not look
		return 0, translate(r.ctx, err)
	}
	if err := r.fetch(); err != nil {
		return 0, translate(r.ctx, err)
	}
	n, err := r.body.Read(p)
	r.offset, r.at, r.behind = r.offset+int64(n), r.at+int64(n), r.behind-int64(n)
	if r.behind == 0 {
		return n, translate(r.ctx, r.drop())
	}
	if err == io.EOF { // the blob is shorter than the store said
		err = io.ErrUnexpectedEOF
	}
	return n, translate(r.ctx, err)
}

// fetch asks for the next window, unless the next byte is in the open one.
func (r *Reader) fetch() error {
	if r.body != nil && r.at == r.offset {
		return nil
	}
	if r.at != r.offset { // someone went elsewhere
		r.window = windowMin
		if err := r.drop(); err != nil {
			return err
		}
	}
	length := min(r.window, r.object.Size-r.offset)
	body, err := r.bucket.NewRangeReader(r.ctx, r.object.Name, r.offset, length, nil)
	if err != nil {
		return err
	}
	r.body, r.at, r.behind = body, r.offset, length
	r.window = min(r.window*windowFactor, windowMax)
	return nil
}

func (r *Reader) drop() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}

// Close lets go of the blob.
func (r *Reader) Close() error {
	r.closed = true
	return r.drop()
}
