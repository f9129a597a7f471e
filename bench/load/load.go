// Package load asks one server for answers as fast as it gives them, checks each of them, and tells what that took.
package load

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// answerTimeout is how long an answer may take before it counts as an error.
const answerTimeout = 30 * time.Second

// answerPoll is how often it is looked whether there is an answer.
const answerPoll = 5 * time.Millisecond

// retryPause keeps a server that is gone from being asked a million times.
const retryPause = 10 * time.Millisecond

// Target is a server that takes POST requests of JSON.
type Target struct {
	Address string // host:port
	Path    string
	Bearer  string // the credential sent with each request; "" for none
}

// Request is one thing to ask for, and what its answer must be like.
type Request struct {
	Body   []byte
	Check  func(status int, body []byte) error
	Bearer string // the credential of this request; "" for the target's
}

// Source gives the next request of a worker, which are numbered from 0. Workers call it at the same time.
type Source func(worker int) Request

// Plan is how long to ask, and by how many connections at a time.
type Plan struct {
	Connections int
	Warmup      time.Duration // answers of this time are checked, and not counted
	Duration    time.Duration
	// Measuring is called when the warmup is over, and what it returns when the duration is. Both may be nil.
	Measuring func() (done func())
}

// Result is what was seen while measuring.
type Result struct {
	Requests   int
	Elapsed    time.Duration
	P50        time.Duration
	P99        time.Duration
	BodyBytes  int64 // of all answers together
	Errors     int   // answers that were wrong or did not come, those of the warmup included
	FirstError string
}

// PerSecond is the throughput.
func (r Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests) / r.Elapsed.Seconds()
}

// phases of a run.
const (
	warming int32 = iota
	measuring
	over
)

// worker is one connection: it asks again as soon as it has an answer.
type worker struct {
	client    *fasthttp.HostClient
	latencies []time.Duration
	bodyBytes int64
	errors    int
	first     error
}

// Run is a closed loop over plan.Connections connections. It returns early with an error only when the context ends.
func Run(ctx context.Context, target Target, source Source, plan Plan) (Result, error) {
	var phase atomic.Int32
	var answered atomic.Bool // while measuring
	workers := make([]*worker, plan.Connections)
	var running sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{client: newClient(target.Address)}
		running.Go(func() { workers[i].run(target, &phase, &answered, func() Request { return source(i) }) })
	}
	err := sleep(ctx, plan.Warmup)
	done := func() {}
	if plan.Measuring != nil {
		if stop := plan.Measuring(); stop != nil {
			done = stop
		}
	}
	began := time.Now()
	phase.Store(measuring)
	if err == nil {
		err = sleep(ctx, plan.Duration)
	}
	// A server that is slow for so short a time is measured by its first answer.
	for !answered.Load() && time.Since(began) < answerTimeout && err == nil {
		err = sleep(ctx, answerPoll)
	}
	phase.Store(over)
	elapsed := time.Since(began)
	done()
	running.Wait()
	return summarize(workers, elapsed), err
}

// Ask sends one request by a connection of its own.
func Ask(target Target, body []byte) (status int, answer []byte, err error) {
	client := newClient(target.Address)
	defer client.CloseIdleConnections()
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	prepare(request, target)
	request.SetBodyRaw(body)
	if err := client.Do(request, response); err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", target.Address, err)
	}
	return response.StatusCode(), bytes.Clone(response.Body()), nil
}

// newClient gives a client of one connection, that never repeats a request by itself.
func newClient(address string) *fasthttp.HostClient {
	return &fasthttp.HostClient{
		Addr: address, MaxConns: 1, MaxIdleConnDuration: time.Minute, MaxIdemponentCallAttempts: 1,
		ReadBufferSize: 64 << 10, WriteBufferSize: 16 << 10, ReadTimeout: answerTimeout,
		NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
	}
}

func prepare(request *fasthttp.Request, target Target) {
	request.Header.SetMethod(fasthttp.MethodPost)
	request.SetRequestURI("http://" + target.Address + target.Path)
	request.Header.SetContentType("application/json")
	request.Header.Set("Accept", "application/json")
	authorize(request, target.Bearer)
}

func authorize(request *fasthttp.Request, bearer string) {
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
}

func (w *worker) run(target Target, phase *atomic.Int32, answered *atomic.Bool, next func() Request) {
	defer w.client.CloseIdleConnections()
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	prepare(request, target)
	for phase.Load() != over {
		asked := next()
		request.SetBodyRaw(asked.Body)
		authorize(request, cmp.Or(asked.Bearer, target.Bearer))
		began := time.Now()
		err := w.client.Do(request, response)
		took := time.Since(began)
		if err == nil {
			err = asked.Check(response.StatusCode(), response.Body())
		} else {
			time.Sleep(retryPause)
		}
		if err != nil {
			if w.errors++; w.first == nil {
				w.first = err
			}
		}
		if phase.Load() != measuring {
			continue
		}
		answered.Store(true)
		if err == nil { // what is wrong is not throughput
			w.latencies = append(w.latencies, took)
			w.bodyBytes += int64(len(response.Body()))
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func summarize(workers []*worker, elapsed time.Duration) Result {
	result := Result{Elapsed: elapsed}
	var latencies []time.Duration
	for _, w := range workers {
		latencies = append(latencies, w.latencies...)
		result.BodyBytes += w.bodyBytes
		result.Errors += w.errors
		if w.first != nil && result.FirstError == "" {
			result.FirstError = w.first.Error()
		}
	}
	result.Requests = len(latencies)
	result.P50, result.P99 = Percentile(latencies, 50), Percentile(latencies, 99)
	return result
}
