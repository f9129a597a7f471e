package web

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-chi/chi/v5"

	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/internal/telemetry"
)

// downloadPolicy is for what others have uploaded: whatever it is, a browser runs nothing of it.
const downloadPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"

// downloadIdleMax is how long a client may take none of a download.
const downloadIdleMax = 30 * time.Second

// download answers a signed link with the bytes of a document.
func (c Config) download(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(telemetry.WithOperation(r.Context(), "download"))
	download, err := c.Files.Open(r.Context(), chi.URLParam(r, "token"))
	if err != nil {
		c.refuseFile(w, r, err)
		return
	}
	defer download.Close()
	header := w.Header()
	header.Set("Content-Security-Policy", downloadPolicy)
	header.Set("Content-Type", servedType(download.Document.ContentType))
	header.Set("Content-Disposition", attachment(download.Document.Name))
	header.Set("Cache-Control", "private, no-cache") // a link is good for minutes: what was got by it is not to be shared
	header.Set("ETag", etag(download))
	if strings.Contains(r.Header.Get("Range"), ",") {
		// Several ranges may be ignored (RFC 9110 section 14.2). http.ServeContent reads them beside this goroutine, and goes on
		// when the client is gone and the file is closed.
		r.Header.Del("Range")
	}
	http.ServeContent(unhurriedAnswer{w, http.NewResponseController(w), downloadIdleMax}, r, "", download.ModTime(), download)
}

// etag is the hash of the bytes. Of rows of the old store it is not known.
func etag(download *files.Download) string {
	if hash := download.Document.SHA256; hash != nil {
		return `"` + hash.String() + `"`
	}
	return `"` + strconv.FormatInt(download.Size(), 36) + "-" + strconv.FormatInt(download.ModTime().UnixNano(), 36) + `"`
}

// inertTypes are media types that a browser shows without running anything of them; those that end in a dot are beginnings.
var inertTypes = []string{"application/pdf", "application/zip", "application/msword", "application/vnd.", "text/plain", "text/csv", "text/markdown",
	"image/png", "image/jpeg", "image/gif", "image/webp", "image/tiff"}

// servedType is the document's type where it is harmless, and else that of anything: an HTML page or an SVG image that someone has
// uploaded is shown by no browser. Rows of the old store have types that nobody checked, and browsers believe the last of a list.
func servedType(contentType string) string {
	const anything = "application/octet-stream"
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || strings.HasSuffix(media, "+xml") || !slices.ContainsFunc(inertTypes, func(inert string) bool {
		return media == inert || strings.HasSuffix(inert, ".") && strings.HasPrefix(media, inert)
	}) {
		return anything
	}
	if charset := parameters["charset"]; charset != "" {
		return mime.FormatMediaType(media, map[string]string{"charset": charset})
	}
	return media
}

// attachment is a Content-Disposition (RFC 6266) that names any name: as it is to clients that know the encoding of RFC 8187, and in
// ASCII to others. What means something to a file system is no part of it.
func attachment(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) || isDirection(r) {
			return '_'
		}
		return r
	}, name)
	if strings.Trim(name, ". ") == "" {
		name = "document"
	}
	plain := strings.Map(func(r rune) rune {
		if r > '~' || r == '%' {
			return '_'
		}
		return r
	}, name)
	disposition := `attachment; filename="` + plain + `"`
	if plain != name {
		disposition += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return disposition
}

// isDirection tells controls that turn the direction of a text, and so may hide what a name ends in.
func isDirection(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// unhurriedAnswer is an answer that may take long, as long as it goes on: each write has time of its own.
type unhurriedAnswer struct {
	http.ResponseWriter
	control *http.ResponseController
	idleMax time.Duration
}

func (a unhurriedAnswer) Write(p []byte) (int, error) {
	_ = a.control.SetWriteDeadline(time.Now().Add(a.idleMax)) // without deadlines there is no hurry
	return a.ResponseWriter.Write(p)
}

// refuseFile answers a request for or with a file that is not served.
func (c Config) refuseFile(w http.ResponseWriter, r *http.Request, err error) {
	f := c.publicFault(r.Context(), err)
	refuse(w, r, statusOfFault(f.Code), f)
}

// publicFault is what a client is told of an error about a file. Why it was our side's is for the log.
func (c Config) publicFault(ctx context.Context, err error) *fault.Error {
	id, operation := telemetry.RequestID(ctx), telemetry.Operation(ctx)
	faults := fault.All(err)
	if len(faults) == 0 && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		faults = fault.List{fault.TimedOut.Because(err)}
	}
	if len(faults) == 0 {
		c.Logger.ErrorContext(ctx, "internal error", "request_id", id, "operation", operation, "error", telemetry.Reason(err, false))
		return fault.New(fault.Internal, "Something went wrong on our side. Tell us the request id if it goes on: %s", id)
	}
	if f := faults[0]; f.Code == fault.Unavailable || f.Code == fault.Timeout {
		c.Logger.WarnContext(ctx, "request not served", "code", f.Code, "request_id", id, "operation", operation,
			"error", telemetry.Reason(err, false))
	}
	return faults[0]
}

// statusOfFault is the HTTP status of a fault where no GraphQL tells of it.
func statusOfFault(code fault.Code) int {
	switch code {
	case fault.BadUserInput, fault.BadReference:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooComplex:
		return http.StatusRequestEntityTooLarge
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
