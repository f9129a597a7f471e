//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package pgconn

import "net"

// quietCheck cannot peek here: the first query on a dead connection fails.
func quietCheck(net.Conn) func() bool {
	return func() bool { return true }
}
