package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// How the child ends when it does not end well; Go's own code for a crash is 2.
const (
	exitTrouble = 64 // ours: it could not understand what it was told, or not read or write
	exitMemory  = 65 // it saw that it takes too much
	exitCrash   = 2
)

const (
	stderrBytesMax = 64 << 10        // of what a child complains about: the beginning tells what it died of
	pipeWaitMax    = 2 * time.Second // for a pipe that something else holds open after the child is gone
)

// message is a line of what the child says. It ends with an end or an error.
type message struct {
	Block *Block `json:"block,omitempty"`
	End   *end   `json:"end,omitempty"`
	Error *Error `json:"error,omitempty"`
}

type end struct {
	Pages int `json:"pages"`
}

// run has a child read the file, and takes what it says.
func (e *Extractor) run(ctx context.Context, file *os.File, asked request) (*Text, error) {
	told, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("ask for the text of a file: %w", err)
	}
	if len(e.Command) == 0 {
		return nil, errors.New("read a file: there is no command for it")
	}
	timed, cancel := context.WithTimeout(ctx, asked.Limits.Time)
	defer cancel()
	running, kill := context.WithCancel(timed)
	defer kill()
	cmd := exec.CommandContext(running, e.Command[0], e.Command[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{} // nothing of the server's: its environment has secrets
	cmd.Stdin = bytes.NewReader(told)
	cmd.ExtraFiles = []*os.File{file}
	complaint := &beginning{}
	cmd.Stderr = complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeWaitMax
	said, ended, err := start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the reader of files: %w", err)
	}
	heard := hear(said, asked.Limits.TextBytes)
	if heard.isBabble() { // nobody listens any more
		kill()
	}
	failed := <-ended
	_ = said.Close()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("read a file: %w", context.Cause(ctx))
	case timed.Err() != nil:
		return nil, errTime
	case heard.tooMuch:
		return nil, errTextBytes(asked.Limits.TextBytes)
	case heard.isBabble():
		return nil, fmt.Errorf("read a file: the child is not understood: %w", heard.err)
	case failed != nil:
		return nil, why(cmd.ProcessState, failed, complaint.String(), heard.begun, asked.Limits)
	case heard.reason != nil:
		return nil, heard.reason
	case heard.err != nil || heard.text == nil:
		return nil, errors.New("read a file: the child ended without a word")
	}
	return heard.text, nil
}

// start starts the child, and gives what it says and how it ended.
func start(cmd *exec.Cmd) (io.ReadCloser, <-chan error, error) {
	said, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout = write
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		// The death signal fires when the forking thread ends, so this goroutine keeps its thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		_ = write.Close()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		_ = said.Close()
		return nil, nil, err
	}
	return said, ended, nil
}

// heard is what a child said.
type heard struct {
	begun   bool // it got so far as to read the file
	text    *Text
	reason  *Error
	err     error
	tooMuch bool
}

// isBabble tells what is no message, from a child that ended before it said all.
func (h heard) isBabble() bool {
	return h.err != nil && !errors.Is(h.err, io.EOF) && !errors.Is(h.err, io.ErrUnexpectedEOF)
}

// hear takes what the child says, and not much more than the text it may find: the child is not trusted either.
func hear(said io.Reader, textBytesMax int64) heard {
	limited := &io.LimitedReader{R: said, N: 2*textBytesMax + 1<<20} // JSON escapes some, and names each block's fields
	counted := &first{Reader: limited}
	decoder := json.NewDecoder(counted)
	text := &Text{Blocks: []Block{}}
	for {
		var m message
		if err := decoder.Decode(&m); err != nil {
			if limited.N <= 0 {
				return heard{begun: true, err: errTextBytes(textBytesMax), tooMuch: true}
			}
			return heard{begun: counted.any, err: err}
		}
		switch {
		case m.Error != nil:
			return heard{begun: true, reason: m.Error}
		case m.End != nil:
			text.Pages = m.End.Pages
			return heard{begun: true, text: text}
		case m.Block != nil:
			text.Blocks = append(text.Blocks, *m.Block)
		}
	}
}

// first notes whether anything came.
type first struct {
	io.Reader
	any bool
}

func (f *first) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	f.any = f.any || n > 0
	return n, err
}

// why tells what a child died of: the file's fault is an *Error.
func why(state *os.ProcessState, failed error, complaint string, begun bool, limits Limits) error {
	trouble := fmt.Errorf("read a file: the child failed: %w", failed)
	if state == nil || !begun {
		return trouble
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled() && status.Signal() == syscall.SIGXCPU:
		return errTime
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		// Not from us. The kernel kills for the processor's time, which is known, and for memory.
		if state.UserTime()+state.SystemTime() >= processorTime(limits.Time) {
			return errTime
		}
		return errMemory
	case status.Signaled():
		return errBroken
	case state.ExitCode() == exitMemory:
		return errMemory
	case state.ExitCode() != exitCrash:
		return trouble
	case strings.Contains(complaint, "out of memory"), strings.Contains(complaint, "cannot allocate memory"):
		return errMemory
	case strings.Contains(complaint, "failed to create new OS thread"):
		return trouble
	}
	return errBroken
}

// beginning keeps the first bytes that are written to it.
type beginning struct{ bytes.Buffer }

func (b *beginning) Write(p []byte) (int, error) {
	_, _ = b.Buffer.Write(p[:min(len(p), max(0, stderrBytesMax-b.Len()))])
	return len(p), nil
}
