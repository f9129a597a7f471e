// Dossier is a GraphQL API server for companies that write bids.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

//go:embed schema.graphqls
var schema string

// commands are what the program does; each has --help.
type commands struct {
	Serve       serveCommand       `cmd:"" default:"1" help:"Serve the API. Without POSTGRES_URL it runs a PostgreSQL of its own."`
	Migrate     migrateCommand     `cmd:"" help:"Change the database's schema."`
	Seed        seedCommand        `cmd:"" help:"Load the demo data into an empty database."`
	InviteAdmin inviteAdminCommand `cmd:"" help:"Add platform staff, and print the link to set a password by. The way to a first user."`
	Reembed     reembedCommand     `cmd:"" help:"Make the vectors that chunks lack of the model in the settings, and the index of words in its language."`
	Blobs       blobsCommand       `cmd:"" help:"Look after the documents' bytes."`
	Health      healthCommand      `cmd:"" help:"Ask the server on this machine whether it is ready; exit with 0 if it is."`
	Extract     extractCommand     `cmd:"" hidden:"" help:"Read a file in a process of its own. The server starts this itself."`
	Schema      schemaCommand      `cmd:"" help:"Print the GraphQL schema."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for anything
	command := kong.Parse(&commands{}, kong.Name("dossier"), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Description("The GraphQL API of Dossier. Environment variables configure it: see .env.example."))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "dossier:", err)
		os.Exit(1)
	}
}

type serveCommand struct{}

// Run serves until the context ends.
func (serveCommand) Run(ctx context.Context) error {
	started := time.Now()
	c, logger, err := start()
	if err != nil {
		return err
	}
	c, beside := tuneMemory(c, memoryAvailable)
	listener, err := net.Listen("tcp", c.HTTPAddr)
	if err != nil {
		return fmt.Errorf("cannot listen on HTTP_ADDR %s: %w", c.HTTPAddr, cause(err))
	}
	defer listener.Close()
	admin, err := listenAdmin(c)
	if err != nil {
		return err
	}
	defer admin.close()
	db, err := openDatabase(ctx, c, logger, beside)
	if ctx.Err() != nil && err != nil {
		return nil // stopped while starting: that is no failure
	}
	if err != nil {
		return err
	}
	defer db.close()

	if err := admin.serve(ctx, c, db, logger); err != nil {
		return err
	}
	credentials, err := newCredentials(ctx, c, db.store, logger)
	if err != nil {
		return err
	}
	sessions, err := newSessions(c, db.store, logger)
	if err != nil {
		return err
	}
	defer sessions.Post.Close()
	documents, err := newDocuments(c, db, logger, admin)
	if err != nil {
		return err
	}
	prepared := make(chan struct{})
	defer documents.run(ctx, c, prepared, logger)()
	leave := &drain{delay: *c.ShutdownDelay}
	server := newServer(c, db, credentials, sessions, documents, leave, logger, admin)
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()
	go func() {
		if err := db.prepare(ctx, c, documents.files); err != nil {
			failed <- err
			return
		}
		if ctx.Err() == nil {
			warnOfMail(c, logger)
			warnOfKeys(c, logger)
			welcome(c, db, time.Since(started))
			close(prepared)
			db.store.Watch(ctx, db.direct, logger)
		}
	}()
	select {
	case err = <-failed:
	case <-db.gaveUp():
		err = fmt.Errorf("the database that the program ran has stopped: %w", db.embedded.Err())
	case <-ctx.Done():
		leave.begin()
	}
	return errors.Join(err, leave.stop(server, logger))
}
