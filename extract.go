package main

import (
	"os"

	"dossier/internal/extract"
)

// extractCommand is what the server starts for each file that it reads. It needs no configuration, and gets none.
type extractCommand struct{}

// extractFile is the descriptor of the file that is read, after those that every program has.
const extractFile = 3

// Run reads the file, and ends the process with what that came to.
func (extractCommand) Run() error {
	os.Exit(extract.Child(os.Stdin, os.NewFile(extractFile, "file"), os.Stdout))
	return nil
}
