package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/internal/pgtest"
)

// docs/integrating.md is run as its readers run it: every command, in order, in one shell, against a server with the demo data.

const integratingPage = "docs/integrating.md"

// pageMax is how long all commands of the page may take on a busy machine, the compilation of the client included.
const pageMax = 3 * time.Minute

// pageAddress is what the page takes the server's URL to be, and pageEllipsis what stands for what is different each time.
const (
	pageAddress  = "http://127.0.0.1:8080"
	pageEllipsis = "…"
)

// block is a code block of the page: a command of a shell, what it answers, or a part of a file.
type block struct {
	line     int
	language string
	text     string
}

// answered is a command with the answer that stands below it, "" for none.
type answered struct {
	block
	answer block
}

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// pageBlocks gives the blocks of a page, whose commands are in a language.
func pageBlocks(t *testing.T, name, language string) (commands []answered, excerpts []block) {
	t.Helper()
	page := readText(t, name)
	found := fence.FindAllStringSubmatchIndex(page, -1)
	if strings.Count(page, "```") != 2*len(found) {
		t.Fatalf("%s has %d fences of code, and %d blocks were found", name, strings.Count(page, "```"), len(found))
	}
	end := 0
	for _, at := range found {
		one := block{1 + strings.Count(page[:at[0]], "\n"), page[at[2]:at[3]], page[at[4]:at[5]]}
		follows := strings.TrimSpace(page[end:at[0]]) == ""
		end = at[1]
		switch last := len(commands) - 1; one.language {
		case language:
			commands = append(commands, answered{block: one})
		case "json", "text":
			if !follows || last < 0 || commands[last].answer.text != "" {
				t.Errorf("%s:%d: an answer to nothing", name, one.line)
				continue
			}
			commands[last].answer = one
		case "go", "graphql":
			excerpts = append(excerpts, one)
		default:
			t.Errorf("%s:%d: a block in %q, which nobody tries", name, one.line, one.language)
		}
	}
	return commands, excerpts
}

// tools skips the test without the programs that the page needs, but never in CI.
func tools(t *testing.T) {
	t.Helper()
	for _, name := range []string{"bash", "curl", "jq"} {
		pgtest.Program(t, "there is no "+name+", so the commands of "+integratingPage+" were not tried. On Debian: apt-get install "+name, name)
	}
}

// shellIn is a shell that runs the script as its readers do: with a configuration of its own, where examples/ is.
func shellIn(ctx context.Context, t *testing.T, shell, folder, script string, settings ...string) *exec.Cmd {
	t.Helper()
	examples, err := filepath.Abs("examples")
	if err == nil {
		if err = os.Symlink(examples, filepath.Join(folder, "examples")); os.IsExist(err) {
			err = nil
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, shell, "-c", script)
	cmd.Dir, cmd.WaitDelay = folder, patience
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "DOSSIER_") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	cmd.Env = append(cmd.Env, settings...)
	return cmd
}

// integrated starts a server with the demo data that keeps its schema to those who may read it, as production does.
func integrated(t *testing.T, address string) *program {
	t.Helper()
	p := serve(t, "POSTGRES_URL="+address, "INTROSPECTION=false", "PLAYGROUND=false", "LOG_REQUESTS=false", "SLOW_QUERY=0s")
	p.waitReady(t)
	return p
}

// Every block runs in the shell that those before it left. Its answer is the one below it; without one it says nothing.
func TestIntegratingPage(t *testing.T) {
	t.Parallel()
	tools(t)
	buildClient(t) // what Go downloads and compiles is told now, not between the answers
	commands, _ := pageBlocks(t, integratingPage, "sh")
	for _, shell := range []string{"bash", "sh"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			p := integrated(t, seeded(t).URL)
			p.waitProcessed(t)
			folder := t.TempDir()
			var script strings.Builder
			for i, one := range commands {
				name := filepath.Join(folder, fmt.Sprintf("%d.sh", i))
				if err := os.WriteFile(name, []byte(strings.ReplaceAll(one.text, pageAddress, p.url)), 0o600); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&script, ". ./%d.sh >%d.out 2>%d.err; echo $? >%d.code\n", i, i, i, i)
			}
			ctx, cancel := context.WithTimeout(t.Context(), pageMax)
			defer cancel()
			if output, err := shellIn(ctx, t, shell, folder, script.String()).CombinedOutput(); err != nil || len(output) > 0 {
				t.Errorf("%v: %s", err, output)
			}
			for i, one := range commands {
				checkAnswer(t, one, filepath.Join(folder, fmt.Sprint(i)))
			}
		})
	}
}

func checkAnswer(t *testing.T, command answered, name string) {
	t.Helper()
	var text [3]string
	for i, kind := range []string{".out", ".err", ".code"} {
		content, _ := os.ReadFile(name + kind)
		text[i] = string(content)
	}
	if text[2] != "0\n" || text[1] != "" {
		t.Errorf("%s:%d ends with %q and says on its standard error: %s", integratingPage, command.line, strings.TrimSpace(text[2]), text[1])
	}
	alike := likeText(command.answer.text, text[0])
	if command.answer.language == "json" {
		var want, got any
		if err := json.Unmarshal([]byte(command.answer.text), &want); err != nil {
			t.Errorf("%s:%d is not JSON: %v", integratingPage, command.answer.line, err)
		}
		alike = json.Unmarshal([]byte(text[0]), &got) == nil && likeJSON(want, got)
	}
	if !alike {
		t.Errorf("%s:%d answers\n%s\nwant\n%s", integratingPage, command.line, text[0], command.answer.text)
	}
}

// likeText reports whether the text is the wanted one, in which an ellipsis stands for any characters of a line.
func likeText(want, got string) bool {
	parts := strings.Split(strings.TrimSpace(want), pageEllipsis)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".+") + "$").MatchString(strings.TrimSpace(got))
}

// likeJSON compares values, of which the texts may have ellipses.
func likeJSON(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for name, value := range want {
			other, ok := got[name]
			if !ok || !likeJSON(value, other) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		return ok && slices.EqualFunc(want, got, likeJSON)
	case string:
		got, ok := got.(string)
		return ok && likeText(want, got)
	}
	return reflect.DeepEqual(want, got)
}

// The comparison must tell answers apart, or the page could say anything.
func TestAnswersAreCompared(t *testing.T) {
	t.Parallel()
	decode := func(text string) (value any) {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	for _, c := range []struct {
		want, got string
		alike     bool
	}{
		{`{"a": ["x_…", 1, null]}`, `{"a": ["x_12", 1, null]}`, true},
		{`{"a": ["x_…", 1, null]}`, `{"a": ["y_12", 1, null]}`, false},
		{`{"a": "…"}`, `{"a": ""}`, false},
		{`{"a": "…"}`, `{"a": null}`, false},
		{`{"a": 1}`, `{"a": 2}`, false},
		{`{"a": 1}`, `{"a": 1, "b": 1}`, false},
		{`{"a": 1}`, `{"b": 1}`, false},
		{`[1]`, `[1, 2]`, false},
		{`"a.c"`, `"abc"`, false},
	} {
		if likeJSON(decode(c.want), decode(c.got)) != c.alike {
			t.Errorf("%s and %s: want alike to be %t", c.want, c.got, c.alike)
		}
	}
	for _, c := range []struct {
		want, got string
		alike     bool
	}{{"a …\nb\n", "a 1 2\nb\n", true}, {"a …", "a 1\nb", false}, {"", "a", false}, {"a", "", false}} {
		if likeText(c.want, c.got) != c.alike {
			t.Errorf("%q and %q: want alike to be %t", c.want, c.got, c.alike)
		}
	}
}

// What the page shows of the client stands in its files.
func TestIntegratingPageShowsTheClient(t *testing.T) {
	t.Parallel()
	_, excerpts := pageBlocks(t, integratingPage, "sh")
	files := map[string]string{
		"graphql": readText(t, "examples/go-client/operations.graphql"),
		"go":      readText(t, "examples/go-client/main.go") + readText(t, "examples/go-client/client.go"),
	}
	if len(excerpts) == 0 {
		t.Error("it shows nothing")
	}
	for _, one := range excerpts {
		if !strings.Contains(files[one.language], one.text) {
			t.Errorf("%s:%d is not in the client", integratingPage, one.line)
		}
	}
}
