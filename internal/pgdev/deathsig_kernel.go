//go:build linux || freebsd

package pgdev

import "syscall"

// endWithParent has the kernel send the signal when the thread that forked the child ends.
func endWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
