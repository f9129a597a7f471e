package embedding

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEndpointIsAskedAsOpenAIIs(t *testing.T) {
	t.Parallel()
	s := speak(t)
	vectors, err := s.open(t).Documents(t.Context(), []string{"a", "  \n", "bbb"})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]float32{{0.6, 0.8}, {1, 0}, {float32(3 / math.Sqrt(9+144)), float32(12 / math.Sqrt(9+144))}}
	for i := range want {
		if math.Abs(float64(vectors[i][0]-want[i][0])) > 1e-6 || math.Abs(float64(vectors[i][1]-want[i][1])) > 1e-6 {
			t.Errorf("text %d: %v, not %v", i, vectors[i], want[i])
		}
	}
	got := s.requests()
	if len(got) != 1 || got[0].Model != "m" || !slices.Equal(got[0].Input, []string{"a", "bbb"}) || got[0].Format != "float" || got[0].Dimensions != 2 {
		t.Errorf("%+v", got)
	}
	if s.keys[0] != "Bearer "+testKey {
		t.Errorf("%q", s.keys)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	s := speak(t)
	texts := make([]string, 3*batchTextsMax+1)
	for i := range texts {
		texts[i] = strings.Repeat("x", i+1)
	}
	texts = append(texts, strings.Repeat("é", charactersMax+7), "y")
	for range 20 {
		texts = append(texts, strings.Repeat("z", 2*charactersMax))
	}
	vectors, err := s.open(t).Documents(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		length := float64(4 * len(cut(text)))
		if math.Abs(float64(vectors[i][1])-length/math.Hypot(3, length)) > 1e-6 {
			t.Fatalf("text %d has the vector of another one: %v", i, vectors[i])
		}
	}
	for _, q := range s.requests() {
		characters := 0
		for _, text := range q.Input {
			characters += len([]rune(text))
		}
		if len(q.Input) > batchTextsMax || characters > batchCharactersMax {
			t.Errorf("a batch of %d texts, %d characters", len(q.Input), characters)
		}
	}
	if n := len(s.requests()); n != 5 { // three full ones, and two of 250,000 bytes at most
		t.Errorf("%d batches", n)
	}
}

// What passes is tried again, and nobody hears of it.
func TestEndpointIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]http.HandlerFunc{
		"429": write(429, "slow down"), "500": write(500, "{}"), "503": write(503, ""),
		"closed at once": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"closed mid-answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"data":[{"index":0,"embed`)
		},
		"slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"slow mid-answer": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"data":[`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := speak(t, do, do)
			e := s.open(t)
			e.client.HTTPClient.Timeout = time.Second
			if vector, err := e.Query(t.Context(), testText); err != nil || len(vector) != 2 || len(s.requests()) != 3 {
				t.Errorf("%v, %v after %d requests", vector, err, len(s.requests()))
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	s := speak(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(429)
	})
	start := time.Now()
	if _, err := s.open(t).Query(t.Context(), testText); err != nil || time.Since(start) < time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	hours := &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"36000"}}}
	if wait := backoff(waitMin, waitMax, 0, hours); wait < retryAfterMax || wait > 2*retryAfterMax {
		t.Errorf("an endpoint can make us wait for %s", wait)
	}
}

// wantError wants an error of one line that shows neither key nor text.
func wantError(t *testing.T, err error, retryable bool, part string) {
	t.Helper()
	known, ok := errors.AsType[*Error](err)
	if !ok || known.Retryable != retryable || IsRetryable(err) != retryable || !strings.Contains(err.Error(), part) {
		t.Errorf("%#v (%v), not retryable %t with %q", err, err, retryable, part)
		return
	}
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "hunter2") || strings.Contains(text, "confidential") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it tells too much: %s", text)
	}
}

// An answer is believed only if it is one; what the endpoint writes may repeat key and text, and is not shown.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	leak := testKey + " " + testText
	for name, test := range map[string]struct {
		do        http.HandlerFunc
		retryable bool
		part      string
		requests  int
	}{
		"no vector":      {write(200, `{"data":[]}`), false, "0 vectors for 2 texts", 1},
		"too many":       {write(200, `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1,2]},{"index":2,"embedding":[1,2]}]}`), false, "3 vectors for 2 texts", 1},
		"one twice":      {write(200, `{"data":[{"index":1,"embedding":[1,2]},{"index":1,"embedding":[1,2]}]}`), false, "two for others", 1},
		"index beyond":   {write(200, `{"data":[{"index":1,"embedding":[1,2]},{"index":2,"embedding":[1,2]}]}`), false, "two for others", 1},
		"negative index": {write(200, `{"data":[{"index":-1,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}`), false, "two for others", 1},
		"dimensions":     {write(200, `{"data":[{"index":0,"embedding":[1,2,3]},{"index":1,"embedding":[1,2]}]}`), false, "3 dimensions, not 2", 1},
		"zero":           {write(200, `{"data":[{"index":0,"embedding":[0,0]},{"index":1,"embedding":[1,2]}]}`), false, "no direction", 1},
		"NaN":            {write(200, `{"data":[{"index":0,"embedding":[NaN,1]},{"index":1,"embedding":[1,2]}]}`), false, "not of OpenAI's", 1},
		"infinite":       {write(200, `{"data":[{"index":0,"embedding":[1e999,1]},{"index":1,"embedding":[1,2]}]}`), false, "not of OpenAI's", 1},
		"strings":        {write(200, `{"data":[{"index":0,"embedding":["`+leak+`",1]},{"index":1,"embedding":[1,2]}]}`), false, "not of OpenAI's", 1},
		"a page":         {write(200, "<html>"+leak), false, "not of OpenAI's", 1},
		"null":           {write(200, "null"), false, "0 vectors", 1},
		"huge":           {write(200, `{"data":"`+strings.Repeat("x", answerBytesMax)), false, "more than 16777216 bytes", 1},
		"unauthorized":   {write(401, `{"error":{"message":"Incorrect API key provided: `+leak+`"}}`), false, "401 Unauthorized: it does not take the key", 1},
		"no such model":  {write(404, leak), false, "404 Not Found: there is no such model", 1},
		"too long":       {write(400, `{"error":{"message":"maximum context length"}}`), false, "400 Bad Request: it does not take the question", 2}, // without dimensions, too
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v1/embeddings", http.StatusTemporaryRedirect)
		}, false, "it leads elsewhere", 1},
		"always 500":       {write(500, "<html>"+leak), true, "500 Internal Server Error", triesMax},
		"always 429":       {write(429, leak), true, "429 Too Many Requests", triesMax},
		"not implemented":  {write(501, leak), false, "501 Not Implemented", 1},
		"created":          {write(201, `{}`), false, "201 Created", 1},
		"always closed":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, "no whole answer: EOF", triesMax},
		"always too slow":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, "no whole answer within", triesMax},
		"index is missing": {write(200, `{"data":[{"embedding":[1,2]},{"embedding":[1,2]}]}`), false, "two for others", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := speak(t, slices.Repeat([]http.HandlerFunc{test.do}, triesMax+1)...)
			e := s.open(t)
			if strings.Contains(name, "slow") {
				e.client.HTTPClient.Timeout = 50 * time.Millisecond
			}
			_, err := e.Documents(t.Context(), []string{testText, "another one"})
			wantError(t, err, test.retryable, test.part)
			if n := len(s.requests()); n != test.requests {
				t.Errorf("%d requests, not %d", n, test.requests)
			}
		})
	}
}

// An answer without end is not read to it.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	written := make(chan int, 1)
	s := speak(t, func(w http.ResponseWriter, _ *http.Request) {
		sum, part := 0, make([]byte, 1<<20)
		for range 10 * answerBytesMax >> 20 {
			n, err := w.Write(part)
			if sum += n; err != nil {
				break
			}
		}
		written <- sum
	})
	e := s.open(t)
	_, err := e.Query(t.Context(), testText)
	wantError(t, err, false, "more than")
	if n := <-written; n > 5*answerBytesMax {
		t.Errorf("%d bytes were taken", n)
	}
}

// The key stays with the endpoint: a redirect is not followed.
func TestKeyIsNotRedirected(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := speak(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		_, err := s.open(t).Query(t.Context(), testText)
		wantError(t, err, false, "it leads elsewhere")
	}
	if reached.Load() != 0 {
		t.Errorf("%d requests were redirected", reached.Load())
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	s := speak(t)
	e := s.open(t)
	s.Close()
	_, err := e.Query(t.Context(), testText)
	wantError(t, err, true, "connection refused")
}

// However an embedder is printed, its key is not.
func TestKeyIsNotShown(t *testing.T) {
	t.Parallel()
	e := speak(t).open(t)
	for _, text := range []string{fmt.Sprint(e), fmt.Sprintf("%+v %#v", e, e), fmt.Sprintf("%v %+v %#v", e.Config, e.Config, e.Config)} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "/v1") {
			t.Errorf("%s", text)
		}
	}
}

// Some models take no dimensions: they are asked without, and their vectors are counted all the same.
func TestEndpointWithoutDimensions(t *testing.T) {
	t.Parallel()
	s := speak(t, write(400, "does not support matryoshka representation"))
	e := s.open(t)
	for range 2 {
		if _, err := e.Query(t.Context(), testText); err != nil {
			t.Fatal(err)
		}
	}
	var told []int
	for _, q := range s.requests() {
		told = append(told, q.Dimensions)
	}
	if !slices.Equal(told, []int{2, 0, 0}) {
		t.Errorf("it was told the dimensions %v", told)
	}
}

func TestCallersThatWaitNoLonger(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]http.HandlerFunc{
		"for an answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"for a try": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(429)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := speak(t, do, do).open(t).Query(ctx, testText)
			wantError(t, err, true, "context deadline exceeded")
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		})
	}
}

// However many ask, few requests are under way; whoever waits for its turn can leave.
func TestRequestsAtATime(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	slow := func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		time.Sleep(100 * time.Millisecond)
		now.Add(-1)
		_, _ = io.WriteString(w, `{"data":[{"index":0,"embedding":[1,2]}]}`)
	}
	s := speak(t, slices.Repeat([]http.HandlerFunc{slow}, 3*requestsMax)...)
	e := s.open(t)
	var tasks sync.WaitGroup
	for range 3 * requestsMax {
		tasks.Go(func() {
			if _, err := e.Query(t.Context(), testText); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := e.Query(ctx, testText)
	wantError(t, err, true, "context deadline exceeded")
	tasks.Wait()
	if n := most.Load(); n > requestsMax || n < 2 {
		t.Errorf("%d requests at a time", n)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	good := Config{URL: "https://api.example/v1", Key: testKey, Model: "m", Dimensions: 4000}
	for _, test := range []struct {
		change func(*Config)
		want   string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { *c = Config{} }, ""},
		{func(c *Config) { *c = Config{Model: OfflineModel, Dimensions: 384} }, ""},
		{func(c *Config) { c.Model, c.Dimensions = OfflineModel, 384 }, ""},
		{func(c *Config) { c.URL = "" }, "without a URL embeddings are of the model dossier-384-v1, and have 384 dimensions"},
		{func(c *Config) { c.Dimensions = 0 }, "embeddings of the model m have from 1 to 4000 dimensions, not 0"},
		{func(c *Config) { c.Dimensions = 4001 }, "embeddings of the model m have from 1 to 4000 dimensions, not 4001"},
		{func(c *Config) { c.Model = "" }, "embeddings at a URL are of a model, whose name is missing"},
		{func(c *Config) { c.Key += "\n" }, "the key of embeddings has a character that a key cannot have"},
		{func(c *Config) { c.URL = "https://u:hunter2@api.example" }, "the URL of embeddings is http or https, without user, password, ? or #"},
		{func(c *Config) { c.URL = "ftp://api.example" }, "the URL of embeddings is http or https, without user, password, ? or #"},
		{func(c *Config) { c.URL = "https://api.example?key=hunter2" }, "the URL of embeddings is http or https, without user, password, ? or #"},
	} {
		c := good
		test.change(&c)
		e, err := Open(c)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want || err == nil && (c.Model != "" && e.Model() != c.Model || c.Dimensions != 0 && e.Dimensions() != c.Dimensions) {
			t.Errorf("%s, not %s", got, test.want)
		}
	}
}
