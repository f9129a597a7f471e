//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pgconn

import (
	"net"
	"syscall"
)

// quietCheck returns a function that reports whether an idle socket is open and has nothing to read. It peeks
// (about 1 µs) and never waits. An idle server that speaks says that it stops, or that a setting changed: in
// neither case is the connection worth keeping.
func quietCheck(raw net.Conn) func() bool {
	sc, ok := raw.(syscall.Conn)
	if !ok {
		return func() bool { return true }
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return func() bool { return true }
	}
	var peekErr error
	var buf [1]byte
	peek := func(fd uintptr) bool {
		_, _, peekErr = syscall.Recvfrom(int(fd), buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	}
	return func() bool {
		// A closed socket reads 0 bytes without an error.
		return rc.Read(peek) == nil && (peekErr == syscall.EAGAIN || peekErr == syscall.EWOULDBLOCK)
	}
}
