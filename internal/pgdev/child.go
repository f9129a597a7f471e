//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// fastShutdownMax is how long PostgreSQL may take to write everything out when Stop has no deadline.
	fastShutdownMax = 30 * time.Second
	// quickShutdownMax is how long it may take to just end its processes.
	quickShutdownMax = 6 * time.Second
	// readyPoll is how often we look whether it accepts connections.
	readyPoll = 3 * time.Millisecond
	// quietMax is how long something may take without a word to the user.
	quietMax = time.Second
)

// child is one run of the postgres program.
type child struct {
	process  *os.Process
	exited   chan struct{} // closed when it is gone and reaped
	status   string        // how it ended; set before exited is closed
	logStart int64         // where its lines begin in the log
}

// spawn starts postgres on s.port. It returns as soon as the process exists.
func (s *Server) spawn() (*child, error) {
	s.trimLog()
	cmd := s.account.command(context.Background(), syscall.SIGINT, filepath.Join(s.binaries.Dir, "postgres"), s.arguments()...)
	cmd.Stdout, cmd.Stderr = s.logFile, s.logFile
	c := &child{exited: make(chan struct{}), logStart: s.logSize()}
	started := make(chan error, 1)
	go func() {
		// The death signal fires when the forking thread ends, so this goroutine keeps its thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait()
		c.status = cmd.ProcessState.String()
		close(c.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return c, nil
}

// arguments has the caller's settings before those that are ours: the last one counts.
func (s *Server) arguments() []string {
	args := []string{"-D", s.cluster, "-c", "timezone=UTC", "-c", "log_timezone=UTC", "-c", "lc_messages=C"}
	for _, name := range slices.Sorted(maps.Keys(s.config.Settings)) {
		args = append(args, "-c", name+"="+s.config.Settings[name])
	}
	return append(args,
		"-c", "listen_addresses=127.0.0.1",
		"-c", "port="+strconv.Itoa(s.port),
		"-c", "unix_socket_directories=",
		"-c", "cluster_name="+s.tag,
		"-c", "update_process_title=on",
		"-c", "logging_collector=off",
		"-c", "log_destination=stderr",
	)
}

// waitReady returns when the child accepts connections. It has no limit but ctx: a recovery takes as long as it takes.
func (s *Server) waitReady(ctx context.Context, c *child) error {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	quiet := time.NewTimer(quietMax)
	defer quiet.Stop()
	for ctx.Err() == nil {
		if s.ready(c.process.Pid) {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
		case <-quiet.C:
			s.config.Progress("PostgreSQL is recovering its data, after it was not shut down cleanly")
		case <-c.exited:
			return s.startFailure(c)
		}
	}
	return fmt.Errorf("start PostgreSQL: %w", context.Cause(ctx))
}

// ready reads the status that postgres keeps in the eighth line of its pid file, which costs it no connection.
func (s *Server) ready(pid int) bool {
	text, err := os.ReadFile(s.pidPath())
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) > 7 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

func (s *Server) pidPath() string { return filepath.Join(s.cluster, "postmaster.pid") }

var errPortTaken = errors.New("the port was taken by another program")

// startFailure makes a sentence of what the child wrote before it ended.
func (s *Server) startFailure(c *child) error {
	text := s.logSince(c.logStart)
	if strings.Contains(text, "could not bind IPv4 address") {
		return fmt.Errorf("start PostgreSQL on port %d: %w", s.port, errPortTaken)
	}
	return fmt.Errorf("PostgreSQL did not start: %w; its log is %s", briefly(text, errors.New(c.status)), s.logFile.Name())
}

// shutdown ends the child: politely, then quickly, then by force when ctx ends. It reports whether force could be spared.
func (c *child) shutdown(ctx context.Context) bool {
	polite := fastShutdownMax
	if deadline, ok := ctx.Deadline(); ok {
		polite = min(polite, time.Until(deadline)/2)
	}
	c.signal(syscall.SIGINT)
	if c.wait(ctx, polite) {
		return true
	}
	if ctx.Err() == nil {
		c.signal(syscall.SIGQUIT)
		if c.wait(ctx, quickShutdownMax) {
			return true
		}
	}
	c.signal(syscall.SIGKILL)
	<-c.exited
	return false
}

// abort ends a child that never became ready.
func (c *child) abort() {
	c.signal(syscall.SIGQUIT)
	if !c.wait(context.Background(), quickShutdownMax) {
		c.signal(syscall.SIGKILL)
		<-c.exited
	}
}

func (c *child) signal(signal syscall.Signal) { _ = c.process.Signal(signal) }

// wait reports whether the child ended before ctx and the limit did.
func (c *child) wait(ctx context.Context, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.exited:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}
