package main

import (
	"fmt"
	"math"
	"runtime/debug"
	"strconv"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"dossier/internal/config"
)

const (
	// gcPercent lets the heap grow to two and a half times what is in use: a server at 64 connections stays below 100 MB, its
	// program included, and collects a third less often than with Go's 100.
	gcPercent = 150
	// usedUsually is what a busy server has in use, in bytes.
	usedUsually = 32 << 20
	// memoryPart of what there is leaves the rest to what Go does not count, such as the pages of the program itself.
	memoryPart = 0.9
)

// tuneMemory sets how the garbage collector works, where the environment does not, and gives the configuration that holds.
// A GOMEMLIMIT guards what GOGC lets grow: near to it the collector works more. Beside is to be called with how many bytes are kept for long.
func tuneMemory(c config.Config, available memlimit.Provider) (tuned config.Config, beside func(kept int64)) {
	beside = func(int64) {}
	if c.GCPercent == "" {
		beside = func(kept int64) { debug.SetGCPercent(gcPercentBeside(kept)) }
		beside(0)
		c.GCPercent = strconv.Itoa(gcPercent)
	}
	if c.MemoryLimit == "" {
		c.MemoryLimit = config.Off
		if limit, err := memlimit.ApplyRatio(available, memoryPart)(); err == nil {
			mebibytes := min(limit, math.MaxInt64) >> 20
			debug.SetMemoryLimit(int64(mebibytes << 20))
			c.MemoryLimit = fmt.Sprintf("%dMiB", mebibytes)
		}
	}
	return c, beside
}

// gcPercentBeside lets the heap grow by as much as if nothing were kept: otherwise a byte that is kept would have one and a half more of garbage.
func gcPercentBeside(kept int64) int {
	return max(1, int(gcPercent*usedUsually/(usedUsually+kept)))
}

// memoryAvailable is the limit of the container, of any version and depth of its cgroups, and where that is none or more, the
// machine's memory.
func memoryAvailable() (uint64, error) {
	machine, err := memlimit.FromSystem()
	container, noContainer := memlimit.FromCgroup()
	switch {
	case noContainer != nil:
		return machine, err
	case err != nil:
		return container, nil
	}
	return min(container, machine), nil
}
