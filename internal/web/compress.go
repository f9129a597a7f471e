package web

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// compressBytesMin is the smallest answer worth compressing: below it an answer fits a packet or two as it is.
const compressBytesMin = 1400

// compressed sends large texts by gzip to clients that take it. Credentials travel in a header that no other site can make
// a browser send, so sizes tell an attacker nothing (BREACH). Streams, of other types, pass as they are.
var compressed = func() func(http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressBytesMin), gzhttp.EnableZstd(false),
		gzhttp.ContentTypes([]string{"application/json", "application/graphql-response+json", "text/plain"}))
	if err != nil {
		panic(err) // the options are constant
	}
	return func(next http.Handler) http.Handler { return wrap(next) }
}()
