package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopMax is how long a server may take to end by itself.
const stopMax = 5 * time.Second

// inherited are the variables of ours that a server sees: settings of its own that happen to be in our environment would
// change what is measured.
var inherited = []string{"PATH", "HOME", "TMPDIR", "LANG"}

// child is a server that runs as long as the benchmark does, at most.
type child struct {
	name    string
	process *os.Process
	logPath string
	exited  chan struct{} // closed when it is gone
}

// startChild starts a server in a process group of its own: Ctrl-C is for us, and we end it with all its children.
func startChild(name, logPath string, env []string, argv ...string) (*child, error) {
	if err := os.MkdirAll(filepath.Dir(logPath), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(own(inherited), env...), log, log
	cmd.SysProcAttr = apart()
	c := &child{name: name, logPath: logPath, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal is sent when the thread that started the child ends: this one stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(c.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return c, nil
}

func own(names []string) []string {
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// stop ends the server and whatever it has started.
func (c *child) stop() {
	group := -c.process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-c.exited:
	case <-time.After(stopMax):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-c.exited
}

// forgetLog empties the log: a server that logs each request would fill the disk.
func (c *child) forgetLog() { _ = os.Truncate(c.logPath, 0) }

// logTail is what the server said last.
func (c *child) logTail() string {
	text, _ := os.ReadFile(c.logPath)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// await asks again until the server answers rightly.
func (c *child) await(ctx context.Context, limit time.Duration, ask func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("it took too long"))
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("%s ended; it said:\n%s", c.name, c.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer (%w): %w; it said:\n%s", c.name, context.Cause(ctx), err, c.logTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// runTool runs a program that ends by itself, and shows what it said only if it failed.
func runTool(ctx context.Context, dir string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	// In production npm leaves out what compiles; Go's programs are static, as an image has them.
	cmd.Env = append(os.Environ(), "NODE_ENV=development", "CGO_ENABLED=0")
	cmd.SysProcAttr = apart()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, output)
	}
	return nil
}
