package embedding

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testKey  = "sk-hunter2"
	testText = "a confidential sentence"
)

// A speaker is an endpoint that speaks OpenAI's embeddings, and first does what it is told to instead.
type speaker struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []question
	keys   []string
	before []http.HandlerFunc // one for each of the first requests; nil for one that is answered well
}

func speak(t *testing.T, before ...http.HandlerFunc) *speaker {
	s := &speaker{before: before}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/v1/embeddings" || r.Method != http.MethodPost {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		s.mu.Lock()
		s.asked, s.keys = append(s.asked, q), append(s.keys, r.Header.Get("Authorization"))
		var do http.HandlerFunc
		if len(s.asked) <= len(s.before) {
			do = s.before[len(s.asked)-1]
		}
		s.mu.Unlock()
		if do != nil {
			do(w, r)
			return
		}
		answerWell(w, q)
	}))
	t.Cleanup(s.Close)
	return s
}

// answerWell gives each text the vector (3, 4·length of the text), backwards.
func answerWell(w http.ResponseWriter, q question) {
	var data []string
	for i, text := range slices.Backward(q.Input) {
		data = append(data, fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":[3,%d]}`, i, 4*len(text)))
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"object":"list","model":%q,"data":[%s],"usage":{"total_tokens":1}}`, q.Model, strings.Join(data, ","))
}

// requests is what has been asked.
func (s *speaker) requests() []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *speaker) open(t *testing.T) *endpoint {
	t.Helper()
	e, err := openEndpoint(Config{URL: s.URL + "/v1/", Key: testKey, Model: "m", Dimensions: 2, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	e.client.RetryWaitMin, e.client.RetryWaitMax = time.Millisecond, 5*time.Millisecond
	t.Cleanup(e.client.HTTPClient.CloseIdleConnections)
	return e
}

// write is an answer with the status and the body.
func write(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
