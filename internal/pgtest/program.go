package pgtest

import (
	"os"
	"os/exec"
	"testing"
)

// Program gives the path of the first of the programs that is installed. Without any the test is skipped, saying what is
// missing, but never by CI.
func Program(t testing.TB, missing string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip("SKIPPED: " + missing)
	return ""
}
