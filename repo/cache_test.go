package repo_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/internal/pgconn"
	"dossier/internal/pgtest"
	"dossier/internal/tcpproxy"
	"dossier/model"
	"dossier/repo"
)

// staleMax is how long another instance may use what has changed.
const staleMax = time.Second

// instance is a Store that watches, as each running server has one. Its statements are recorded.
type instance struct {
	*repo.Store
	sql *pgtest.Recorder
}

func newInstance(t testing.TB, w world) *instance {
	t.Helper()
	return newInstanceOver(t, w.Pool)
}

func newInstanceOver(t testing.TB, pool *sql.DB) *instance {
	t.Helper()
	i := &instance{sql: &pgtest.Recorder{}}
	i.Store = repo.New(pool, repo.Options{Prepare: true, Hooks: []bun.QueryHook{i.sql}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Watch(ctx, pool, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() { cancel(); <-done })
	i.waitCaching(t)
	return i
}

func (i *instance) waitCaching(t testing.TB) {
	t.Helper()
	within(t, 10*time.Second, "caching", func() bool { return repo.Caching(i.Store) })
}

func within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for began := time.Now(); !condition(); time.Sleep(time.Millisecond) {
		if time.Since(began) > limit {
			t.Fatalf("no %s within %s", what, limit)
		}
	}
}

// session starts a session of the user and gives the hash of its token.
func session(t testing.TB, w world, user *model.User) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(w.Token(t, user)))
	return sum[:]
}

// whoIs is the session's viewer, and the viewer's company by name, as a request asks for them.
func (i *instance) whoIs(ctx context.Context, hash []byte) (viewer model.Viewer, name, company string, err error) {
	viewer, err = i.ViewerBySession(ctx, hash)
	if err != nil {
		return viewer, "", "", err
	}
	r := i.Reader(viewer)
	me, err := r.Me(ctx)
	if err != nil || viewer.CompanyID == nil {
		return viewer, "", "", err
	}
	companies, err := r.CompaniesByIDs(ctx, []model.CompanyID{*viewer.CompanyID})
	if err != nil || len(companies) != 1 {
		return viewer, "", "", errors.Join(err, errors.New("no company"))
	}
	return viewer, me.Name, companies[0].Name, nil
}

// A warm session costs no statement, and what is handed out is the asker's own.
func TestWarmViewersCostNoStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := newInstance(t, w)
	hash, second := session(t, w, w.member), session(t, w, w.member)
	for range 2 { // the second session shares the user's row with the first
		for _, h := range [][]byte{hash, second} {
			if _, name, company, err := i.whoIs(t.Context(), h); name != "Mo Member" || company != "Own" || err != nil {
				t.Fatalf("%s of %s, %v", name, company, err)
			}
		}
	}
	i.sql.Reset()
	viewer, _, _, err := i.whoIs(t.Context(), hash)
	_, _, _, err2 := i.whoIs(t.Context(), second)
	if sent := requested(i.sql); len(sent) != 0 || err != nil || err2 != nil || viewer.UserID != w.member.ID || viewer.SessionID == (model.SessionID{}) {
		t.Errorf("%v, %v, %v, sent %v", viewer, err, err2, sent)
	}
	me := must[*model.User](t)(i.Reader(viewer).Me(t.Context()))
	if me.PasswordHash != nil {
		t.Error("the password's hash is kept")
	}
	me.Name = "changed by who asked"
	if _, name, _, _ := i.whoIs(t.Context(), hash); name != "Mo Member" {
		t.Errorf("what one asker did another one sees: %s", name)
	}
}

// Companies are cached for whoever may see them, whole, and for nobody else.
func TestCachedCompaniesAreScoped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := newInstance(t, w)
	both := []model.CompanyID{w.company.ID, w.other.ID}
	onlyIDs := model.Selection{}
	read := func(u *model.User, want int, statements int, ids ...model.CompanyID) {
		t.Helper()
		i.sql.Reset()
		companies := must[[]*model.Company](t)(i.Reader(viewer(u)).Selecting(onlyIDs).CompaniesByIDs(t.Context(), ids))
		if sent := requested(i.sql); len(companies) != want || len(sent) != statements {
			t.Errorf("%s: %d companies by %d statements, want %d by %d", u.Name, len(companies), len(sent), want, statements)
		}
		for _, company := range companies {
			if company.Name == "" {
				t.Error("a part of a company is cached")
			}
			company.Name = "changed by who asked"
		}
	}
	read(w.admin, 2, 1, both...)
	read(w.admin, 2, 0, both...)
	read(w.admin, 1, 0, w.other.ID)
	read(w.member, 1, 0, w.company.ID)
	read(w.member, 1, 1, both...)
	read(w.member, 0, 1, w.other.ID)
	key := viewer(w.admin)
	key.KeyID = model.NewID[model.APIKeyID]()
	if _, ok := i.Reader(key).CompaniesInMemory(both); ok {
		t.Error("a key without the scope sees what is cached")
	}
	if _, ok := i.Reader(viewer(w.admin)).CompaniesInMemory(both); !ok {
		t.Error("the companies are not cached")
	}
	must[*model.Company](t)(inTx(t, w, w.stranger, func(ctx context.Context, tx *repo.Tx) (*model.Company, error) {
		return tx.UpdateCompany(ctx, model.UpdateCompanyInput{ID: w.other.ID, Name: new("Other, renamed")})
	}))
	within(t, staleMax, "the other company's new name", func() bool {
		companies := must[[]*model.Company](t)(i.Reader(viewer(w.admin)).CompaniesByIDs(t.Context(), both))
		return slices.ContainsFunc(companies, func(c *model.Company) bool { return c.Name == "Other, renamed" })
	})
}

// requested are the statements but those by which the watch keeps itself awake.
func requested(sql *pgtest.Recorder) []string {
	var sent []string
	for _, statement := range sql.Statements(false) {
		if !strings.Contains(statement, "pg_notify") {
			sent = append(sent, statement)
		}
	}
	return sent
}

// What changes is seen at once where it was changed, and within a second on every other instance, whoever changed it.
func TestChangesReachEveryInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := newInstance(t, w), newInstance(t, w)
	hash := session(t, w, w.member)
	change := func(fn func(context.Context, *repo.Tx) error) func() error {
		return func() error { return here.InTx(t.Context(), viewer(w.manager), fn) }
	}
	var worst time.Duration
	for _, c := range []struct {
		name   string
		change func() error
		seen   func(model.Viewer, string, string, error) bool
		local  bool
	}{
		{"name", change(func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateUser(ctx, model.UpdateUserInput{ID: w.member.ID, Name: new("Mo Changed")}, nil)
			return err
		}), func(_ model.Viewer, name, _ string, _ error) bool { return name == "Mo Changed" }, true},
		{"role", change(func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.ChangeUserRole(ctx, model.ChangeUserRoleInput{UserID: w.member.ID, Role: model.RoleManager})
			return err
		}), func(v model.Viewer, _, _ string, _ error) bool { return v.Role == model.RoleManager }, true},
		{"company", change(func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateCompany(ctx, model.UpdateCompanyInput{ID: w.company.ID, Name: new("Own, renamed")})
			return err
		}), func(_ model.Viewer, _, company string, _ error) bool { return company == "Own, renamed" }, true},
		{"by hand", func() error {
			_, err := w.Pool.Exec("UPDATE companies SET name = 'By hand'")
			return err
		}, func(_ model.Viewer, _, company string, _ error) bool { return company == "By hand" }, false},
		{"sessions ended", change(func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.EndSessions(ctx, model.EndSessionsInput{UserID: w.member.ID})
			return err
		}), func(_ model.Viewer, _, _ string, err error) bool { return fault.Is(err, fault.Unauthenticated) }, true},
	} {
		for _, i := range []*instance{here, there} {
			_, _, _, err := i.whoIs(t.Context(), hash)
			i.sql.Reset()
			_, _, _, err2 := i.whoIs(t.Context(), hash)
			if sent := requested(i.sql); len(sent) > 0 || err != nil || err2 != nil {
				t.Fatalf("before %s it is not cached: %v, %v, %v", c.name, err, err2, sent)
			}
		}
		if err := c.change(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if c.local && !c.seen(here.whoIs(t.Context(), hash)) {
			t.Errorf("%s: not seen where it was changed", c.name)
		}
		began := time.Now()
		within(t, staleMax, c.name, func() bool { return c.seen(there.whoIs(t.Context(), hash)) })
		worst = max(worst, time.Since(began))
	}
	t.Logf("seen elsewhere within %s", worst)
}

// Nothing is cached while the listener is away: what changes then is seen, and caching comes back by itself.
func TestNothingIsCachedWithoutTheListener(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := newInstance(t, w)
	hash := session(t, w, w.member)
	for range 2 {
		must[model.Viewer](t)(i.ViewerBySession(t.Context(), hash))
	}
	for range 3 {
		_, err := w.Pool.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
		if err != nil {
			t.Fatal(err)
		}
		within(t, staleMax, "end of the cache", func() bool { return !repo.Caching(i.Store) })
		if _, err := w.Pool.Exec("UPDATE users SET name = name || '+' WHERE id = $1", uuidOf(w.member.ID)); err != nil {
			t.Fatal(err)
		}
		_, before, _, err := i.whoIs(t.Context(), hash)
		i.waitCaching(t)
		_, after, _, err2 := i.whoIs(t.Context(), hash)
		if err != nil || err2 != nil || before != after || !strings.HasSuffix(after, "+") {
			t.Errorf("%q and %q, %v, %v", before, after, err, err2)
		}
	}
}

// A listener whose connection is dead without a word is found out while others work, and then nothing is cached. It comes
// back by itself.
func TestSilentListenerIsFoundOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := must[*url.URL](t)(url.Parse(w.URL))
	proxy := tcpproxy.New(t, address.Host)
	proxy.Set(t, tcpproxy.Pass)
	address.Host = proxy.Addr
	pool := must[*sql.DB](t)(pgconn.Open(pgconn.Config{URL: address.String(), PoolMax: 4}))
	t.Cleanup(func() { _ = pool.Close() })
	i := newInstanceOver(t, pool)
	proxy.Set(t, tcpproxy.Blackhole) // for what is open
	proxy.Set(t, tcpproxy.Pass)
	began := time.Now()
	within(t, 3*staleMax, "end of the cache", func() bool { return !repo.Caching(i.Store) })
	t.Logf("found out after %s", time.Since(began))
	i.waitCaching(t)
}

// BenchmarkViewer reads a session's viewer, user and company, as each request does: three statements without the cache.
func BenchmarkViewer(b *testing.B) {
	w := newWorld(b)
	hash := session(b, w, w.member)
	cached, uncached := newInstance(b, w), &instance{Store: repo.New(w.Pool, repo.Options{Prepare: true})}
	for name, i := range map[string]*instance{"cached": cached, "uncached": uncached} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := i.whoIs(b.Context(), hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A pool that is busy when the listener asks for a word does not end the cache.
func TestBusyPoolKeepsTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := newInstance(t, w)
	w.Pool.SetMaxOpenConns(1)
	conn, err := w.Pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	began, limit := time.Now(), repo.WatchQuietMax+2*repo.WatchAnswerMax
	for time.Since(began) < limit && repo.Caching(i.Store) {
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(began); took < limit {
		t.Errorf("nothing is cached after %s", took)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
