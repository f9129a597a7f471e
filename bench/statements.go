package main

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"

	"dossier/bench/load"
	"dossier/bench/workload"
)

// Requests by which statements are counted: first some that fill the caches of the server and of its connections.
const (
	warmRequests    = 20
	countedRequests = 20
)

var (
	transactionControl = regexp.MustCompile(`(?i)^\s*(begin|start transaction|commit|rollback|savepoint|release|set|discard|deallocate)\b`)
	// background is what Dossier sends whether or not it is asked anything: its listener makes sure that it is still told, its
	// pool that a connection still lives, its job queue that somebody leads (River's statements have names), and the viewer, who is
	// kept for ten seconds, is read again. (And what is asked here.)
	background = regexp.MustCompile(`(?i)^-- name: |^listen |^SELECT pg_notify\(\$1|^SELECT \$1$|JOIN sessions AS session ON|pg_stat_statements`)
)

// countStatements asks a peer one request after the other, and PostgreSQL how many statements it got.
func (s *stage) countStatements(ctx context.Context, p *peer, w workload.Workload, known answers) (statements, error) {
	counted := statements{Kind: kindStatements, Workload: w.Name, Peer: p.name}
	source, err := s.sourceToCount(p, w, known)
	if err != nil {
		return counted, err
	}
	for i := range warmRequests + countedRequests {
		if i == warmRequests {
			if _, err := s.conn.Exec(ctx, "SELECT "+statsSchema+".pg_stat_statements_reset()"); err != nil {
				return counted, err
			}
		}
		request := source(0)
		status, body, err := load.Ask(p.target, request.Body)
		if err == nil {
			err = request.Check(status, body)
		}
		if err != nil {
			return counted, fmt.Errorf("count the statements of %s %s: %w", p.name, w.Name, err)
		}
	}
	rows, err := s.conn.Query(ctx, "SELECT query, calls FROM "+statsSchema+`.pg_stat_statements
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	if err != nil {
		return counted, err
	}
	defer rows.Close()
	for rows.Next() {
		var query string
		var calls float64
		if err := rows.Scan(&query, &calls); err != nil {
			return counted, err
		}
		switch {
		case background.MatchString(query):
		case transactionControl.MatchString(query):
			counted.Transaction += calls / countedRequests
		default:
			counted.PerRequest += calls / countedRequests
			counted.texts = append(counted.texts, fmt.Sprintf("%v x %s", calls, query))
		}
	}
	counted.PerRequest, counted.Transaction = hundredths(counted.PerRequest), hundredths(counted.Transaction)
	return counted, rows.Err()
}

// sourceToCount gives the requests whose answers have most values: below a level without rows there is nothing to read.
func (s *stage) sourceToCount(p *peer, w workload.Workload, known answers) (load.Source, error) {
	if w.Writes {
		return s.changes(p, w, 1)
	}
	requests, err := s.reads(p, w, known)
	if err != nil {
		return nil, err
	}
	var chosen []load.Request
	for _, i := range known.fullest[w.Name][:min(len(requests), countedRequests)] {
		chosen = append(chosen, requests[i])
	}
	return inTurn(chosen), nil
}

func hundredths(x float64) float64 { return math.Round(x*100) / 100 }

// countAll counts the statements of the named peers in every workload. What writes is put back.
func (s *stage) countAll(ctx context.Context, workloads []workload.Workload, names []string, known answers, record func(any) error) error {
	for _, w := range workloads {
		for _, p := range s.peers {
			if !slices.Contains(names, p.name) {
				continue
			}
			counted, err := s.countStatements(ctx, p, w, known)
			if err != nil {
				return err
			}
			say("counted %s %s: %v statements per request, and %v of transaction control", p.name, w.Name, counted.PerRequest, counted.Transaction)
			if err := record(counted); err != nil {
				return err
			}
			if w.Writes {
				if err := s.restore(ctx); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
