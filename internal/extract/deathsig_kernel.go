//go:build linux || freebsd

package extract

import "syscall"

// endWithParent has the kernel kill the child when the thread that forked it ends.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
