package graph

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// runner runs operations of a given complexity under a limiter.
type runner struct{ *limiter }

// run gives the answer, nil for an operation that found no room before its context ended.
func (r runner) run(ctx context.Context, complexity int, do func()) *graphql.Response {
	op := &graphql.OperationContext{}
	op.Stats.SetExtension(r.ExtensionName(), complexity)
	return r.InterceptResponse(graphql.WithOperationContext(ctx, op), func(context.Context) *graphql.Response {
		do()
		return &graphql.Response{}
	})
}

// Operations run side by side as long as there is room for their complexity, and wait in their order for more of it.
func TestOperationsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		perProcessor := 100
		room := perProcessor * runtime.GOMAXPROCS(0)
		r := runner{newLimiter(Limits{InFlight: perProcessor}, false, newQueryCache())}
		done := make(chan string, 4)
		start := func(name string, complexity int, takes time.Duration) {
			go func() {
				r.run(context.Background(), complexity, func() { time.Sleep(takes) })
				done <- name
			}()
			synctest.Wait()
		}
		start("half", room/2, time.Second)
		start("other half", room-room/2, 2*time.Second)
		start("more than all", 10*room, time.Second) // begins after 2 s
		start("small", 1, time.Second)               // waits behind it, and begins after 3 s
		began := time.Now()
		for _, want := range []struct {
			name  string
			after time.Duration
		}{{"half", time.Second}, {"other half", 2 * time.Second}, {"more than all", 3 * time.Second}, {"small", 4 * time.Second}} {
			if got := <-done; got != want.name || time.Since(began) != want.after {
				t.Errorf("%s after %s, want %s after %s", got, time.Since(began), want.name, want.after)
			}
		}
	})
}

// Who would wait for most of the time that there is has no answer, which is TIMEOUT, and takes no room; nor does one that panics
// keep it.
func TestWaitingForRoomEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runner{newLimiter(Limits{InFlight: 1}, false, newQueryCache())}
		go r.run(context.Background(), 1000, func() { time.Sleep(time.Minute) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		if response := r.run(ctx, 1, func() { t.Error("it ran") }); response != nil {
			t.Errorf("got %v", response)
		}
		if waited := time.Since(began); waited != 800*time.Millisecond {
			t.Errorf("it waited for %s of the second that it had", waited)
		}
		time.Sleep(time.Hour)
		func() {
			defer func() { _ = recover() }()
			r.run(context.Background(), 1000, func() { panic("made by a test") })
		}()
		if response := r.run(context.Background(), 1000, func() {}); response == nil {
			t.Error("there is no room")
		}
	})
}
