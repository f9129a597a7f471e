package blob

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The schemes of the URL.
const (
	schemeFile   = "file"
	schemeMemory = "mem"
	schemeS3     = "s3"
	schemeGoogle = "gs"
	schemeAzure  = "azblob"
)

const (
	// nameBytesMax is the longest name of S3 and Google; Azure's is 1,024 characters.
	nameBytesMax = 1024
	// segmentBytesMax leaves place for what a temporary file has behind its name, in the 255 bytes of a file system.
	segmentBytesMax = 200
	// attributesSuffix is of files that gocloud keeps to itself in a folder.
	attributesSuffix = ".attrs"
)

var (
	// containerPattern is as wide as Azure, S3 (3 to 63) and Google (up to 222) need together.
	containerPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)
	// namePattern is of the names that we give: plain segments, none hidden.
	namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)
)

func isContainer(name string) bool {
	return containerPattern.MatchString(name) && !strings.Contains(name, "..")
}

// folderSettings are what a file:// URL may say, each with what it is unless it is said: files are written beside their place,
// in folders that others cannot read.
var folderSettings = map[string]string{"create_dir": "true", "no_tmp_dir": "true", "metadata": "skip", "dir_file_mode": "0700"}

// parse checks a URL, and adds to one of a folder what it does not say.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the file store's URL cannot be read") // the error has the URL
	}
	if !slices.Contains([]string{schemeFile, schemeMemory, schemeS3, schemeGoogle, schemeAzure}, u.Scheme) || u.Opaque != "" {
		return nil, errors.New("the file store's URL starts with file://, mem://, s3://, gs:// or azblob://")
	}
	if u.User != nil {
		return nil, errors.New("the file store's URL has no user or password: the store's own environment variables have those")
	}
	if u.Scheme == schemeFile {
		query := u.Query()
		for setting := range query {
			if _, ok := folderSettings[setting]; !ok {
				return nil, fmt.Errorf("the file store's URL sets %q, which a folder does not have", setting)
			}
		}
		for setting, value := range folderSettings {
			if !query.Has(setting) {
				query.Set(setting, value)
			}
		}
		u.RawQuery = query.Encode()
		u.Path, u.RawPath = path.Clean(u.Path), ""
	}
	if container := containerOf(u); !isContainer(container) {
		return nil, fmt.Errorf("the file store's URL ends in the name of a container, of 3 or more lower-case letters, digits, "+
			"hyphens, dots and underscores, not %q", container)
	}
	return u, nil
}

// containerOf is the container that a URL names.
func containerOf(u *url.URL) string {
	switch {
	case u.Scheme == schemeFile:
		return path.Base(u.Path)
	case u.Scheme == schemeMemory && u.Host == "":
		return schemeMemory
	default:
		return u.Host
	}
}

// checkName says why a new blob cannot have this name. Names are ours, so a wrong one is a fault of the program.
func checkName(name string) error {
	if len(name) > nameBytesMax || !namePattern.MatchString(name) {
		return fmt.Errorf("blob name %q is not of plain segments", name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		// gocloud takes __0x for its own escapes.
		if len(segment) > segmentBytesMax || strings.Contains(segment, "__0x") || strings.HasSuffix(segment, attributesSuffix) {
			return fmt.Errorf("blob name %q has a segment that not every store can keep", name)
		}
	}
	return nil
}

// checkReadable says why no blob can have this name: those of the old store have spaces, letters of all scripts and more.
func (s *Store) checkReadable(name string) error {
	if name == "" || len(name) > nameBytesMax || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("no blob can be called %q", name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("blob name %q leads elsewhere", name)
		}
	}
	if s.url.Scheme == schemeFile && strings.HasSuffix(name, attributesSuffix) {
		return fmt.Errorf("%q is no blob", name)
	}
	return nil
}
