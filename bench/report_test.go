package main

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossier/bench/workload"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixture has the figures that a run or a growth run has written.
func fixture(t *testing.T, name string) *results {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := readResults(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantGolden(t *testing.T, dir, written, golden string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, written))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", golden)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got; -update writes it anew):\n%s", golden, diff)
	}
	shown := pictureName.FindAllString(string(got), -1)
	for _, file := range shown {
		if picture, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(picture), "</svg>") {
			t.Errorf("%s is no picture: %v", file, err)
		}
	}
	if len(shown) == 0 {
		t.Error("there is no picture")
	}
}

var pictureName = regexp.MustCompile(`[\w-]+\.svg`)

func TestReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.md"), []byte("What a person noticed.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(dir, fixture(t, "cells.jsonl")); err != nil {
		t.Fatal(err)
	}
	wantGolden(t, dir, "README.md", "report.golden.md")
}

func TestGrowthReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := writeGrowth(dir, fixture(t, "growth.jsonl")); err != nil {
		t.Fatal(err)
	}
	wantGolden(t, dir, "growth.md", "growth.golden.md")
}

// cellsOf has a round for each figure.
func cellsOf(workload, peer string, perSecond ...float64) []cell {
	var cells []cell
	for round, figure := range perSecond {
		cells = append(cells, cell{Kind: kindCell, Workload: workload, Connections: 16, Round: round, Peer: peer, PerSecond: figure})
	}
	return cells
}

// A ratio is of figures of the same round: a slow minute of the machine is slow for both.
func TestRatiosAreOfRounds(t *testing.T) {
	t.Parallel()
	r := &results{}
	for _, cells := range [][]cell{
		cellsOf("W3", dossierName, 100, 10, 1), cellsOf("W3", nestName, 50, 2, 0.25), cellsOf("W3", nest2Name, 200, 5, 1),
		cellsOf("W3", limitName, 200, 20), cellsOf("W3", postgraphileName, 1, 1, 1),
		cellsOf("W3Z", dossierName, 30, 30, 30), cellsOf("W3Z", postgraphileName, 10, 20, 15),
	} {
		r.cells = append(r.cells, cells...)
	}
	for what, got := range map[string][2]float64{
		"over nest":               {4, r.ratio("W3", 16, dossierName, nestName)},
		"over the better of nest": {1, r.overNest("W3", 16)},
		"over PostGraphile":       {2, r.overPostGraphile("W3", 16)},
		"of the limit":            {0.5, r.ofLimit("W3", 16, dossierName)},
	} {
		if got[0] != got[1] {
			t.Errorf("%s it is %v, not %v", what, got[1], got[0])
		}
	}
	if !math.IsNaN(r.ratio("W1", 16, dossierName, nestName)) {
		t.Error("there is a ratio of what was not measured")
	}
}

func TestWhatIsWrongFails(t *testing.T) {
	t.Parallel()
	r := &results{}
	r.add(comparison{Workload: "W1", Peer: "nest", Answers: 3})
	r.add(cell{Workload: "W1", Peer: "nest", Requests: 3})
	if err := failIfWrong(r); err != nil {
		t.Error(err)
	}
	r.add(comparison{Workload: "W2", Peer: "nest", Answers: 3, Different: 1, First: "[0].id"})
	r.add(cell{Workload: "W3", Peer: "nest2", Errors: 2, FirstError: "status 500"})
	err := failIfWrong(r)
	if err == nil || !strings.Contains(err.Error(), "nest W2: 1 of 3") || !strings.Contains(err.Error(), "status 500") {
		t.Error(err)
	}
}

func TestStatementsAreChecked(t *testing.T) {
	t.Parallel()
	right := []statements{
		{Workload: "W1", Peer: dossierName, PerRequest: 2}, {Workload: "W4", Peer: dossierName, PerRequest: 2.1}, {Workload: "W3", Peer: nestName, PerRequest: 3.2}, {Workload: "M1", Peer: dossierName, PerRequest: 9},
	}
	if err := checkStatements(right); err != nil {
		t.Error(err)
	}
	if checkStatements(append(right, statements{Workload: "W6", Peer: dossierName, PerRequest: 5.5})) == nil {
		t.Error("a statement more is not noticed")
	}
}

func TestCompareAnswers(t *testing.T) {
	t.Parallel()
	row := func(name string) said { return said{canonical: []any{map[string]any{"name": name}}} }
	for what, c := range map[string]struct {
		want, got []said
		different int
	}{
		"the same":          {[]said{row("a"), row("b")}, []said{row("a"), row("b")}, 0},
		"another":           {[]said{row("a"), row("b")}, []said{row("a"), row("c")}, 1},
		"an error":          {[]said{row("a")}, []said{{err: errors.New("no")}}, 1},
		"the limit's error": {[]said{{err: errors.New("no")}}, []said{row("a")}, 1},
		"nothing at all":    {[]said{{canonical: []any{}}}, []said{{canonical: []any{}}}, 1},
	} {
		if got := compareAnswers("W1", "nest", c.want, c.got); got.Different != c.different || (got.First == "") != (c.different == 0) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// While measuring an answer must be what was compared, and a change must have been made.
func TestChecksWhileMeasuring(t *testing.T) {
	t.Parallel()
	same := sameAs([]byte(`{"data":{"a":1}}`))
	if err := same(200, []byte(`{"data":{"a":1}}`)); err != nil {
		t.Error(err)
	}
	if same(200, []byte(`{"data":{"a":2}}`)) == nil || same(200, nil) == nil || same(500, []byte(`{"data":{"a":1}}`)) == nil {
		t.Error("another answer is right")
	}
	made := says(map[string]any{"status": "READY"})
	if err := made(200, []byte(`{"data":{"m":{"document":{"status":"READY"},"userErrors":[]}}}`)); err != nil {
		t.Error(err)
	}
	for _, body := range []string{
		`{"data":{"m":{"document":{"status":"FAILED"},"userErrors":[]}}}`, `{"data":{"m":{"document":null,"userErrors":[{"code":"CONFLICT"}]}}}`,
		`{"data":{"m":{"status":"READY"}},"errors":[{}]}`, `{"data":{"m":null}}`,
	} {
		if made(200, []byte(body)) == nil {
			t.Errorf("%s is right", body)
		}
	}
	if made(503, []byte(`{"data":{"m":{"status":"READY"}}}`)) == nil {
		t.Error("status 503 is right")
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	good := settings{Scale: 1, Rounds: 1, Duration: 1, Connections: []int{1}, Peers: []string{dossierName, limitName}, Workloads: workloadNames}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*settings){
		"no limit":    func(s *settings) { s.Peers = []string{dossierName} },
		"a stranger":  func(s *settings) { s.Peers = []string{limitName, "hasura"} },
		"no scale":    func(s *settings) { s.Scale = 0 },
		"no workload": func(s *settings) { s.Workloads = []string{"W9"} },
		"too many":    func(s *settings) { s.Connections = []int{1 << 20} },
	} {
		bad := good
		change(&bad)
		if bad.check() == nil {
			t.Errorf("%s is taken", what)
		}
	}
	workloads, err := settings{Workloads: []string{"M1", "W2"}}.workloads()
	if err != nil || len(workloads) != 2 || workloads[0].Name != "W2" {
		t.Errorf("%v, %v: what writes comes last", workloads, err)
	}
}

// Every workload is in the table of aims, but the one that is quoted in another's place.
func TestAimsNameWorkloads(t *testing.T) {
	t.Parallel()
	var names []string
	for _, a := range aims {
		names = append(names, a.workload)
	}
	var all []string
	for _, w := range workload.All {
		if w.Name != "W3Z" {
			all = append(all, w.Name)
		}
	}
	if diff := cmp.Diff(all, names); diff != "" {
		t.Error(diff)
	}
}
