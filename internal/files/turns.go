package files

import (
	"sync"
	"time"

	"dossier/internal/fault"
	"dossier/model"
)

// How many files are taken in at a time: each may hold some 16 MiB on its way to a remote store, and may be an hour in coming.
const (
	turnsMax        = 100
	turnsPerUserMax = 10
)

const turnRetry = 5 * time.Second

var (
	errBusy = &fault.Error{Code: fault.Unavailable, Message: "Too many files are on their way at the moment; try again.",
		Retryable: true, RetryAfter: turnRetry}
	errBusyUser = &fault.Error{Code: fault.RateLimited, Message: "You are sending as many files as you may at a time: wait until one of them is there.",
		RetryAfter: turnRetry}
)

// turns are those who send a file at present. No user can take all of them.
type turns struct {
	mu    sync.Mutex
	taken map[model.UserID]int
	all   int
}

// take gives a turn, until it is given back.
func (t *turns) take(user model.UserID) (giveBack func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.taken[user] == turnsPerUserMax:
		return nil, errBusyUser
	case t.all == turnsMax:
		return nil, errBusy
	}
	if t.taken == nil {
		t.taken = map[model.UserID]int{}
	}
	t.taken[user]++
	t.all++
	return func() { t.giveBack(user) }, nil
}

func (t *turns) giveBack(user model.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	if t.taken[user]--; t.taken[user] == 0 {
		delete(t.taken, user)
	}
}
