// Package files takes the bytes of documents in, hands them out, and sweeps what nobody has.
//
// A blob is written before the row that names it, and removed after the row is gone: whatever is cut off in between leaves a
// blob without a row, never a row without its blob. Sweep finds such blobs.
package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gabriel-vasile/mimetype"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"dossier/internal/blob"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// Limits of what is taken in.
type Limits struct {
	FileBytes    int64    // of one file
	CompanyBytes int64    // of all documents of a company; 0 for no limit
	Types        []string // media types by content, such as application/pdf, image/* and *
}

// Config is what files need.
type Config struct {
	Store     *repo.Store
	Blobs     *blob.Store
	Limits    Limits
	Keys      []string // that links are signed with: by the first one, and any is good
	PublicURL string
}

// Files are the bytes of documents.
type Files struct {
	Config
	receiving  turns
	sending    turns
	onTheirWay amounts // of bytes that requests have brought and nothing has become of yet
}

// New gives the files of a store.
func New(c Config) *Files {
	return &Files{
		Config:    c,
		receiving: turns{max: receivingMax, perUserMax: receivingPerUserMax}, sending: turns{max: sendingMax, perUserMax: sendingPerUserMax},
	}
}

// sniffBytes is how much of a file its type is read from: the directory of most Office files is in it.
const sniffBytes = 16 << 10

func init() { mimetype.SetLimit(sniffBytes) }

// prefix is what all names begin with that are given here, for this database. Nothing else in a container is ever swept.
func (f *Files) prefix(ctx context.Context) (string, error) {
	id, err := f.Store.Identity(ctx)
	return "dossier/" + id.String() + "/", err
}

// newBlob gives a blob a name that says nothing of what is in it.
func (f *Files) newBlob(ctx context.Context) (model.File, error) {
	prefix, err := f.prefix(ctx)
	return model.File{ContainerName: f.Blobs.Container(), BlobName: prefix + uuid.Must(uuid.NewV7()).String()}, err
}

// Incoming are the files of one request, which takes one turn for all of them.
type Incoming struct {
	files    *Files
	viewer   model.Viewer
	giveBack func()
	bytes    int64 // of the company's room that they take until they are settled
}

// Begin takes a turn to send files. Whoever has one settles it.
func (f *Files) Begin(viewer model.Viewer) (*Incoming, error) {
	giveBack, err := f.receiving.take(viewer.UserID)
	return &Incoming{files: f, viewer: viewer, giveBack: giveBack}, err
}

// Receive keeps a file that comes with a request. What is wrong with the file is its Fault; the reader is then read no further.
func (in *Incoming) Receive(ctx context.Context, name string, r io.Reader) (*model.ReceivedFile, error) {
	f, received := in.files, &model.ReceivedFile{Name: model.FileName(name)}
	room, err := f.room(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	spend := func(n int64) bool { return f.onTheirWay.add(in.viewer.CompanyID, n) <= room }
	received.File, err = f.keep(ctx, received.Name, &measured{r: r, hash: sha256.New(), left: f.Limits.FileBytes, spend: spend, spent: &in.bytes})
	switch {
	case errors.Is(err, errNoRoom):
		received.Fault = fault.New(fault.Conflict, "The company has no room for it: %d bytes are left, less what is on its way.", room)
	case errors.Is(err, errTooLarge):
		return nil, fault.Exceeded("file_bytes", int(f.Limits.FileBytes), 0)
	case fault.Is(err, fault.BadUserInput):
		received.Fault = fault.All(err)[0]
	case err != nil:
		return nil, err
	}
	return received, nil
}

// Settle removes those of the files that nothing became of, and gives the turn back. What fails is left to Sweep.
func (in *Incoming) Settle(ctx context.Context, files ...*model.ReceivedFile) {
	for _, file := range files {
		if !file.Kept && file.BlobName != "" {
			in.files.forget(ctx, file.ContainerName, file.BlobName)
		}
	}
	in.files.onTheirWay.add(in.viewer.CompanyID, -in.bytes)
	in.giveBack()
}

// forgetTimeout is how long removing blobs may take of which nobody knows, when the request that brought them may be over.
const (
	forgetTimeout = 10 * time.Second
	forgetAtOnce  = 8
)

// forget removes blobs. What fails is left to Sweep.
func (f *Files) forget(ctx context.Context, container string, names ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(forgetAtOnce)
	for _, name := range names {
		group.Go(func() error { return f.Blobs.Delete(ctx, blob.Ref{Container: container, Name: name}) })
	}
	_ = group.Wait()
}

// room is how many bytes the viewer's company may keep in addition. It is exact in the transaction that makes the document; here it
// saves taking in what has no chance.
func (f *Files) room(ctx context.Context, viewer model.Viewer) (int64, error) {
	if f.Limits.CompanyBytes == 0 || viewer.CompanyID == nil {
		return math.MaxInt64, nil
	}
	used, err := f.Store.System().StorageByCompany(ctx, []model.CompanyID{*viewer.CompanyID})
	return max(0, f.Limits.CompanyBytes-used[*viewer.CompanyID]), err
}

// keep writes a new blob and says what it is. A type that is not taken is BAD_USER_INPUT.
func (f *Files) keep(ctx context.Context, name string, source *measured) (model.File, error) {
	ctx, cancel := context.WithTimeout(ctx, bodyTimeMax+storeTimeMax) // a store may be silent, too
	defer cancel()
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(source, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return model.File{}, err
	}
	head = head[:n]
	file, err := f.newBlob(ctx)
	if err != nil {
		return model.File{}, err
	}
	file.ContentType = named(contentType(head), name)
	if err := f.check(file.ContentType); err != nil {
		return model.File{}, err
	}
	file.SizeBytes, err = f.Blobs.Write(ctx, file.BlobName, io.MultiReader(bytes.NewReader(head), source))
	if err != nil {
		return model.File{}, err
	}
	file.SHA256 = source.hash.Sum(nil)
	return file, nil
}

// textTypes are texts that nothing but their names tell from others.
var textTypes = map[string]string{".md": "text/markdown", ".markdown": "text/markdown", ".csv": "text/csv"}

func contentType(head []byte) string { return mimetype.Detect(head).String() }

// named is the media type of a file of this name: a plain text is what that says.
func named(contentType, name string) string {
	if special, ok := textTypes[strings.ToLower(path.Ext(name))]; ok {
		return strings.Replace(contentType, "text/plain", special, 1)
	}
	return contentType
}

// check refuses a media type that no pattern fits, parameters aside.
func (f *Files) check(contentType string) error {
	media, _, _ := strings.Cut(contentType, ";")
	if slices.ContainsFunc(f.Limits.Types, func(pattern string) bool {
		beginning, wild := strings.CutSuffix(pattern, "*")
		return wild && strings.HasPrefix(media, beginning) || pattern == media
	}) {
		return nil
	}
	return fault.New(fault.BadUserInput, "is of the type %s by its content, which is not taken here.", media)
}

var (
	errTooLarge = errors.New("the file is too large")
	errNoRoom   = errors.New("there is no room for the file")
)

// measured hashes what is read of r, and fails where that becomes too much.
type measured struct {
	r     io.Reader
	hash  hash.Hash
	left  int64            // that the file may have
	spend func(int64) bool // whether there is room for more, nil where it was reserved
	spent *int64
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.left -= int64(n); m.left < 0 {
		return 0, errTooLarge
	}
	if m.spend != nil {
		*m.spent += int64(n)
		if !m.spend(int64(n)) {
			return 0, errNoRoom
		}
	}
	m.hash.Write(p[:n])
	return n, err
}
