package repo_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dossier/model"
	"dossier/repo"
)

// A search does not wait for long until the vectors are read.
func TestIndexThatIsReadSlowly(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 1<<20)
	slow := &slowStatement{text: "AS counted", release: make(chan struct{})}
	w.kept = repo.New(w.Pool, repo.Options{SearchMemory: 1 << 20, Hooks: []bun.QueryHook{slow, w.sql}})
	if w.comparesInMemory(t, w.manager, nil) {
		t.Error("vectors are compared that nobody has read")
	}
	close(slow.release)
	w.awaitMemory(t, w.manager, nil)
	if n := slow.seen.Load(); n != 1 {
		t.Errorf("the vectors were read %d times", n)
	}
}

// slowStatement holds statements with a text back.
type slowStatement struct {
	text    string
	release chan struct{}
	seen    atomic.Int32
}

func (s *slowStatement) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if strings.Contains(e.Query, s.text) {
		s.seen.Add(1)
		<-s.release
	}
	return ctx
}

func (*slowStatement) AfterQuery(context.Context, *bun.QueryEvent) {}

// What does not fit is compared by the database.
func TestTooManyVectorsForMemory(t *testing.T) {
	t.Parallel()
	w := newIndexWorld(t, 4*chunksEach*(16+3*8+4+dimensionsA)-1)
	w.awaitMemory(t, w.stranger, nil)
	for range 5 {
		time.Sleep(20 * time.Millisecond)
		if w.comparesInMemory(t, w.manager, nil) {
			t.Fatal("more vectors are in memory than may be")
		}
	}
	if got := w.ids(t, w.kept, w.manager, w.near(modelA, 1), nil); len(got) != 100 {
		t.Errorf("%d are found", len(got))
	}
	if w.sql.Reset(); w.comparesInMemory(t, w.manager, nil) || !strings.Contains(strings.Join(w.sql.Statements(false), "\n"), "bit_count") {
		t.Error("the database compares nothing")
	}
}

// How much memory is used is told, and no more than may be is used.
func TestMemoryOfIndexes(t *testing.T) {
	t.Parallel()
	const each = 16 + 3*8 + 4 + dimensionsA
	w := newIndexWorld(t, 4*chunksEach*each)
	// Both do not fit, and the one that searched last is kept.
	for range 3 {
		for _, c := range []struct {
			as      *model.User
			vectors int64
		}{{w.manager, 4 * chunksEach}, {w.stranger, chunksEach}} {
			for n := range 2 {
				if !w.comparesInMemory(t, c.as, nil) {
					t.Fatal("the vectors are not in memory")
				}
				if reads := strings.Contains(strings.Join(w.sql.Statements(false), "\n"), "AS counted"); reads != (n == 0) {
					t.Errorf("search %d has the vectors read: %t", n, reads)
				}
			}
			if got := w.used.Load(); got != c.vectors*each {
				t.Errorf("%d bytes are used for %d vectors", got, c.vectors)
			}
		}
	}
}

// randomVectors are of length 1.
func randomVectors(seed uint64, n, dimensions int) []model.Vector {
	random := rand.New(rand.NewPCG(seed, 0))
	vectors := make([]model.Vector, n)
	for i := range vectors {
		v := make(model.Vector, dimensions)
		for j := range v {
			v[j] = float32(random.NormFloat64())
		}
		vectors[i], _ = v.Unit()
	}
	return vectors
}

// What an index keeps of a vector is as good as the vector, however many numbers it has.
func TestShortVectors(t *testing.T) {
	t.Parallel()
	for dimensions, most := range map[int]float64{1: 1e-6, 2: 0.006, 3: 0.006, 7: 0.006, 48: 0.006, 384: 0.003, model.VectorDimensionsMax: 0.002} {
		vectors := randomVectors(1, 20, dimensions)
		for _, a := range vectors {
			for _, b := range vectors {
				if got, want := repo.ShortDot(a, b), a.Dot(b); math.Abs(float64(got-want)) > most {
					t.Errorf("%d dimensions: %v, exactly %v", dimensions, got, want)
				}
			}
		}
	}
	if got := repo.ShortDot(make(model.Vector, 8), randomVectors(1, 1, 8)[0]); got != 0 {
		t.Errorf("no direction: %v", got)
	}
}

// To find the nearest of 100,000 vectors takes some 2 ms.
func BenchmarkIndex(b *testing.B) {
	const dimensions = 384
	nearest, query := repo.IndexOf(randomVectors(1, 100_000, dimensions)), randomVectors(2, 1, dimensions)[0]
	b.ReportAllocs()
	for b.Loop() {
		nearest(query, model.SearchHitsMax)
	}
}
