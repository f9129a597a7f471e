package main

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dossier/internal/pgtest"
	"dossier/internal/seed"
)

const uploadsPage = "testdata/uploads"

// servePage bundles the page as a frontend's developer does, and serves it.
func servePage(t *testing.T) string {
	t.Helper()
	npm := pgtest.Program(t, "there is no npm, so nobody uploaded as a frontend does: install Node.js 20 or later", "npm")
	folder := t.TempDir()
	copyWithoutBuilt(t, uploadsPage, folder)
	for _, arguments := range [][]string{{"ci", "--no-audit", "--no-fund"}, {"run", "build"}} {
		cmd := exec.CommandContext(t.Context(), npm, arguments...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "NODE_ENV=development") // in production npm leaves out what bundles
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npm %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
	files := http.NewServeMux()
	files.Handle("/", http.FileServer(http.Dir(folder)))
	files.HandleFunc("/page.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(folder, "dist", "page.js"))
	})
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	return server.URL
}

// roundTrip is what the page saw of a file that it sent and fetched.
type roundTrip struct {
	Same, Failed      bool
	Size              int
	Type, Disposition string
	Progress          []float64
}

func (p *tab) roundTrip(t *testing.T, way string, size int) roundTrip {
	t.Helper()
	text := evaluate[string](t, p, fmt.Sprintf(`page.roundTrip(%q, %d).then(JSON.stringify)`, way, size))
	var seen roundTrip
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

// A page of another origin, with the packages that frontends have, uploads in each of the ways and downloads what it has sent.
func TestUploadsOfPage(t *testing.T) {
	t.Parallel()
	chromium(t)
	origin := servePage(t)
	server := serve(t, "DATA_DIR="+seededFolder(t), "CORS_ORIGINS="+origin, "UPLOAD_SIZE_MAX=1MiB")
	server.waitReady(t)
	p := openTab(t, origin+"/?api="+url.QueryEscape(server.url), origin+"/", server.url+"/")
	p.until(t, "window.page")
	evaluate[any](t, p, fmt.Sprintf(`page.signIn("member@demo.example", %q).then(() => 0)`, seed.Password))
	for _, way := range []string{"withRequest", "toLink", "inParts"} {
		const size = 900_000
		seen := p.roundTrip(t, way, size)
		if !seen.Same || seen.Size != size || seen.Type != "application/pdf" {
			t.Errorf("%s: %+v; the page says %q", way, seen, evaluate[string](t, p, `document.querySelector("#failure").textContent`))
			continue
		}
		if _, parameters, err := mime.ParseMediaType(seen.Disposition); err != nil || parameters["filename"] != "Büro plan.pdf" {
			t.Errorf("%s: the name is %q: %v", way, seen.Disposition, err)
		}
		if n := len(seen.Progress); n == 0 || seen.Progress[n-1] != 1 {
			t.Errorf("%s: the progress was %v", way, seen.Progress)
		}
	}
	for way, want := range map[string]string{
		"withRequest": "The request is over the limit file_bytes: at most 1048576.",
		"toLink":      "must be at most 1048576.",
		"inParts":     "must be at most 1048576.",
	} {
		if seen := p.roundTrip(t, way, 3<<20); !seen.Failed {
			t.Errorf("%s: what is too large is taken", way)
		}
		if got := evaluate[string](t, p, `document.querySelector("#failure").textContent`); !strings.Contains(got, want) {
			t.Errorf("%s: the page says %q, want %q", way, got, want)
		}
	}
	if said := server.output.String(); strings.Contains(said, "eyJ") {
		t.Error("the log has links")
	}
}

// The lock file does not say where packages were fetched from.
func TestUploadsLockfileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(uploadsPage, "package-lock.json"))
	if err != nil || strings.Contains(string(text), `"resolved"`) {
		t.Errorf("the lock file says where packages were fetched from, or is not there: %v", err)
	}
}
