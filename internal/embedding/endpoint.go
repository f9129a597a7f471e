package embedding

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Limits of what is asked of an endpoint.
const (
	batchTextsMax      = 96
	batchCharactersMax = 250_000 // more than one text may have
	requestsMax        = 4       // at a time
	triesMax           = 5       // of one request
	dimensionsMax      = 4000
)

// How long is waited for an answer, and from one try to the next.
const (
	defaultTimeout = 30 * time.Second
	waitMin        = 500 * time.Millisecond
	waitMax        = 10 * time.Second
	retryAfterMax  = 30 * time.Second // whoever is told to wait longer tries then, once more
)

// Config says which model makes vectors, and where.
type Config struct {
	URL        string        // "" for the offline model, else of an endpoint that speaks OpenAI's embeddings: https://api.openai.com/v1
	Key        string        // "" for an endpoint that wants none
	Model      string        // of the endpoint; OfflineModel is the offline one at any URL
	Dimensions int           // of the endpoint's model, 1 to 4000
	Timeout    time.Duration // of one try; 0 for 30 s
}

// String leaves out the key.
func (c Config) String() string {
	return fmt.Sprintf("model %s with %d dimensions at %s", c.Model, c.Dimensions, c.URL)
}

// GoString is String: %#v must not show the key either.
func (c Config) GoString() string { return c.String() }

// Open gives the model. It asks nothing of the endpoint yet.
func Open(c Config) (Embedder, error) {
	if c.URL == "" || c.Model == OfflineModel {
		if c.Model != "" && c.Model != OfflineModel || c.Dimensions != 0 && c.Dimensions != offlineDimensions {
			return nil, fmt.Errorf("without a URL embeddings are of the model %s, and have %d dimensions", OfflineModel, offlineDimensions)
		}
		return Offline(), nil
	}
	return openEndpoint(c)
}

// What is known of whether the endpoint takes the wanted dimensions: some refuse to be told.
const (
	dimensionsUnknown = iota
	dimensionsTaken
	dimensionsRefused
)

// An endpoint is a model behind HTTP.
type endpoint struct {
	Config
	address  string
	client   *retryablehttp.Client
	requests *semaphore.Weighted
	told     atomic.Int32 // dimensionsUnknown and so on
}

func openEndpoint(c Config) (*endpoint, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL of embeddings is http or https, without user, password, ? or #") // it may have a password
	}
	if c.Model == "" {
		return nil, errors.New("embeddings at a URL are of a model, whose name is missing")
	}
	if c.Dimensions < 1 || c.Dimensions > dimensionsMax {
		return nil, fmt.Errorf("embeddings of the model %s have from 1 to %d dimensions, not %d", c.Model, dimensionsMax, c.Dimensions)
	}
	if strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the key of embeddings has a character that a key cannot have")
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	transport := cleanhttp.DefaultPooledTransport()
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = requestsMax, requestsMax
	e := &endpoint{Config: c, address: strings.TrimRight(c.URL, "/") + "/embeddings", requests: semaphore.NewWeighted(requestsMax)}
	e.client = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: transport, Timeout: c.Timeout,
			// The key and the texts are for nobody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax: triesMax - 1, RetryWaitMin: waitMin, RetryWaitMax: waitMax,
		CheckRetry: retry, Backoff: backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return e, nil
}

func (e *endpoint) Model() string   { return e.Config.Model }
func (e *endpoint) Dimensions() int { return e.Config.Dimensions }

func (e *endpoint) Query(ctx context.Context, text string) ([]float32, error) {
	vectors, err := e.Documents(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	return vectors[0], nil
}

func (e *endpoint) Documents(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	batches, within := errgroup.WithContext(ctx)
	batches.SetLimit(requestsMax)
	for _, places := range batchesOf(texts) {
		batches.Go(func() error {
			if err := e.requests.Acquire(within, 1); err != nil {
				return e.ended(err)
			}
			defer e.requests.Release(1)
			batch := make([]string, len(places))
			for i, place := range places {
				batch[i] = cut(texts[place])
			}
			found, err := e.ask(within, batch)
			if err != nil {
				return err
			}
			for i, place := range places {
				vectors[place] = found[i]
			}
			return nil
		})
	}
	if err := batches.Wait(); err != nil {
		return nil, err
	}
	for i, vector := range vectors {
		if vector == nil {
			vectors[i] = blank(e.Config.Dimensions)
		}
	}
	return vectors, nil
}

// batchesOf divides the texts, by their places. Those without anything but spaces are in none: endpoints refuse them.
func batchesOf(texts []string) [][]int {
	var batches [][]int
	var batch []int
	characters := 0
	for place, text := range texts {
		if strings.TrimSpace(text) == "" {
			continue
		}
		length := len(cut(text)) // in bytes, of which there are no fewer than characters
		if len(batch) == batchTextsMax || len(batch) > 0 && characters+length > batchCharactersMax {
			batches, batch, characters = append(batches, batch), nil, 0
		}
		batch = append(batch, place)
		characters += length
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	return batches
}

// ask gives the vectors of one batch. An endpoint that refuses the wanted dimensions is asked without, once and from then on: whether
// it gives as many all the same is checked.
func (e *endpoint) ask(ctx context.Context, batch []string) ([][]float32, error) {
	told := e.told.Load()
	vectors, err := e.post(ctx, batch, told != dimensionsRefused)
	if err == nil && told == dimensionsUnknown {
		e.told.CompareAndSwap(dimensionsUnknown, dimensionsTaken)
	}
	refusal, ok := errors.AsType[*Error](err)
	if told != dimensionsUnknown || !ok || refusal.Status != http.StatusBadRequest && refusal.Status != http.StatusUnprocessableEntity {
		return vectors, err
	}
	without, again := e.post(ctx, batch, false)
	if again != nil {
		return nil, err
	}
	e.told.CompareAndSwap(dimensionsUnknown, dimensionsRefused)
	return without, nil
}

type question struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Format     string   `json:"encoding_format"`
	Dimensions int      `json:"dimensions,omitempty"`
}

func (e *endpoint) post(ctx context.Context, batch []string, tell bool) ([][]float32, error) {
	q := question{Model: e.Config.Model, Input: batch, Format: "float"}
	if tell {
		q.Dimensions = e.Config.Dimensions
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, e.fail(0, "the question cannot be written")
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, e.address, bytes.NewReader(body))
	if err != nil {
		return nil, e.fail(0, "the question cannot be sent there")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if e.Key != "" {
		request.Header.Set("Authorization", "Bearer "+e.Key)
	}
	var vectors [][]float32
	request.SetResponseHandler(func(response *http.Response) error {
		var err error
		vectors, err = e.read(response, len(batch))
		return err
	})
	response, err := e.client.Do(request)
	if response != nil {
		defer response.Body.Close()
	}
	known, ok := errors.AsType[*Error](err)
	switch {
	case ctx.Err() != nil:
		return nil, e.ended(ctx.Err())
	case ok:
		return nil, known
	case err != nil:
		return nil, e.broken(err)
	case vectors == nil: // after the last try
		return nil, e.refused(response.StatusCode)
	}
	return vectors, nil
}

// retry says whether to try again: after 429, 5xx and broken connections.
func retry(ctx context.Context, response *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known.Retryable, nil
	}
	if err != nil {
		return retryablehttp.ErrorPropagatedRetryPolicy(ctx, response, err)
	}
	return isPassing(response.StatusCode), nil
}

// isPassing reports whether an answer with the status may be another one soon.
func isPassing(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout ||
		status >= http.StatusInternalServerError && status != http.StatusNotImplemented
}

// backoff is how long to wait: what the endpoint says, or twice as long each time; and a bit more, so that not all come back at once.
func backoff(shortest, longest time.Duration, attempt int, response *http.Response) time.Duration {
	wait := max(0, min(retryablehttp.DefaultBackoff(shortest, longest, attempt, response), retryAfterMax))
	return wait + rand.N(wait/4+1)
}
