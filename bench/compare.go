package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"dossier/bench/workload"
)

// answers are what the peers said to all requests of the workloads that read.
type answers struct {
	bodies  map[string]map[string][][]byte // by workload and peer: what it must say again
	fullest map[string][]int               // by workload: the requests, those whose answers have most values first
}

// compare asks every peer for everything that is going to be read, and compares what it says with what the limit says.
func (s *stage) compare(ctx context.Context, workloads []workload.Workload, record func(any) error) (answers, error) {
	all := answers{map[string]map[string][][]byte{}, map[string][]int{}}
	for _, w := range workloads {
		if w.Writes {
			continue
		}
		limit := s.find(limitName)
		bodies, said, err := askAll(ctx, limit, w, w.Reads(s.size))
		if err != nil {
			return all, err
		}
		all.bodies[w.Name] = map[string][][]byte{limitName: bodies}
		all.fullest[w.Name] = fullest(said)
		for _, p := range s.peers {
			if p == limit {
				continue
			}
			bodies, got, err := askAll(ctx, p, w, w.Reads(s.size))
			if err != nil {
				return all, err
			}
			all.bodies[w.Name][p.name] = bodies
			c := compareAnswers(w.Name, p.name, said, got)
			say("compared %s %s: %d answers, %d differ%s", p.name, w.Name, c.Answers, c.Different, orNothing(c.First))
			if err := record(c); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// fullest sorts requests by how many values their answers have.
func fullest(all []said) []int {
	order, leaves := make([]int, len(all)), make([]int, len(all))
	for i := range all {
		order[i], leaves[i] = i, workload.Leaves(all[i].canonical)
	}
	slices.SortStableFunc(order, func(a, b int) int { return leaves[b] - leaves[a] })
	return order
}

func orNothing(first string) string {
	if first == "" {
		return ""
	}
	return ": " + first
}

// said is a canonical answer, or why there is none.
type said struct {
	canonical any
	err       error
}

func askAll(ctx context.Context, p *peer, w workload.Workload, requests []workload.Variables) ([][]byte, []said, error) {
	bodies, all := make([][]byte, len(requests)), make([]said, len(requests))
	for i, variables := range requests {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		body, canonical, err := p.ask(w.Operation, variables)
		bodies[i], all[i] = body, said{canonical, err}
	}
	return bodies, all, nil
}

// compareAnswers compares what two peers said. Answers that all say nothing agree on nothing: that is a difference, too.
func compareAnswers(workloadName, peerName string, want, got []said) comparison {
	c := comparison{Kind: kindComparison, Workload: workloadName, Peer: peerName, Answers: len(want)}
	differs := func(text string) {
		if c.Different++; c.First == "" {
			c.First = text
		}
	}
	for i := range want {
		if err := want[i].err; err != nil {
			differs(fmt.Sprintf("request %d: the limit: %v", i, err))
			continue
		}
		if err := got[i].err; err != nil {
			differs(fmt.Sprintf("request %d: %v", i, err))
			continue
		}
		c.Values += workload.Leaves(want[i].canonical)
		if text := workload.Difference(want[i].canonical, got[i].canonical); text != "" {
			differs(fmt.Sprintf("request %d: %s", i, text))
		}
	}
	if c.Values == 0 && c.Different == 0 {
		differs("no answer has a value")
	}
	return c
}

// sameAs checks an answer while measuring: it must be, byte by byte, the one that was compared.
func sameAs(want []byte) func(status int, body []byte) error {
	return func(status int, body []byte) error {
		if status != 200 {
			return fmt.Errorf("status %d: %.200s", status, body)
		}
		if !bytes.Equal(body, want) {
			return errors.New("the answer is not the one that was compared" + firstChange(want, body))
		}
		return nil
	}
}

// firstChange shows where two texts part.
func firstChange(want, got []byte) string {
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	from := max(0, at-20)
	return fmt.Sprintf(": at byte %d, want %.60q, got %.60q", at, want[min(from, len(want)):], got[min(from, len(got)):])
}

// says checks the answer to a change: it was made, and to what was asked for.
func says(want map[string]any) func(status int, body []byte) error {
	return func(status int, body []byte) error {
		if status != 200 {
			return fmt.Errorf("status %d: %.200s", status, body)
		}
		answer, err := workload.Canonical(body)
		if err != nil {
			return err
		}
		if text := workload.Has(answer, want); text != "" {
			return errors.New(text)
		}
		return nil
	}
}
