//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// pipeWaitMax is how long the output of a killed program may stay open in the hands of its own children.
const pipeWaitMax = time.Second

// inherited are the only variables of ours that PostgreSQL sees: any SQL superuser can read its environment, and
// ours has secrets.
var inherited = []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}

// environment has UTC so that initdb need not guess a time zone (which takes it a while), and the C locale so that
// messages are in the language we look for; the cluster's own locale is given to initdb by option.
func environment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// command is a program of PostgreSQL's, run as the account, in a process group of its own so that Ctrl-C in the
// terminal reaches only us, and told to end when we die.
func (a *account) command(ctx context.Context, deathSignal syscall.Signal, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/" // ours may be closed to the account
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: a.credential()}
	endWithParent(cmd.SysProcAttr, deathSignal)
	return cmd
}

// run waits for a short-lived program and returns what it wrote. When ctx ends, the program and its children are killed.
func (a *account) run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := a.command(ctx, syscall.SIGKILL, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	return runGroup(ctx, cmd)
}

func runGroup(ctx context.Context, cmd *exec.Cmd) (string, error) {
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeWaitMax
	// The death signal fires when the forking thread ends, so this goroutine keeps its thread until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	output, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return string(output), context.Cause(ctx)
	}
	return string(output), err
}

// briefly makes one line of what a failed program wrote: its first complaint, else how it ended.
func briefly(output string, err error) error {
	for line := range strings.Lines(output) {
		for _, mark := range []string{"error: ", "ERROR:", "FATAL:", "PANIC:"} {
			if _, text, found := strings.Cut(line, mark); found {
				return errors.New(strings.TrimSpace(text))
			}
		}
	}
	if last := lastLine(output); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
