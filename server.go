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
)

//go:embed schema.graphqls
var schema string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for anything
	if err := newCommandLine().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "dossier:", err)
		os.Exit(1)
	}
}

// serveAPI serves until the context ends.
func serveAPI(ctx context.Context) error {
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
