package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dossier/bench/load"
)

// writeGrowth writes growth.md and its charts.
func writeGrowth(dir string, r *results) error {
	charts, err := writeGrowthCharts(dir, r)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "growth.md"), []byte(r.growthReport(charts)), 0o644)
}

func (r *results) growthReport(charts []chart) string {
	var text strings.Builder
	section := func(title, body, kind string) {
		if body != "" {
			fmt.Fprintf(&text, "\n## %s\n\n%s\n%s", title, body, pictures(charts, kind))
		}
	}
	fmt.Fprintf(&text, "# How Dossier grows\n\n`make bench-growth` writes this page from `%s`, and `make bench-report` writes it anew. "+
		"Ratios are medians of the rounds' ratios, other figures medians of the rounds.\n", growthFile)
	section("How", r.method(), "")
	section("Data", r.scaleSection(), seriesScale)
	section("Connections", r.connectionSection(), seriesConnections)
	section("Pages", r.shapeSection(seriesPage, "Rows of a page, at 16 connections: a list of users with their companies (PageList), and projects with owner "+
		"and 20 documents each (PageNested)."), seriesPage)
	section("Depth", r.shapeSection(seriesDepth, "Levels, at 16 connections: a company, 10 users, 5 projects of each, 5 documents of each, their owner, "+
		"and the owner's company."), seriesDepth)
	section("Answers", r.answerSection(), "")
	return text.String()
}

// point gives the cells of a point of a series, in the order of the rounds.
func (r *results) point(series string, x float64, workload, peer string) []cell {
	var cells []cell
	for _, c := range r.cells {
		if c.Series == series && c.X == x && c.Workload == workload && c.Peer == peer {
			cells = append(cells, c)
		}
	}
	slices.SortStableFunc(cells, func(a, b cell) int { return a.Round - b.Round })
	return cells
}

// points are the values that a series was measured at, and the workloads in it, in the order of measuring.
func (r *results) points(series string) (xs []float64, workloads []string) {
	for _, c := range r.cells {
		if c.Series != series {
			continue
		}
		if !slices.Contains(xs, c.X) {
			xs = append(xs, c.X)
		}
		if !slices.Contains(workloads, c.Workload) {
			workloads = append(workloads, c.Workload)
		}
	}
	slices.Sort(xs)
	return xs, workloads
}

// growthRatio is the median over the rounds of a figure at one point over the same at another.
func (r *results) growthRatio(series string, x, base float64, workload, peer string, figure func(cell) float64) float64 {
	return ratioOf(r.point(series, x, workload, peer), r.point(series, base, workload, peer), figure)
}

func p50(c cell) float64       { return c.P50ms }
func perSecond(c cell) float64 { return c.PerSecond }
func peakMB(c cell) float64    { return c.PeakMB }

// medianOf is a figure of a point, NaN where it was not measured.
func (r *results) medianOf(series string, x float64, workload, peer string, figure func(cell) float64) float64 {
	var values []float64
	for _, c := range r.point(series, x, workload, peer) {
		values = append(values, figure(c))
	}
	return load.Median(values)
}

func (r *results) scaleSection() string {
	scales, workloads := r.points(seriesScale)
	if len(scales) == 0 {
		return ""
	}
	header := []string{"p50 ms at 16 connections", "peer"}
	for _, x := range scales {
		header = append(header, fmt.Sprintf("x%v", x))
	}
	others := slices.DeleteFunc(slices.Clone(scales), func(x float64) bool { return x == 1 })
	for _, x := range others {
		header = append(header, fmt.Sprintf("x%v over x1", x))
	}
	t := newTable(header...)
	for _, w := range workloads {
		for _, peer := range r.peers() {
			row := []string{w, peer}
			for _, x := range scales {
				row = append(row, significant(r.medianOf(seriesScale, x, w, peer, p50)))
			}
			for _, x := range others {
				over := r.growthRatio(seriesScale, x, 1, w, peer, p50)
				row = append(row, met(over, peer != dossierName || x != 4 || over < growthAim, 2))
			}
			t.add(row...)
		}
	}
	return fmt.Sprintf("From x1 to x4 Dossier's p50 is to grow by less than %v. **Bold** misses it.\n\n%s", growthAim, t)
}

func (r *results) connectionSection() string {
	connections, workloads := r.points(seriesConnections)
	if len(connections) == 0 {
		return ""
	}
	t := newTable("", "connections", "peer", "requests/s", "over 16 connections", "p50 ms", "p99 ms", "memory MB", "of the limit")
	for _, w := range workloads {
		for _, x := range connections {
			for _, peer := range r.peers() {
				cells := r.point(seriesConnections, x, w, peer)
				if len(cells) == 0 {
					continue
				}
				s := summarize(cells)
				memory := r.medianOf(seriesMemory, x, w, peer, peakMB)
				kept := r.growthRatio(seriesConnections, x, aimConnections, w, peer, perSecond)
				last := peer == dossierName && x == 256
				t.add(w, fmt.Sprint(x), peer, significant(s.perSecond), met(kept, !last || kept >= throughputAim, 2), significant(s.p50),
					met(s.p99, !last || w != "W1" && w != "W2" || s.p99 < p99AimMs, 1),
					met(memory, peer != dossierName || x != memoryAimConnections || memory < memoryAimMB, 0),
					number(ratioOf(cells, r.point(seriesConnections, x, w, limitName), perSecond), 2))
			}
		}
	}
	return fmt.Sprintf("From 16 to 256 connections Dossier's throughput is to keep %v of itself, and p99 of W1 and W2 to stay below %d ms; "+
		"its memory below %d MB at %d connections. **Bold** misses it. All numbers of connections are measured side by side, but for memory, "+
		"which has a round of its own with the most connections last.\n\n%s", throughputAim, p99AimMs, memoryAimMB, memoryAimConnections, t)
}

// shapeSection shows what a larger answer costs: in all, and for each KB.
func (r *results) shapeSection(series, about string) string {
	xs, workloads := r.points(series)
	if len(xs) == 0 {
		return ""
	}
	t := newTable("", series, "peer", "requests/s", "p50 ms", "p99 ms", "CPU server", "CPU PostgreSQL", "memory MB", "answer KB", "ms CPU per KB")
	for _, w := range workloads {
		for _, x := range xs {
			for _, peer := range r.peers() {
				cells := r.point(series, x, w, peer)
				if len(cells) == 0 {
					continue
				}
				s := summarize(cells)
				t.add(w, fmt.Sprint(x), peer, significant(s.perSecond), significant(s.p50), significant(s.p99), significant(s.serverCPU),
					significant(s.databaseCPU), number(s.peakMB, 0), number(s.bodyLen/1000, 1), number((s.serverCPU+s.databaseCPU)/(s.bodyLen/1000), 3))
			}
		}
	}
	return about + "\n\n" + t.String()
}

// writeGrowthCharts draws Dossier's p50 over what grows, and its throughput by connections.
func writeGrowthCharts(dir string, r *results) ([]chart, error) {
	var all []chart
	for _, series := range []string{seriesScale, seriesConnections, seriesPage, seriesDepth} {
		xs, workloads := r.points(series)
		if len(xs) < 2 {
			continue
		}
		for name, figure := range map[string]func(cell) float64{"p50 in ms": p50, "requests per second": perSecond} {
			if (series == seriesConnections) != (name == "requests per second") {
				continue
			}
			c := chart{series, fmt.Sprintf("Dossier's %s by %s", name, series), fmt.Sprintf("growth-%s.svg", series)}
			picture, err := r.growthChart(c.title, series, xs, workloads, figure)
			if err != nil {
				return nil, fmt.Errorf("draw %s: %w", c.file, err)
			}
			all = append(all, c)
			if err := os.WriteFile(filepath.Join(dir, c.file), picture, 0o644); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (r *results) growthChart(title, series string, xs []float64, workloads []string, figure func(cell) float64) ([]byte, error) {
	labels := make([]string, len(xs))
	for i, x := range xs {
		labels[i] = fmt.Sprint(x)
	}
	var values [][]float64
	for _, w := range workloads {
		var row []float64
		for _, x := range xs {
			row = append(row, plotted(r.medianOf(series, x, w, dossierName, figure)))
		}
		values = append(values, row)
	}
	return lines(title, labels, workloads, values)
}
