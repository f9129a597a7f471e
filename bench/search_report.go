package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dossier/internal/searchtest"
)

// What searches are to reach at 8 searches in flight, in milliseconds.
const (
	searchP50Max = 50
	searchP99Max = 200
)

// writeSearch writes search.md.
func writeSearch(dir string, r *results) error {
	return os.WriteFile(filepath.Join(dir, "search.md"), []byte(r.searchReport()), 0o644)
}

func (r *results) searchReport() string {
	var text strings.Builder
	section := func(title, body string) { fmt.Fprintf(&text, "\n## %s\n\n%s", title, body) }
	fmt.Fprintf(&text, "# How searches find\n\n`make bench-search` writes this page from `%s`, and `make bench-report` writes it anew. "+
		"**Bold** misses what is wanted.\n", searchFile)
	section("How", r.searchMethod())
	section("What is found", "Questions whose answer is known, over a pack of tender documents, those of two other tenders, and this project's pages. "+
		"hit@1 is the share of questions for which the right passage is the first hit, hit@5 for which it is among the first five; MRR is the mean of "+
		"1/its place. The ranking was chosen by the half that is called tuned, and is judged by the other one. HYBRID is to be the best in each.\n\n"+r.qualityTable())
	section("What searches by vectors miss", fmt.Sprintf("recall@%d: the share of the nearest passages that is found, where all of them are compared "+
		"exactly; it is to be %v at least. Texts are recombined sentences, and their vectors the offline model's; clusters are Gaussian, and have about "+
		"100 vectors each.\n\n%s", nearest, recallMin, r.recallTable()))
	section("How long it takes", fmt.Sprintf("Searches through GraphQL, 10 hits with snippets and their documents, %v in flight. In `mixed` all chunks are "+
		"those of several companies, of which the largest has half and asks half of the questions; it is to take %d ms in the median, and %d ms for 99 of "+
		"100. In `alone` one company has them all, beside the others. The server may keep %s of vectors in memory (`SEARCH_MEMORY`).\n\n%s",
		r.run.Connections, searchP50Max, searchP99Max, searchMemory, r.searchTable()))
	return text.String()
}

func (r *results) searchMethod() string {
	about := r.run
	return fmt.Sprintf("- **Machine**: %s; load average before: %s\n"+
		"- **Versions**: PostgreSQL %s without pgvector, Go %s, Dossier %s\n- **Run**: %s, took %s; cells of %s after %s, %d rounds, of which the medians are told\n"+
		"- **CPU** is milliseconds per search, of the server and of PostgreSQL.\n",
		about.Machine, about.Machine.LoadAverage, about.Versions["PostgreSQL"], about.Versions["Go"],
		about.Versions["Dossier"], about.Started.Format("2006-01-02 15:04 MST"), about.Took, about.Duration, about.Warmup, about.Rounds)
}

// qualityTable has the groups in the order of groupOrder, and the modes in each.
func (r *results) qualityTable() string {
	t := newTable("questions", "mode", "how many", "hit@1", "hit@5", "MRR")
	for _, group := range []string{searchtest.All, searchtest.Tuned, searchtest.HeldBack, "paraphrase", "keywords", "exact"} {
		best := searchtest.Figures{}
		for _, q := range r.qualities {
			if q.Group == group {
				best.Hit1, best.Hit5, best.MRR = max(best.Hit1, q.Hit1), max(best.Hit5, q.Hit5), max(best.MRR, q.MRR)
			}
		}
		for _, mode := range searchModes {
			for _, q := range r.qualities {
				if q.Group == group && q.Mode == string(mode) {
					said := func(figure, best float64) string { return met(figure, mode != searchModes[0] || figure >= best, 3) }
					t.add(group, q.Mode, number(float64(q.Questions), 0), said(q.Hit1, best.Hit1), said(q.Hit5, best.Hit5), said(q.MRR, best.MRR))
				}
			}
		}
	}
	return t.String()
}

func (r *results) recallTable() string {
	t := newTable("vectors of", "searched in", "chunks", "queries", "recall")
	for _, found := range r.recalls {
		t.add(found.Vectors, found.Of, number(float64(found.Chunks), 0), number(float64(found.Queries), 0), met(found.Recall, found.Recall >= recallMin, 4))
	}
	return t.String()
}

func (r *results) searchTable() string {
	t := newTable("search", "chunks", "a second", "p50 ms", "p99 ms", "server's CPU ms", "PostgreSQL's CPU ms", "server's peak MB")
	xs, names := r.points(seriesSearch)
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(afterSpace(b), afterSpace(a)) })
	for _, name := range names {
		for _, x := range xs {
			cells := r.point(seriesSearch, x, name, dossierName)
			if len(cells) == 0 {
				continue
			}
			s := summarize(cells)
			alone := afterSpace(name) != "mixed"
			t.add(name, number(x, 0), significant(s.perSecond), met(s.p50, alone || s.p50 < searchP50Max, 1), met(s.p99, alone || s.p99 < searchP99Max, 1),
				number(s.serverCPU, 1), number(s.databaseCPU, 1), number(s.peakMB, 0))
		}
	}
	return t.String()
}

func afterSpace(name string) string { _, after, _ := strings.Cut(name, " "); return after }
