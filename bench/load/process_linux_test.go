package load

import (
	"os/exec"
	"testing"
	"time"
)

// A child's CPU time and memory count as its parent's, while it runs and when it has ended.
func TestAccounting(t *testing.T) {
	t.Parallel()
	shell := exec.Command("sh", "-c", `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done & wait; exec sleep 60`)
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = shell.Process.Kill()
		_ = shell.Wait()
	}()
	pid := shell.Process.Pid
	for deadline := time.Now().Add(20 * time.Second); CPUOf(pid) < 20*time.Millisecond; {
		if time.Now().After(deadline) {
			t.Fatalf("CPU time is %s", CPUOf(pid))
		}
		time.Sleep(10 * time.Millisecond)
	}
	if PeakBytes(pid) < 100<<10 {
		t.Errorf("the peak of memory is %d bytes", PeakBytes(pid))
	}
	ForgetPeak(pid)
	if CPUOf(-1) != 0 || PeakBytes(-1) != 0 {
		t.Error("a process that is not there takes something")
	}
	if OwnCPU() <= 0 {
		t.Error("this process takes nothing")
	}
}
