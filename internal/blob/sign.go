package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// signedPutBytesMax is the most that one PUT can have in every store: Azure's 5,000 MiB, S3's 5 GiB.
const signedPutBytesMax = 5000 << 20

// ErrNotSigned says that this store signs nothing, for it is a folder or memory or has no key to sign with, or that the blob is too
// large for one PUT: upload it through the server.
var ErrNotSigned = errors.New("the file store signs no uploads")

// Target is what an HTTP PUT straight to the store needs. Browsers send Content-Length themselves.
type Target struct {
	URL     string
	Headers map[string]string
}

// SignPut lets whoever has the result write one new blob of this name and size, in bytes, until the expiry. S3 and Google refuse
// another size. Azure does not look at it: Stat tells what came. None lets a blob be written over.
//
// A browser may send it only where the store's CORS rules allow the frontend's origin, the method PUT and the headers
// content-type and if-none-match (S3), x-ms-blob-type (Azure), x-goog-if-generation-match and
// x-goog-content-length-range (Google).
func (s *Store) SignPut(ctx context.Context, name string, size int64, expiry time.Duration) (Target, error) {
	if err := checkName(name); err != nil {
		return Target{}, err
	}
	if size < 0 || expiry <= 0 {
		return Target{}, fmt.Errorf("sign a PUT of %d bytes for %s", size, expiry)
	}
	if s.url.Scheme == schemeFile || s.url.Scheme == schemeMemory || size > signedPutBytesMax ||
		s.url.Query().Get("anonymous") == "true" {
		return Target{}, ErrNotSigned
	}
	bucket, err := s.bucket(s.container)
	if err != nil {
		return Target{}, err
	}
	headers := map[string]string{}
	signed, err := bucket.SignedURL(ctx, name, &blob.SignedURLOptions{
		Method: http.MethodPut, Expiry: expiry,
		BeforeSign: func(as func(any) bool) error {
			headers = restrict(as, size)
			return nil
		},
	})
	if gcerrors.Code(err) == gcerrors.Unimplemented || errors.Is(err, bloberror.MissingSharedKeyCredential) {
		return Target{}, ErrNotSigned
	}
	if err != nil {
		return Target{}, translateWrite(ctx, err)
	}
	return Target{URL: signed, Headers: headers}, nil
}

// restrict lets the signature be good for a new blob of this size only, and gives the headers that the PUT must have for it.
func restrict(as func(any) bool, size int64) map[string]string {
	var amazon *s3.PutObjectInput
	var azure *sas.BlobPermissions
	var google *storage.SignedURLOptions
	switch {
	case as(&amazon):
		amazon.ContentLength, amazon.IfNoneMatch = aws.Int64(size), aws.String("*")
		return map[string]string{"If-None-Match": "*"}
	case as(&azure):
		*azure = sas.BlobPermissions{Create: true} // not Write, which writes over
		return map[string]string{"x-ms-blob-type": "BlockBlob"}
	case as(&google):
		length := strconv.FormatInt(size, 10)
		google.Scheme = storage.SigningSchemeV4
		google.Headers = []string{"x-goog-if-generation-match:0", "x-goog-content-length-range:" + length + "," + length}
		return map[string]string{"x-goog-if-generation-match": "0", "x-goog-content-length-range": length + "," + length}
	}
	return nil
}
