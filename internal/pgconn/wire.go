package pgconn

import (
	"bufio"
	"encoding/binary"
	"net"
)

// wire is a connection that can send a BEGIN ahead of what pgdriver sends next, in the same write, and takes its answers out
// of what comes back. It has no Sync of its own: if BEGIN fails, the server passes over everything up to the statement's.
// That is the pipelining of the extended protocol
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING), for which pgdriver has no place.
type wire struct {
	net.Conn
	ahead   []byte // goes with the next write
	answers int    // to what went ahead, which are still to come
	passing int    // bytes of a message between them, for pgdriver
	in      *bufio.Reader
}

// wireBuffer is smaller than pgdriver's, so that what pgdriver reads is not copied: bufio reads past its empty buffer.
const wireBuffer = 1 << 10

func newWire(nc net.Conn) *wire {
	return &wire{Conn: nc, in: bufio.NewReaderSize(nc, wireBuffer)}
}

// sendAhead takes a statement of the transaction along with the next write.
func (w *wire) sendAhead(query string) {
	message := func(kind byte, body ...byte) {
		w.ahead = append(w.ahead, kind)
		w.ahead = binary.BigEndian.AppendUint32(w.ahead, uint32(4+len(body)))
		w.ahead = append(w.ahead, body...)
	}
	w.ahead = w.ahead[:0]
	message('P', append([]byte("\x00"+query), 0, 0, 0)...) // Parse: without a name, its text, no types of parameters
	message('B', 0, 0, 0, 0, 0, 0, 0, 0)                   // Bind: neither names, formats nor parameters
	message('E', 0, 0, 0, 0, 0)                            // Execute: without a name, all rows
	w.answers = 3                                          // ParseComplete, BindComplete, CommandComplete
}

func (w *wire) Write(b []byte) (int, error) {
	if len(w.ahead) == 0 {
		return w.Conn.Write(b)
	}
	n, err := w.Conn.Write(append(w.ahead, b...))
	n -= len(w.ahead)
	w.ahead = w.ahead[:0]
	return max(n, 0), err
}

func (w *wire) Read(b []byte) (int, error) {
	for w.answers > 0 && w.passing == 0 {
		head, err := w.in.Peek(5)
		if err != nil {
			return 0, err
		}
		size := 1 + int(binary.BigEndian.Uint32(head[1:]))
		switch head[0] {
		case '1', '2', 'C':
			if _, err := w.in.Discard(size); err != nil {
				return 0, err
			}
			w.answers--
		case 'E':
			w.answers = 0
		default: // a notice, or a parameter that was changed
			w.passing = size
		}
	}
	if w.passing > 0 {
		b = b[:min(len(b), w.passing)]
	}
	n, err := w.in.Read(b)
	w.passing = max(w.passing-n, 0)
	return n, err
}
