package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	seriesMemory      = "memory"
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
	Series   []string          `env:"SERIES" default:"scale,page,depth,memory,connections" help:"What is measured; the figures of the other series stay as they were."`
	Scales   []float64         `env:"SCALES" default:"0.1,1,4" help:"How much data, from little to much. The other series are measured at BASE."`
	Base     float64           `env:"BASE" default:"1" help:"The scale of the other series."`
	Rounds   int               `env:"ROUNDS" default:"3" help:"How often each cell is measured."`
	Duration time.Duration     `env:"DURATION" default:"2s" help:"How long a cell is measured."`
	Warmup   time.Duration     `env:"WARMUP" default:"1.5s" help:"How long a cell runs before."`
	Settle   time.Duration     `env:"SETTLE" default:"4s" help:"How long it does so in the round before the first, which is not recorded: each of PostgreSQL's processes has to have seen the pages that it reads. 0s leaves that round out."`
	Peers    []string          `env:"PEERS" default:"dossier,limit" help:"Who is measured, of dossier, limit, and the names in --variants. The series of pages and depth are for Dossier alone."`
	Variants map[string]string `env:"VARIANTS" placeholder:"NAME=COMMAND;…" help:"Other builds of Dossier to measure beside it."`
}

// Run measures the series and writes growth.md.
func (c growthCommand) Run(ctx context.Context) error {
	if err := c.settings(c.Base).check(); err != nil {
		return err
	}
	path := filepath.Join(c.Output, growthFile)
	kept, err := c.kept(path)
	if err != nil {
		return err
	}
	results, err := c.record(ctx, path+".part", kept)
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

// kept are the cells of an earlier run that are not measured anew.
func (c growthCommand) kept(path string) ([]cell, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	earlier, err := readResults(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return slices.DeleteFunc(earlier.cells, func(earlier cell) bool { return slices.Contains(c.Series, earlier.Series) }), nil
}

func (c growthCommand) settings(scale float64) settings {
	return settings{
		Scale: scale, Rounds: c.Rounds, Duration: c.Duration, Warmup: c.Warmup, Settle: c.Settle, Connections: growthConnections, Peers: c.Peers,
		Workloads: connectionWorkloads, Variants: c.Variants,
	}
}

func (c growthCommand) record(ctx context.Context, path string, kept []cell) (*results, error) {
	began := time.Now()
	r, err := newRecorder(path)
	if err != nil {
		return nil, err
	}
	defer r.file.Close()
	for _, earlier := range kept {
		if err := r.record(earlier); err != nil {
			return nil, err
		}
	}
	base, err := openStage(ctx, c.place, c.settings(c.Base))
	if err != nil {
		return nil, err
	}
	defer base.close()
	workloads, err := c.settings(c.Base).workloads()
	if err != nil {
		return nil, err
	}
	var scales []compared
	for _, scale := range c.scales() {
		s := base
		if scale != c.Base {
			s = base.beside()
			defer s.leave()
		}
		if err := s.use(ctx, scale, c.Peers); err != nil {
			return nil, err
		}
		known, err := s.compare(ctx, workloads, r.record)
		if err != nil {
			return nil, err
		}
		scales = append(scales, compared{s, known})
	}
	if _, err := base.conn.Exec(ctx, "CHECKPOINT"); err != nil { // what was loaded is not written while measuring
		return nil, err
	}
	about := describe(base, c.settings(c.Base), began)
	if err := c.measureScales(ctx, scales, workloads, r.record); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(scales, func(s compared) bool { return s.stage == base })
	if err := c.measureBase(ctx, scales[at], workloads, r.record); err != nil {
		return nil, err
	}
	about.Took = time.Since(began).Round(time.Second).String()
	return &r.results, r.record(about)
}

// scales has the base too, whether or not it is one that is compared.
func (c growthCommand) scales() []float64 {
	if !slices.Contains(c.Series, seriesScale) {
		return []float64{c.Base}
	}
	if slices.Contains(c.Scales, c.Base) {
		return c.Scales
	}
	return append(slices.Clone(c.Scales), c.Base)
}

// compared is a stage whose peers' answers have been compared.
type compared struct {
	*stage
	known answers
}

// measureScales measures the scales side by side.
func (c growthCommand) measureScales(
	ctx context.Context, scales []compared, workloads []workload.Workload, record func(any) error,
) error {
	for _, w := range workloads {
		if !slices.Contains(c.Series, seriesScale) || !slices.Contains(scaleWorkloads, w.Name) {
			continue
		}
		var points []growing
		for _, s := range scales {
			if slices.Contains(c.Scales, s.scale) {
				points = append(points, growing{s, seriesScale, s.scale, w, aimConnections, nil})
			}
		}
		if err := c.sideBySide(ctx, points, record); err != nil {
			return err
		}
	}
	return nil
}

// measureBase measures what grows at one scale.
func (c growthCommand) measureBase(ctx context.Context, s compared, workloads []workload.Workload, record func(any) error) error {
	if err := c.measurePages(ctx, s, record); err != nil {
		return err
	}
	if err := c.measureDepths(ctx, s, record); err != nil {
		return err
	}
	if err := c.measureMemory(ctx, s, workloads, record); err != nil {
		return err
	}
	return c.measureConnections(ctx, s, workloads, record)
}

// measureMemory has the most connections last: what they have made a server grow to stays.
func (c growthCommand) measureMemory(ctx context.Context, s compared, workloads []workload.Workload, record func(any) error) error {
	if !slices.Contains(c.Series, seriesMemory) {
		return nil
	}
	for _, n := range growthConnections {
		for _, w := range workloads {
			if err := c.point(ctx, growing{s, seriesMemory, float64(n), w, n, nil}, 1, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureConnections measures the numbers of connections side by side.
func (c growthCommand) measureConnections(ctx context.Context, s compared, workloads []workload.Workload, record func(any) error) error {
	if !slices.Contains(c.Series, seriesConnections) {
		return nil
	}
	for _, w := range workloads {
		var points []growing
		for _, n := range growthConnections {
			points = append(points, growing{s, seriesConnections, float64(n), w, n, nil})
		}
		if err := c.sideBySide(ctx, points, record); err != nil {
			return err
		}
	}
	return nil
}

func (c growthCommand) measurePages(ctx context.Context, s compared, record func(any) error) error {
	if !slices.Contains(c.Series, seriesPage) {
		return nil
	}
	for _, operation := range pageOperations {
		for _, first := range growthPages {
			w := workload.Workload{Name: operation, Operation: operation}
			variables := []workload.Variables{{"first": first}}
			if err := c.sideBySide(ctx, []growing{{s, seriesPage, float64(first), w, aimConnections, variables}}, record); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c growthCommand) measureDepths(ctx context.Context, s compared, record func(any) error) error {
	if !slices.Contains(c.Series, seriesDepth) {
		return nil
	}
	companies := workload.Companies(s.size)
	for _, depth := range growthDepths {
		w := workload.Workload{Name: depthOperation, Operation: fmt.Sprintf("%s%d", depthOperation, depth)}
		if err := c.sideBySide(ctx, []growing{{s, seriesDepth, float64(depth), w, aimConnections, companies}}, record); err != nil {
			return err
		}
	}
	return nil
}

// growing is one point of a series.
type growing struct {
	stage       compared
	series      string
	x           float64
	workload    workload.Workload
	connections int
	variables   []workload.Variables // what only Dossier is asked; nil for a workload of all
}

// sideBySide measures all points in each round, which begins with another one each time: a machine that is slower for a minute
// is so for all.
func (c growthCommand) sideBySide(ctx context.Context, points []growing, record func(any) error) error {
	for round := firstRound(c.Settle); round <= c.Rounds; round++ {
		for i := range points {
			if err := c.point(ctx, points[(i+round)%len(points)], round, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// point measures a point once for all peers. Round 0 is not recorded: it reads what the others find in memory.
func (c growthCommand) point(ctx context.Context, g growing, round int, record func(any) error) error {
	warmup := c.Warmup
	if round == 0 {
		warmup, record = max(c.Warmup, c.Settle), func(any) error { return nil }
	}
	s := g.stage
	for i := range s.peers {
		p := s.peers[(i+round)%len(s.peers)]
		if g.variables != nil && p.name == limitName {
			continue
		}
		source, err := s.sourceOf(p, g)
		if err != nil {
			return err
		}
		measured, err := s.measure(ctx, p, source, plan{
			workload: g.workload, connections: g.connections, round: round, warmup: warmup, duration: c.Duration,
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
	return nil
}

func (s compared) sourceOf(p *peer, g growing) (load.Source, error) {
	if g.variables == nil {
		return s.source(p, g.workload, g.connections, s.known)
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
