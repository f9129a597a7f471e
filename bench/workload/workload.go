// Package workload knows what is asked of the peers, how each of them wants to be asked, and whether their answers say the
// same.
package workload

import (
	"fmt"

	"dossier/bench/data"
	"dossier/model"
)

// Workload is one kind of request.
type Workload struct {
	Name      string // W1 to W6, M1 to M3, W3Z
	Operation string // the operation that it asks for
	Title     string
	Writes    bool // a Walk tells what to ask; otherwise Reads does
}

// All are the workloads in the order in which they are measured: those that change rows come last.
var All = []Workload{
	{"W1", "W1", "point: a user and the company", false},
	{"W2", "W2", "list: a page of 50 users and their companies", false},
	{"W3", "W3", "nested: 50 projects, their owners, the 20 newest documents of each", false},
	{"W3Z", "W3", "W3 with small offsets, to quote for PostGraphile", false},
	{"W4", "W4", "counts: a user's projects, each with the number of its documents", false},
	{"W5", "W5", "search: up to 50 users by a part of their name or email", false},
	{"W6", "W6", "deep: a company, 20 users, 10 projects of each, 10 documents of each, their owners", false},
	{"M1", "M1", "update: a document's next status", true},
	{"M2", "M2", "create: a project", true},
	{"M3", "M3", "transfer: a user to another company, what the user owns to a new owner", true},
}

// How many different requests there are of each kind, at most: enough that no answer is asked for again at once.
const (
	pointsMax    = 400
	companiesMax = 100
	pagesMax     = 20
	pageRows     = 50
	termsMax     = 32   // of emails, and as many of names
	ringMax      = 1000 // documents and owners, for workloads that write
	moversMax    = 2000 // users who move: they own something only before their first move

	// moverDocumentsMax is how many documents a user who moves may own. Each is an entry in each of 16 indexes: with the 30
	// that users own in the mean, every peer would be measured by PostgreSQL's work alone.
	moverDocumentsMax = 6
)

// stride spreads the rows that are asked for over all there are; it is a prime that divides no size.
const stride = 7919

// firstNames are those of data.sql.
var firstNames = []string{
	"Anna", "Boris", "Carla", "David", "Elena", "Farid", "Greta", "Hugo", "Irene", "Jonas", "Katya", "Liam", "Mona", "Nils", "Olga", "Pavel",
}

// Reads are the variables of all the requests of a workload that only reads. They are asked for in turn, again and again.
func (w Workload) Reads(size data.Size) []Variables {
	var all []Variables
	switch w.Name {
	case "W1", "W4":
		for k := range min(pointsMax, size.Users) {
			all = append(all, Variables{"id": userID((k*stride + 13) % size.Users)})
		}
	case "W2":
		return pages(size.Users)
	case "W3":
		return pages(size.Projects)
	case "W3Z":
		for k := range min(pagesMax, size.Projects) {
			all = append(all, Variables{"off": Offset(k)})
		}
	case "W5":
		for k := range termsMax {
			all = append(all, Variables{"term": fmt.Sprintf("user%d", 100+k*3)},
				Variables{"term": fmt.Sprintf("%s %c", firstNames[k%16], 'a'+rune(k*5%16))})
		}
	case "W6":
		return Companies(size)
	}
	return all
}

// pages are those of the first thousand rows, mixed.
func pages(rows int) []Variables {
	var all []Variables
	for k := range pagesMax {
		if offset := k * 7 % pagesMax * pageRows; offset < rows {
			all = append(all, Variables{"off": Offset(offset)})
		}
	}
	return all
}

// CursorRows is behind how many rows of a list a page may begin.
func CursorRows(rows int) int { return min(pagesMax*pageRows, rows) }

func companyID(n int) model.GlobalID {
	return model.CompanyID(data.ID(data.Company, n)).Global()
}

func userID(n int) model.GlobalID {
	return model.UserID(data.ID(data.User, n)).Global()
}

func documentID(n int) model.GlobalID {
	return model.DocumentID(data.ID(data.Document, n)).Global()
}

// Companies are the variables of requests for one company each.
func Companies(size data.Size) []Variables {
	var all []Variables
	for k := range min(companiesMax, size.Companies) {
		all = append(all, Variables{"id": companyID((k * 37) % size.Companies)})
	}
	return all
}
