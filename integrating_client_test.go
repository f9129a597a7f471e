package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"dossier/internal/tcpproxy"
	"dossier/model"
)

const clientFolder = "examples/go-client"

var compileClient = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "go-client")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = clientFolder
	output, err := build.CombinedOutput()
	if err != nil {
		err = errors.New(err.Error() + ": " + string(output))
	}
	return path, err
})

// buildClient gives the path of the typed client's program.
func buildClient(t *testing.T) string {
	t.Helper()
	path, err := compileClient()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// makeKey gives an API key of a demo user, with all scopes that there are for a company's users.
func (p *program) makeKey(t *testing.T, email string) string {
	t.Helper()
	var scopes []model.Scope
	for _, scope := range model.AllScopes {
		if scope != model.ScopeAuthAdapter {
			scopes = append(scopes, scope)
		}
	}
	data := p.with(p.signIn(t, email)).Query(t, `mutation($scopes: [Scope!]!) {
		createApiKey(input: { name: "Integration", scopes: $scopes }) { token userErrors { message } } }`, "scopes", scopes)
	return data.Text("createApiKey.token")
}

// clientOf is the typed client with a key for the server.
func clientOf(t *testing.T, p *program, key string, arguments ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), buildClient(t), arguments...)
	cmd.Env = append(os.Environ(), "DOSSIER_URL="+p.url, "DOSSIER_KEY="+key)
	cmd.WaitDelay = patience
	return cmd
}

var firstWord = regexp.MustCompile(`(?m)^ *\S+`)

func TestTypedClient(t *testing.T) {
	t.Parallel()
	p := integrated(t, seeded(t).URL)
	key := p.makeKey(t, "manager@demo.example")
	do := func(arguments ...string) result {
		t.Helper()
		return runCommand(t, clientOf(t, p, key, arguments...))
	}
	do("whoami").wantOutput(t, "Integration, good forever: companies:read ")
	// It reads every project and every document in one, in pages of pages.
	listed := do("list")
	listed.wantOutput(t)
	ids := map[string]bool{}
	project := ""
	for _, id := range firstWord.FindAllString(listed.stdout, -1) {
		ids[strings.TrimSpace(id)] = true
		if project == "" {
			project = id
		}
	}
	counts := p.with(key).Query(t, `{ projects { totalCount } documents { totalCount } }`)
	want := counts.At("projects.totalCount").Raw().(float64) + counts.At("documents.totalCount").Raw().(float64)
	if len(ids) != int(want) || want < 400 {
		t.Errorf("it lists %d projects and documents, want %v", len(ids), want)
	}
	// It changes, and tells what is wrong.
	made := do("create", project, "Cover letter.txt")
	made.wantOutput(t, "Cover letter.txt, UPLOADING, 0 bytes")
	document := strings.Fields(made.stdout)[0]
	do("rename", document, "Letter.txt").wantOutput(t, document+"  Letter.txt")
	do("rename", document, "Letter.txt").wantOutput(t, document+"  Letter.txt")
	if version := p.with(key).Query(t, `query($id: ID!) { document(id: $id) { version } }`, "id", document).Text("document.version"); version != "2" {
		t.Errorf("the document has version %s", version)
	}
	for words, r := range map[string]result{
		"BAD_USER_INPUT: name must not be empty. (name)": do("create", project, ""),
		"BAD_REFERENCE":                         do("create", strings.Replace(document, "document_", "project_", 1), "x"),
		"NOT_FOUND: There is no such document.": do("rename", strings.Replace(project, "project_", "document_", 1), "x"),
		"UNAUTHENTICATED":                       runCommand(t, clientOf(t, p, key[:len(key)-1], "list")),
	} {
		if r.code != 1 || !strings.Contains(r.stderr, words) {
			t.Errorf("want %q, exit code %d: %s", words, r.code, r.stderr)
		}
	}
}

// outageOf has a command wait for a database that is away, and succeed when it is back.
func outageOf(t *testing.T, waits string, start func(p *program, key string) *exec.Cmd) string {
	t.Helper()
	address, proxy := behindProxy(t, seeded(t).URL)
	p := integrated(t, address)
	key := p.makeKey(t, "manager@demo.example")
	proxy.Set(t, tcpproxy.Refuse)
	eventually(t, "the outage", func() bool {
		return strings.Join(p.with(key).Do(t, `{ currentApiKey { id } projects { totalCount } }`).Codes(), " ") != ""
	})
	cmd := start(p, key)
	var stdout, stderr output
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it to try again", func() bool { return strings.Contains(stderr.String(), waits) })
	proxy.Set(t, tcpproxy.Pass)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
	return stdout.String()
}

func TestTypedClientWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	listed := outageOf(t, "UNAVAILABLE", func(p *program, key string) *exec.Cmd { return clientOf(t, p, key, "list") })
	if n := strings.Count(listed, "\nproject_"); n < 50 {
		t.Errorf("it lists %d projects", n)
	}
}

// The page's loop does the same: the blocks that define functions are all that it needs.
func TestIntegratingPageWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	tools(t)
	var script strings.Builder
	commands, _ := pageBlocks(t, integratingPage, "sh")
	for _, one := range commands {
		if regexp.MustCompile(`\A\w+\(\) \{`).MatchString(one.text) {
			script.WriteString(one.text)
		}
	}
	script.WriteString("\n" + `dossier_patient '{ projects { totalCount } }'`)
	said := outageOf(t, "UNAVAILABLE", func(p *program, key string) *exec.Cmd {
		return shellIn(t.Context(), t, "bash", t.TempDir(), script.String(), "DOSSIER_URL="+p.url, "DOSSIER_KEY="+key)
	})
	if !regexp.MustCompile(`^\{"data":\{"projects":\{"totalCount":\d+\}\}\}\n$`).MatchString(said) {
		t.Errorf("it says %q", said)
	}
}

// generated.go is what the schema and operations.graphql make of it.
func TestTypedClientIsGenerated(t *testing.T) {
	t.Parallel()
	checkout := t.TempDir()
	folder := filepath.Join(checkout, clientFolder)
	if err := os.CopyFS(folder, os.DirFS(clientFolder)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(checkout, "schema.graphqls"), []byte(readText(t, "schema.graphqls")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, "generated.go")); err != nil {
		t.Fatal(err)
	}
	generate := exec.CommandContext(t.Context(), "go", "generate", ".")
	generate.Dir = folder
	if output, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if readText(t, filepath.Join(folder, "generated.go")) != readText(t, filepath.Join(clientFolder, "generated.go")) {
		t.Error("generated.go is not up to date: run `make generate`")
	}
}

// The client's own tests are of another module, which this one's do not reach.
func TestTypedClientPassesItsTests(t *testing.T) {
	t.Parallel()
	test := exec.CommandContext(t.Context(), "go", "test", ".")
	test.Dir = clientFolder
	if output, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
