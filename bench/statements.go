package main

import (
	"context"
	"fmt"
	"math"
	"regexp"

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
	// background is what Dossier sends while nobody asks it anything: its listener makes sure that it is still told.
	background = regexp.MustCompile(`^SELECT pg_notify\(\$1|pg_stat_statements`)
)

// countStatements asks a peer one request after the other, and PostgreSQL how many statements it got.
func (s *stage) countStatements(ctx context.Context, p *peer, w workload.Workload) (statements, error) {
	counted := statements{Kind: kindStatements, Workload: w.Name, Peer: p.name}
	source, err := s.source(p, w, 1, nil)
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
		}
	}
	counted.PerRequest, counted.Transaction = hundredths(counted.PerRequest), hundredths(counted.Transaction)
	return counted, rows.Err()
}

func hundredths(x float64) float64 { return math.Round(x*100) / 100 }

// countAll counts the statements of every peer and workload. What writes is put back.
func (s *stage) countAll(ctx context.Context, workloads []workload.Workload, record func(any) error) error {
	for _, w := range workloads {
		for _, p := range s.peers {
			counted, err := s.countStatements(ctx, p, w)
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
