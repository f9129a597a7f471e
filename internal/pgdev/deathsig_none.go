//go:build unix && !linux && !freebsd

package pgdev

import "syscall"

// endWithParent does nothing here: these systems have no death signal, and the next start stops what a killed
// program left.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
