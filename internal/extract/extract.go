package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// What a file may take where Limits has 0.
const (
	fileBytesMax = 512 << 20       // an upload's: tender packs with scanned plans have files of some hundred MiB
	textBytesMax = 32 << 20        // about 10,000 pages of text; what is longer is data, and not read by anyone
	pagesMax     = 5000            // the thickest specifications have some 3,000
	timeMax      = 2 * time.Minute // 300 pages take seconds
	memoryMax    = 1 << 30         // several children fit into a server next to it
)

// Limits are what reading one file may take at most. What is 0 has its default.
type Limits struct {
	FileBytes int64         `json:"fileBytes"` // of the file itself
	TextBytes int64         `json:"textBytes"` // of its blocks, each with blockBytes for itself
	Pages     int           `json:"pages"`     // or slides, or sheets
	Time      time.Duration `json:"time"`      // of the clock, from the start of the child
	Memory    int64         `json:"memory"`    // bytes that the child holds
}

func (l Limits) withDefaults() Limits {
	return Limits{
		FileBytes: positiveOr(l.FileBytes, fileBytesMax), TextBytes: positiveOr(l.TextBytes, textBytesMax),
		Pages: positiveOr(l.Pages, pagesMax), Time: positiveOr(l.Time, timeMax), Memory: positiveOr(l.Memory, memoryMax),
	}
}

func positiveOr[N int | int64 | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// Extractor reads files in children. It may be used by many at once; each call has a child of its own.
type Extractor struct {
	Command  []string // the program and its arguments, which runs Child: os.Executable() and "extract"
	Limits   Limits
	CacheDir string // a folder that only this user writes, for the compiled reader of PDF: it then starts seconds faster; "" for none
	TempDir  string // where the file is while it is read; "" for the system's
}

// request is what the child is told.
type request struct {
	ContentType string `json:"contentType"`
	Name        string `json:"name"`
	CacheDir    string `json:"cacheDir"`
	Limits      Limits `json:"limits"`
}

// Extract reads the file. Its type is what its first bytes say, then its content type, then the name's extension. An *Error
// says why it cannot be read; any other error is our own trouble (no child, a full disk, a body that breaks off, ctx) and may pass.
func (e *Extractor) Extract(ctx context.Context, contentType, name string, body io.Reader) (*Text, error) {
	limits := e.Limits.withDefaults()
	file, err := e.keep(ctx, body, limits.FileBytes)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return e.run(ctx, file, request{ContentType: contentType, Name: name, CacheDir: e.CacheDir, Limits: limits})
}

// keep copies the body to a file without a name, which is gone when it is closed, whatever happens. What it gives can only be read.
func (e *Extractor) keep(ctx context.Context, body io.Reader, bytesMax int64) (_ *os.File, err error) {
	written, err := os.CreateTemp(e.TempDir, "dossier-extract-")
	if err != nil {
		return nil, fmt.Errorf("keep the file to read: %w", err)
	}
	defer written.Close()
	file, err := os.Open(written.Name())
	if removed := os.Remove(written.Name()); err == nil {
		err = removed
	}
	if err != nil {
		return nil, fmt.Errorf("keep the file to read: %w", err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	size, err := io.Copy(written, io.LimitReader(untilDone{ctx, body}, bytesMax+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("keep the file to read: %w", err)
	case size > bytesMax:
		return nil, errFileBytes(bytesMax)
	case size == 0:
		return nil, errEmpty
	}
	return file, nil
}

// untilDone ends a body with its context.
type untilDone struct {
	ctx  context.Context
	body io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	return u.body.Read(p)
}

// asError gives the *Error within err.
func asError(err error) (*Error, bool) {
	var reason *Error
	ok := errors.As(err, &reason)
	return reason, ok
}
