package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cellsFile and the others hold the raw figures of the reports, below place.Output.
const (
	cellsFile  = "cells.jsonl"
	growthFile = "growth.jsonl"
	searchFile = "search.jsonl"
)

type runCommand struct {
	place
	settings
}

// Run measures everything and writes the report. It fails if any answer was wrong; the report tells which.
func (c runCommand) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	// The figures of an earlier run stay until this one is complete.
	path := filepath.Join(c.Output, cellsFile)
	results, err := c.record(ctx, path+".part", c.Peers)
	if err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	if err := writeReport(c.Output, results); err != nil {
		return err
	}
	say("wrote %s", filepath.Join(c.Output, "README.md"))
	return failIfWrong(results)
}

// record measures all peers, and counts the statements of the named ones.
func (c runCommand) record(ctx context.Context, path string, names []string) (*results, error) {
	began := time.Now()
	workloads, err := c.workloads()
	if err != nil {
		return nil, err
	}
	r, err := newRecorder(path)
	if err != nil {
		return nil, err
	}
	defer r.file.Close()
	s, err := openStage(ctx, c.place, c.settings)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.use(ctx, c.Scale, c.Peers); err != nil {
		return nil, err
	}
	about := describe(s, c.settings, began)
	known, err := s.compare(ctx, workloads, r.record)
	if err != nil {
		return nil, err
	}
	if err := s.countAll(ctx, workloads, names, known, r.record); err != nil {
		return nil, err
	}
	if err := s.measureAll(ctx, c.settings, workloads, known, r.record); err != nil {
		return nil, err
	}
	about.Took = time.Since(began).Round(time.Second).String()
	return &r.results, r.record(about)
}

func failIfWrong(r *results) error {
	problems := r.wrong()
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("something was wrong:\n%s", strings.Join(problems, "\n"))
}

type smokeCommand struct {
	place
	Scale    float64       `env:"SCALE" default:"0.01" help:"How much data."`
	Duration time.Duration `env:"DURATION" default:"150ms" help:"How long a cell is measured."`
	Peers    []string      `env:"PEERS" default:"dossier,nest,nest2,postgraphile,limit" help:"Who takes part."`
}

// statementsMax are what Dossier may send for one request, transaction control aside. Companies may be cached.
var statementsMax = map[string]float64{"W1": 2, "W2": 2, "W3": 3, "W3Z": 3, "W4": 2, "W5": 2, "W6": 5}

// strayMax is what may come on top, for each of the 20 requests that are counted: now and then a server says something that
// no request has asked for. One statement too many in each request is 1.
const strayMax = 0.15

// Run fails if an answer is wrong or Dossier sends too many statements. How fast it went is of no interest.
func (c smokeCommand) Run(ctx context.Context) error {
	run := runCommand{c.place, settings{
		Scale: c.Scale, Rounds: 1, Duration: c.Duration, Warmup: 0, Connections: []int{8}, Peers: c.Peers, Workloads: allWorkloads(),
	}}
	if err := run.check(); err != nil {
		return err
	}
	results, err := run.record(ctx, filepath.Join(c.dir(), "smoke.jsonl"), []string{dossierName})
	if err != nil {
		return err
	}
	return errors.Join(checkStatements(results.statements), failIfWrong(results))
}

type searchSmokeCommand struct {
	place
	Duration time.Duration `env:"DURATION" default:"150ms" help:"How long a cell is measured."`
}

// smokeChunks is how many chunks a company has in the smoke test of searches.
const smokeChunks = 2000

// Run fails if an answer is wrong or searches miss too much: the questions are asked, and passages of a few companies are searched.
func (c searchSmokeCommand) Run(ctx context.Context) error {
	search := searchCommand{place: c.place, Chunks: smokeChunks, Grown: smokeChunks, Connections: 4, Rounds: 1, Duration: c.Duration}
	results, err := search.record(ctx, filepath.Join(c.dir(), "search-smoke.jsonl"))
	if err != nil {
		return err
	}
	return errors.Join(failIfWrong(results), results.missed())
}

func checkStatements(all []statements) error {
	var wrong error
	for _, s := range all {
		most, ok := statementsMax[s.Workload]
		if ok && s.Peer == dossierName && s.PerRequest > most+strayMax {
			wrong = errors.Join(wrong, fmt.Errorf("dossier sends %v statements for %s, more than %v:\n%s",
				s.PerRequest, s.Workload, most, strings.Join(s.texts, "\n")))
		}
	}
	return wrong
}

type reportCommand struct {
	Output string `env:"REPORT_DIR" type:"path" default:"report" help:"Where the figures are, and the reports are written."`
}

// Run writes those reports that there are figures of.
func (c reportCommand) Run() error {
	for file, write := range map[string]func(string, *results) error{cellsFile: writeReport, growthFile: writeGrowth, searchFile: writeSearch} {
		f, err := os.Open(filepath.Join(c.Output, file))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		results, err := readResults(f)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if err := write(c.Output, results); err != nil {
			return err
		}
	}
	return nil
}

func allWorkloads() []string { return slices.Clone(workloadNames) }
