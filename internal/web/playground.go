package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed playground/index.html playground/*.js playground/*.css playground/icon.svg
//go:embed playground/examples playground/vendor
var playgroundFiles embed.FS

// playgroundPolicy lets the page load from this server only. GraphiQL's libraries insert style elements, and its
// stylesheet holds its fonts and pictures as data: URLs. It starts no workers.
const playgroundPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// playground serves GraphiQL at / and its files below /playground/, all embedded: nothing is fetched from elsewhere.
func playground(users []DemoUser) http.Handler {
	page := sync.OnceValue(func() *playgroundFile { return newPlaygroundFile("index.html", playgroundPage(users)) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", playgroundPolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Frame-Options", "DENY")
		file, ok := playgroundAssets()[r.URL.Path]
		if r.URL.Path == "/" {
			file, ok = page(), true
		}
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "The playground can only be read.", http.StatusMethodNotAllowed)
		default:
			file.serve(w, r)
		}
	})
}

// playgroundFile is one file as it is served.
type playgroundFile struct {
	contentType string
	hash        string // of the plain bytes
	plain       []byte
	gzipped     func() []byte // compressed by its first caller
}

func newPlaygroundFile(name string, content []byte) *playgroundFile {
	sum := sha256.Sum256(content)
	return &playgroundFile{
		contentType: playgroundTypes[path.Ext(name)],
		hash:        hex.EncodeToString(sum[:8]),
		plain:       content,
		gzipped:     sync.OnceValue(func() []byte { return compress(content) }),
	}
}

// playgroundTypes stands here as the mime package's answers differ with the machine's files.
var playgroundTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// serve answers with the file. Under the address that the page gives it, with its hash, it may be kept for ever.
func (f *playgroundFile) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Add("Vary", "Accept-Encoding")
	if r.URL.RawQuery == "v="+f.hash {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		header.Set("Cache-Control", "no-cache") // ask each time whether the ETag is still right
	}
	// A strong ETag stands for the bytes on the wire, so each encoding has one of its own.
	body, etag := f.plain, `"`+f.hash+`"`
	if acceptsGzip(r) {
		body, etag = f.gzipped(), `"`+f.hash+`-gzip"`
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("ETag", etag)
	header.Set("Content-Length", strconv.Itoa(len(body))) // ServeContent leaves it out of what is encoded
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, weighted := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return !weighted || strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != ""
		}
	}
	return false
}

func compress(plain []byte) []byte {
	var buffer bytes.Buffer
	w, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // memory does not fail
	}
	return buffer.Bytes()
}
