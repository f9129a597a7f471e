//go:build darwin || netbsd || openbsd

package extract

import "golang.org/x/sys/unix"

// limitProcess has the kernel hold the process to what it knows here; memory is watched by the process itself.
func limitProcess(limits Limits) {
	seconds := uint64(processorTime(limits.Time).Seconds())
	_ = unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: seconds})
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
