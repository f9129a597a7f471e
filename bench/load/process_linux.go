package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Accounted says that this system tells what processes take.
const Accounted = true

// ticksPerSecond is the unit of CPU times in /proc, the same on every Linux that Go runs on.
const ticksPerSecond = 100

// Positions in /proc/PID/stat, counted from behind the program's name.
const (
	statParent  = 1
	statCPUFrom = 11 // user, system, and both of children that have ended and were waited for
	statCPUTo   = 15
)

// CPUOf is the CPU time that a process and its descendants have taken, ended ones included.
func CPUOf(pid int) time.Duration {
	var ticks int64
	for _, p := range tree(pid) {
		fields := stat(p)
		if len(fields) < statCPUTo {
			continue // it has ended
		}
		for _, field := range fields[statCPUFrom:statCPUTo] {
			n, _ := strconv.ParseInt(field, 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// OwnCPU is the CPU time of this process alone.
func OwnCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// ForgetPeak begins the peak memory of a process and its descendants anew.
func ForgetPeak(pid int) {
	for _, p := range tree(pid) {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p), []byte("5"), 0)
	}
}

// PeakBytes is the peak of the resident memory since ForgetPeak, of a process and its descendants together.
func PeakBytes(pid int) int64 {
	var bytes int64
	for _, p := range tree(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kilobytes, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
				bytes += kilobytes << 10
			}
		}
	}
	return bytes
}

// tree is the process and all its descendants.
func tree(pid int) []int {
	entries, _ := os.ReadDir("/proc")
	children := map[int][]int{}
	for _, entry := range entries {
		p, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields := stat(p); len(fields) > statParent {
			parent, _ := strconv.Atoi(fields[statParent])
			children[parent] = append(children[parent], p)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// stat gives the fields behind the program's name, which may have spaces; none of a process that has ended.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, fields, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	return strings.Fields(fields)
}
