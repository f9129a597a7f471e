package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// The kinds of records, one a line of cells.jsonl. The report is made from nothing else.
const (
	kindRun        = "run"
	kindComparison = "comparison"
	kindStatements = "statements"
	kindCell       = "cell"
	kindQuality    = "quality"
	kindRecall     = "recall"
)

// run says what was measured, where and how.
type run struct {
	Kind        string            `json:"kind"`
	Started     time.Time         `json:"started"`
	Took        string            `json:"took,omitempty"`
	Machine     machine           `json:"machine"`
	Versions    map[string]string `json:"versions"`
	Scale       float64           `json:"scale"`
	Rounds      int               `json:"rounds"`
	Duration    string            `json:"duration"`
	Warmup      string            `json:"warmup"`
	Settle      string            `json:"settle,omitempty"`
	Connections []int             `json:"connections"`
	Peers       []string          `json:"peers"`
}

// machine is what all share.
type machine struct {
	CPU          string  `json:"cpu"`
	Cores        int     `json:"cores"`
	MemoryGiB    float64 `json:"memoryGiB"`
	HugePagesGiB float64 `json:"hugePagesGiB,omitempty"` // of the memory; PostgreSQL takes them for what its processes share
	System       string  `json:"system"`
	Kernel       string  `json:"kernel"`
	LoadAverage  string  `json:"loadAverage"` // before the first cell: 0.00 on a quiet machine
	Accounted    bool    `json:"accounted"`   // whether the system tells CPU times and memory
}

func (m machine) String() string {
	memory := number(m.MemoryGiB, 1) + " GiB"
	if m.HugePagesGiB > 0 {
		memory += " with " + number(m.HugePagesGiB, 1) + " in huge pages"
	}
	return fmt.Sprintf("%s, %d cores, %s, %s, Linux %s", m.CPU, m.Cores, memory, m.System, m.Kernel)
}

// comparison is how many of a peer's answers to a workload said the same as the limit's.
type comparison struct {
	Kind      string `json:"kind"`
	Workload  string `json:"workload"`
	Peer      string `json:"peer"`
	Answers   int    `json:"answers"`
	Values    int    `json:"values"` // in the limit's answers
	Different int    `json:"different"`
	First     string `json:"first,omitempty"` // the first difference
}

// statements are what PostgreSQL was sent for one request, once the caches are warm.
type statements struct {
	Kind        string  `json:"kind"`
	Workload    string  `json:"workload"`
	Peer        string  `json:"peer"`
	PerRequest  float64 `json:"perRequest"`
	Transaction float64 `json:"transaction"` // BEGIN, COMMIT and the like, which PerRequest has not

	texts []string // what PerRequest counts, with how often: for whoever must find out why there is one too many
}

// cell is one peer's figures of one workload at one number of connections in one round.
type cell struct {
	Kind           string  `json:"kind"`
	Series         string  `json:"series,omitempty"` // of the growth report
	X              float64 `json:"x,omitempty"`      // what grows in it
	Workload       string  `json:"workload"`
	Connections    int     `json:"connections"`
	Round          int     `json:"round"`
	Peer           string  `json:"peer"`
	Requests       int     `json:"requests"`
	PerSecond      float64 `json:"perSecond"`
	P50ms          float64 `json:"p50ms"`
	P99ms          float64 `json:"p99ms"`
	ServerCPU      float64 `json:"serverCPU"`   // seconds per 1,000 requests
	DatabaseCPU    float64 `json:"databaseCPU"` // the same, of PostgreSQL
	PeakMB         float64 `json:"peakMB"`
	GeneratorShare float64 `json:"generatorShare"` // of one core
	BodyBytes      float64 `json:"bodyBytes"`      // of an answer, on average
	Errors         int     `json:"errors"`
	FirstError     string  `json:"firstError,omitempty"`
}

// results are all records of a file.
type results struct {
	run         run
	comparisons []comparison
	statements  []statements
	cells       []cell
	qualities   []quality
	recalls     []recall
}

func (r *results) add(record any) {
	switch record := record.(type) {
	case run:
		r.run = record
	case comparison:
		r.comparisons = append(r.comparisons, record)
	case statements:
		r.statements = append(r.statements, record)
	case cell:
		r.cells = append(r.cells, record)
	case quality:
		r.qualities = append(r.qualities, record)
	case recall:
		r.recalls = append(r.recalls, record)
	}
}

// wrong says what makes a run fail: answers that differ, and errors.
func (r *results) wrong() []string {
	var problems []string
	for _, c := range r.comparisons {
		if c.Different > 0 {
			problems = append(problems, fmt.Sprintf("%s %s: %d of %d answers differ from the limit's, first: %s",
				c.Peer, c.Workload, c.Different, c.Answers, c.First))
		}
	}
	for _, c := range r.cells {
		if c.Errors > 0 {
			problems = append(problems, fmt.Sprintf("%s %s at %d connections, round %d: %d wrong answers, first: %s",
				c.Peer, c.Workload, c.Connections, c.Round, c.Errors, c.FirstError))
		}
	}
	return problems
}

// recorder keeps records, and writes them to a file as they come: a run that is stopped leaves what it has measured.
type recorder struct {
	results
	file io.WriteCloser
}

func newRecorder(path string) (*recorder, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	return &recorder{file: file}, err
}

func (r *recorder) record(record any) error {
	r.add(record)
	line, err := json.Marshal(record)
	if err != nil {
		return err
	}
	_, err = r.file.Write(append(line, '\n'))
	return err
}

// lineMax bounds a line of cells.jsonl.
const lineMax = 1 << 20

// readResults reads what a recorder wrote.
func readResults(from io.Reader) (*results, error) {
	r := &results{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		record, err := parseRecord(lines.Bytes())
		if err != nil {
			return nil, err
		}
		r.add(record)
	}
	return r, lines.Err()
}

func parseRecord(line []byte) (any, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, err
	}
	switch head.Kind {
	case kindRun:
		return decode[run](line)
	case kindComparison:
		return decode[comparison](line)
	case kindStatements:
		return decode[statements](line)
	case kindCell:
		return decode[cell](line)
	case kindQuality:
		return decode[quality](line)
	case kindRecall:
		return decode[recall](line)
	}
	return nil, fmt.Errorf("a record of the unknown kind %q", head.Kind)
}

func decode[T any](line []byte) (T, error) {
	var record T
	err := json.Unmarshal(line, &record)
	return record, err
}
