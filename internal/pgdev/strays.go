//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	strayPoll    = 2 * time.Millisecond
	strayKillMax = 3 * time.Second
	// orphanPoliteMax is how long the server of a killed program may take to write everything out.
	orphanPoliteMax = 10 * time.Second
)

// process is a running program and its arguments, separated by spaces.
type process struct {
	pid  int
	args string
}

// isPostgres also knows backends, whose title is "postgres: NAME: what it does".
func (p process) isPostgres() bool {
	name, _, _ := strings.Cut(p.args, " ")
	return strings.TrimSuffix(filepath.Base(name), ":") == "postgres"
}

// processTag is the cluster_name of a folder. It stands in the arguments of the server and in the titles of all its
// backends, and so tells them from those of every other PostgreSQL. It is made from the identity of the lock file, not
// from its path: a container may have another folder at the same path.
func processTag(lock *os.File) (string, error) {
	info, err := lock.Stat()
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.New("the system does not tell the number of a file")
	}
	return fmt.Sprintf("dossier-%x-%x", stat.Dev, stat.Ino), nil
}

// strays are the processes of this cluster. Holding the folder's lock, and with our child gone, we own none of them.
func (s *Server) strays() []int {
	var pids []int
	for _, p := range processes() {
		if p.isPostgres() && s.owns(p) {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// owns looks for the tag as a whole: one may begin with another.
func (s *Server) owns(p process) bool {
	return slices.ContainsFunc(strings.Fields(p.args), func(arg string) bool {
		return arg == s.tag+":" || arg == "cluster_name="+s.tag
	})
}

// killStrays removes the backends that a killed server left: they keep the shared memory, and no new server starts
// beside it.
func (s *Server) killStrays() {
	for limit := time.Now().Add(strayKillMax); time.Now().Before(limit); time.Sleep(strayPoll) {
		pids := s.strays()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// stopOrphans ends the server that a killed program left, or waits for it when it is ending already.
func (s *Server) stopOrphans(ctx context.Context) error {
	steps := []struct {
		signal syscall.Signal
		limit  time.Duration
	}{{syscall.SIGINT, orphanPoliteMax}, {syscall.SIGQUIT, quickShutdownMax}, {syscall.SIGKILL, strayKillMax}}
	told := false
	for _, step := range steps {
		began := time.Now()
		for signaled := false; time.Since(began) < step.limit; signaled = true {
			pids := s.strays()
			if len(pids) == 0 {
				return nil
			}
			if !signaled {
				s.signalOrphans(pids, step.signal)
			}
			if !told && time.Since(began) > quietMax {
				told = true
				s.config.Progress("waiting for the PostgreSQL of an earlier run to end")
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for the PostgreSQL of an earlier run to end: %w", context.Cause(ctx))
			case <-time.After(strayPoll):
			}
		}
	}
	return fmt.Errorf("the PostgreSQL of an earlier run is still running on %s and cannot be ended (process %v)", s.cluster, s.strays())
}

// signalOrphans tells the server alone, which tells its backends, unless it is gone and they are not.
func (s *Server) signalOrphans(pids []int, signal syscall.Signal) {
	if server := s.recordedPID(); signal == syscall.SIGINT && slices.Contains(pids, server) {
		pids = []int{server}
	} else if signal == syscall.SIGINT {
		signal = syscall.SIGQUIT
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal)
	}
}

// recordedPID is the server process that the cluster says it has; 0 for none.
func (s *Server) recordedPID() int {
	text, err := os.ReadFile(s.pidPath())
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	return pid
}

// removeForeignPID removes a pid file whose number now belongs to a program that is no PostgreSQL, as happens when a
// container starts again: postgres would take it for a running server and refuse to start.
func (s *Server) removeForeignPID() error {
	pid := s.recordedPID()
	for _, p := range processes() {
		if p.pid != pid || p.isPostgres() {
			continue
		}
		if err := os.Remove(s.pidPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the outdated pid file of the embedded PostgreSQL: %w", err)
		}
	}
	return nil
}
