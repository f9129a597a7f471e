package pgconn

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/iotest"
)

// Whatever pieces the network makes of them, the answers to what went ahead are taken out, and nothing else is.
func TestWireTakesOutTheAnswers(t *testing.T) {
	t.Parallel()
	const (
		parsed, bound, done = "1\x00\x00\x00\x04", "2\x00\x00\x00\x04", "C\x00\x00\x00\x0aBEGIN\x00"
		notice, failure     = "N\x00\x00\x00\x07abc", "E\x00\x00\x00\x06xy"
		behind              = bound + "D\x00\x00\x00\x06\x00\x00" + done + "Z\x00\x00\x00\x05T"
	)
	for name, answer := range map[string]struct{ comes, arrives string }{
		"all well":            {parsed + bound + done + behind, behind},
		"notices between":     {notice + parsed + notice + bound + notice + done + behind, notice + notice + notice + behind},
		"not parsed":          {failure + behind, failure + behind},
		"not run":             {parsed + bound + failure + behind, failure + behind},
		"the end in a header": {parsed + bound + "C\x00", ""},
	} {
		for pieces, cut := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader,
		} {
			var sent bytes.Buffer
			w := newWire(played{Reader: cut(bytes.NewReader([]byte(answer.comes))), Writer: &sent})
			w.sendAhead("BEGIN")
			for _, text := range []string{"bind", "more"} {
				if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
					t.Errorf("%s, %s: wrote %d, %v", name, pieces, n, err)
				}
			}
			ahead := "P\x00\x00\x00\x0d\x00BEGIN\x00\x00\x00B\x00\x00\x00\x0c" + string(make([]byte, 8)) + "E\x00\x00\x00\x09" + string(make([]byte, 5))
			if sent.String() != ahead+"bindmore" {
				t.Errorf("%s, %s: sent %q", name, pieces, sent.String())
			}
			if got, err := io.ReadAll(w); string(got) != answer.arrives || err != nil {
				t.Errorf("%s, %s: got %q, %v, want %q", name, pieces, got, err, answer.arrives)
			}
		}
	}
}

// played is a connection whose server has said everything beforehand.
type played struct {
	net.Conn
	io.Reader
	io.Writer
}

func (p played) Read(b []byte) (int, error)  { return p.Reader.Read(b) }
func (p played) Write(b []byte) (int, error) { return p.Writer.Write(b) }
