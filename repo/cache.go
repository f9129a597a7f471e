package repo

import (
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"dossier/model"
)

// Bounds of what is cached: how many rows of each kind, and for how long a row may be used where no one tells that it
// changed (see Watch).
const (
	cachedRowsMax = 10_000
	cacheExpiry   = 10 * time.Second
)

// cache keeps the rows that every request asks for: the viewer's session and user, and companies. It exists
// only while this instance is told of changes. A nil cache has nothing and keeps nothing.
type cache struct {
	sessions  *otter.Cache[string, *cachedSession] // by the hash of the token
	users     *otter.Cache[model.UserID, *model.User]
	companies *otter.Cache[model.CompanyID, *model.Company]

	// A row that was read before it changed must not be kept after that was told: keeping and forgetting exclude one
	// another, and what was read in an earlier generation is not kept.
	mu         sync.Mutex
	generation uint64
}

// cachedSession is good as long as its user is the one that is cached: to forget the user forgets all its sessions.
type cachedSession struct {
	id        model.SessionID
	expiresAt time.Time
	user      *model.User
}

func newCache() *cache {
	return &cache{
		sessions:  newRows[string, *cachedSession](),
		users:     newRows[model.UserID, *model.User](),
		companies: newRows[model.CompanyID, *model.Company](),
	}
}

func newRows[K comparable, V any]() *otter.Cache[K, V] {
	return otter.Must(&otter.Options[K, V]{
		MaximumSize: cachedRowsMax, ExpiryCalculator: otter.ExpiryWriting[K, V](cacheExpiry),
	})
}

// now is the generation of what is read from here on.
func (c *cache) now() uint64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// session gives the live session that has this token's hash.
func (c *cache) session(tokenHash []byte) (*cachedSession, bool) {
	if c == nil {
		return nil, false
	}
	session, ok := c.sessions.GetIfPresent(string(tokenHash))
	if !ok || !time.Now().Before(session.expiresAt) {
		return nil, false
	}
	user, ok := c.users.GetIfPresent(session.user.ID)
	return session, ok && user == session.user
}

func (s *cachedSession) viewer() model.Viewer {
	return model.Viewer{UserID: s.user.ID, CompanyID: s.user.CompanyID, Role: s.user.Role, SessionID: s.id}
}

// keepSession keeps a session and its user, unless something was forgotten since the generation in which they were read.
func (c *cache) keepSession(read uint64, tokenHash []byte, session *cachedSession) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if read != c.generation {
		return
	}
	// Another session of the user may have been kept before: they share the row.
	session.user, _ = c.users.SetIfAbsent(session.user.ID, session.user)
	c.sessions.Set(string(tokenHash), session)
}

// user gives a copy of a viewer's row.
func (c *cache) user(id model.UserID) (*model.User, bool) {
	if c == nil {
		return nil, false
	}
	return copyOf(c.users, id)
}

// company gives a copy of a company's row.
func (c *cache) company(id model.CompanyID) (*model.Company, bool) {
	if c == nil {
		return nil, false
	}
	return copyOf(c.companies, id)
}

// copyOf gives a row that its reader may tie to a batch of its own.
func copyOf[K comparable, T any](rows *otter.Cache[K, *T], key K) (*T, bool) {
	row, ok := rows.GetIfPresent(key)
	if !ok {
		return nil, false
	}
	clone := *row
	return &clone, true
}

// keepCompany keeps a copy of a company, unless something was forgotten since the generation in which it was read.
func (c *cache) keepCompany(read uint64, company model.Company) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if read == c.generation {
		company.JoinBatch(nil) // which holds whatever was loaded for it
		c.companies.Set(company.ID, &company)
	}
}

// forget drops rows that changed.
func (c *cache) forget(rows ...model.GlobalID) {
	if c == nil || len(rows) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for _, row := range rows {
		switch row.Prefix {
		case model.UserID{}.Global().Prefix:
			c.users.Invalidate(model.UserID(row.UUID))
		case model.CompanyID{}.Global().Prefix:
			c.companies.Invalidate(model.CompanyID(row.UUID))
		}
	}
}
