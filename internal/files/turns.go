package files

import (
	"sync"
	"time"

	"dossier/internal/fault"
	"dossier/model"
)

// How many files are on their way at a time: one that comes may hold some 16 MiB on its way to a remote store, and be an hour in
// coming; one that goes holds a connection to it.
const (
	receivingMax        = 100
	receivingPerUserMax = 10
	sendingMax          = 1000
	sendingPerUserMax   = 50
)

const turnRetry = 5 * time.Second

var (
	errBusy = &fault.Error{Code: fault.Unavailable, Message: "Too many files are on their way at the moment; try again.",
		Retryable: true, RetryAfter: turnRetry}
	errBusyUser = &fault.Error{Code: fault.RateLimited, Message: "As many of your files are on their way as may be at a time: wait until one of them is there.",
		RetryAfter: turnRetry}
)

// turns are those who have a file on its way at present. No user can take all of them.
type turns struct {
	max, perUserMax int

	mu    sync.Mutex
	taken map[model.UserID]int
	all   int
}

// take gives a turn, until it is given back.
func (t *turns) take(user model.UserID) (giveBack func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.taken[user] == t.perUserMax:
		return nil, errBusyUser
	case t.all == t.max:
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

// amounts are sums by company.
type amounts struct {
	mu sync.Mutex
	of map[model.CompanyID]int64
}

// add changes the company's sum, and gives what it is then: 0 for no company.
func (a *amounts) add(company *model.CompanyID, n int64) int64 {
	if company == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[model.CompanyID]int64{}
	}
	a.of[*company] += n
	if a.of[*company] == 0 {
		delete(a.of, *company)
	}
	return a.of[*company]
}
