package main

import (
	"math"
	"slices"

	"dossier/bench/load"
)

// summary is what a peer's rounds of a cell come to: the medians of the figures, and all the errors.
type summary struct {
	perSecond, p50, p99        float64
	serverCPU, databaseCPU     float64
	peakMB, generator, bodyLen float64
	errors, rounds             int
}

// of gives the cells of a peer, in the order of the rounds.
func (r *results) of(workload string, connections int, peer string) []cell {
	var cells []cell
	for _, c := range r.cells {
		if c.Workload == workload && c.Connections == connections && c.Peer == peer {
			cells = append(cells, c)
		}
	}
	slices.SortStableFunc(cells, func(a, b cell) int { return a.Round - b.Round })
	return cells
}

func summarize(cells []cell) summary {
	median := func(figure func(cell) float64) float64 {
		values := make([]float64, len(cells))
		for i, c := range cells {
			values[i] = figure(c)
		}
		return load.Median(values)
	}
	s := summary{
		perSecond: median(func(c cell) float64 { return c.PerSecond }),
		p50:       median(func(c cell) float64 { return c.P50ms }),
		p99:       median(func(c cell) float64 { return c.P99ms }),
		serverCPU: median(func(c cell) float64 { return c.ServerCPU }), databaseCPU: median(func(c cell) float64 { return c.DatabaseCPU }),
		peakMB: median(func(c cell) float64 { return c.PeakMB }), generator: median(func(c cell) float64 { return c.GeneratorShare }),
		bodyLen: median(func(c cell) float64 { return c.BodyBytes }), rounds: len(cells),
	}
	for _, c := range cells {
		s.errors += c.Errors
	}
	return s
}

// ratio is the median, over the rounds, of one peer's requests per second over another's in the same round. It is NaN where
// they have no round in common.
func (r *results) ratio(workload string, connections int, over, under string) float64 {
	return ratioOf(r.of(workload, connections, over), r.of(workload, connections, under), func(c cell) float64 { return c.PerSecond })
}

func ratioOf(over, under []cell, figure func(cell) float64) float64 {
	byRound := map[int]float64{}
	for _, c := range under {
		byRound[c.Round] = figure(c)
	}
	var ratios []float64
	for _, c := range over {
		if other := byRound[c.Round]; other > 0 {
			ratios = append(ratios, figure(c)/other)
		}
	}
	return load.Median(ratios)
}

// overNest is the ratio to the better of one and two processes: the smaller one.
func (r *results) overNest(workload string, connections int) float64 {
	one := r.ratio(workload, connections, dossierName, nestName)
	two := r.ratio(workload, connections, dossierName, nest2Name)
	switch {
	case math.IsNaN(one):
		return two
	case math.IsNaN(two):
		return one
	}
	return min(one, two)
}

// overPostGraphile quotes nested pages at small offsets: PostGraphile works for the rows that an offset leaves out, and
// whoever uses it in earnest pages by cursors.
func (r *results) overPostGraphile(workload string, connections int) float64 {
	if workload == "W3" {
		workload = "W3Z"
	}
	return r.ratio(workload, connections, dossierName, postgraphileName)
}

// ofLimit is how much of the limit's throughput a peer reaches.
func (r *results) ofLimit(workload string, connections int, peer string) float64 {
	return r.ratio(workload, connections, peer, limitName)
}

// statementsOf is how many statements a peer sends for one request, NaN if that was not counted.
func (r *results) statementsOf(workload, peer string) (perRequest, transaction float64) {
	for _, s := range r.statements {
		if s.Workload == workload && s.Peer == peer {
			return s.PerRequest, s.Transaction
		}
	}
	return math.NaN(), math.NaN()
}

// measured are those of the names that have a cell, in the order of names.
func (r *results) measured(names []string, name func(cell) string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return !slices.ContainsFunc(r.cells, func(c cell) bool { return name(c) == n })
	})
}

func (r *results) workloads() []string {
	return r.measured(workloadNames, func(c cell) string { return c.Workload })
}

func (r *results) peers() []string {
	return r.measured(r.run.Peers, func(c cell) string { return c.Peer })
}

// connections are the numbers that were measured, from few to many.
func (r *results) connections() []int {
	var all []int
	for _, c := range r.cells {
		if !slices.Contains(all, c.Connections) {
			all = append(all, c.Connections)
		}
	}
	slices.Sort(all)
	return all
}
