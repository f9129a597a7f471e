package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dossier/bench/load"
	"dossier/bench/workload"
)

// The series of the growth report: what grows in each of them.
const (
	seriesScale       = "scale"
	seriesConnections = "connections"
	seriesPage        = "page"
	seriesDepth       = "depth"
)

// What the series go through.
var (
	growthConnections = []int{1, 4, 16, 64, 256}
	growthPages       = []int{1, 10, 20, 50, 100}
	growthDepths      = []int{1, 2, 3, 4, 5, 6}

	scaleWorkloads      = []string{"W1", "W2", "W3", "W4", "W6"}
	connectionWorkloads = []string{"W1", "W2", "W3", "W4", "W5", "W6"}
	// pageOperations and depthOperation are Dossier's alone: the limit has a statement for each workload, and no others.
	pageOperations = []string{"PageList", "PageNested"}
	depthOperation = "Depth"
)

type growthCommand struct {
	place
	Scales   []float64         `env:"SCALES" default:"0.1,1,4" help:"How much data, from little to much. The other series are measured at BASE."`
	Base     float64           `env:"BASE" default:"1" help:"The scale of the other series."`
	Rounds   int               `env:"ROUNDS" default:"3" help:"How often each cell is measured."`
	Duration time.Duration     `env:"DURATION" default:"2s" help:"How long a cell is measured."`
	Warmup   time.Duration     `env:"WARMUP" default:"500ms" help:"How long a cell runs before."`
	Peers    []string          `env:"PEERS" default:"dossier,limit" help:"Who is measured, of dossier, limit, and the names in --variants. The series of pages and depth are for Dossier alone."`
	Variants map[string]string `env:"VARIANTS" placeholder:"NAME=COMMAND;…" help:"Other builds of Dossier to measure beside it."`
}

// Run measures the series and writes growth.md.
func (c growthCommand) Run(ctx context.Context) error {
	if err := c.settings(c.Base).check(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Output, 0o755); err != nil {
		return err
	}
	path := filepath.Join(c.Output, growthFile)
	results, err := c.record(ctx, path+".part")
	if err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	if err := writeGrowth(c.Output, results); err != nil {
		return err
	}
	say("wrote %s", filepath.Join(c.Output, "growth.md"))
	return failIfWrong(results)
}

func (c growthCommand) settings(scale float64) settings {
	return settings{
		Scale: scale, Rounds: c.Rounds, Duration: c.Duration, Warmup: c.Warmup, Connections: growthConnections, Peers: c.Peers,
		Workloads: connectionWorkloads, Variants: c.Variants,
	}
}

func (c growthCommand) record(ctx context.Context, path string) (*results, error) {
	began := time.Now()
	r, err := newRecorder(path)
	if err != nil {
		return nil, err
	}
	defer r.file.Close()
	s, err := openStage(ctx, c.place, c.settings(c.Base))
	if err != nil {
		return nil, err
	}
	defer s.close()
	var about run
	for _, scale := range c.scales() {
		if err := s.use(ctx, scale, c.Peers); err != nil {
			return nil, err
		}
		if scale == c.Base {
			about = describe(s, c.settings(scale), began)
		}
		if err := c.measureScale(ctx, s, r.record); err != nil {
			return nil, err
		}
	}
	about.Took = time.Since(began).Round(time.Second).String()
	return &r.results, r.record(about)
}

// scales has the base too, whether or not it is one that is compared.
func (c growthCommand) scales() []float64 {
	if slices.Contains(c.Scales, c.Base) {
		return c.Scales
	}
	return append(slices.Clone(c.Scales), c.Base)
}

// measureScale measures all that is measured at a scale, which for all but one is the series of scales.
func (c growthCommand) measureScale(ctx context.Context, s *stage, record func(any) error) error {
	workloads, err := c.settings(s.scale).workloads()
	if err != nil {
		return err
	}
	known, err := s.compare(ctx, workloads, record)
	if err != nil {
		return err
	}
	if slices.Contains(c.Scales, s.scale) {
		for _, w := range workloads {
			if slices.Contains(scaleWorkloads, w.Name) {
				if err := c.series(ctx, s, growing{seriesScale, s.scale, w, aimConnections, nil}, known, record); err != nil {
					return err
				}
			}
		}
	}
	if s.scale != c.Base {
		return nil
	}
	if err := c.measureShapes(ctx, s, record); err != nil {
		return err
	}
	// The most connections come last: what they have made a server grow to stays.
	for _, n := range growthConnections {
		for _, w := range workloads {
			if err := c.series(ctx, s, growing{seriesConnections, float64(n), w, n, nil}, known, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureShapes measures pages and depths.
func (c growthCommand) measureShapes(ctx context.Context, s *stage, record func(any) error) error {
	for _, operation := range pageOperations {
		for _, first := range growthPages {
			w := workload.Workload{Name: operation, Operation: operation}
			if err := c.series(ctx, s, growing{seriesPage, float64(first), w, aimConnections,
				[]workload.Variables{{"first": first}}}, answers{}, record); err != nil {
				return err
			}
		}
	}
	companies := workload.Companies(s.size)
	for _, depth := range growthDepths {
		w := workload.Workload{Name: depthOperation, Operation: fmt.Sprintf("%s%d", depthOperation, depth)}
		if err := c.series(ctx, s, growing{seriesDepth, float64(depth), w, aimConnections, companies}, answers{}, record); err != nil {
			return err
		}
	}
	return nil
}

// growing is one point of a series.
type growing struct {
	series      string
	x           float64
	workload    workload.Workload
	connections int
	variables   []workload.Variables // what only Dossier is asked; nil for a workload of all
}

// series measures a point, each round all peers.
func (c growthCommand) series(ctx context.Context, s *stage, g growing, known answers, record func(any) error) error {
	for round := range c.Rounds {
		for i := range s.peers {
			p := s.peers[(i+round)%len(s.peers)]
			if g.variables != nil && p.name == limitName {
				continue
			}
			source, err := s.sourceOf(p, g, known)
			if err != nil {
				return err
			}
			measured, err := s.measure(ctx, p, source, plan{
				workload: g.workload, connections: g.connections, round: round, warmup: c.Warmup, duration: c.Duration,
			})
			if err != nil {
				return err
			}
			measured.Series, measured.X = g.series, g.x
			say("%-11s %5v %s", g.series, g.x, measured.line())
			if err := record(measured); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stage) sourceOf(p *peer, g growing, known answers) (load.Source, error) {
	if g.variables == nil {
		return s.source(p, g.workload, g.connections, known)
	}
	var requests []load.Request
	for _, variables := range g.variables {
		// What nobody else can be asked is compared with itself.
		answer, _, err := p.ask(g.workload.Operation, variables)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", p.name, g.workload.Operation, err)
		}
		body, err := p.dialect.Body(g.workload.Operation, variables)
		if err != nil {
			return nil, err
		}
		requests = append(requests, load.Request{Body: body, Check: sameAs(answer)})
	}
	return inTurn(requests), nil
}
