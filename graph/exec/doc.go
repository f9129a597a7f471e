// Package exec is what gqlgen generates from schema.graphqls (`make generate`); only package graph imports it.
package exec
