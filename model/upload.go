package model

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
)

// File is the bytes that are kept of a document.
type File struct {
	ContainerName string
	BlobName      string
	SizeBytes     int64
	SHA256        Hash
	ContentType   string // by the content
}

// ReceivedFile is a file that came with a request, and is kept when something becomes of it.
type ReceivedFile struct {
	File
	Name  string       // that the sender gave it, without folders
	Fault *fault.Error // why it was not taken, nil for a file that was
	Kept  bool         // a document has it, or may have it
}

// Upload is a file of a request (GraphQL multipart request specification).
type Upload struct{ *ReceivedFile }

// MarshalGQL writes null: no answer has a file.
func (Upload) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, "null") }

// UnmarshalGQL takes what has been received for a variable.
func (u *Upload) UnmarshalGQL(v any) error {
	received, ok := v.(Upload)
	if !ok {
		return malformed("is not a file: send a multipart request whose map leads here.")
	}
	*u = received
	return nil
}

// FileName is what of a sender's name for a file is a name: no folders, no controls, not too long. It may be empty.
func FileName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	if name = strings.TrimSpace(name); name == "." || name == ".." || name == "/" {
		return ""
	}
	if letters := []rune(name); len(letters) > nameLengthMax {
		extension := []rune(path.Ext(name))
		if len(extension) > nameLengthMax/2 {
			extension = nil
		}
		name = string(letters[:nameLengthMax-len(extension)]) + string(extension)
	}
	return name
}

// ThemesPerDocumentMax is how many themes a new document is given.
const ThemesPerDocumentMax = 100

// UploadedDocument is what a file becomes. Without an owner it is the viewer's.
type UploadedDocument struct {
	ProjectID *ProjectID
	OwnerID   *UserID
	Name      *string // nil for the file's own
	ThemeIDs  []ThemeID
	// WaitUntilReady says whether to answer when the document has been processed.
	WaitUntilReady bool
}

func (d UploadedDocument) check(c *Checks) {
	ifSet(d.Name, func(name string) { c.text("name", name, nameLengthMax) })
	c.listLength("themeIds", len(d.ThemeIDs), ThemesPerDocumentMax)
}

// UploadDocumentInput is a file that came with the request, and what it becomes.
type UploadDocumentInput struct {
	UploadedDocument

	File Upload
}

// Validate reports all that is wrong with it, the file too.
func (in UploadDocumentInput) Validate() error {
	var c Checks
	in.check(&c)
	switch {
	case in.File.Fault != nil:
		c.faults = append(c.faults, in.File.Fault.At("file"))
	case in.File.Kept:
		c.faults = append(c.faults, fault.New(fault.Conflict, "The file is another document's already: send it once more.").At("file"))
	case in.Name == nil && in.File.Name == "":
		c.fail("name", "is required: the file has none.")
	}
	return c.err()
}

// PendingUpload is an upload that was made, and of which no document was made yet.
type PendingUpload struct {
	bun.BaseModel `bun:"table:uploads,alias:upload"`

	ID             UploadID  `bun:",pk"`
	CreatedAt      time.Time `bun:",nullzero,default:now()"`
	UpdatedAt      time.Time `bun:",nullzero,default:now()"`
	CompanyID      *CompanyID
	UserID         UserID
	ExpiresAt      time.Time
	SizeBytes      int64
	SHA256         Hash     `bun:"sha256"` // that the sender tells of it
	ReceivedBytes  int64    // in parts
	Parts          []string `bun:",array"`
	ContainerName  string
	BlobName       string
	ContentType    *string
	ReceivedSHA256 Hash `bun:"received_sha256"` // nil until all of it is there and was read
}

// CreateUploadInput is a file that is to be sent.
type CreateUploadInput struct {
	SizeBytes int64
	SHA256    Hash
}

// Validate finds nothing wrong: what a file may be, the server's settings say.
func (CreateUploadInput) Validate() error { return nil }

// UploadTarget is where to send a file.
type UploadTarget struct {
	ID           UploadID
	URL          string
	Method       string
	Headers      []*HTTPHeader
	ResumableURL string
	ExpiresAt    time.Time
}

// HTTPHeader is a header to send.
type HTTPHeader struct {
	Name  string
	Value string
}

// CreateUploadPayload says where to send the file.
type CreateUploadPayload struct {
	Upload     *UploadTarget
	UserErrors []UserError
}

// CompleteUploadInput is an upload whose bytes were sent, and what it becomes.
type CompleteUploadInput struct {
	UploadedDocument

	UploadID UploadID
}

// Validate reports all that is wrong with it.
func (in CompleteUploadInput) Validate() error {
	var c Checks
	in.check(&c)
	return c.err()
}

// UploadDocumentPayload is the new document, and one of its project that has the same bytes.
type UploadDocumentPayload struct {
	Document    *Document
	DuplicateOf *Document
	UserErrors  []UserError
}

// CompleteUploadPayload is what UploadDocumentPayload is.
type CompleteUploadPayload = UploadDocumentPayload

// Storage is how much a company keeps, and may keep, in bytes.
type Storage struct {
	Used  int64
	Limit *int64 // nil for no limit
}

// Hash is a SHA-256 hash; nil while it is not known. Clients see it as 64 hexadecimal digits.
type Hash []byte

// String is the digits in lower case.
func (h Hash) String() string { return hex.EncodeToString(h) }

// MarshalGQL writes the digits, and null for none.
func (h Hash) MarshalGQL(w io.Writer) {
	if h == nil {
		_, _ = io.WriteString(w, "null")
		return
	}
	_, _ = io.WriteString(w, strconv.Quote(h.String()))
}

// UnmarshalGQL reads 64 hexadecimal digits.
func (h *Hash) UnmarshalGQL(v any) error {
	text, _ := v.(string)
	hash, err := hex.DecodeString(text)
	if err != nil || len(hash) != sha256.Size {
		return malformed("is not a SHA-256 hash, which has 64 hexadecimal digits.")
	}
	*h = hash
	return nil
}
