//go:build unix && !linux

package pgdev

import (
	"os/exec"
	"strconv"
	"strings"
)

// processes lists what runs, from ps, which every Unix but a slim Linux has.
func processes() []process {
	output, err := exec.Command("ps", "-axww", "-o", "pid=,command=").Output()
	if err != nil {
		return nil
	}
	var found []process
	for line := range strings.Lines(string(output)) {
		number, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid, err := strconv.Atoi(number); err == nil {
			found = append(found, process{pid, strings.TrimSpace(args)})
		}
	}
	return found
}
