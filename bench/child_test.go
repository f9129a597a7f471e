package main

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestChildrenAreStoppedWithTheirChildren(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "child.log")
	c, err := startChild("child", log, nil, "sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait; wait")
	if err != nil {
		t.Fatal(err)
	}
	var grandchild int
	err = c.await(t.Context(), time.Minute, func() (err error) {
		grandchild, err = strconv.Atoi(strings.TrimSpace(c.logTail()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.stop()
	for range 200 {
		if errors.Is(syscall.Kill(grandchild, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("what the child started is still there")
}

func TestAwaitTellsWhatAServerSaid(t *testing.T) {
	t.Parallel()
	c, err := startChild("child", filepath.Join(t.TempDir(), "child.log"), nil, "sh", "-c", "echo the port is taken; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	err = c.await(t.Context(), time.Minute, func() error { return errors.New("no answer") })
	if err == nil || !strings.Contains(err.Error(), "the port is taken") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c.await(ctx, time.Minute, func() error { return errors.New("no answer") }) == nil {
		t.Error("it waits for what has ended")
	}
	if _, err := startChild("child", filepath.Join(t.TempDir(), "child.log"), nil, "/no/such/program"); err == nil {
		t.Error("what is not there was started")
	}
}
