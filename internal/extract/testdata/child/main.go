// The child that reads files, as a program of its own: tests build it without the race detector, under which PDF takes minutes.
package main

import (
	"os"

	"dossier/internal/extract"
)

func main() { os.Exit(extract.Child(os.Stdin, os.NewFile(3, "file"), os.Stdout)) }
