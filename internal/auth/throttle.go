package auth

import (
	"context"
	"sync"
	"time"

	"dossier/internal/limits"
)

// tryBudgets are how often a password or a token may be wrong: a person forgets, a program guesses. At an account there are 1,450
// guesses a day, whoever makes them.
var tryBudgets = limits.Budgets{
	Address: limits.Budget{Tries: 30, Every: 20 * time.Second}, // an office may share one
	Account: limits.Budget{Tries: 10, Every: time.Minute},
	Owner:   limits.Budget{Tries: 5, Every: time.Minute},
}

// requestBudgets are how many mails may be asked for.
var requestBudgets = limits.Budgets{
	Address: limits.Budget{Tries: 10, Every: time.Minute},
	Account: limits.Budget{Tries: 3, Every: 10 * time.Minute},
	Owner:   limits.Budget{Tries: 3, Every: 10 * time.Minute},
}

// addressesOf gives from where the account of this email is signed in to.
func (s Sessions) addressesOf(email string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) { return s.Store.AddressesByEmail(ctx, email) }
}

// failureFloor is how long a failed sign-in takes at least: that hides whether there is such a user, and of which kind the hash is.
// argon2id and bcrypt of a cost of up to 12 take less.
const failureFloor = 500 * time.Millisecond

type floorKey struct{}

// floor is until when the answer of a request is held back.
type floor struct {
	mu    sync.Mutex
	until time.Time
}

// WithFloor returns a context in which failed sign-ins note how long their answer is held back, which AwaitFloor does.
func WithFloor(ctx context.Context) context.Context {
	return context.WithValue(ctx, floorKey{}, &floor{})
}

// holdBack notes a sign-in that has failed. Several of one request add up.
func holdBack(ctx context.Context, began time.Time) {
	f, ok := ctx.Value(floorKey{}).(*floor)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until.Before(began) {
		f.until = began
	}
	f.until = f.until.Add(failureFloor)
}

// AwaitFloor waits until the answer may be given, no longer than the context's deadline. It is called when the request holds
// nothing that others wait for.
func AwaitFloor(ctx context.Context) {
	f, ok := ctx.Value(floorKey{}).(*floor)
	if !ok {
		return
	}
	f.mu.Lock()
	wait := time.Until(f.until)
	f.mu.Unlock()
	if wait <= 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}
