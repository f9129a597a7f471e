package main

import (
	"context"
	"os"

	"dossier/internal/extract"
)

// extractFile is the descriptor of the file that is read, after those that every program has.
const extractFile = 3

// readFile is what the server starts for each file that it reads: it ends the process with what that came to. It needs no
// configuration, and gets none.
func readFile(context.Context) error {
	os.Exit(extract.Child(os.Stdin, os.NewFile(extractFile, "file"), os.Stdout))
	return nil
}
