// Package embedding turns texts into vectors whose dot product says how much two texts have to do with one another: by a model of its
// own that needs nothing, or by an endpoint that speaks OpenAI's embeddings.
package embedding

import (
	"context"
	"math"
)

// Embedder turns texts into vectors of unit length. It may be used by many goroutines at once.
type Embedder interface {
	// Model names the model: vectors of different models are never compared.
	Model() string
	// Dimensions is how many numbers a vector has.
	Dimensions() int
	// Documents gives the vector of each text, in the order of the texts, of which there may be any number.
	Documents(ctx context.Context, texts []string) ([][]float32, error)
	// Query gives the vector of a question, to be compared with those of documents.
	Query(ctx context.Context, text string) ([]float32, error)
}

// charactersMax is how much of a text counts: chunks have far less, and endpoints refuse much more.
const charactersMax = 20_000

// cut is what counts of a text.
func cut(text string) string {
	if len(text) <= charactersMax {
		return text
	}
	characters := 0
	for i := range text {
		if characters == charactersMax {
			return text[:i]
		}
		characters++
	}
	return text
}

// blank is the vector of a text without a word. It has a direction like any other one, so that whoever divides by its length, or stores
// it in an index of cosines, is safe; next to nothing points there.
func blank(dimensions int) []float32 {
	vector := make([]float32, dimensions)
	vector[0] = 1
	return vector
}

// unit is the vector of length 1 in the direction of the values. They are summed in their order and without fused operations, so that
// every machine gives the same one. It reports whether there is such a direction.
func unit(values []float64) ([]float32, bool) {
	largest := 0.0
	for _, v := range values {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 || math.IsInf(largest, 0) || math.IsNaN(largest) {
		return nil, false
	}
	sum := 0.0
	for _, v := range values {
		v /= largest // squares of huge numbers overflow
		sum += float64(v * v)
	}
	length := math.Sqrt(sum)
	vector := make([]float32, len(values))
	for i, v := range values {
		vector[i] = float32(v / largest / length)
	}
	return vector, true
}
