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
	// gcPercent lets the heap grow to four times of what is in use: collecting is a large part of what a request takes, and
	// little is in use between requests.
	gcPercent = 300
	// memoryPart of what there is leaves the rest to what Go does not count, such as the pages of the program itself.
	memoryPart = 0.9
)

// tuneMemory sets how the garbage collector works, where the environment does not, and gives the configuration that holds.
// A GOMEMLIMIT guards what GOGC lets grow: near to it the collector works more.
func tuneMemory(c config.Config, available memlimit.Provider) config.Config {
	if c.GCPercent == "" {
		debug.SetGCPercent(gcPercent)
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
	return c
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
