package extract

import "golang.org/x/sys/unix"

const (
	// dataSlack is what Go maps beyond what it uses: it takes its heap from the kernel in steps of 64 MiB.
	dataSlack = 512 << 20
	// writtenBytesMax is the largest file the child may write: the compiled reader of PDF in the cache.
	writtenBytesMax = 256 << 20
)

// limitProcess has the kernel hold the process to its limits, too. Each is a guard behind another: none may fail the work.
func limitProcess(limits Limits) {
	seconds := uint64(processorTime(limits.Time).Seconds())
	for resource, most := range map[int]uint64{
		unix.RLIMIT_DATA: uint64(limits.Memory) + dataSlack, unix.RLIMIT_CPU: seconds,
		unix.RLIMIT_FSIZE: writtenBytesMax, unix.RLIMIT_CORE: 0,
	} {
		// A hard limit equal to the soft one kills without a signal that Go would handle.
		_ = unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
	}
}
