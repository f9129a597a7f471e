//go:build !race

package graph_test

// raced is whether the race detector is on.
const raced = false
