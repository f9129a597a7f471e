//go:build unix

package pgdev

import (
	"io"
	"time"
)

const (
	// logBytesMax is the size at which the log is begun anew.
	logBytesMax = 64 << 20
	// logCheckEvery is how often its size is looked at.
	logCheckEvery = time.Minute
	// logReadMax bounds what is read of it for an error message.
	logReadMax = 64 << 10
)

func (s *Server) logSize() int64 {
	info, err := s.logFile.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// trimLog works under the server's hands: it writes in append mode, so its next line is the first.
func (s *Server) trimLog() {
	if s.logSize() > logBytesMax {
		_ = s.logFile.Truncate(0)
	}
}

// logSince returns what was written from the offset on.
func (s *Server) logSince(offset int64) string {
	text, _ := io.ReadAll(io.NewSectionReader(s.logFile, offset, logReadMax))
	return string(text)
}
