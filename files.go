package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"dossier/internal/blob"
	"dossier/internal/config"
	"dossier/internal/files"
	"dossier/internal/jobs"
	"dossier/model"
	"dossier/repo"
)

// newFiles gives the documents' bytes, as configured. Without SIGNING_KEYS a key is made, which no other instance has.
func newFiles(c config.Config, store *repo.Store) (*files.Files, error) {
	blobs, err := blob.Open(c.BlobURL)
	if err != nil {
		return nil, fmt.Errorf("BLOB_URL: %w", err)
	}
	var keys []string
	for _, key := range c.SigningKeys {
		keys = append(keys, string(key))
	}
	if len(keys) == 0 {
		keys = []string{files.NewKey()}
	}
	return files.New(files.Config{
		Store: store, Blobs: blobs, Keys: keys, PublicURL: c.PublicURL,
		Limits: files.Limits{FileBytes: int64(c.UploadSizeMax), CompanyBytes: int64(c.StorageMax), Types: c.UploadTypes},
	}), nil
}

// warnOfKeys tells whoever runs several instances.
func warnOfKeys(c config.Config, logger *slog.Logger) {
	if len(c.SigningKeys) == 0 && !c.IsDevelopment() {
		logger.Warn("there are no SIGNING_KEYS: links to files are good on this instance only, until it stops")
	}
}

// Bounds of background work.
const (
	removeTimeout = 5 * time.Minute
	sweepTimeout  = 45 * time.Minute
	upkeepEvery   = time.Hour
)

// newJobs prepares the background work of this instance, nil for none.
func newJobs(c config.Config, db *database, d archive, logger *slog.Logger, admin *admin) (*jobs.Runner, error) {
	if c.JobWorkers == 0 {
		return nil, nil
	}
	f := d.files
	work := append(d.processing(c, logger),
		jobs.For(func(ctx context.Context, job model.RemoveBlobs) error { return f.Remove(ctx, job.Blobs...) },
			jobs.Options{Timeout: removeTimeout}),
		jobs.For(func(ctx context.Context, _ model.SweepBlobs) error { return sweep(ctx, f, logger) },
			jobs.Options{Timeout: sweepTimeout, Every: upkeepEvery, MaxAttempts: 2}),
		jobs.For(func(ctx context.Context, _ model.DeleteExpired) error { return deleteExpired(ctx, db.store) },
			jobs.Options{Every: upkeepEvery, MaxAttempts: 2}),
	)
	return jobs.Open(jobs.Config{
		URL: db.sessions.URL, DefaultSSLMode: db.sessions.DefaultSSLMode, ConnectTimeout: c.ConnectTimeout,
		Workers: c.JobWorkers, Work: work, Logger: logger, Metrics: admin.metrics,
	})
}

// deleteExpired clears what is over, a batch at a time.
func deleteExpired(ctx context.Context, store *repo.Store) error {
	for {
		var deleted int32
		err := store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
			deleted, err = tx.DeleteExpired(ctx)
			return err
		})
		if err != nil || deleted == 0 {
			return err
		}
	}
}

// missingToldMax is how many documents without their bytes a line of the log names.
const missingToldMax = 10

func sweep(ctx context.Context, f *files.Files, logger *slog.Logger) error {
	swept, err := f.Sweep(ctx, files.SweepAge, false)
	if len(swept.Missing) > 0 {
		var ids []string
		for _, document := range swept.Missing[:min(len(swept.Missing), missingToldMax)] {
			ids = append(ids, document.ID.String())
		}
		logger.ErrorContext(ctx, "documents have lost their bytes", "documents", len(swept.Missing), "such_as", ids)
	}
	if err == nil && len(swept.Orphans)+swept.Uploads > 0 {
		logger.InfoContext(ctx, "blobs without a row were removed", "blobs", len(swept.Orphans), "bytes", swept.OrphansBytes,
			"expired_uploads", swept.Uploads, "of", swept.Blobs)
	}
	return err
}

// blobsCheck is how the store of documents is compared with the database.
type blobsCheck struct {
	dryRun  bool
	minAge  time.Duration
	stopped bool
}

func newBlobsCheck() *cobra.Command {
	var check blobsCheck
	c := newCommand("check", "Compare the store of documents with the database, and remove what no row has.",
		func(ctx context.Context) error { return check.run(ctx) })
	c.Flags().BoolVar(&check.dryRun, "dry-run", false, "remove nothing")
	c.Flags().DurationVar(&check.minAge, "min-age", files.SweepAge, "leave what is younger: a request may be about to make a document of it")
	c.Flags().BoolVar(&check.stopped, "stopped", false, "no server takes files at present: needed to remove what is younger than 6h")
	return c
}

var (
	errMissing = errors.New("documents have lost their bytes")
	errYoung   = fmt.Errorf("what is younger than %s may be about to become a document: give --stopped if no server runs", files.SweepAge)
)

// run compares and removes. Documents whose bytes are not there make it fail.
func (b blobsCheck) run(ctx context.Context) error {
	if b.minAge < files.SweepAge && !b.dryRun && !b.stopped {
		return errYoung
	}
	return withDatabase(ctx, func(c config.Config, db *database) error {
		if err := db.prepareSchema(ctx, c); err != nil {
			return err
		}
		f, err := newFiles(c, db.store)
		if err != nil {
			return err
		}
		swept, err := f.Sweep(ctx, b.minAge, b.dryRun)
		for _, document := range swept.Missing {
			fmt.Printf("missing  %s  %s\n", document.ID, *document.BlobName)
		}
		for _, orphan := range swept.Orphans {
			fmt.Printf("no row   %s  %d bytes\n", orphan.Name, orphan.Size)
		}
		if err != nil {
			return err
		}
		done := "removed"
		if b.dryRun {
			done = "to be removed"
		}
		fmt.Printf("%d blobs: %d without a row %s (%d bytes); %d expired uploads; %d documents without their bytes\n",
			swept.Blobs, len(swept.Orphans), done, swept.OrphansBytes, swept.Uploads, len(swept.Missing))
		if len(swept.Missing) > 0 {
			return errMissing
		}
		return nil
	})
}
