package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"dossier/bench/passages"
	"dossier/internal/auth"
	"dossier/internal/pgconn"
	"dossier/internal/searchtest"
	"dossier/migrations"
	"dossier/model"
	"dossier/repo"
)

// searchModes are measured in this order.
var searchModes = []model.SearchMode{model.SearchHybrid, model.SearchVector, model.SearchText}

type searchCommand struct {
	place
	Chunks      int           `env:"CHUNKS" default:"100000" help:"How many chunks there are in several companies together, and then in one company alone."`
	Grown       int           `env:"GROWN" default:"1000000" help:"How many chunks that one company has at last."`
	Connections int           `env:"CONNECTIONS" default:"8" help:"How many searches are in flight at a time."`
	Rounds      int           `env:"ROUNDS" default:"3" help:"How often each cell is measured."`
	Duration    time.Duration `env:"DURATION" default:"3s" help:"How long a cell is measured."`
	Warmup      time.Duration `env:"WARMUP" default:"20s" help:"How long a cell runs before: each of PostgreSQL's processes has to have seen the pages that it reads."`
}

// Run measures searches and writes search.md.
func (c searchCommand) Run(ctx context.Context) error {
	path := filepath.Join(c.Output, searchFile)
	results, err := c.record(ctx, path+".part")
	if err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	if err := writeSearch(c.Output, results); err != nil {
		return err
	}
	say("wrote %s", filepath.Join(c.Output, "search.md"))
	return failIfWrong(results)
}

func (c searchCommand) record(ctx context.Context, path string) (*results, error) {
	began := time.Now()
	if c.Chunks < 100*len(passages.Shares) || c.Grown < c.Chunks || c.Connections < 1 || c.Rounds < 1 || c.Duration <= 0 {
		return nil, errors.New("CHUNKS is at least 700, GROWN at least that, CONNECTIONS and ROUNDS at least 1, DURATION more than 0s")
	}
	r, err := newRecorder(path)
	if err != nil {
		return nil, err
	}
	defer r.file.Close()
	s, err := openStage(ctx, c.place, settings{Peers: []string{dossierName}})
	if err != nil {
		return nil, err
	}
	defer s.close()
	about := describe(s, settings{Scale: 1, Rounds: c.Rounds, Duration: c.Duration, Warmup: c.Warmup, Connections: []int{c.Connections},
		Peers: []string{dossierName}}, began)
	if err := s.measureQuality(ctx, r.record); err != nil {
		return nil, fmt.Errorf("measure the quality of searches: %w", err)
	}
	if err := c.measureSpeed(ctx, s, r.record); err != nil {
		return nil, fmt.Errorf("measure the speed of searches: %w", err)
	}
	about.Took = time.Since(began).Round(time.Second).String()
	return &r.results, r.record(about)
}

// withDatabase makes a database that is gone when fn ends.
func (s *stage) withDatabase(ctx context.Context, name string, fn func(url string, store *repo.Store) error) error {
	maintenance, err := pgx.Connect(ctx, s.cluster.server.URL())
	if err != nil {
		return err
	}
	defer maintenance.Close(context.WithoutCancel(ctx))
	drop := "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"
	for _, statement := range []string{drop, "CREATE DATABASE " + name} {
		if _, err := maintenance.Exec(ctx, statement); err != nil {
			return err
		}
	}
	defer maintenance.Exec(context.WithoutCancel(ctx), drop)
	url := s.cluster.urlOf(name)
	pool, err := pgconn.Open(pgconn.Config{URL: url, PoolMax: 8, StatementTimeout: -1, Statements: pgconn.StatementsDefault})
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := migrations.Up(ctx, pool); err != nil {
		return err
	}
	// What is lost when the machine stops need not be logged: that would be gigabytes.
	for _, table := range []string{"chunk_codes", "chunk_embeddings", "document_chunks"} {
		if _, err := pool.ExecContext(ctx, "ALTER TABLE "+table+" SET UNLOGGED"); err != nil {
			return err
		}
	}
	return fn(url, repo.New(pool, repo.Options{Prepare: true}))
}

// quality is what searches of a mode find of the questions of a group.
type quality struct {
	Kind  string `json:"kind"`
	Mode  string `json:"mode"`
	Group string `json:"group"`
	searchtest.Figures
}

// measureQuality asks the questions with known answers.
func (s *stage) measureQuality(ctx context.Context, record func(any) error) error {
	source := filepath.Dir(s.builder.source)
	questions, err := searchtest.Questions(source)
	if err != nil {
		return err
	}
	return s.withDatabase(ctx, "search_quality", func(_ string, store *repo.Store) error {
		company, err := passages.NewCompany(ctx, store, "quality", 100, "")
		if err != nil {
			return err
		}
		say("processing the documents that questions are asked about")
		haystack, err := searchtest.Fill(ctx, store, company.Owner, source, append(s.builder.command(dossierName), "extract"))
		if err != nil {
			return err
		}
		for _, mode := range searchModes {
			groups, err := haystack.Measure(ctx, mode, questions)
			if err != nil {
				return err
			}
			for group, figures := range groups {
				if err := record(quality{kindQuality, string(mode), group, figures}); err != nil {
					return err
				}
			}
			say("%s: %v", mode, groups[searchtest.All])
		}
		return nil
	})
}

// searchers are the companies that search, and the server that they ask.
type searchers struct {
	*stage
	store     *repo.Store
	server    *peer
	companies []*passages.Company
	bearers   map[*passages.Company]string
	hash      string
}

// measureSpeed measures several companies together, then one that has as much alone, and then one that has more.
func (c searchCommand) measureSpeed(ctx context.Context, s *stage, record func(any) error) error {
	return s.withDatabase(ctx, "search_speed", func(url string, store *repo.Store) error {
		hash, err := auth.HashPassword(ctx, adminPassword)
		if err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		w := &searchers{stage: s, store: store, hash: hash, bearers: map[*passages.Company]string{}}
		if err := w.fill(ctx, c.Chunks); err != nil {
			return err
		}
		if err := settle(ctx, conn); err != nil {
			return err
		}
		if err := w.serve(ctx, url); err != nil {
			return err
		}
		defer w.server.child.stop()
		smallest := w.companies[len(w.companies)-1:]
		for _, of := range []recallOf{
			{"all companies", w.companies, false, bothVectors}, {"the company of 1 %", smallest, false, bothVectors},
			{"a project of the company of 50 %", w.companies[:1], true, bothVectors},
		} {
			if err := w.measureRecall(ctx, of, record); err != nil {
				return err
			}
		}
		if err := c.measureCells(ctx, w, "mixed", c.Chunks, w.companies, record); err != nil {
			return err
		}
		return c.measureAlone(ctx, w, conn, record)
	})
}

// measureAlone gives one company copies of all chunks, again and again.
func (c searchCommand) measureAlone(ctx context.Context, w *searchers, conn *pgx.Conn, record func(any) error) error {
	alone, err := passages.NewCompany(ctx, w.store, "alone", 100, w.hash)
	if err != nil {
		return err
	}
	if err := w.signInAs(alone); err != nil {
		return err
	}
	has := 0
	for _, n := range []int{c.Chunks, c.Grown} {
		if n <= has {
			break
		}
		for ; has < n; has += c.Chunks {
			if err := alone.Copy(ctx, w.store, conn, w.companies, has/c.Chunks); err != nil {
				return err
			}
		}
		if err := settle(ctx, conn); err != nil {
			return err
		}
		if err := w.server.child.await(ctx, indexedMax, func() error { return w.isIndexed(alone) }); err != nil {
			return err
		}
		if err := c.measureCells(ctx, w, "alone", has, []*passages.Company{alone}, record); err != nil {
			return err
		}
		if has == c.Chunks {
			if err := w.measureRecall(ctx, recallOf{"a company that has all", []*passages.Company{alone}, false, []string{"texts"}}, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexedMax is how long a server may take to read a company's vectors.
const indexedMax = 5 * time.Minute

// isIndexed fails while the server reads the company's vectors, which a search waits for.
func (w *searchers) isIndexed(company *passages.Company) error {
	began := time.Now()
	_, err := w.ask(company, "Who cleans the wards?", false)
	if took := time.Since(began); err == nil && took > time.Second {
		return fmt.Errorf("a search takes %v", took)
	}
	return err
}

// settle does what PostgreSQL does by itself some time after many rows have come, and writes what it would write while measuring.
func settle(ctx context.Context, conn *pgx.Conn) error {
	for _, statement := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
