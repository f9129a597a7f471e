// Package repo holds every SQL statement of the product. A Reader reads as one viewer; writes exist on a Tx alone.
package repo

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"dossier/internal/fault"
	"dossier/internal/pgconn"
	"dossier/model"
)

// Store is the database of the product.
type Store struct {
	db       *bun.DB
	prepares bool
	language string // of full text search
	vectors  atomic.Pointer[VectorSearch]
	cache    atomic.Pointer[cache] // nil unless Watch is told of changes
	identity atomic.Pointer[uuid.UUID]
	indexes  *indexes
}

// Options of a store.
type Options struct {
	// Prepare sends statements of a fixed shape prepared. The pool's connections must be its own, not a pooler's that changes
	// them between transactions, and keep what was prepared (pgconn.Config.Statements).
	Prepare bool
	Hooks   []bun.QueryHook // see every statement
	// Language is the text search configuration of PostgreSQL that texts are found by; empty for english.
	Language string
	// SearchMemory is how many bytes of vectors are kept in memory, for searches; 0 for none. 1,000 vectors of 384 numbers take 548 kB.
	SearchMemory int64
	// SearchMemoryUsed is told how many bytes of that are used, when they have changed; it may be nil.
	SearchMemoryUsed func(bytes int64)
}

// New makes a store over a pool.
func New(pool *sql.DB, options Options) *Store {
	db := bun.NewDB(pool, pgdialect.New(), bun.WithDiscardUnknownColumns())
	for _, hook := range options.Hooks {
		db = db.WithQueryHook(hook)
	}
	return &Store{db: db, prepares: options.Prepare, language: cmp.Or(options.Language, "english"), indexes: newIndexes(db, options.SearchMemory, options.SearchMemoryUsed)}
}

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "SELECT 1")
	return translate(err)
}

// Reader reads what one viewer may see. Every read goes through scope.
type Reader struct {
	db        bun.IDB
	prepares  bool
	language  string
	vectors   *VectorSearch // nil for codes alone
	viewer    model.Viewer
	selection model.Selection // nil for all columns
	cache     *cache          // nil in a transaction, which sees its own changes
	indexes   *indexes        // nil in a transaction
	writes    bool            // in a transaction
}

// Reader gives the reader of this viewer.
func (s *Store) Reader(viewer model.Viewer) Reader {
	return Reader{db: s.db, prepares: s.prepares, language: s.language, vectors: s.vectors.Load(), viewer: viewer, cache: s.cache.Load(),
		indexes: s.indexes}
}

// system is the platform itself: it sees everything, and is no user.
var system = model.Viewer{Role: model.RoleAdmin}

// System gives the one unscoped reader, for sign-in, jobs and seed.
func (s *Store) System() Reader { return s.Reader(system) }

// SystemTx is InTx for sign-in, jobs and seed: unscoped, and its audit entries have no actor.
func (s *Store) SystemTx(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return s.InTx(ctx, system, fn)
}

// scope narrows a query to the rows of the viewer's company; staff see all. Nobody sees nothing.
func (r Reader) scope(q *bun.SelectQuery, column string) *bun.SelectQuery {
	if r.viewer.IsStaff() {
		return q
	}
	return q.Where("?TableAlias.? = ?", bun.Ident(column), param{r.viewer.CompanyID})
}

// from selects the rows of a tenant table that the viewer may see.
func from[T any](r Reader) *bun.SelectQuery {
	return r.scope(r.db.NewSelect().Model((*T)(nil)), "company_id").Err(granted[T](r))
}

// granted refuses an API key the rows that it has no scope to read. What a mutation looks up needs none: its field has asked for
// the scope to write.
func granted[T any](r Reader) error {
	if !r.viewer.HasKey() || r.writes {
		return nil
	}
	row, ok := any((*T)(nil)).(model.Scoped)
	if !ok {
		return fault.Denied("An API key cannot read this: sign in.")
	}
	if scope := row.ReadScope(); !r.viewer.May(scope) {
		return fault.Denied("This needs the scope %s.", scope)
	}
	return nil
}

// Tx is a transaction of one viewer: it reads as a Reader does, over the same transaction, and is the only type that
// writes.
type Tx struct {
	Reader
	stale     *[]model.GlobalID // users and companies of which something changed, for the cache
	confirmed *bool             // the viewer is still who the credential said
}

// As gives the system's transaction for a user that it acts for. It panics for anyone else's: nobody becomes another.
func (tx *Tx) As(viewer model.Viewer) *Tx {
	if tx.viewer != system {
		panic("repo: As of a transaction that is not the system's")
	}
	as := tx.Reader
	as.viewer = viewer
	return &Tx{as, tx.stale, tx.confirmed}
}

// txTriesMax bounds how often a transaction is run that PostgreSQL ended for what may not happen again.
const txTriesMax = 4

// txRetryPause is the mean pause before the first retry; it doubles from one to the next.
const txRetryPause = 10 * time.Millisecond

// InTx runs fn in a transaction: what it returns nil for is committed, if the viewer still may, anything else is rolled back. A serialization
// failure or deadlock (40001, 40P01) is retried, and so is a prepared statement that a migration has outdated; a COMMIT whose
// outcome is unknown is not. fn makes no network or blob call, and its effects outside of the transaction wait until InTx has
// returned.
func (s *Store) InTx(ctx context.Context, viewer model.Viewer, fn func(context.Context, *Tx) error) error {
	for try := 1; ; try++ {
		var stale []model.GlobalID
		confirmed := viewer == system
		err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			t := &Tx{s.Reader(viewer), &stale, &confirmed}
			t.db, t.cache, t.indexes, t.writes = tx, nil, nil, true // a transaction sees its own changes
			if err := fn(ctx, t); err != nil {
				return err
			}
			return t.confirmViewer(ctx)
		})
		// Whatever became of COMMIT. Who asks after this sees the change; other instances are told by the database.
		s.cache.Load().forget(stale...)
		if try == txTriesMax || !endsOnce(err) || errors.Is(err, pgconn.ErrCommitUnknown) {
			return translate(err)
		}
		pause := txRetryPause << (try - 1)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return translate(ctx.Err())
		}
	}
}

// confirmViewer checks that the viewer is still who the credential said: a request may take a while, and who was deleted,
// deactivated, moved or given another role meanwhile, or whose session was ended, changes nothing more. What is recorded
// confirms the viewer along with it; what is not, and what changes the viewer before it is recorded, asks by itself. The row is
// not locked: what becomes of the viewer from here on comes after this transaction, and foreign keys hold on to the owner of
// what it writes. A lock that a viewer's requests share (FOR KEY SHARE) halved what PostgreSQL could do of small transactions.
func (tx *Tx) confirmViewer(ctx context.Context) error {
	if *tx.confirmed {
		return nil
	}
	q, err := prepare(tx.Reader, tx.liveViewer())
	if err != nil {
		return err
	}
	var ids []model.UserID
	if err := q.Scan(ctx, &ids); err != nil {
		return err
	}
	if len(ids) == 0 {
		return errAccessEnded
	}
	*tx.confirmed = true
	return nil
}

// liveViewer selects the viewer, and nothing where that one is no longer who the credential said.
func (tx *Tx) liveViewer() *bun.SelectQuery {
	viewer := param{tx.viewer.UserID}
	q := tx.db.NewSelect().TableExpr("users").ColumnExpr("id").
		Where("id = ? AND role = ? AND company_id IS NOT DISTINCT FROM ?", viewer, param{tx.viewer.Role}, param{tx.viewer.CompanyID}).
		Where("deactivated_at IS NULL")
	if session := tx.viewer.SessionID; session != (model.SessionID{}) { // there is none yet while one signs in
		q = q.Where("EXISTS (SELECT FROM sessions WHERE id = ? AND user_id = ? AND expires > now())", param{session}, viewer)
	}
	if tx.viewer.HasKey() {
		q = q.Where("EXISTS (SELECT FROM api_keys WHERE id = ? AND user_id = ? AND "+isLive+")",
			param{tx.viewer.KeyID}, viewer)
	}
	return q
}

var errAccessEnded = fault.New(fault.Unauthenticated, "Your access was changed or ended: sign in again.")

// Do is InTx for a function that gives a value. The value is zero when there is an error.
func Do[T any](ctx context.Context, s *Store, viewer model.Viewer, fn func(context.Context, *Tx) (T, error)) (T, error) {
	var value T
	err := s.InTx(ctx, viewer, func(ctx context.Context, tx *Tx) (err error) {
		value, err = fn(ctx, tx)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return value, nil
}

// scan runs a select.
func scan[T any](ctx context.Context, q *bun.SelectQuery) ([]*T, error) {
	var rows []*T
	err := q.Scan(ctx, &rows)
	return rows, translate(err)
}

// all runs a select and joins its rows into one batch.
func all[T any, P model.Row[T]](ctx context.Context, q *bun.SelectQuery) ([]*T, error) {
	rows, err := scan[T](ctx, q)
	return model.Join[T, P](rows), err
}

// only gives the row of a select for one, or says what is not there.
func only[T any](rows []*T, err error, thing string) (*T, error) {
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.Missing(thing)
	}
	return rows[0], nil
}

// read runs a select of the reader, for the columns that it selects and those named, prepared where the shape is fixed.
func read[T any](ctx context.Context, r Reader, q *bun.SelectQuery, always ...string) ([]*T, error) {
	q, err := prepare(r, pick[T](r, q, always...))
	if err != nil {
		return nil, err
	}
	return scan[T](ctx, q)
}

// byIDs reads rows by their ids, in any order; ids that are not there or not visible are left out.
func byIDs[T any, P model.Row[T], K model.ID](
	ctx context.Context, r Reader, q *bun.SelectQuery, ids []K,
) ([]*T, error) {
	rows, err := read[T](ctx, r, q.Where("?TableAlias.id = ANY (?::uuid[])", param{uuidArray(ids)}))
	return model.Join[T, P](rows), err
}

func wrap(err error, operation string, id fmt.Stringer) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", operation, id, err)
}

// Identity tells which database this is, for good: a restored copy is the same one.
func (s *Store) Identity(ctx context.Context) (uuid.UUID, error) {
	if known := s.identity.Load(); known != nil {
		return *known, nil
	}
	var id uuid.UUID
	if err := s.db.NewRaw("SELECT id FROM database_identity").Scan(ctx, &id); err != nil {
		return id, translate(err)
	}
	s.identity.Store(&id)
	return id, nil
}

// IsEmpty reports whether there is neither a company nor a user.
func (s *Store) IsEmpty(ctx context.Context) (bool, error) {
	var empty bool
	err := s.db.NewRaw("SELECT NOT EXISTS (SELECT FROM companies) AND NOT EXISTS (SELECT FROM users)").Scan(ctx, &empty)
	return empty, translate(err)
}
