//go:build !linux

package load

import "time"

// Accounted says that this system does not tell what processes take: CPU times and memory are 0.
const Accounted = false

// CPUOf is unknown here.
func CPUOf(int) time.Duration { return 0 }

// OwnCPU is unknown here.
func OwnCPU() time.Duration { return 0 }

// ForgetPeak does nothing here.
func ForgetPeak(int) {}

// PeakBytes is unknown here.
func PeakBytes(int) int64 { return 0 }
