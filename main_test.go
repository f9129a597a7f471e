package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/internal/pgtest"
	"dossier/internal/seed"
	"dossier/internal/tcpproxy"
)

// The tests of this package run the program as its users do: the binary, in an environment of its own, over real HTTP.

// Bounds for what should take a fraction of them: the machine may be busy.
const (
	patience      = 20 * time.Second
	firstStartMax = 10 * 3 * time.Second        // ten times the goal, as other packages are tested at the same time
	laterStartMax = 10 * 500 * time.Millisecond // likewise
)

// buildTags are those of deploy/Dockerfile. They leave out gRPC, which the clients of clouds bring along, and its tracing, for whose
// templates the linker would keep every method of every type.
const buildTags = "grpcnotrace,disable_grpc_modules"

var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if address := os.Getenv(statsVariable); address != "" {
		go tellStats(address)
		main()
		return 0
	}
	folder, err := os.MkdirTemp("", "dossier-test-")
	if err == nil {
		err = os.Chmod(folder, 0o755) // other users run the binary too
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "dossier")
	build := exec.Command("go", "build", "-tags", buildTags, "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as deploy/Dockerfile builds it
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, output)
		return 1
	}
	template = filepath.Join(folder, "data")
	return pgtest.Main(m)
}

// program is a server that runs.
type program struct {
	cmd    *exec.Cmd
	url    string
	began  time.Time
	output output        // of both streams, as it came
	exited chan struct{} // closed when it has ended
}

type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// command is the program with no other configuration than the settings, NAME=value.
func command(arguments []string, settings ...string) *exec.Cmd {
	cmd := exec.Command(binary, arguments...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PG_BIN=" + os.Getenv("PG_BIN"),
		"REQUEST_TIMEOUT=" + patience.String(), "ADMIN_ADDR=off", "BLOB_URL=" + blobURL(settings...)}, settings...)
	cmd.WaitDelay = patience
	return cmd
}

// blobURL is where a program with the settings keeps files: where its database is, or with others that have the same one.
func blobURL(settings ...string) string {
	address := newBlobURL()
	for _, setting := range settings {
		switch name, value, _ := strings.Cut(setting, "="); name {
		case "DATA_DIR":
			address = "" // the default, which is below it
		case "POSTGRES_URL":
			if u, err := url.Parse(value); err == nil && strings.Trim(u.Path, "/") != "" {
				return "file://" + filepath.Join(filepath.Dir(binary), "blobs-of-"+strings.Trim(u.Path, "/"), "documents")
			}
		}
	}
	return address
}

// newBlobURL is a folder that nobody else has: the default one may be a developer's.
func newBlobURL() string {
	return "file://" + filepath.Join(filepath.Dir(binary), "blobs-"+strconv.FormatUint(rand.Uint64(), 36), "documents")
}

// serve runs the server on a free port, unless HTTP_ADDR is among the settings.
func serve(t *testing.T, settings ...string) *program {
	t.Helper()
	return launch(t, command(nil, append([]string{"HTTP_ADDR=" + tcpproxy.FreeAddr(t)}, settings...)...))
}

func launch(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, exited: make(chan struct{})}
	for _, setting := range cmd.Env {
		if address, ok := strings.CutPrefix(setting, "HTTP_ADDR="); ok {
			p.url = "http://" + address
		}
	}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	p.began = time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the program %s said:\n%s", p.url, p.output.String())
		}
	})
	return p
}

// waitReady gives how long the program took from its start until it could serve.
func (p *program) waitReady(t *testing.T) time.Duration {
	t.Helper()
	p.waitStatus(t, "/readyz", http.StatusOK)
	took := time.Since(p.began)
	eventually(t, "the welcome", func() bool { return strings.Contains(p.output.String(), "DB_POOL_MAX=") })
	return took
}

// waitStatus waits until the path answers with the status, and gives the body.
func (p *program) waitStatus(t *testing.T, path string, want int) string {
	t.Helper()
	var status int
	var body string
	eventually(t, fmt.Sprintf("%s answering %d", path, want), func() bool {
		select {
		case <-p.exited:
			t.Fatalf("the program has ended: %s", p.cmd.ProcessState)
		default:
		}
		status, body, _ = p.get(path)
		return status == want
	})
	return body
}

func (p *program) get(path string) (status int, body string, err error) {
	response, err := http.Get(p.url + path)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// waitProcessed waits until the tender pack of the demo data can be searched.
func (p *program) waitProcessed(t *testing.T) {
	t.Helper()
	member := p.with(p.signIn(t, "member@demo.example"))
	eventually(t, "the tender pack", func() bool {
		data := member.Query(t, `{ projects(filter: {search: "Harborview"}) { nodes { documents(filter: {status: [READY]}) { totalCount } } } }`)
		return data.Text("projects.nodes.0.documents.totalCount") == strconv.Itoa(len(seed.Pack()))
	})
}

// with gives a client that sends the token, "" for none.
func (p *program) with(token string) apitest.Client { return (&apitest.World{URL: p.url}).With(token) }

// signIn gives the token of a demo user.
func (p *program) signIn(t *testing.T, email string) string {
	t.Helper()
	data := p.with("").Query(t, `mutation($email: String!, $password: String!) {
		signIn(input: { email: $email, password: $password }) { token userErrors { message } } }`,
		"email", email, "password", seed.Password)
	return data.Text("signIn.token")
}

// stop is Ctrl-C: it must end the program in good order.
func (p *program) stop(t *testing.T) {
	t.Helper()
	p.signal(t, os.Interrupt)
	p.waitExit(t, 0)
}

func (p *program) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *program) waitExit(t *testing.T, want int) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatal("the program does not end")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// result is what a command left.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command to its end.
func run(t *testing.T, arguments []string, settings ...string) result {
	t.Helper()
	return runCommand(t, command(arguments, settings...))
}

func runCommand(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// wantOutput fails the test unless the command succeeded and said each of the words.
func (r result) wantOutput(t *testing.T, words ...string) {
	t.Helper()
	if r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stdout, word) {
			t.Errorf("it does not say %q:\n%s", word, r.stdout)
		}
	}
}

// noise is what no message for people has: stacks, formatting mistakes, and how Go's packages begin their errors.
var noise = regexp.MustCompile(`goroutine|panic|\.go:\d|%!|0x[0-9a-f]|(listen|dial) tcp|bind: |exec: |context (canceled|deadline)`)

// wantSentence fails the test unless the program refused to run, with one clear sentence that has the words.
func (r result) wantSentence(t *testing.T, words ...string) {
	t.Helper()
	text := r.stdout + r.stderr
	t.Log(strings.TrimSpace(text))
	if r.code != 1 {
		t.Errorf("exit code %d, want 1", r.code)
	}
	if !strings.HasPrefix(text, "dossier: ") || strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		t.Errorf("it does not say one line:\n%s", text)
	}
	if found := noise.FindString(text); found != "" {
		t.Errorf("%q is nothing to tell a user", found)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("it does not say %q", word)
		}
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for began := time.Now(); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// newFolder is a folder that the user whom PostgreSQL runs as can enter. It is removed when no PostgreSQL uses it.
func newFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "dossier-test-data-")
	if err == nil {
		err = os.Chmod(folder, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		eventually(t, "PostgreSQL to leave "+folder, func() bool { return len(postgresOn(folder)) == 0 })
		_ = os.RemoveAll(folder)
	})
	return folder
}

// postgresOn lists the processes that work below the folder: every process of a PostgreSQL works in its cluster.
func postgresOn(folder string) []string {
	var found []string
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, folder+"/") {
			found = append(found, filepath.Base(filepath.Dir(link)))
		}
	}
	return found
}

var (
	template     string // a folder with the demo data
	makeTemplate = sync.OnceValue(func() error {
		output, err := command([]string{"seed"}, "DATA_DIR="+template).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, output)
		}
		return nil
	})
)

// seededFolder is a folder with the demo data: a copy, since to make it takes seconds.
func seededFolder(t *testing.T) string {
	t.Helper()
	if err := makeTemplate(); err != nil {
		t.Fatal(err)
	}
	folder := newFolder(t)
	if output, err := exec.Command("cp", "-a", template+"/.", folder).CombinedOutput(); err != nil {
		t.Fatalf("copy the folder: %v: %s", err, output)
	}
	return folder
}
