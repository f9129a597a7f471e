package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dossier/bench/workload"
)

// writeReport writes README.md and its charts. What a person has to say stands in notes.md beside it, and is put in.
func writeReport(dir string, r *results) error {
	charts, err := writeCharts(dir, r)
	if err != nil {
		return err
	}
	notes, err := readNotes(filepath.Join(dir, "notes.md"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(r.report(notes, charts)), 0o644)
}

func readNotes(path string) (string, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// report is the text of the report.
func (r *results) report(notes string, charts []chart) string {
	var text strings.Builder
	section := func(title, body string) {
		if body = strings.TrimSpace(body); body != "" {
			fmt.Fprintf(&text, "\n## %s\n\n%s\n", title, body)
		}
	}
	fmt.Fprintf(&text, "# What the benchmark measured\n\n`make bench` writes this page from `%s`, and `make bench-report` writes it anew.\n", cellsFile)
	section("How", r.method())
	section("Notes", notes)
	section("The aims", r.aimSection())
	section("Ratios", "Over NestJS it is the better of one and two processes, and over PostGraphile W3 is read at small offsets.\n\n"+pictures(charts, kindRatios))
	section("Every figure", r.cellSections())
	section("Statements", r.statementSection())
	section("Memory", r.memorySection())
	section("Latency by connections", pictures(charts, "latency"))
	section("Answers", r.answerSection())
	return text.String()
}

// method says what was measured, where and how.
func (r *results) method() string {
	var text strings.Builder
	about := r.run
	fmt.Fprintf(&text, "- **Machine**: %s; load average before the first cell: %s\n", about.Machine, about.Machine.LoadAverage)
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(about.Versions)) {
		versions = append(versions, name+" "+about.Versions[name])
	}
	fmt.Fprintf(&text, "- **Versions**: %s\n", strings.Join(versions, ", "))
	settled := ""
	if about.Settle != "" && about.Settle != "0s" {
		settled = " behind one that is not recorded and warms for " + about.Settle
	}
	fmt.Fprintf(&text, "- **Run**: %s, took %s; scale %v; cells of %s after %s, %d rounds%s\n", about.Started.Format("2006-01-02 15:04 MST"),
		about.Took, about.Scale, about.Duration, about.Warmup, about.Rounds, settled)
	text.WriteString("- **Order**: per workload and number of connections, each round measures all peers one after the other and begins with " +
		"another one. A ratio is the median of the rounds' ratios; any other figure is the median of the rounds.\n" +
		"- **Load**: a closed loop. Each connection sends its next request when it has its answer, on the same machine as the servers.\n" +
		"- **Fairness**: all peers read the same tables, with the same indexes, constraints and triggers; what a cell writes is taken back " +
		"before the next one. Dossier runs in production with its defaults: a session is checked on each request, companies are kept apart, " +
		"limits and the request log are on. The others check no credential.\n" +
		"- **CPU** is seconds per 1,000 requests, of the server's processes and of PostgreSQL's. **Memory** is the peak of a server's processes in a cell.\n")
	if !about.Machine.Accounted {
		text.WriteString("- This system tells neither CPU times nor memory: they are 0 here.\n")
	}
	return text.String()
}

func (r *results) aimSection() string {
	t := r.aimTable()
	if t == "" {
		return ""
	}
	return fmt.Sprintf("Dossier's requests per second at %d connections over another's; over NestJS it is the better of one and two processes, "+
		"and over PostGraphile W3 is read at small offsets (W3Z). `reached` is how much of the aim. **Bold** misses what is required.\n\n%s",
		aimConnections, t)
}

// cellSections has a table for each workload.
func (r *results) cellSections() string {
	var text strings.Builder
	for _, w := range workload.All {
		if !slices.Contains(r.workloads(), w.Name) {
			continue
		}
		fmt.Fprintf(&text, "### %s, %s\n\n%s\n", w.Name, w.Title, r.cellTable(w.Name))
	}
	return text.String()
}

func (r *results) cellTable(workload string) string {
	t := newTable("connections", "peer", "requests/s", "of the limit", "Dossier over it", "p50 ms", "p99 ms", "CPU server", "CPU PostgreSQL",
		"memory MB", "answer KB", "generator's CPU", "errors")
	for _, connections := range r.connections() {
		for _, peer := range r.peers() {
			cells := r.of(workload, connections, peer)
			if len(cells) == 0 {
				continue
			}
			s := summarize(cells)
			over := r.ratio(workload, connections, dossierName, peer)
			if peer == dossierName {
				over = math.NaN()
			}
			t.add(fmt.Sprint(connections), peer, significant(s.perSecond), number(r.ofLimit(workload, connections, peer), 2), number(over, 2),
				significant(s.p50), significant(s.p99), significant(s.serverCPU), significant(s.databaseCPU), number(s.peakMB, 0),
				number(s.bodyLen/1000, 1), number(100*s.generator, 0)+" %", fmt.Sprint(s.errors))
		}
	}
	return t.String()
}

func (r *results) statementSection() string {
	if len(r.statements) == 0 {
		return ""
	}
	t := newTable(append([]string{"statements"}, r.peers()...)...)
	for _, w := range r.workloads() {
		row := []string{w}
		for _, peer := range r.peers() {
			perRequest, transaction := r.statementsOf(w, peer)
			text := number(perRequest, 2)
			if transaction > 0 {
				text += " + " + number(transaction, 2)
			}
			row = append(row, text)
		}
		t.add(row...)
	}
	return fmt.Sprintf("For one request, by pg_stat_statements, over %d requests at one connection behind %d that fill the caches. "+
		"What follows `+` is BEGIN, COMMIT and the like.\n\n%s", countedRequests, warmRequests, t)
}

// memorySection has the largest peak over all workloads.
func (r *results) memorySection() string {
	header := []string{"peak MB at connections"}
	for _, n := range r.connections() {
		header = append(header, fmt.Sprint(n))
	}
	t := newTable(header...)
	for _, peer := range r.peers() {
		row := []string{peer}
		for _, n := range r.connections() {
			peak := 0.0
			for _, c := range r.cells {
				if c.Peer == peer && c.Connections == n {
					peak = max(peak, c.PeakMB)
				}
			}
			row = append(row, met(peak, peer != dossierName || n != memoryAimConnections || peak < memoryAimMB, 0))
		}
		t.add(row...)
	}
	return fmt.Sprintf("The largest over all workloads and rounds. Dossier is to stay below %d MB at %d connections.\n\n%s",
		memoryAimMB, memoryAimConnections, t)
}

// answerSection says whether all that was measured was right.
func (r *results) answerSection() string {
	answers, values, different := 0, 0, 0
	for _, c := range r.comparisons {
		answers, values, different = answers+c.Answers, values+c.Values, different+c.Different
	}
	requests, wrong := 0, 0
	for _, c := range r.cells {
		requests, wrong = requests+c.Requests, wrong+c.Errors
	}
	text := fmt.Sprintf("Before measuring, %d answers with %d values were compared with the limit's: every id, name, email, status, count and time "+
		"in the order sent. %d of them differ. While measuring, each answer was checked: reads are byte by byte what was compared, and changes say "+
		"that they were made, to what was asked for. Of %d answers that were measured, and those of the warmups, %d were wrong.\n",
		answers, values, different, requests, wrong)
	for _, problem := range r.wrong() {
		text += "- " + strings.ReplaceAll(problem, "\n", " ") + "\n"
	}
	return text
}

// pictures shows the charts of a kind.
func pictures(charts []chart, kind string) string {
	var text strings.Builder
	for _, c := range charts {
		if c.kind != kind {
			continue
		}
		if kind == kindRatios {
			fmt.Fprintf(&text, "![%s](%s)\n", c.title, c.file)
			continue
		}
		fmt.Fprintf(&text, "<img src=%q alt=%q width=\"49%%\">\n", c.file, c.title)
	}
	return text.String()
}
