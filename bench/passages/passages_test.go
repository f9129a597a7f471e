package passages

import (
	"math"
	"testing"

	"dossier/model"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	texts, err := ReadTexts("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	const wanted = 2000
	for n := range wanted {
		seen[texts.Text(n)] = true
	}
	if again := texts.Text(7); len(seen) < wanted*99/100 || !seen[again] {
		t.Errorf("%d texts of %d are different", len(seen), wanted)
	}
}

// Two vectors of a cluster are nearer to one another than those of two clusters.
func TestClustered(t *testing.T) {
	t.Parallel()
	const of = 2000
	near := 0
	for n := 1; n < of; n++ {
		v := Clustered(n, of)
		if length := math.Sqrt(float64(v.Dot(v))); math.Abs(length-1) > 1e-4 {
			t.Fatalf("the length is %v", length)
		}
		if v.Dot(Clustered(0, of)) > 0.4 {
			near++
		}
	}
	if near < chunksPerGroup/2 || near > chunksPerGroup*2 {
		t.Errorf("%d are near to the first", near)
	}
}

func TestRecall(t *testing.T) {
	t.Parallel()
	var chunks []Chunk
	for i := range 100 {
		angle := float64(i) / 100
		chunks = append(chunks, Chunk{ID: model.NewID[model.ChunkID](), Text: model.Vector{float32(math.Cos(angle)), float32(math.Sin(angle))}})
	}
	exact := NewExact(chunks, func(c Chunk) model.Vector { return c.Text }, model.Vector{1, 0}, 10)
	for _, c := range []struct {
		name  string
		found []int
		want  float64
	}{
		{"all", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 1}, {"in another order", []int{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, 1},
		{"none", nil, 0}, {"half", []int{0, 1, 2, 3, 4, 50, 51, 52, 53, 54}, 0.5}, {"one again and again", []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0.1},
		{"more than were asked for", []int{50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 0, 1}, 0},
	} {
		var found []model.ChunkID
		for _, i := range c.found {
			found = append(found, chunks[i].ID)
		}
		if got := exact.Recall(found); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
