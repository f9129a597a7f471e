package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"dossier/internal/config"
	"dossier/internal/embedding"
	"dossier/internal/extract"
	"dossier/internal/files"
	"dossier/internal/ingest"
	"dossier/internal/jobs"
	"dossier/model"
)

// archive is the documents: their bytes, and what makes of them what is searched.
type archive struct {
	files    *files.Files
	pipeline *ingest.Pipeline
	search   embedding.Embedder // of the queries of searches
	runner   *jobs.Runner       // nil for no background work on this instance
}

// newDocuments puts the parts together.
func newDocuments(c config.Config, db *database, logger *slog.Logger, admin *admin) (archive, error) {
	var d archive
	var err error
	if d.files, err = newFiles(c, db.store); err != nil {
		return d, err
	}
	if err := d.newPipeline(c, db, logger); err != nil {
		return d, err
	}
	d.runner, err = newJobs(c, db, d, logger, admin)
	return d, err
}

func (d *archive) newPipeline(c config.Config, db *database, logger *slog.Logger) error {
	embedders, err := newEmbedders(c)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program to read files with: %w", err)
	}
	d.search = embedders[0]
	d.pipeline = ingest.New(ingest.Config{
		Store: db.store, Embedders: embedders, Logger: logger,
		Extractor: &extract.Extractor{Command: []string{program, "extract"}, CacheDir: cacheFolder(c)},
		Open:      d.files.Content,
	})
	return nil
}

// newEmbedders gives the model of searches, and then the one that is to follow it, if there is one.
func newEmbedders(c config.Config) ([]embedding.Embedder, error) {
	var embedders []embedding.Embedder
	for _, model := range []struct {
		name       string
		dimensions int
	}{{c.EmbeddingsSearchModel, c.EmbeddingsSearchDimensions}, {c.EmbeddingsModel, c.EmbeddingsDimensions}} {
		if len(embedders) > 0 && embedders[0].Model() == model.name {
			continue
		}
		embedder, err := embedding.Open(embedding.Config{
			URL: c.EmbeddingsURL, Key: string(c.EmbeddingsKey), Model: model.name, Dimensions: model.dimensions,
		})
		if err != nil {
			return nil, fmt.Errorf("EMBEDDINGS_URL: %w", err)
		}
		embedders = append(embedders, embedder)
	}
	return embedders, nil
}

// cacheFolder is where what reads PDF is kept compiled, "" where there can be no such folder: the program then compiles it each time.
func cacheFolder(c config.Config) string {
	folder := filepath.Join(c.DataDir, "cache", "extract")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return ""
	}
	return folder
}

// Bounds of processing documents.
const (
	processTimeout = 30 * time.Minute // 20,000 chunks by an endpoint that takes its time
	reembedTimeout = 55 * time.Minute
)

// processing is the work of documents. Where others process them, a job is done by leaving it to them.
func (d archive) processing(c config.Config, logger *slog.Logger) []jobs.Work {
	process, reembed := d.pipeline.Process, func(ctx context.Context, job model.Reembed) error {
		return d.pipeline.Reembed(ctx, job.DocumentID, func(name string, done int) {
			logger.InfoContext(ctx, "chunks were given vectors", "model", name, "chunks", done)
		})
	}
	if !c.ProcessDocuments {
		process = func(context.Context, model.ProcessDocument) error { return nil }
	}
	return []jobs.Work{
		jobs.For(process, jobs.Options{Timeout: processTimeout, MaxAttempts: 3}),
		jobs.For(reembed, jobs.Options{Timeout: reembedTimeout, Every: upkeepEvery, MaxAttempts: 2}),
	}
}

// run does the background work of this instance, once the database is prepared, until the context ends or stop is called, which waits
// for what is under way.
func (d archive) run(ctx context.Context, c config.Config, prepared <-chan struct{}, logger *slog.Logger) (stop func()) {
	if d.runner == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		select {
		case <-prepared:
		case <-ctx.Done():
		}
		if c.ProcessDocuments && ctx.Err() == nil {
			running.Go(func() { d.pipeline.Rescue(ctx) })
		}
		if err := d.runner.Run(ctx); err != nil {
			logger.Error("no background jobs run here", "error", err)
		}
	})
	return func() { cancel(); running.Wait() }
}

func newReembed() *cobra.Command {
	var prune bool
	c := newCommand("reembed", "Make the vectors that chunks lack of the model in the settings, and the index of words in its language.",
		func(ctx context.Context) error { return reembed(ctx, prune) })
	c.Flags().BoolVar(&prune, "prune", false, "delete the vectors of other models than those of the settings afterwards")
	return c
}

// reembed makes the vectors that chunks lack of the models in the settings; prune then deletes those of other models. Servers go on
// meanwhile.
func reembed(ctx context.Context, prune bool) error {
	return withDatabase(ctx, func(c config.Config, db *database) error {
		if err := db.prepareSchema(ctx, c); err != nil {
			return err
		}
		var d archive
		if err := d.newPipeline(c, db, slog.Default()); err != nil {
			return err
		}
		err := d.pipeline.Reembed(ctx, nil, func(name string, done int) { fmt.Printf("%s: %d chunks\n", name, done) })
		if err == nil && prune {
			var pruned int
			pruned, err = d.pipeline.Prune(ctx)
			fmt.Printf("%d vectors of other models deleted\n", pruned)
		}
		if err != nil {
			return err
		}
		return tellModels(ctx, db)
	})
}

func tellModels(ctx context.Context, db *database) error {
	uses, err := db.store.EmbeddingModels(ctx)
	for _, use := range uses {
		fmt.Printf("%s  %d vectors\n", use.Model, use.Vectors)
	}
	return err
}
