package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"dossier/bench/load"
	"dossier/bench/passages"
	"dossier/bench/workload"
	"dossier/internal/embedding"
	"dossier/internal/searchtest"
	"dossier/model"
	"dossier/repo"
)

const (
	// nearest is how many hits recall is of.
	nearest = 10
	// recallQueries is how many queries recall is the mean of, for each company.
	recallQueries = 100
	// searchMemory keeps the 1,200,000 vectors of all companies.
	searchMemory = "640MiB"
	// seriesSearch is the cells' of searches.
	seriesSearch = "search"
)

// recall is the share of the nearest passages, by exact comparison with all of them, that searches by vectors find.
type recall struct {
	Kind    string  `json:"kind"`
	Vectors string  `json:"vectors"` // what they are of
	Of      string  `json:"of"`      // which searches
	Chunks  int     `json:"chunks"`  // that were compared, of the largest of these searches
	Queries int     `json:"queries"`
	Recall  float64 `json:"recall"`
}

// recallMin is what recall is to be.
const recallMin = 0.95

// missed says which recalls are too small.
func (r *results) missed() error {
	var problems []string
	for _, found := range r.recalls {
		if found.Recall < recallMin {
			problems = append(problems, fmt.Sprintf("recall of %s, %s: %v", found.Vectors, found.Of, found.Recall))
		}
	}
	if len(r.recalls) == 0 || len(problems) > 0 {
		return fmt.Errorf("searches miss too much: %s", strings.Join(problems, "; "))
	}
	return nil
}

// fill makes the companies.
func (w *searchers) fill(ctx context.Context, chunks int) error {
	texts, err := passages.ReadTexts(filepath.Dir(w.builder.source))
	if err != nil {
		return err
	}
	from := 0
	for i, share := range passages.Shares {
		company, err := passages.NewCompany(ctx, w.store, fmt.Sprintf("company%d", i), share, w.hash)
		if err != nil {
			return err
		}
		n := chunks * share / 100
		say("making %d chunks", n)
		if err := company.Fill(ctx, w.store, texts, from, n, chunks); err != nil {
			return err
		}
		from += n
		w.companies = append(w.companies, company)
	}
	return nil
}

// serve starts Dossier, and signs a user of each company in.
func (w *searchers) serve(ctx context.Context, url string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	env, err := dossierEnv(w.place.dir(), dossierName, url, port)
	if err != nil {
		return err
	}
	w.server = &peer{name: dossierName, dialect: workload.Dossier(), target: load.Target{Address: "127.0.0.1:" + port, Path: "/graphql"}}
	w.server.child, err = startChild(dossierName, filepath.Join(w.place.dir(), "log", "search.log"), append(env, "SEARCH_MEMORY="+searchMemory), w.builder.command(dossierName)...)
	if err != nil {
		return err
	}
	for _, company := range w.companies {
		if err := w.server.child.await(ctx, readyMax, func() error { return w.signInAs(company) }); err != nil {
			return err
		}
	}
	return nil
}

func (w *searchers) signInAs(company *passages.Company) (err error) {
	w.bearers[company], err = w.server.signIn(passages.Email(company.Name))
	return err
}

// recallOf is searches whose recall is measured.
type recallOf struct {
	name      string
	companies []*passages.Company
	inProject bool
	vectors   []string
}

var bothVectors = []string{"texts", "clusters"}

// measureRecall compares what searches find with what is there. Those of texts go through GraphQL; for vectors of clusters there are no
// texts, and they go to the repository.
func (w *searchers) measureRecall(ctx context.Context, of recallOf, record func(any) error) error {
	questions, err := searchtest.Questions(filepath.Dir(w.builder.source))
	if err != nil {
		return err
	}
	for _, vectors := range of.vectors {
		found := recall{Kind: kindRecall, Vectors: vectors, Of: of.name}
		for _, company := range of.companies {
			chunks := company.Chunks
			if of.inProject {
				chunks = company.InProject()
			}
			found.Chunks = max(found.Chunks, len(chunks))
			for i := range min(recallQueries, len(questions)) {
				one, err := w.recallOf(ctx, company, chunks, questions[i].Question, vectors, i, of.inProject)
				if err != nil {
					return err
				}
				found.Recall += one
				found.Queries++
			}
		}
		found.Recall /= float64(found.Queries)
		say("recall of %s, %s: %.4f", vectors, of.name, found.Recall)
		if err := record(found); err != nil {
			return err
		}
	}
	return nil
}

func (w *searchers) recallOf(
	ctx context.Context, company *passages.Company, chunks []passages.Chunk, question, vectors string, n int, inProject bool,
) (float64, error) {
	if vectors == "texts" {
		query, err := embedding.Offline().Query(ctx, question)
		if err != nil {
			return 0, err
		}
		found, err := w.ask(company, question, inProject)
		if err != nil {
			return 0, err
		}
		return passages.NewExact(chunks, func(c passages.Chunk) model.Vector { return c.Text }, query, nearest).Recall(found), nil
	}
	query := company.NearCluster(n)
	search := model.Search{Query: "clusters", Mode: model.SearchVector, First: new(int32(nearest))}
	if inProject {
		search.Filter = &model.SearchFilter{ProjectID: &company.Project.ID}
	}
	hits, err := w.store.Reader(company.Viewer()).Search(ctx, search, &repo.QueryVector{Model: passages.ClusteredModel, Vector: query})
	if err != nil {
		return 0, err
	}
	var found []model.ChunkID
	for _, hit := range hits.Nodes {
		found = append(found, hit.Chunk.ID)
	}
	return passages.NewExact(chunks, func(c passages.Chunk) model.Vector { return c.Clustered }, query, nearest).Recall(found), nil
}

// ask searches by vectors through GraphQL.
func (w *searchers) ask(company *passages.Company, question string, inProject bool) ([]model.ChunkID, error) {
	body, err := w.searchBody(company, question, model.SearchVector, inProject)
	if err != nil {
		return nil, err
	}
	target := w.server.target
	target.Bearer = w.bearers[company]
	_, answer, err := load.Ask(target, body)
	if err != nil {
		return nil, err
	}
	var read struct {
		Data struct {
			SearchDocuments struct {
				Nodes []struct{ Chunk struct{ ID string } }
			}
		}
	}
	if err := json.Unmarshal(answer, &read); err != nil {
		return nil, fmt.Errorf("%w: %.300s", err, answer)
	}
	if len(read.Data.SearchDocuments.Nodes) == 0 {
		return nil, fmt.Errorf("nothing is found: %.300s", answer)
	}
	var found []model.ChunkID
	for _, node := range read.Data.SearchDocuments.Nodes {
		var id model.ChunkID
		if err := id.UnmarshalGQL(node.Chunk.ID); err != nil {
			return nil, err
		}
		found = append(found, id)
	}
	return found, nil
}

func (w *searchers) searchBody(company *passages.Company, question string, mode model.SearchMode, inProject bool) ([]byte, error) {
	variables := workload.Variables{"query": question, "mode": string(mode)}
	if inProject {
		variables["filter"] = map[string]any{"projectId": company.Project.ID.String()}
	}
	return w.server.dialect.Body("Search", variables)
}

// measureCells measures each mode. Companies search as often as they are large.
func (c searchCommand) measureCells(
	ctx context.Context, w *searchers, who string, chunks int, companies []*passages.Company, record func(any) error,
) error {
	questions, err := searchtest.Questions(filepath.Dir(w.builder.source))
	if err != nil {
		return err
	}
	for round := range c.Rounds {
		for _, mode := range searchModes {
			var requests []load.Request
			for i, q := range questions {
				company := turnOf(companies, i)
				body, err := w.searchBody(company, q.Question, mode, false)
				if err != nil {
					return err
				}
				requests = append(requests, load.Request{Body: body, Check: isFound, Bearer: w.bearers[company]})
			}
			name := workload.Workload{Name: string(mode) + " " + who}
			measured, err := w.measure(ctx, w.server, inTurn(requests), plan{name, c.Connections, round, c.Warmup, c.Duration})
			if err != nil {
				return err
			}
			measured.Series, measured.X = seriesSearch, float64(chunks)
			say("%s, %d chunks: %.0f a second, p50 %.1f ms, p99 %.1f ms", name.Name, chunks, measured.PerSecond, measured.P50ms, measured.P99ms)
			if err := record(measured); err != nil {
				return err
			}
		}
	}
	return nil
}

// turnOf says who asks the nth question: of a hundred questions each company asks as many as its share is.
func turnOf(companies []*passages.Company, n int) *passages.Company {
	at := n * 37 % 100 // spreads neighbors
	for _, company := range companies {
		if at -= company.Share; at < 0 {
			return company
		}
	}
	return companies[0]
}

func isFound(status int, body []byte) error {
	if status != 200 || strings.Contains(string(body), `"errors"`) || !strings.Contains(string(body), `"searchDocuments"`) {
		return fmt.Errorf("status %d: %.300s", status, body)
	}
	return nil
}
