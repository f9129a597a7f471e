//go:build unix && !linux && !freebsd

package extract

import "syscall"

// endWithParent does nothing here: these systems have no death signal. The child ends by its own limit of processor time.
func endWithParent(*syscall.SysProcAttr) {}
