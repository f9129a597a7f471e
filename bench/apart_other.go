//go:build unix && !linux

package main

import "syscall"

// apart gives a child a process group of its own.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
