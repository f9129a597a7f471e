package repo

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"dossier/model"
)

func someSession(user *model.User) *credential {
	return &credential{sessionID: model.NewID[model.SessionID](), expiresAt: new(time.Now().Add(time.Hour)), user: user}
}

// A row that was read before something changed is not kept after that was told.
func TestOldRowsAreNotKept(t *testing.T) {
	t.Parallel()
	c := newCache()
	user, company := &model.User{ID: model.NewID[model.UserID]()}, model.Company{ID: model.NewID[model.CompanyID]()}
	read := c.now()
	c.forget(user.ID.Global(), company.ID.Global())
	c.keepCredential(read, []byte("old"), someSession(user))
	c.keepCompany(read, company)
	if _, ok := c.credential([]byte("old")); ok {
		t.Error("an old session is kept")
	}
	if _, ok := c.company(company.ID); ok {
		t.Error("an old company is kept")
	}
	c.keepCredential(c.now(), []byte("new"), someSession(user))
	c.keepCompany(c.now(), company)
	if _, ok := c.credential([]byte("new")); !ok {
		t.Error("a new session is not kept")
	}
	if _, ok := c.company(company.ID); !ok {
		t.Error("a new company is not kept")
	}
}

// What becomes of other rows does not matter, however many they are, but for the moment in which they are too many to be known.
func TestOtherRowsDoNotMatter(t *testing.T) {
	t.Parallel()
	c := newCache()
	user, company := &model.User{ID: model.NewID[model.UserID]()}, model.Company{ID: model.NewID[model.CompanyID]()}
	keep := func(read uint64) (kept bool) {
		c.keepCredential(read, []byte("hash"), someSession(user))
		c.keepCompany(read, company)
		_, session := c.credential([]byte("hash"))
		_, row := c.company(company.ID)
		if session != row {
			t.Errorf("the session is kept: %t, the company: %t", session, row)
		}
		return session
	}
	read := c.now()
	c.forget(model.NewID[model.UserID]().Global())
	if !keep(read) {
		t.Error("nothing is kept while others change")
	}
	read = c.now()
	c.forget(user.ID.Global(), company.ID.Global())
	for range 3 * forgottenMax {
		if c.forget(model.NewID[model.UserID]().Global()); keep(read) {
			t.Fatal("an old row is kept")
		}
	}
	if len(c.forgotten) > forgottenMax {
		t.Errorf("%d forgotten rows are known", len(c.forgotten))
	}
	if !keep(c.now()) {
		t.Error("a new row is not kept")
	}
}

// To forget a user forgets all sessions of that user and of nobody else; a session that is over is not used.
func TestSessionsGoWithTheirUser(t *testing.T) {
	t.Parallel()
	c := newCache()
	ann, bob := &model.User{ID: model.NewID[model.UserID](), Name: "Ann"}, &model.User{ID: model.NewID[model.UserID](), Name: "Bob"}
	for _, hash := range []string{"ann 1", "ann 2", "bob"} {
		user := *map[bool]*model.User{true: bob, false: ann}[hash == "bob"]
		c.keepCredential(c.now(), []byte(hash), someSession(&user))
	}
	over := someSession(bob)
	over.expiresAt = new(time.Now())
	c.keepCredential(c.now(), []byte("over"), over)
	for hash, want := range map[string]bool{"ann 1": true, "ann 2": true, "bob": true, "over": false} {
		if _, ok := c.credential([]byte(hash)); ok != want {
			t.Errorf("%s is there: %t", hash, ok)
		}
	}
	c.forget(ann.ID.Global())
	for hash, want := range map[string]bool{"ann 1": false, "ann 2": false, "bob": true} {
		if _, ok := c.credential([]byte(hash)); ok != want {
			t.Errorf("after Ann was forgotten %s is there: %t", hash, ok)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache()
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range cachedRowsMax {
				user := &model.User{ID: model.NewID[model.UserID]()}
				c.keepCredential(c.now(), fmt.Append(nil, worker, i), someSession(user))
				c.keepCompany(c.now(), model.Company{ID: model.NewID[model.CompanyID]()})
			}
		})
	}
	wait.Wait()
	c.credentials.CleanUp()
	c.users.CleanUp()
	c.companies.CleanUp()
	for name, size := range map[string]int{
		"credentials": c.credentials.EstimatedSize(), "users": c.users.EstimatedSize(), "companies": c.companies.EstimatedSize(),
	} {
		if size > cachedRowsMax || size < cachedRowsMax/2 {
			t.Errorf("%d %s of at most %d", size, name, cachedRowsMax)
		}
	}
}

// Where nobody tells that a row changed, it is not used for longer than cacheExpiry.
func TestCachedRowsExpire(t *testing.T) {
	t.Parallel()
	c := newCache()
	user := &model.User{ID: model.NewID[model.UserID]()}
	c.keepCredential(c.now(), []byte("hash"), someSession(user))
	c.keepCompany(c.now(), model.Company{ID: model.CompanyID{1}})
	time.Sleep(cacheExpiry / 2)
	if _, ok := c.credential([]byte("hash")); !ok { // to be used is not to be written
		t.Error("it expired early")
	}
	time.Sleep(cacheExpiry/2 + 100*time.Millisecond)
	_, session := c.credential([]byte("hash"))
	_, company := c.company(model.CompanyID{1})
	if session || company {
		t.Errorf("after %s there is a session: %t, a company: %t", cacheExpiry, session, company)
	}
}

// To be told of a row is cheap: the cache that is there stays.
func TestToBeToldMakesNoCache(t *testing.T) {
	s := &Store{}
	s.told()
	began, stale := s.cache.Load(), model.NewID[model.UserID]().Global()
	if allocs := testing.AllocsPerRun(10, func() { s.told(stale) }); allocs > 20 { // a cache makes some 600
		t.Errorf("%.0f allocations", allocs)
	}
	if s.cache.Load() != began {
		t.Error("there is another cache")
	}
}

func TestStaleRow(t *testing.T) {
	t.Parallel()
	id := model.NewID[model.UserID]().Global()
	if rows := staleRow("user " + id.UUID.String()); len(rows) != 1 || rows[0] != id {
		t.Errorf("%v", rows)
	}
	for _, payload := range []string{"", "user", "user x", " ", "user 1 2"} {
		if rows := staleRow(payload); rows != nil {
			t.Errorf("%q: %v", payload, rows)
		}
	}
	newCache().forget(model.GlobalID{Prefix: "planet", UUID: id.UUID}) // of a later version
}
