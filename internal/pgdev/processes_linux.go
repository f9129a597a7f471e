package pgdev

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// processes lists what runs, from /proc. Zombies have no arguments and are left out.
func processes() []process {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []process
	for _, file := range files {
		args, err := os.ReadFile(file)
		pid, errPID := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || errPID != nil || len(args) == 0 {
			continue
		}
		found = append(found, process{pid, string(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))})
	}
	return found
}
