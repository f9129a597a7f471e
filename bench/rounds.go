package main

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"dossier/bench/load"
	"dossier/bench/workload"
)

// source gives the requests of a workload to a peer. What is read must be answered as it was when it was compared.
func (s *stage) source(p *peer, w workload.Workload, connections int, known answers) (load.Source, error) {
	if w.Writes {
		return s.changes(p, w, connections)
	}
	requests, err := s.reads(p, w, known)
	return inTurn(requests), err
}

func (s *stage) reads(p *peer, w workload.Workload, known answers) ([]load.Request, error) {
	var requests []load.Request
	for i, variables := range w.Reads(s.size) {
		body, err := p.dialect.Body(w.Operation, variables)
		if err != nil {
			return nil, err
		}
		requests = append(requests, load.Request{Body: body, Check: sameAs(known.bodies[w.Name][p.name][i])})
	}
	return requests, nil
}

// inTurn gives the requests one after the other to whoever asks, again and again.
func inTurn(requests []load.Request) load.Source {
	var next atomic.Int64
	return func(int) load.Request { return requests[int(next.Add(1)-1)%len(requests)] }
}

func (s *stage) changes(p *peer, w workload.Workload, connections int) (load.Source, error) {
	walks := make([]func() workload.Change, connections)
	for i := range walks {
		walk, err := w.Walk(s.world, i, connections)
		if err != nil {
			return nil, err
		}
		walks[i] = walk
	}
	return func(worker int) load.Request {
		change := walks[worker]()
		body, err := p.dialect.Body(w.Operation, change.Variables)
		if err != nil {
			return load.Request{Check: func(int, []byte) error { return err }}
		}
		return load.Request{Body: body, Check: says(change.Want)}
	}, nil
}

// plan is one cell to measure.
type plan struct {
	workload    workload.Workload
	connections int
	round       int
	warmup      time.Duration
	duration    time.Duration
}

// measure measures one peer.
func (s *stage) measure(ctx context.Context, p *peer, source load.Source, m plan) (cell, error) {
	p.child.forgetLog()
	var server, database, generator time.Duration
	pid := p.child.process.Pid
	result, err := load.Run(ctx, p.target, source, load.Plan{
		Connections: m.connections, Warmup: m.warmup, Duration: m.duration,
		Measuring: func() func() {
			load.ForgetPeak(pid)
			server, database, generator = load.CPUOf(pid), load.CPUOf(s.cluster.pid), load.OwnCPU()
			return func() {
				server, database = load.CPUOf(pid)-server, load.CPUOf(s.cluster.pid)-database
				generator = load.OwnCPU() - generator
			}
		},
	})
	if err != nil {
		return cell{}, err
	}
	c := cell{
		Kind: kindCell, Workload: m.workload.Name, Connections: m.connections, Round: m.round, Peer: p.name,
		Requests: result.Requests, PerSecond: result.PerSecond(), P50ms: milliseconds(result.P50), P99ms: milliseconds(result.P99),
		PeakMB: float64(load.PeakBytes(pid)) / 1e6, GeneratorShare: generator.Seconds() / result.Elapsed.Seconds(),
		Errors: result.Errors, FirstError: result.FirstError,
	}
	if result.Requests == 0 {
		c.Errors, c.FirstError = max(c.Errors, 1), cmp.Or(c.FirstError, "no answer came in time")
		return c, nil
	}
	thousands := float64(result.Requests) / 1000
	c.ServerCPU, c.DatabaseCPU = server.Seconds()/thousands, database.Seconds()/thousands
	c.BodyBytes = float64(result.BodyBytes) / float64(result.Requests)
	return c, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// measureAll measures every cell: for each workload, number of connections and round all peers one after the other, beginning
// with another peer each time. If anything is to settle, a round before them is not recorded: it reads what the others find in
// memory, and of what is written it makes PostgreSQL log for the first time after the checkpoint what it then logs in full.
func (s *stage) measureAll(ctx context.Context, c settings, workloads []workload.Workload, known answers, record func(any) error) error {
	first := firstRound(c.Settle)
	total := len(workloads) * len(c.Connections) * (c.Rounds + 1 - first) * len(s.peers)
	done := 0
	for _, w := range workloads {
		for _, connections := range c.Connections {
			if _, err := s.conn.Exec(ctx, "CHECKPOINT"); err != nil {
				return err
			}
			for round := first; round <= c.Rounds; round++ {
				for i := range s.peers {
					p := s.peers[(i+round)%len(s.peers)]
					done++
					one := plan{workload: w, connections: connections, round: round, warmup: c.Warmup, duration: c.Duration}
					if round == 0 {
						one.warmup = max(c.Warmup, c.Settle)
					}
					measured, err := s.measureOne(ctx, p, one, known)
					if err != nil {
						return err
					}
					say("%d/%d %s", done, total, measured.line())
					if round == 0 {
						continue
					}
					if err := record(measured); err != nil {
						return err
					}
				}
			}
		}
	}
	return s.restore(ctx)
}

// measureOne puts the data back before what writes.
func (s *stage) measureOne(ctx context.Context, p *peer, m plan, known answers) (cell, error) {
	if m.workload.Writes {
		if err := s.restore(ctx); err != nil {
			return cell{}, err
		}
	}
	source, err := s.source(p, m.workload, m.connections, known)
	if err != nil {
		return cell{}, fmt.Errorf("%s %s: %w", p.name, m.workload.Name, err)
	}
	return s.measure(ctx, p, source, m)
}

// line is a cell as progress.
func (c cell) line() string {
	text := fmt.Sprintf("%-4s %3d connections, round %d, %-12s %8.1f/s  p50 %8.2f ms  p99 %8.2f ms  CPU %.3f + %.3f s/1000  %4.0f MB",
		c.Workload, c.Connections, c.Round, c.Peer, c.PerSecond, c.P50ms, c.P99ms, c.ServerCPU, c.DatabaseCPU, c.PeakMB)
	if c.Errors > 0 {
		text += fmt.Sprintf("  %d WRONG: %s", c.Errors, c.FirstError)
	}
	return text
}
