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
	// forgottenMax bounds what is known of rows that were forgotten. It takes seconds to fill, and reads take milliseconds.
	forgottenMax = 1_000
)

// cache keeps the rows that every request asks for: the viewer's credential and user, and companies. It exists
// only while this instance is told of changes. A nil cache has nothing and keeps nothing.
type cache struct {
	credentials *otter.Cache[string, *credential] // by the hash of the token
	users       *otter.Cache[model.UserID, *model.User]
	companies   *otter.Cache[model.CompanyID, *model.Company]

	// A row that was read before it changed must not be kept after that was told: keeping and forgetting exclude one
	// another, and each row that is forgotten begins a generation, since which it must have been read.
	mu         sync.Mutex
	generation uint64
	forgotten  map[model.GlobalID]uint64 // the generations that rows began
	oldest     uint64                    // what was read before it may have been forgotten: forgotten is not for ever
}

// credential is a session, an API key or another token that was found good. It is as long as its user is the one that is
// cached: to forget the user forgets all its credentials.
type credential struct {
	sessionID model.SessionID // zero for what is no session
	keyID     model.APIKeyID  // zero for what is no API key
	scopes    model.Scopes
	expiresAt *time.Time // nil for never
	user      *model.User
}

func newCache() *cache {
	return &cache{
		credentials: newRows[string, *credential](),
		users:       newRows[model.UserID, *model.User](),
		companies:   newRows[model.CompanyID, *model.Company](),
		forgotten:   map[model.GlobalID]uint64{},
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

// credential gives the live credential that has this token's hash.
func (c *cache) credential(tokenHash []byte) (*credential, bool) {
	if c == nil {
		return nil, false
	}
	found, ok := c.credentials.GetIfPresent(string(tokenHash))
	if !ok || found.expiresAt != nil && !time.Now().Before(*found.expiresAt) {
		return nil, false
	}
	user, ok := c.users.GetIfPresent(found.user.ID)
	return found, ok && user == found.user
}

func (c *credential) viewer() model.Viewer {
	return model.Viewer{
		UserID: c.user.ID, CompanyID: c.user.CompanyID, Role: c.user.Role, SessionID: c.sessionID, KeyID: c.keyID, Scopes: c.scopes,
	}
}

// viewerBy gives whose credential has this token's hash: the one that is cached, or what load reads, which is cached from then on.
func (s *Store) viewerBy(tokenHash []byte, load func() (*credential, error)) (model.Viewer, error) {
	cache := s.cache.Load()
	if known, ok := cache.credential(tokenHash); ok {
		return known.viewer(), nil
	}
	read := cache.now()
	found, err := load()
	if err != nil {
		return model.Viewer{}, err
	}
	cache.keepCredential(read, tokenHash, found)
	return found.viewer(), nil
}

// isStill says whether a row that was read in this generation was not forgotten since. It needs the lock.
func (c *cache) isStill(row model.GlobalID, read uint64) bool {
	return read >= c.oldest && read >= c.forgotten[row]
}

// keepCredential keeps a credential and its user, unless that was forgotten since the generation in which they were read.
func (c *cache) keepCredential(read uint64, tokenHash []byte, found *credential) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isStill(found.user.ID.Global(), read) {
		return
	}
	// Another credential of the user may have been kept before: they share the row.
	found.user, _ = c.users.SetIfAbsent(found.user.ID, found.user)
	c.credentials.Set(string(tokenHash), found)
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

// keepCompany keeps a copy of a company, unless it was forgotten since the generation in which it was read.
func (c *cache) keepCompany(read uint64, company model.Company) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isStill(company.ID.Global(), read) {
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
	if len(c.forgotten) >= forgottenMax {
		clear(c.forgotten)
		c.oldest = c.generation
	}
	for _, row := range rows {
		c.forgotten[row] = c.generation
		switch row.Prefix {
		case model.UserID{}.Global().Prefix:
			c.users.Invalidate(model.UserID(row.UUID))
		case model.CompanyID{}.Global().Prefix:
			c.companies.Invalidate(model.CompanyID(row.UUID))
		}
	}
}
