// Command generate writes graph/exec/generated.go from schema.graphqls and gqlgen.yml, as `gqlgen generate` does, but for how
// objects and lists are resolved. What gqlgen generates for them has to serve everyone: a context for each field, a goroutine
// for each element of a list, and on each object the bookkeeping of @defer. A field that is only a value read from a model
// needs none of it, and so it is written at once here (object.gotpl); an object and a list run on graph/exec/object.go.
package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing/fstest"

	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/99designs/gqlgen/codegen/templates"
)

//go:embed object.gotpl
var objectTemplate string

// edits are what is different in gqlgen's other templates. Each expression is there once.
var edits = []struct {
	file string
	what *regexp.Regexp
	by   string
}{
	// exec.go has Exec, and what reads the arguments of a field once.
	{"internal!.gotpl", regexp.MustCompile(`(?s)func \(e \*executableSchema\) Exec\(.*?\n(type executionContext struct \{)`), "$1\n\targuments sync.Map"},
	{"type.gotpl", regexp.MustCompile(`graphql\.MarshalSliceConcurrently\(ctx, len\(v\), .*?(func\()`), "marshalList(ctx, len(v), $1"},
	{"type.gotpl", regexp.MustCompile(`fc := graphql\.GetFieldContext\(ctx\)\s+fc\.Result = &v\[i\]\s+`), ""},
	{"field.gotpl", regexp.MustCompile(`= (\{\{\$\.ECDot\}\}\{\{ \$field\.ArgsFunc \}\})\(ctx, [^(]*ArgumentMap\(ec\.Variables\)\)`), "= ec.argumentsOf(ctx, fc, $1)"},
	// What object.gotpl writes at once needs no function of its own.
	{"field.gotpl", regexp.MustCompile(`\{\{- range \$field := \$object\.Fields \}\}`), "$0{{- if not (isPlain $$field) }}"},
	{"field.gotpl", regexp.MustCompile(`\{\{- /\* Scalar/enum fields without args`), "{{- end }}$0"},
}

func main() {
	log.SetOutput(io.Discard) // gqlgen logs each resolver that it adds
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate() error {
	cfg, err := config.LoadConfigFromDefaultLocations()
	if err != nil {
		return err
	}
	if err := cfg.LoadSchema(); err != nil {
		return err
	}
	if err := cfg.Init(); err != nil {
		return err
	}
	data, err := codegen.BuildData(cfg)
	if err != nil {
		return err
	}
	if err := supported(data); err != nil {
		return err
	}
	texts, err := theirs()
	if err != nil {
		return err
	}
	files, err := edit(texts)
	if err != nil {
		return err
	}
	return templates.Render(templates.Options{
		PackageName: cfg.Exec.Package, Filename: cfg.Exec.Filename, Data: data, RegionTags: true, GeneratedHeader: true,
		Packages: cfg.Packages, PruneOptions: cfg.GetPruneOptions(), TemplateFS: files, Funcs: map[string]any{"isPlain": isPlain},
	})
}

// supported refuses what object.gotpl and graph/exec do not know.
func supported(data *codegen.Data) error {
	if data.SubscriptionRoot != nil {
		return errors.New("subscriptions are not executed yet: object.gotpl has no stream, and exec.go answers once")
	}
	for _, location := range []string{"QUERY", "MUTATION", "FIELD"} {
		if found := data.AllDirectives.LocationDirectives(location); len(found) > 0 {
			return fmt.Errorf("a directive on %s would not be called", location)
		}
	}
	return nil
}

// isPlain says whether a field is a leaf whose value a model has or computes. What is wrong with it, such as a time that is not
// set, is an error of its object. No directive stands in front of it, and AroundFields is not told of it.
func isPlain(f *codegen.Field) bool {
	has := f.IsVariable() || f.IsMethod() && f.NoErr && !f.VOkFunc && !f.MethodHasContext
	return has && !f.IsResolver && !f.HasHaser && !f.Object.Root && !f.HasDirectives() && len(f.Args) == 0 &&
		f.TypeReference.Definition.IsLeafType() && !f.TypeReference.IsContext
}

// theirs are the texts of gqlgen's templates, by the names of their files.
func theirs() (map[string]string, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/99designs/gqlgen/codegen").Output()
	if err != nil {
		return nil, fmt.Errorf("look for gqlgen's templates: %w", err)
	}
	files := os.DirFS(strings.TrimSpace(string(dir)))
	names, err := fs.Glob(files, "*.gotpl")
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	return texts, nil
}

// edit makes gqlgen's templates ours.
func edit(texts map[string]string) (fs.FS, error) {
	for _, e := range edits {
		if len(e.what.FindAllString(texts[e.file], 2)) != 1 {
			return nil, fmt.Errorf("gqlgen's %s has changed: it does not have %s once", e.file, e.what)
		}
		texts[e.file] = e.what.ReplaceAllString(texts[e.file], e.by)
	}
	texts["object.gotpl"] = objectTemplate
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files, nil
}
