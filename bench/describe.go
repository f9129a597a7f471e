package main

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossier/bench/load"
	"dossier/bench/workload"
)

// workloadNames are all there are.
var workloadNames = func() []string {
	var names []string
	for _, w := range workload.All {
		names = append(names, w.Name)
	}
	return names
}()

// describe says what is measured, where and how.
func describe(s *stage, c settings, began time.Time) run {
	return run{
		Kind: kindRun, Started: began.UTC().Truncate(time.Second), Machine: thisMachine(), Versions: versions(s),
		Scale: c.Scale, Rounds: c.Rounds, Duration: c.Duration.String(), Warmup: c.Warmup.String(), Settle: c.Settle.String(),
		Connections: c.Connections, Peers: c.Peers,
	}
}

func thisMachine() machine {
	return machine{
		CPU: cmp.Or(field("/proc/cpuinfo", "model name"), runtime.GOARCH), Cores: runtime.NumCPU(), MemoryGiB: gibibytes("MemTotal"),
		HugePagesGiB: gibibytes("Hugetlb"),
		System:       cmp.Or(strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`), runtime.GOOS),
		Kernel:       firstLine("/proc/sys/kernel/osrelease"), LoadAverage: firstLine("/proc/loadavg"), Accounted: load.Accounted,
	}
}

// field reads "name: value" or "name=value" from a file of such lines, "" if there is none.
func field(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		at := strings.IndexAny(line, ":=")
		if at > 0 && strings.TrimSpace(line[:at]) == name {
			return strings.TrimSpace(line[at+1:])
		}
	}
	return ""
}

func firstLine(path string) string {
	text, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// gibibytes reads a line of /proc/meminfo (proc(5)).
func gibibytes(name string) float64 {
	kilobytes, _, _ := strings.Cut(field("/proc/meminfo", name), " ")
	n, _ := strconv.ParseFloat(kilobytes, 64)
	return hundredths(n / (1 << 20))
}

// versions are those of everything that takes part.
func versions(s *stage) map[string]string {
	all := map[string]string{"PostgreSQL": s.cluster.version, "Go": strings.TrimPrefix(runtime.Version(), "go")}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/jackc/pgx/v5" || module.Path == "github.com/valyala/fasthttp" {
				all[module.Path] = module.Version
			}
		}
	}
	if out, err := exec.Command("git", "-C", s.builder.source, "describe", "--always", "--dirty", "--abbrev=10").Output(); err == nil {
		all["Dossier"] = strings.TrimSpace(string(out))
	}
	if slices.ContainsFunc(s.peers, func(p *peer) bool { return isJavaScript(p.name) }) {
		if out, err := exec.Command(s.builder.node(), "--version").Output(); err == nil {
			all["Node.js"] = strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
		}
		for _, name := range []string{nestName, postgraphileName} {
			for module, version := range packages(filepath.Join(s.builder.source, name)) {
				all[module] = version
			}
		}
	}
	return all
}

// named are the packages whose versions the report tells.
var named = []string{"@nestjs/core", "mercurius", "drizzle-orm", "dataloader", "pg", "postgraphile"}

func packages(folder string) map[string]string {
	text, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return nil
	}
	var described struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	_ = json.Unmarshal(text, &described)
	versions := map[string]string{}
	for _, name := range named {
		if version, ok := described.Dependencies[name]; ok {
			versions[name] = version
		}
	}
	return versions
}
