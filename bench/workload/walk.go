package workload

import (
	"fmt"

	"dossier/bench/data"
	"dossier/model"
)

// Change is one request of a workload that writes.
type Change struct {
	Variables Variables
	Want      map[string]any // what its canonical answer must have, and may have more than
}

// World is what there is before anything is changed.
type World struct {
	Size      data.Size
	CompanyOf []int // the number of each user's company; of no meaning for staff
	Documents []int // how many documents each user owns
}

// Walk gives the changes of one connection of many, one after the other. The connections share nothing: what one of them
// has changed is how it left it, whatever the others do. A walk begins with the data as Load made it.
func (w Workload) Walk(world World, worker, workers int) (func() Change, error) {
	switch w.Name {
	case "M1":
		return walkStatuses(share(pendingDocuments(world.Size), worker, workers))
	case "M2":
		return walkOwners(share(members(world.Size, ringMax), worker, workers), worker)
	case "M3":
		return walkCompanies(world, worker, workers)
	}
	return nil, fmt.Errorf("%s writes nothing", w.Name)
}

// share gives a worker every workers-th row.
func share(rows []int, worker, workers int) []int {
	var mine []int
	for i := worker; i < len(rows); i += workers {
		mine = append(mine, rows[i])
	}
	return mine
}

var errFewRows = fmt.Errorf("there are fewer rows than connections: take a larger scale")

// statusWalk is what a document goes through, from PENDING on and back to it. Dossier refuses anything else.
var statusWalk = []model.DocumentStatus{
	model.DocumentExtracting, model.DocumentChunking, model.DocumentEmbedding, model.DocumentReady, model.DocumentPending,
}

// pendingDocuments are up to ringMax documents that are PENDING at first.
func pendingDocuments(size data.Size) []int {
	var ring []int
	for k := 0; k < size.Documents && len(ring) < ringMax; k++ {
		if n := k * stride % size.Documents; data.StatusOf(n) == string(model.DocumentPending) {
			ring = append(ring, n)
		}
	}
	return ring
}

func walkStatuses(documents []int) (func() Change, error) {
	if len(documents) == 0 {
		return nil, errFewRows
	}
	step := 0
	return func() Change {
		id, status := documentID(documents[step%len(documents)]), statusWalk[step/len(documents)%len(statusWalk)]
		step++
		return Change{
			Variables: Variables{"id": id, "status": string(status)},
			Want:      map[string]any{"id": id.UUID.String(), "status": string(status)},
		}
	}, nil
}

// members are up to so many users who belong to a company.
func members(size data.Size, most int) []int {
	var ring []int
	for k := 0; k < size.Users && len(ring) < most; k++ {
		if n := k * stride % size.Users; !data.IsStaff(n) {
			ring = append(ring, n)
		}
	}
	return ring
}

func walkOwners(owners []int, worker int) (func() Change, error) {
	if len(owners) == 0 {
		return nil, errFewRows
	}
	step := 0
	return func() Change {
		name := fmt.Sprintf("New %d-%d", worker, step)
		owner := userID(owners[step%len(owners)])
		step++
		return Change{
			Variables: Variables{"ownerId": owner, "name": name, "clientName": "Client X"},
			Want:      map[string]any{"name": name, "clientName": "Client X"},
		}
	}, nil
}

// walkCompanies moves users on from company to company. One user of each company stays there: whatever those who move own
// becomes that user's.
func walkCompanies(world World, worker, workers int) (func() Change, error) {
	stays, companies := map[int]int{}, []int{} // the user who stays, by company
	at := map[int]int{}                        // where a company is in companies
	for n, company := range world.CompanyOf {
		if _, taken := stays[company]; !taken && !data.IsStaff(n) {
			stays[company] = n
			at[company] = len(companies)
			companies = append(companies, company)
		}
	}
	var movers []int
	places := map[int]int{} // where a mover is, as a place in companies
	for _, n := range members(world.Size, world.Size.Users) {
		company, documents := world.CompanyOf[n], world.Documents[n]
		if stays[company] != n && documents > 0 && documents <= moverDocumentsMax && len(movers) < moversMax {
			movers = append(movers, n)
			places[n] = at[company]
		}
	}
	mine := share(movers, worker, workers)
	if len(mine) == 0 || len(companies) < 2 {
		return nil, errFewRows
	}
	step := 0
	return func() Change {
		user := mine[step%len(mine)]
		step++
		from := places[user]
		to := (from + 1 + user%(len(companies)-1)) % len(companies)
		places[user] = to
		id, company := userID(user), companyID(companies[to])
		return Change{
			Variables: Variables{"id": id, "companyId": company, "newOwnerId": userID(stays[companies[from]])},
			Want:      map[string]any{"id": id.UUID.String(), "company": map[string]any{"id": company.UUID.String()}},
		}
	}, nil
}
