package main

import (
	"math"
	"slices"
)

// aimConnections is where the aims are read.
const aimConnections = 16

// aim is what Dossier's throughput is to be, as ratios, and how many statements it may send.
type aim struct {
	workload         string
	atLeast          float64 // over NestJS: required
	overNest         float64 // over NestJS, the better of one and two processes
	overPostGraphile float64 // W3 at small offsets
	ofLimit          float64
	statements       float64 // required; NaN where nothing is
}

var none = math.NaN()

var aims = []aim{
	{"W1", 2.0, 3.1, 2.5, 0.75, 2},
	{"W2", 1.2, 1.9, 1.7, 0.70, 2},
	{"W3", 1.4, 2.3, 1.5, 0.55, 3},
	{"W4", 1.5, 2.3, 2.0, 0.60, 2},
	{"W5", 1.0, 1.4, 1.4, 0.75, 2},
	{"W6", 1.8, 3.5, 1.5, 0.50, 5},
	{"M1", 1.2, 1.5, 1.8, 0.60, none},
	{"M2", 1.5, 2.1, 1.8, 0.55, none},
	{"M3", 1.4, 2.0, 1.6, 0.55, none},
}

// Aims that are not ratios.
const (
	memoryAimMB          = 100  // Dossier's peak at memoryAimConnections
	memoryAimConnections = 64   //
	growthAim            = 1.15 // p50 at four times the data, over p50 at once the data
	throughputAim        = 0.9  // throughput at 256 connections, over that at 16
	p99AimMs             = 1000 // of W1 and W2 at 256 connections
)

// aimTable shows each workload's ratios beside what they are to be.
func (r *results) aimTable() string {
	if !slices.Contains(r.connections(), aimConnections) {
		return ""
	}
	t := newTable("", "over NestJS", "at least", "aim", "reached", "over PostGraphile", "aim", "reached", "of the limit", "aim", "reached",
		"statements", "allowed")
	for _, a := range aims {
		if !slices.Contains(r.workloads(), a.workload) {
			continue
		}
		nest, postGraphile := r.overNest(a.workload, aimConnections), r.overPostGraphile(a.workload, aimConnections)
		limit := r.ofLimit(a.workload, aimConnections, dossierName)
		statements, _ := r.statementsOf(a.workload, dossierName)
		t.add(a.workload, met(nest, nest >= a.atLeast, 2), number(a.atLeast, 1), number(a.overNest, 1), reached(nest, a.overNest),
			number(postGraphile, 2), number(a.overPostGraphile, 1), reached(postGraphile, a.overPostGraphile),
			number(limit, 2), number(a.ofLimit, 2), reached(limit, a.ofLimit),
			met(statements, math.IsNaN(a.statements) || statements <= a.statements, 2), number(a.statements, 0))
	}
	return t.String()
}

// met shows what is required: bold when it is missed.
func met(value float64, ok bool, digits int) string {
	if text := number(value, digits); ok || math.IsNaN(value) {
		return text
	}
	return "**" + number(value, digits) + "**"
}

// reached is how far a value is on the way to its aim.
func reached(value, aim float64) string {
	if math.IsNaN(value) || math.IsNaN(aim) {
		return ""
	}
	return number(100*value/aim, 0) + " %"
}
