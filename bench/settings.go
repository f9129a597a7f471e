package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dossier/bench/workload"
)

// connectionsMax is how many connections a cell may have: Dossier's pool is far smaller, the servers' backlogs are not.
const connectionsMax = 1024

// scaleMin is the smallest scale at which a user can move to another company.
const scaleMin = 0.01

// place is where the benchmark keeps what it makes.
type place struct {
	Dir    string `env:"BENCH_DIR" type:"path" placeholder:"FOLDER" help:"Where the cluster, the builds and the logs are kept between runs. Default: dossier-bench in the temporary folder."`
	PGBin  string `env:"PG_BIN" placeholder:"FOLDER" help:"The folder of PostgreSQL's binaries. Default: they are searched for."`
	Output string `env:"REPORT_DIR" type:"path" default:"report" help:"Where the report is written."`
}

func (p place) dir() string { return cmp.Or(p.Dir, filepath.Join(os.TempDir(), "dossier-bench")) }

// settings are what a measurement may vary.
type settings struct {
	Scale       float64           `env:"SCALE" default:"1" help:"How much data: 1 is 200 companies, 20,000 users, 60,000 projects and 600,000 documents."`
	Rounds      int               `env:"ROUNDS" default:"3" help:"How often each cell is measured."`
	Duration    time.Duration     `env:"DURATION" default:"2s" help:"How long a cell is measured."`
	Warmup      time.Duration     `env:"WARMUP" default:"2s" help:"How long a cell runs before."`
	Settle      time.Duration     `env:"SETTLE" default:"8s" help:"How long it does so in the round before the first, which is not recorded: each of PostgreSQL's processes has to have seen the pages that it reads. 0s leaves that round out."`
	Connections []int             `env:"CONNECTIONS" default:"16" help:"How many requests are in flight at a time."`
	Peers       []string          `env:"PEERS" default:"dossier,nest,nest2,postgraphile,limit" help:"Who is measured, of dossier, nest, nest2, postgraphile, limit, and the names in --variants."`
	Workloads   []string          `env:"WORKLOADS" default:"W1,W2,W3,W3Z,W4,W5,W6,M1,M2,M3" help:"What is measured."`
	Variants    map[string]string `env:"VARIANTS" placeholder:"NAME=COMMAND;…" help:"Other builds of Dossier to measure beside it, each with the command that starts it, such as before='env GOGC=400 /tmp/dossier'."`
}

func (s settings) check() error {
	if s.Scale < scaleMin || s.Rounds < 1 || s.Duration <= 0 || s.Warmup < 0 || s.Settle < 0 {
		return fmt.Errorf("SCALE is at least %v, ROUNDS at least 1, DURATION more than 0s, WARMUP and SETTLE not negative", scaleMin)
	}
	for _, n := range s.Connections {
		if n < 1 || n > connectionsMax {
			return fmt.Errorf("CONNECTIONS has numbers from 1 to %d, not %d", connectionsMax, n)
		}
	}
	for _, name := range s.Peers {
		if _, variant := s.Variants[name]; !variant && !slices.Contains(knownPeers, name) {
			return fmt.Errorf("PEERS has names of %v, not %q", knownPeers, name)
		}
	}
	if !slices.Contains(s.Peers, limitName) {
		return fmt.Errorf("PEERS has %s, whose answers the others' are compared with", limitName)
	}
	_, err := s.workloads()
	return err
}

// firstRound is 0, the round that is not recorded, or 1 if nothing is to settle in it.
func firstRound(settle time.Duration) int {
	if settle > 0 {
		return 0
	}
	return 1
}

// workloads are those that were asked for, in the order of measuring.
func (s settings) workloads() ([]workload.Workload, error) {
	for _, name := range s.Workloads {
		if !slices.ContainsFunc(workload.All, func(w workload.Workload) bool { return w.Name == name }) {
			return nil, fmt.Errorf("there is no workload %q", name)
		}
	}
	var chosen []workload.Workload
	for _, w := range workload.All {
		if slices.Contains(s.Workloads, w.Name) {
			chosen = append(chosen, w)
		}
	}
	return chosen, nil
}
