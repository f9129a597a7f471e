// Package blob keeps documents' bytes: in a folder, in memory, or in an object store. It is the one room that knows
// gocloud.dev/blob. What goes wrong comes back as a fault whose cause is for the log; names of containers are checked
// before they are used, as rows of the old store bring their own.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/memblob"   // mem://
	_ "gocloud.dev/blob/s3blob"    // s3://
	"gocloud.dev/gcerrors"

	"dossier/internal/fault"
)

const (
	// containersMax is how many containers are kept open. Another one takes the place of any, and is opened again when needed.
	containersMax = 100
	// pageMax is how many blobs a listing asks for at a time: the most that S3 gives.
	pageMax = 1000
	// folderPageMax is likewise of a folder, which is walked from its beginning for every page.
	folderPageMax = 10_000
)

// Ref names a blob: the container (bucket, folder), and the name in it.
type Ref struct{ Container, Name string }

// Object is what a store knows of a blob. Size is in bytes.
type Object struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// Store is a store of blobs. New ones are written to one container of it; those of other containers can be read and deleted.
// All its methods are safe for concurrent use.
type Store struct {
	url       *url.URL
	container string

	mu   sync.Mutex
	open map[string]*blob.Bucket // by container
}

// Open checks the URL and gives the store. It asks the store for nothing yet: one that is down does not keep a server from
// starting, and a folder is made by the first use.
func Open(address string) (*Store, error) {
	u, err := parse(address)
	if err != nil {
		return nil, err
	}
	s := &Store{url: u, container: containerOf(u), open: map[string]*blob.Bucket{}}
	if u.Scheme == schemeS3 || u.Scheme == schemeAzure { // these ask nobody, and find what is wrong with the URL
		if _, err := s.bucket(s.container); err != nil {
			return nil, fmt.Errorf("the file store's URL: %w", err)
		}
	}
	return s, nil
}

// Close lets go of what is open. Nothing may be read or written any more.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed []error
	for _, bucket := range s.open {
		failed = append(failed, bucket.Close())
	}
	clear(s.open)
	return errors.Join(failed...)
}

// Container is the container that new blobs are written to.
func (s *Store) Container() string { return s.container }

// bucket opens a container, or gives the open one.
func (s *Store) bucket(container string) (*blob.Bucket, error) {
	if !isContainer(container) {
		return nil, fault.Missing("file").Because(fmt.Errorf("no container can be called %q", container))
	}
	s.mu.Lock()
	known := s.open[container]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	// Not the request's context: what signs in to the store keeps it for later. Not under the lock: Google's looks for a
	// cloud around it first, which takes seconds where there is none.
	opened, err := blob.OpenBucket(context.Background(), s.urlOf(container).String())
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && container != s.container {
			return nil, fault.Missing("file").Because(err)
		}
		return nil, unavailable.Because(err)
	}
	if container == s.container && s.url.Scheme == schemeFile {
		syncAbove(s.folder())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.open[container]; known != nil {
		return known, opened.Close()
	}
	for other := range s.open {
		if len(s.open) >= containersMax && other != s.container {
			delete(s.open, other) // not closed, as someone may be reading; it holds nothing but memory
		}
	}
	s.open[container] = opened
	return opened, nil
}

// urlOf is the URL of a container of this store: another host, or a sibling folder, which is not made.
func (s *Store) urlOf(container string) *url.URL {
	u := *s.url
	if container == s.container {
		return &u
	}
	if u.Scheme == schemeFile {
		u.Path, u.RawPath = path.Join(path.Dir(u.Path), container), ""
		query := u.Query()
		query.Del("create_dir")
		u.RawQuery = query.Encode()
		return &u
	}
	u.Host = container
	return &u
}

// folder is where a file:// store keeps new blobs.
func (s *Store) folder() string {
	folder := s.url.Path
	if s.url.Host == "." { // gocloud's sign of a relative path
		folder = "." + folder
	}
	return filepath.FromSlash(folder)
}

// find gives the open container of a ref whose name can be one of this store.
func (s *Store) find(ref Ref) (*blob.Bucket, error) {
	if err := s.checkReadable(ref.Name); err != nil {
		return nil, fault.Missing("file").Because(err)
	}
	return s.bucket(ref.Container)
}

// Stat tells of a blob without reading it.
func (s *Store) Stat(ctx context.Context, ref Ref) (Object, error) {
	bucket, err := s.find(ref)
	if err != nil {
		return Object{}, err
	}
	attributes, err := bucket.Attributes(ctx, ref.Name)
	if err != nil {
		return Object{}, translate(ctx, err)
	}
	return Object{Name: ref.Name, Size: attributes.Size, ModTime: attributes.ModTime}, nil
}

// Delete deletes a blob. One that is not there is no error.
func (s *Store) Delete(ctx context.Context, ref Ref) error {
	bucket, err := s.find(ref)
	if err == nil {
		err = translate(ctx, bucket.Delete(ctx, ref.Name))
	}
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// List gives the blobs of Container() whose names start with the prefix, and ends with the first error. In a folder it also gives
// the temporary files of writes that run, or that a killed process left behind: a sweep must leave what is young.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	size := pageMax
	if s.url.Scheme == schemeFile {
		size = folderPageMax
	}
	return func(yield func(Object, error) bool) {
		bucket, err := s.bucket(s.container)
		for token := blob.FirstPageToken; err == nil && len(token) > 0; {
			var page []*blob.ListObject
			if err = ctx.Err(); err == nil { // a folder's listing does not look
				page, token, err = bucket.ListPage(ctx, token, size, &blob.ListOptions{Prefix: prefix})
			}
			for _, o := range page {
				if !yield(Object{Name: o.Key, Size: o.Size, ModTime: o.ModTime}, nil) {
					return
				}
			}
		}
		// A file that is deleted while its folder is read is no reason to stop reading for good, nor is it a file that is missed.
		if errors.Is(err, os.ErrNotExist) || gcerrors.Code(err) == gcerrors.NotFound {
			err = unavailable.Because(err)
		}
		if err != nil {
			yield(Object{}, translate(ctx, err))
		}
	}
}
