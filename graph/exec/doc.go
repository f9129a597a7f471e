// Package exec executes operations on resolvers: generated.go is what internal/generate makes of schema.graphqls
// (`make generate`), and runs on exec.go and object.go. Only package graph imports it.
package exec
