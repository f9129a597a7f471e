package graph

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// ownerOf is a relation whose rows are made up, in an order that has nothing to do with the keys'.
func ownerOf(calls *atomic.Int32, missing model.UserID, fail error) *one[model.Project, model.UserID, model.User] {
	return &one[model.Project, model.UserID, model.User]{
		name: "user", key: func(p *model.Project) *model.UserID {
			if p.Name == "nobody's" {
				return nil
			}
			return &p.OwnerID
		}, id: userID,
		read: func(_ repo.Reader, _ context.Context, ids []model.UserID) ([]*model.User, error) {
			calls.Add(1)
			var users []*model.User
			for _, i := range rand.Perm(len(ids)) {
				if ids[i] != missing {
					users = append(users, &model.User{ID: ids[i], Name: ids[i].String()})
				}
			}
			return users, fail
		},
	}
}

func loadAll(relation *one[model.Project, model.UserID, model.User], rows []*model.Project) ([]*model.User, []error) {
	users, errs := make([]*model.User, len(rows)), make([]error, len(rows))
	var wait sync.WaitGroup
	for i, row := range rows {
		wait.Go(func() { users[i], errs[i] = relation.load(context.Background(), reading{&repo.Store{}}, row) })
	}
	wait.Wait()
	return users, errs
}

// However many rows ask, and in whatever order, one batch answers each with its own: keys that are equal, of nothing,
// or nil included.
func TestLoaderPutsRowsInTheirPlaces(t *testing.T) {
	t.Parallel()
	owners := make([]model.UserID, 40)
	for i := range owners {
		owners[i] = model.NewID[model.UserID]()
	}
	var rows []*model.Project
	for i := range 1000 {
		rows = append(rows, &model.Project{OwnerID: owners[i*7%len(owners)]})
	}
	rows = append(rows, &model.Project{Name: "nobody's"})
	model.Join(rows)
	var calls atomic.Int32
	users, errs := loadAll(ownerOf(&calls, owners[3], nil), rows)
	for i, row := range rows {
		switch {
		case row.Name == "nobody's":
			if users[i] != nil || errs[i] != nil {
				t.Errorf("a nil key: %v, %v", users[i], errs[i])
			}
		case row.OwnerID == owners[3]:
			if !fault.Is(errs[i], fault.NotFound) {
				t.Errorf("a key of nothing: %v, %v", users[i], errs[i])
			}
		case errs[i] != nil || users[i].ID != row.OwnerID:
			t.Fatalf("row %d has %v, %v", i, users[i], errs[i])
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d batches", calls.Load())
	}
}

func TestLoaderGivesAnErrorToEveryRow(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	rows := model.Join([]*model.Project{{OwnerID: model.UserID{1}}, {OwnerID: model.UserID{2}}})
	var calls atomic.Int32
	_, errs := loadAll(ownerOf(&calls, model.UserID{}, broken), rows)
	for _, err := range errs {
		if !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d batches", calls.Load())
	}
}

// A batch that panics fails its rows, and does not leave one waiting.
func TestLoaderSurvivesAPanic(t *testing.T) {
	t.Parallel()
	rows := model.Join([]*model.Project{{OwnerID: model.UserID{1}}, {OwnerID: model.UserID{2}}})
	relation := ownerOf(new(atomic.Int32), model.UserID{}, nil)
	relation.read = func(repo.Reader, context.Context, []model.UserID) ([]*model.User, error) { panic("on purpose") }
	for range 2 {
		_, errs := loadAll(relation, rows)
		for _, err := range errs {
			if err == nil || !strings.Contains(err.Error(), "on purpose") {
				t.Errorf("%v", err)
			}
		}
	}
}

// Rows that are in memory need no batch, unless one of them is not there.
func TestLoaderTakesWhatIsInMemory(t *testing.T) {
	t.Parallel()
	known, other := model.UserID{1}, model.UserID{2}
	for name, c := range map[string]struct {
		keys  []model.UserID
		reads int32
	}{
		"all": {[]model.UserID{known, known}, 0}, "not all": {[]model.UserID{known, other}, 1}, "none": {[]model.UserID{other}, 1},
	} {
		var reads atomic.Int32
		relation := ownerOf(&reads, model.UserID{}, nil)
		relation.inMemory = func(_ repo.Reader, ids []model.UserID) ([]*model.User, bool) {
			return []*model.User{{ID: known, Name: known.String()}}, !slices.Contains(ids, other)
		}
		rows := []*model.Project{{Name: "nobody's"}}
		for _, key := range c.keys {
			rows = append(rows, &model.Project{OwnerID: key})
		}
		users, errs := loadAll(relation, model.Join(rows))
		for i, key := range c.keys {
			if errs[i+1] != nil || users[i+1].ID != key || users[i+1].Name != key.String() {
				t.Errorf("%s: %v, %v", name, users[i+1], errs[i+1])
			}
		}
		if users[0] != nil || errs[0] != nil || reads.Load() != c.reads {
			t.Errorf("%s: %v, %v, %d reads", name, users[0], errs[0], reads.Load())
		}
	}
}

// A row that came alone is loaded all the same.
func TestLoaderOfALoneRow(t *testing.T) {
	t.Parallel()
	users, errs := loadAll(ownerOf(new(atomic.Int32), model.UserID{}, nil), []*model.Project{{OwnerID: model.UserID{9}}})
	if errs[0] != nil || users[0].ID != (model.UserID{9}) {
		t.Errorf("%v, %v", users[0], errs[0])
	}
}

func TestKeysOfAreDistinctAndInOrder(t *testing.T) {
	t.Parallel()
	keys := keysOf([]*int{new(int), ptr(3), nil, ptr(3), ptr(1)}, func(n *int) *int { return n })
	if fmt.Sprint(keys) != "[0 3 1]" {
		t.Errorf("%v", keys)
	}
}

func ptr[T any](v T) *T { return &v }

func BenchmarkLoader(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			relation := ownerOf(new(atomic.Int32), model.UserID{}, nil)
			owners := make([]model.UserID, n)
			for i := range owners {
				owners[i] = model.NewID[model.UserID]()
			}
			b.ReportAllocs()
			for b.Loop() {
				rows := make([]*model.Project, n)
				for i := range rows {
					rows[i] = &model.Project{OwnerID: owners[i]}
				}
				for _, row := range model.Join(rows) {
					if _, err := relation.load(b.Context(), reading{&repo.Store{}}, row); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
