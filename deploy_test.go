package main

import (
	"debug/elf"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/goccy/go-yaml"

	"dossier/internal/pgtest"
	"dossier/internal/tcpproxy"
)

// What is in deploy/ is checked as far as it can be without a container engine.

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func openBinary(t *testing.T) *elf.File {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Skip("not checked, the system has another format: ", err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// The binary that these tests run is the image's: it needs no other file, no C library above all.
func TestBinaryIsStatic(t *testing.T) {
	t.Parallel()
	file := openBinary(t)
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("it needs %v, %v", libraries, err)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("it needs a loader")
		}
	}
}

// A linker leaves out the methods that nobody calls, unless anything that is called looks for methods by their names: one template, say,
// brings all methods of all types along, a third of the program. go build -ldflags=-dumpdep marks with ReflectMethod who does.
func TestBinaryHasNoMethodsThatNobodyCalls(t *testing.T) {
	t.Parallel()
	file := openBinary(t)
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	const client = "github.com/aws/aws-sdk-go-v2/service/s3.(*Client)."
	has := func(name string) bool {
		return slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == client+name })
	}
	if !has("PutObject") || has("CreateBucket") {
		t.Errorf("it has S3's PutObject: %t; and CreateBucket, which nobody calls: %t", has("PutObject"), has("CreateBucket"))
	}
}

// What is built for users is built with what these tests run.
func TestBuildTags(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deploy/Dockerfile", "README.md", "bench/build.go"} {
		if !strings.Contains(readText(t, name), buildTags) {
			t.Errorf("%s does not build with -tags %s", name, buildTags)
		}
	}
}

// readOnly runs the program as the user nobody on a file system that can be written below the folder only.
func readOnly(t *testing.T, folder string, settings ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT CHECKED: only root can make the file system read-only")
	}
	const script = `set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind /
if touch /tmp/dossier-read-only 2>/dev/null; then echo "the file system can be written" >&2; exit 9; fi
exec setpriv --reuid="$3" --regid="$4" --clear-groups --no-new-privs --bounding-set=-all "$2"`
	cmd := command(nil, settings...)
	nobody, group := nobodyIDs(t)
	cmd.Path, cmd.Args = "/usr/bin/env", []string{"env", "unshare", "--mount", "sh", "-c", script, "sh", folder, binary, nobody, group}
	for _, tool := range []string{"unshare", "setpriv", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("NOT CHECKED: ", err)
		}
	}
	if output, err := exec.Command("unshare", "--mount", "mount", "-o", "remount,ro,bind", "/").CombinedOutput(); err != nil {
		t.Skipf("NOT CHECKED: mounting is not allowed here: %v: %s", err, output)
	}
	return cmd
}

// An ordinary user, a file system that is read-only but for DATA_DIR: production with a database, and development with its own.
func TestRunsOnAReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	t.Run("production", func(t *testing.T) {
		t.Parallel()
		folder := nobodysFolder(t)
		p := launch(t, readOnly(t, folder, productionSettings(pgtest.NewEmpty(t).URL, "AUTO_MIGRATE=true",
			"HTTP_ADDR="+tcpproxy.FreeAddr(t), "DATA_DIR="+folder, "SHUTDOWN_DELAY=0s")...))
		p.waitReady(t)
		p.signal(t, syscall.SIGTERM)
		p.waitExit(t, 0)
	})
	t.Run("development", func(t *testing.T) {
		t.Parallel()
		folder := nobodysFolder(t)
		p := launch(t, readOnly(t, folder, "HTTP_ADDR="+tcpproxy.FreeAddr(t), "DATA_DIR="+folder))
		p.waitReady(t)
		p.signIn(t, "member@demo.example")
		p.stop(t)
	})
}

// The image's health check says what /readyz says.
func TestHealthCommand(t *testing.T) {
	t.Parallel()
	address := tcpproxy.FreeAddr(t)
	run(t, []string{"health"}, "HTTP_ADDR="+address).wantSentence(t, "nothing serves", address)
	db := pgtest.NewEmpty(t)
	p := serve(t, productionSettings(db.URL, "HTTP_ADDR="+strings.Replace(address, "127.0.0.1", "0.0.0.0", 1), "SHUTDOWN_DELAY=0s")...)
	p.url = "http://" + address
	p.waitStatus(t, "/readyz", http.StatusServiceUnavailable)
	eventually(t, "the reason", func() bool {
		_, body, _ := p.get("/readyz")
		return strings.Contains(body, "migrate up")
	})
	run(t, []string{"health"}, "HTTP_ADDR="+strings.Replace(address, "127.0.0.1", "", 1)).wantSentence(t, "not ready", "migrate up")
	run(t, []string{"migrate", "up"}, productionSettings(db.URL)...).wantOutput(t, "applied")
	p.waitReady(t)
	run(t, []string{"health"}, "HTTP_ADDR="+address).wantOutput(t, "ready")
}

// What the image is built from is what is not ignored: it must be enough to build the program, and hold no secret.
func TestImageContextIsWhole(t *testing.T) {
	t.Parallel()
	listed, err := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skip("NOT CHECKED: git does not list the files: ", err)
	}
	context := t.TempDir()
	for _, name := range strings.Fields(string(listed)) {
		content, err := os.ReadFile(name)
		if ignored(t, name) || err != nil { // deleted, and still listed
			continue
		}
		target := filepath.Join(context, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Packages and embedded files are all found; that they compile is known from the binary of these tests.
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Dir, list.Env = context, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := list.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	for _, secret := range []string{".env", ".env.production", ".git/config"} {
		if !ignored(t, secret) {
			t.Errorf("%s gets into the image's build", secret)
		}
	}
}

// ignored follows .dockerignore's patterns, of which ours use ** at the beginning only.
func ignored(t *testing.T, name string) bool {
	t.Helper()
	for line := range strings.Lines(readText(t, ".dockerignore")) {
		pattern := strings.TrimPrefix(strings.TrimSpace(line), "/")
		if pattern == "" || pattern[0] == '#' {
			continue
		}
		pattern, anywhere := strings.CutPrefix(pattern, "**/")
		parts := strings.Split(name, "/")
		for i, part := range parts {
			if matched, err := path.Match(pattern, part); err != nil || matched && (anywhere || i == 0) {
				return true
			}
		}
	}
	return false
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := readText(t, "deploy/Dockerfile")
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(readText(t, "go.mod"))[1]
	if !strings.Contains(text, "FROM golang:"+version+" AS build") {
		t.Errorf("it does not build with go.mod's Go %s", version)
	}
	for _, copied := range regexp.MustCompile(`(?m)^COPY (?:\S+ )+`).FindAllString(text, -1) {
		if strings.Contains(copied, "--from") {
			continue
		}
		for _, source := range strings.Fields(copied)[1:] {
			if _, err := os.Stat(source); err != nil || source != "." && ignored(t, source) {
				t.Errorf("COPY %s: %v", source, err)
			}
		}
	}
	for _, part := range []string{"CGO_ENABLED=0", "\nFROM scratch\n", "\nUSER 65532:65532\n", "APP_ENV=production", `CMD ["/dossier", "health"]`, `ENTRYPOINT ["/dossier"]`} {
		if !strings.Contains(text, part) {
			t.Errorf("it has no %q", part)
		}
	}
	wantKnownSettings(t, regexp.MustCompile(`\b([A-Z_]+)=\S*`).FindAllStringSubmatch(regexp.MustCompile(`(?m)^ENV .*$`).FindString(text), -1))
}

// wantKnownSettings wants the first group of each match to be a name of .env.example.
func wantKnownSettings(t *testing.T, matches [][]string) {
	t.Helper()
	if len(matches) == 0 {
		t.Error("it sets nothing")
	}
	example := readText(t, ".env.example")
	for _, match := range matches {
		if !strings.Contains(example, "\n"+match[1]+"=") {
			t.Errorf("%s is no setting of the program", match[1])
		}
	}
}

func TestComposeFile(t *testing.T) {
	t.Parallel()
	text := readText(t, "deploy/compose.yaml")
	type service struct {
		Command     []string          `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		ReadOnly    bool              `yaml:"read_only"`
		Build       struct{ Context, Dockerfile string }
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Volumes     []string                              `yaml:"volumes"`
		Grace       string                                `yaml:"stop_grace_period"`
		Healthcheck *struct{ Test []string }
	}
	var file struct {
		Services map[string]service
		Volumes  map[string]any
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	postgres, migrate, server := file.Services["postgres"], file.Services["migrate"], file.Services["dossier"]
	if postgres.Healthcheck == nil || migrate.DependsOn["postgres"].Condition != "service_healthy" ||
		server.DependsOn["migrate"].Condition != "service_completed_successfully" || !slices.Equal(migrate.Command, []string{"migrate", "up"}) {
		t.Error("the database, its migration and the server do not come in this order")
	}
	for _, one := range []service{migrate, server} {
		var names [][]string
		for name := range one.Environment {
			names = append(names, []string{name, name})
		}
		wantKnownSettings(t, names)
		if !one.ReadOnly || one.Environment["APP_ENV"] != "production" {
			t.Errorf("it is not as careful as it could be: %+v", one)
		}
		if _, err := os.Stat(filepath.Join("deploy", one.Build.Context, one.Build.Dockerfile)); err != nil {
			t.Error(err)
		}
	}
	if server.Grace != "30s" {
		t.Errorf("it is killed after %q", server.Grace)
	}
	for _, one := range []service{postgres, server} {
		for _, volume := range one.Volumes {
			name, _, _ := strings.Cut(volume, ":")
			if _, ok := file.Volumes[name]; !ok {
				t.Errorf("there is no volume %s", name)
			}
		}
	}
	for _, variable := range regexp.MustCompile(`\$\{([A-Z_]+)(:.)?`).FindAllStringSubmatch(text, -1) {
		if variable[1] == "POSTGRES_PASSWORD" {
			if variable[2] != ":?" && !strings.Contains(text, "${POSTGRES_PASSWORD:?") {
				t.Error("the secret has a default")
			}
			continue
		}
		wantKnownSettings(t, [][]string{variable})
	}
	if strings.Contains(text, "${POSTGRES_PASSWORD:-") || strings.Contains(text, "${POSTGRES_PASSWORD}") {
		t.Error("the secret can be empty")
	}
}

// systemd itself reads the unit, where it is there.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	text := readText(t, "deploy/dossier.service")
	wantKnownSettings(t, regexp.MustCompile(`\b([A-Z_]+)=\S*`).FindAllStringSubmatch(regexp.MustCompile(`(?m)^Environment=(.*)$`).FindString(text), -1))
	for _, line := range []string{
		"NoNewPrivileges=yes", "ProtectSystem=strict", "DynamicUser=yes", "StateDirectory=dossier", "CapabilityBoundingSet=", "TimeoutStopSec=30s", "KillSignal=SIGTERM",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("it has no %s", line)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("NOT CHECKED by systemd: ", err)
	}
	unit := filepath.Join(t.TempDir(), "dossier.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, "/usr/local/bin/dossier", binary)), 0o644); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", unit).CombinedOutput()
	if err != nil || strings.Contains(string(output), "dossier.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
}
