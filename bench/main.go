// Bench measures Dossier beside what a user would pick instead, and beside the most that the machine allows.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are what the program does; each has --help. The Makefile runs it.
type commands struct {
	Run         runCommand         `cmd:"" help:"Measure every workload, and write the report."`
	Growth      growthCommand      `cmd:"" help:"Measure how Dossier behaves with more data, connections, rows and depth, and write the report of growth."`
	Search      searchCommand      `cmd:"" help:"Measure what searches find and how long they take, and write the report of searches."`
	Smoke       smokeCommand       `cmd:"" help:"Ask for everything once, for a short time, and fail if anything is wrong. It measures nothing."`
	SearchSmoke searchSmokeCommand `cmd:"" help:"Search a little, and fail if anything is wrong or too much is missed. It measures nothing."`
	Report      reportCommand      `cmd:"" help:"Write the reports anew, from the figures that are there."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for anything
	command := kong.Parse(&commands{}, kong.Name("bench"), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Description("The benchmark of Dossier. It runs in the folder bench of the source; README.md says how to read its report."))
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.New("stopped")
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// say tells whoever waits what is going on.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
