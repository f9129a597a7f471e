package auth

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"dossier/internal/fault"
)

// How an identity provider is asked for its keys: every so often, and for a token of a key that is not known, which may be new; for
// those no more often than this, as anyone can send them.
const (
	keysEvery    = 15 * time.Minute
	keysAgainMin = 10 * time.Second
)

// Bounds of one answer with keys: how long it may take, and its bytes.
const (
	keysTimeout  = 2 * time.Second
	keysBytesMax = 1 << 20
)

// fetchKeys gives the keys at the URL, which are fetched again while the context lasts.
func fetchKeys(ctx context.Context, address string, logger *slog.Logger, againMin time.Duration) (keyfunc.Keyfunc, error) {
	fetched, err := jwkset.NewStorageFromHTTP(address, jwkset.HTTPClientStorageOptions{
		Ctx: ctx, Client: keysClient, HTTPTimeout: keysTimeout, RefreshInterval: keysEvery, NoErrorReturnFirstHTTPReq: true,
		RefreshErrorHandler: func(ctx context.Context, err error) {
			logger.WarnContext(ctx, "the identity provider's keys cannot be read", "url", address, "error", err)
		},
	})
	if err != nil {
		return nil, err
	}
	keys, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{address: fetched},
		RateLimitWaitMax:  keysTimeout,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(againMin), 1),
	})
	if err != nil {
		return nil, err
	}
	return keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: keys, UseWhitelist: []jwkset.USE{"", jwkset.UseSig}})
}

// errNoKeys is while no key was ever read: nobody can say yet whether a token is good.
var errNoKeys = &fault.Error{
	Code: fault.Unavailable, Message: "The identity provider's keys cannot be read at the moment.", Retryable: true,
}

// publicKey gives the key that the token names, or all keys for a token that names none. To fetch keys is bounded by a time of its
// own: a client that goes away would else keep everyone from a new key.
func publicKey(ctx context.Context, keys keyfunc.Keyfunc, token *jwt.Token) (any, error) {
	ctx = context.WithoutCancel(ctx)
	if namesNoKey(token) && !anyKey(ctx, keys) {
		readAgain(ctx, keys)
	}
	key, err := keys.KeyfuncCtx(ctx)(token)
	if !anyKey(ctx, keys) {
		return nil, errNoKeys.Because(err)
	}
	return key, err
}

// namesNoKey reports whether any of the provider's keys may have signed the token.
func namesNoKey(token *jwt.Token) bool {
	_, named := token.Header[jwkset.HeaderKID]
	return !named
}

// noKey is the id of no key, which JSON Web Keys have as texts without control characters.
const noKey = "\x00"

// readAgain has the keys fetched, no more often than for a key that is not known.
func readAgain(ctx context.Context, keys keyfunc.Keyfunc) {
	_, _ = keys.Storage().KeyRead(context.WithoutCancel(ctx), noKey)
}

func anyKey(ctx context.Context, keys keyfunc.Keyfunc) bool {
	all, err := keys.Storage().KeyReadAll(ctx)
	return err == nil && len(all) > 0
}

// keysClient reads no more than it must, and does not follow an https URL to where others can answer.
var keysClient = &http.Client{
	Transport: boundedTransport{http.DefaultTransport},
	CheckRedirect: func(to *http.Request, via []*http.Request) error {
		if len(via) >= keysRedirectsMax || to.URL.Scheme != via[0].URL.Scheme {
			return errors.New("the keys are elsewhere: name their own URL")
		}
		return nil
	},
}

// keysRedirectsMax bounds how often an identity provider may point elsewhere.
const keysRedirectsMax = 3

// boundedTransport ends answers after keysBytesMax.
type boundedTransport struct{ http.RoundTripper }

func (t boundedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = boundedBody{io.LimitReader(response.Body, keysBytesMax), response.Body}
	}
	return response, err
}

type boundedBody struct {
	io.Reader
	io.Closer
}
