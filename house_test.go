package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floors are the rooms of the house. An import goes down: never up, never sideways.
var floors = [][]string{
	{"internal/fault", "internal/config", "internal/telemetry"},
	{"model", "migrations", "internal/pgconn"},
	{"repo", "internal/pgdev", "internal/mail", "internal/limits", "internal/blob", "internal/jobs", "internal/extract", "internal/embedding"},
	{"internal/auth", "internal/files", "internal/ingest"},
	{"graph", "internal/web", "internal/seed"},
}

// aside may import what they need: what is generated for graph, what generates it, and what only tests import.
var aside = []string{
	"graph/exec", "internal/generate", "internal/pgtest", "internal/apitest", "internal/tcpproxy", "internal/mailtest", "internal/searchtest",
}

type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

func TestImportsGoDown(t *testing.T) {
	t.Parallel()
	floorOf := map[string]int{"dossier": len(floors)}
	for i, rooms := range floors {
		for _, room := range rooms {
			floorOf["dossier/"+room] = i
		}
	}
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(p.ImportPath, "dossier/")
		if slices.Contains(aside, room) {
			continue
		}
		floor, ok := floorOf[p.ImportPath]
		if !ok {
			t.Errorf("%s is on no floor", room)
		}
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, "dossier/") || imported == "dossier/graph/exec" && room == "graph" {
				continue
			}
			if below, ok := floorOf[imported]; !ok || below >= floor {
				t.Errorf("%s imports %s", room, strings.TrimPrefix(imported, "dossier/"))
			}
		}
	}
}

// Limits of what a person reads at a time.
const (
	fileLinesMax     = 400
	functionLinesMax = 70
	resolverLinesMax = 15
	serverLinesMax   = 150
)

func TestFilesAndFunctionsFitAScreen(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || filepath.Base(path) == "generated.go" {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		lines := set.File(file.Pos()).LineCount()
		if lines > fileLinesMax || path == "server.go" && lines > serverLinesMax {
			t.Errorf("%s has %d lines", path, lines)
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil || strings.HasSuffix(path, "_test.go") {
				continue
			}
			inside := set.Position(function.Body.End()).Line - set.Position(function.Body.Pos()).Line - 1
			limit := functionLinesMax
			if isResolver(path, function) {
				limit = resolverLinesMax
			}
			if inside > limit {
				t.Errorf("%s of %s has %d lines", function.Name.Name, path, inside)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isResolver tells the methods of graph's entity structs: projectQueries, projectFields, projectMutations.
func isResolver(path string, function *ast.FuncDecl) bool {
	if filepath.Dir(path) != "graph" || function.Recv == nil {
		return false
	}
	receiver, ok := function.Recv.List[0].Type.(*ast.Ident)
	return ok && (strings.HasSuffix(receiver.Name, "Queries") || strings.HasSuffix(receiver.Name, "Fields") ||
		strings.HasSuffix(receiver.Name, "Mutations"))
}
