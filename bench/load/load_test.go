package load

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, c := range []struct {
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 0, 1},
		{[]time.Duration{3, 1, 2}, 50, 2}, {[]time.Duration{7}, 99, 7}, {nil, 50, 0},
	} {
		if got := Percentile(c.values, c.p); got != c.want {
			t.Errorf("p%v of %d values is %d, not %d", c.p, len(c.values), got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{2: {3, 1, 2}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		if got := Median(values); got != want {
			t.Errorf("the median of %v is %v", values, got)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("there is a median of nothing")
	}
}

// serve answers with the bodies in turn.
func serve(t *testing.T, answer func(n int64, w http.ResponseWriter, r *http.Request)) Target {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(asked.Add(1), w, r) }))
	t.Cleanup(server.Close)
	return Target{Address: strings.TrimPrefix(server.URL, "http://"), Path: "/graphql", Bearer: "secret"}
}

func same(status int, body []byte) error {
	if status != 200 || string(body) != "right" {
		return errors.New("wrong: " + string(body))
	}
	return nil
}

func always(int) Request { return Request{Body: []byte(`{"query":"{a}"}`), Check: same} }

func TestWrongAnswersAreErrors(t *testing.T) {
	t.Parallel()
	target := serve(t, func(n int64, w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/graphql" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("asked by %s %s %v", r.Method, r.URL, r.Header)
		}
		text := "right"
		if n%10 == 0 {
			text = "left"
		}
		_, _ = w.Write([]byte(text))
	})
	result, err := Run(t.Context(), target, always, Plan{Connections: 4, Duration: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	all := result.Requests + result.Errors
	if result.Errors == 0 || result.Errors < all/10-4 || result.Errors > all/10+4 || result.FirstError != "wrong: left" {
		t.Errorf("%d right and %d wrong answers, first %q", result.Requests, result.Errors, result.FirstError)
	}
	if result.P50 <= 0 || result.P99 < result.P50 || result.PerSecond() <= 0 || result.BodyBytes != int64(5*result.Requests) {
		t.Errorf("figures: %+v", result)
	}
}

func TestBrokenConnectionsAreErrors(t *testing.T) {
	t.Parallel()
	target := serve(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		if n == 3 {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte("right"))
	})
	result, err := Run(t.Context(), target, always, Plan{Connections: 1, Duration: 100 * time.Millisecond})
	if err != nil || result.Errors != 1 || result.Requests < 3 {
		t.Errorf("%+v, %v", result, err)
	}
}

// A slow server is measured by its first answer, and every connection is in use.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	target := serve(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		time.Sleep(100 * time.Millisecond)
		now.Add(-1)
		_, _ = w.Write([]byte("right"))
	})
	result, err := Run(t.Context(), target, always, Plan{Connections: 8, Warmup: time.Millisecond, Duration: time.Millisecond})
	if err != nil || result.Requests == 0 || result.P50 < 100*time.Millisecond {
		t.Errorf("%+v, %v", result, err)
	}
	if most.Load() != 8 {
		t.Errorf("%d requests were in flight at a time", most.Load())
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	target := serve(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("right")) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := Run(ctx, target, always, Plan{Connections: 2, Warmup: time.Minute, Duration: time.Minute}); err == nil {
		t.Error("no error tells that it was stopped")
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	target := serve(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })
	if status, body, err := Ask(target, []byte("{}")); status != http.StatusTeapot || string(body) != "no\n" || err != nil {
		t.Errorf("%d %q %v", status, body, err)
	}
	if _, _, err := Ask(Target{Address: "127.0.0.1:1"}, nil); err == nil {
		t.Error("nobody answers, and that is no error")
	}
}
