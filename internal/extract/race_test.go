//go:build race

package extract

// withRace tells that the race detector is in the children, too: it ends a process without memory with an exit code of its own.
const withRace = true
