package repo_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"dossier/internal/fault"
	"dossier/internal/pgconn"
	"dossier/model"
	"dossier/repo"
)

// Each row of the design's table of database errors, made by the real PostgreSQL.
func TestDatabaseErrorsAreTranslated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raise := func(state string) error {
		return w.Store.InTx(t.Context(), viewer(w.admin), func(ctx context.Context, tx *repo.Tx) error {
			return tx.Raise(ctx, state)
		})
	}
	for state, want := range map[string]fault.Code{
		"23505": fault.Conflict, "23503": fault.BadReference, "57014": fault.Timeout, "53300": fault.Unavailable,
		"57P01": fault.Unavailable, "57P02": fault.Unavailable, "57P03": fault.Unavailable,
		"40001": fault.Unavailable, "40P01": fault.Unavailable,
	} {
		if err := raise(state); !fault.Is(err, want) {
			t.Errorf("%s: %v, want %s", state, err, want)
		}
	}
	if err := raise("22012"); fault.All(err) != nil || err == nil {
		t.Errorf("a state that means nothing to a client: %v", err)
	}
	for _, state := range []string{"40001", "40P01"} {
		if faults := fault.All(raise(state)); !faults[0].Retryable {
			t.Errorf("%s is not retryable", state)
		}
	}
}

func TestTakenEmailIsAConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.CreateUser(ctx, model.CreateUserInput{Name: "n", Email: "MO.member@TEST.example", Role: model.RoleMember}, nil)
	})
	wantFault(t, "the address in other case", err, fault.Conflict, "email")
}

func TestDeadlineIsATimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := w.Store.InTx(ctx, viewer(w.admin), func(ctx context.Context, tx *repo.Tx) error { return tx.Sleep(ctx, 10*time.Second) })
	if !fault.Is(err, fault.Timeout) {
		t.Errorf("%v", err)
	}
}

func TestNoConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	pool := must[*sql.DB](t)(pgconn.Open(pgconn.Config{URL: "postgres://u:p@127.0.0.1:1/d?sslmode=disable", ConnectTimeout: time.Second}))
	defer pool.Close()
	store := repo.New(pool, repo.Options{})
	if err := store.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
	_, err := store.System().UsersByIDs(t.Context(), []model.UserID{{}})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

// A conflict of transactions is tried again, a bounded number of times; what fn did before is rolled back each time.
func TestConflictsAreRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tries := 0
	err := w.Store.InTx(t.Context(), viewer(w.admin), func(ctx context.Context, tx *repo.Tx) error {
		tries++
		if _, err := tx.CreateCompany(ctx, model.CreateCompanyInput{Name: "Tried"}); err != nil {
			return err
		}
		if tries < 3 {
			return tx.Raise(ctx, "40001")
		}
		return nil
	})
	made := must[rowsOf](t)(query(w.DB, "SELECT name FROM companies WHERE name = 'Tried'"))
	if err != nil || tries != 3 || len(made) != 1 {
		t.Errorf("%d tries, %d companies: %v", tries, len(made), err)
	}
	tries = 0
	err = w.Store.InTx(t.Context(), viewer(w.admin), func(ctx context.Context, tx *repo.Tx) error {
		tries++
		return tx.Raise(ctx, "40P01")
	})
	if !fault.Is(err, fault.Unavailable) || tries != repo.TxTriesMax {
		t.Errorf("%d tries: %v", tries, err)
	}
	tries = 0
	_ = w.Store.InTx(t.Context(), viewer(w.admin), func(context.Context, *repo.Tx) error {
		tries++
		return errors.New("anything else")
	})
	if tries != 1 {
		t.Errorf("another error was tried %d times", tries)
	}
}
