package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-analyze/charts"
)

// chart is a picture of the report.
type chart struct{ kind, title, file string }

// kindRatios are wide pictures; all others are small.
const kindRatios = "ratios"

// The sizes of pictures, in pixels: wide ones fill a page, of small ones two stand side by side.
const (
	wideWidth, wideHeight   = 960, 400
	smallWidth, smallHeight = 470, 280
	fontSize                = 10
)

// writeCharts writes the ratios of each workload, and the latencies by connections.
func writeCharts(dir string, r *results) ([]chart, error) {
	var all []chart
	add := func(c chart, picture []byte, err error) error {
		if err != nil {
			return fmt.Errorf("draw %s: %w", c.file, err)
		}
		all = append(all, c)
		return os.WriteFile(filepath.Join(dir, c.file), picture, 0o644)
	}
	for _, connections := range r.connections() {
		c := chart{kindRatios, fmt.Sprintf("Dossier's requests per second over the others', %d connections", connections), fmt.Sprintf("ratios-%d.svg", connections)}
		picture, err := r.ratioChart(c.title, connections)
		if err := add(c, picture, err); err != nil {
			return nil, err
		}
	}
	if len(r.connections()) < 2 {
		return all, nil
	}
	for _, w := range r.workloads() {
		for _, percentile := range []int{50, 99} {
			c := chart{"latency", fmt.Sprintf("%s: p%d in ms by connections", w, percentile), fmt.Sprintf("latency-%s-p%d.svg", w, percentile)}
			picture, err := r.latencyChart(c.title, w, percentile)
			if err := add(c, picture, err); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// ratioChart has a group of bars for each workload.
func (r *results) ratioChart(title string, connections int) ([]byte, error) {
	workloads := slices.DeleteFunc(r.workloads(), func(w string) bool { return w == "W3Z" })
	series := []struct {
		name  string
		ratio func(workload string) float64
	}{
		{"over NestJS", func(w string) float64 { return r.overNest(w, connections) }},
		{"over PostGraphile", func(w string) float64 { return r.overPostGraphile(w, connections) }},
		{"of the limit", func(w string) float64 { return r.ofLimit(w, connections, dossierName) }},
	}
	var names []string
	var values [][]float64
	for _, s := range series {
		row := make([]float64, len(workloads))
		for i, w := range workloads {
			row[i] = plotted(s.ratio(w))
		}
		names, values = append(names, s.name), append(values, row)
	}
	return bars(title, workloads, names, values)
}

func (r *results) latencyChart(title, workload string, percentile int) ([]byte, error) {
	var labels []string
	for _, n := range r.connections() {
		labels = append(labels, fmt.Sprint(n))
	}
	var values [][]float64
	for _, peer := range r.peers() {
		var row []float64
		for _, n := range r.connections() {
			s := summarize(r.of(workload, n, peer))
			row = append(row, plotted(map[int]float64{50: s.p50, 99: s.p99}[percentile]))
		}
		values = append(values, row)
	}
	return lines(title, labels, r.peers(), values)
}

// plotted leaves a gap for a figure that is not there.
func plotted(value float64) float64 {
	if math.IsNaN(value) {
		return charts.GetNullValue()
	}
	return math.Round(value*100) / 100
}

func bars(title string, labels, names []string, values [][]float64) ([]byte, error) {
	option := charts.NewBarChartOptionWithData(values)
	option.Title = charts.TitleOption{Text: title, FontStyle: charts.NewFontStyleWithSize(fontSize + 2)}
	option.CategoryAxis.Labels = labels
	option.Legend = charts.LegendOption{SeriesNames: names, Offset: charts.OffsetStr{Top: "24"}}
	option.ValueAxis[0].Min = charts.Ptr(0.0)
	for i := range option.SeriesList {
		option.SeriesList[i].Label.Show = charts.Ptr(true)
		option.SeriesList[i].Label.FontStyle = charts.NewFontStyleWithSize(fontSize - 2)
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: wideWidth, Height: wideHeight})
	if err := painter.BarChart(option); err != nil {
		return nil, err
	}
	return painter.Bytes()
}

func lines(title string, labels, names []string, values [][]float64) ([]byte, error) {
	option := charts.NewLineChartOptionWithData(values)
	option.Title = charts.TitleOption{Text: title, FontStyle: charts.NewFontStyleWithSize(fontSize + 1)}
	option.XAxis.Labels = labels
	option.Legend = charts.LegendOption{
		SeriesNames: names, Offset: charts.OffsetStr{Top: "22"}, FontStyle: charts.NewFontStyleWithSize(fontSize - 2),
	}
	option.YAxis[0].Min = charts.Ptr(0.0)
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: smallWidth, Height: smallHeight})
	if err := painter.LineChart(option); err != nil {
		return nil, err
	}
	return painter.Bytes()
}
