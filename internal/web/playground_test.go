package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"dossier/model"
)

// playgroundWireBytesMax is what a first visit to the playground may transfer.
const playgroundWireBytesMax = 1_000_000

// playgroundGet asks the playground for path; headers are pairs of name and value.
func playgroundGet(t *testing.T, method, path string, headers ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	playground(nil).ServeHTTP(recorder, request)
	return recorder.Result()
}

func playgroundBody(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func playgroundHTML(t *testing.T) string {
	t.Helper()
	return playgroundBody(t, playgroundGet(t, http.MethodGet, "/"))
}

var playgroundReference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

// playgroundReferences are the addresses that the page loads.
func playgroundReferences(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, match := range playgroundReference.FindAllStringSubmatch(playgroundHTML(t), -1) {
		found = append(found, match[1])
	}
	if len(found) < 8 {
		t.Fatalf("the page refers to %q only", found)
	}
	return found
}

func TestPlaygroundServesWhatItRefersTo(t *testing.T) {
	t.Parallel()
	for _, address := range playgroundReferences(t) {
		response := playgroundGet(t, http.MethodGet, address)
		if response.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", address, response.Status)
		}
		if want := "public, max-age=31536000, immutable"; response.Header.Get("Cache-Control") != want {
			t.Errorf("%s has Cache-Control %q, want %q", address, response.Header.Get("Cache-Control"), want)
		}
	}
	if got := playgroundGet(t, http.MethodGet, "/playground/vendor/LICENSES.txt").StatusCode; got != http.StatusOK {
		t.Errorf("LICENSES.txt: %d", got)
	}
}

var playgroundStyleReference = regexp.MustCompile(`url\(\s*["']?([^"')]{0,40})|(@import[^;]{0,80})`)

func TestPlaygroundStylesLoadNothing(t *testing.T) {
	t.Parallel()
	for _, address := range playgroundReferences(t) {
		if !strings.Contains(address, ".css") {
			continue
		}
		for _, match := range playgroundStyleReference.FindAllStringSubmatch(playgroundBody(t, playgroundGet(t, http.MethodGet, address)), -1) {
			if !strings.HasPrefix(match[1], "data:") {
				t.Errorf("%s loads %s", address, match[0])
			}
		}
	}
}

// playgroundOwn lists the files of the page that are not vendor's.
func playgroundOwn(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := fs.Glob(playgroundFiles, "playground/"+pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	return names
}

var playgroundImport = regexp.MustCompile(`(?m)^(?:import|export) .*?from "(.*)";$`)

// Modules import one another without a hash: each is asked for again, and is there.
func TestPlaygroundModules(t *testing.T) {
	t.Parallel()
	imported := 0
	for _, name := range playgroundOwn(t, "*.js") {
		for _, match := range playgroundImport.FindAllStringSubmatch(playgroundBody(t, playgroundGet(t, http.MethodGet, "/"+name)), -1) {
			imported++
			response := playgroundGet(t, http.MethodGet, path.Join("/playground", match[1]))
			if !strings.HasPrefix(match[1], "./") || response.StatusCode != http.StatusOK || response.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s imports %s: %s", name, match[1], response.Status)
			}
		}
	}
	if imported < 5 {
		t.Errorf("%d imports", imported)
	}
}

func TestPlaygroundNamesNoOtherOrigin(t *testing.T) {
	t.Parallel()
	other := regexp.MustCompile(`(?i)(https?|wss?):|["'(=]\s*//\w`)
	sources := map[string]string{"the page": playgroundHTML(t)}
	for _, name := range append(playgroundOwn(t, "*.js"), playgroundOwn(t, "*.css")...) {
		sources[name] = playgroundBody(t, playgroundGet(t, http.MethodGet, "/"+name))
	}
	for name, source := range sources {
		if found := other.FindString(source); found != "" {
			t.Errorf("%s refers to another origin: %s", name, found)
		}
	}
}

func TestPlaygroundHeaders(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"/", "/playground/app.js", "/playground/no-such-file"} {
		header := playgroundGet(t, http.MethodGet, address).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", address, name, header.Get(name), want)
			}
		}
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self';", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", address, policy, want)
			}
		}
	}
	if strings.Contains(playgroundHTML(t), "<script>") {
		t.Error("the page has an inline script, which the policy forbids")
	}
}

func TestPlaygroundRevalidation(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"/", "/playground/app.js", "/playground/app.js?v=another"} {
		for _, coding := range []string{"", "gzip"} {
			first := playgroundGet(t, http.MethodGet, address, "Accept-Encoding", coding)
			etag := first.Header.Get("ETag")
			if !strings.HasPrefix(etag, `"`) || first.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s has ETag %s and Cache-Control %s", address, etag, first.Header.Get("Cache-Control"))
			}
			again := playgroundGet(t, http.MethodGet, address, "Accept-Encoding", coding, "If-None-Match", etag)
			if again.StatusCode != http.StatusNotModified || playgroundBody(t, again) != "" {
				t.Errorf("%s (%q) with its ETag: %s", address, coding, again.Status)
			}
		}
	}
	plain := playgroundGet(t, http.MethodGet, "/").Header.Get("ETag")
	if playgroundGet(t, http.MethodGet, "/", "Accept-Encoding", "gzip", "If-None-Match", plain).StatusCode != http.StatusOK {
		t.Error("the plain ETag stands for the compressed bytes too")
	}
}

func TestPlaygroundMethodsAndPaths(t *testing.T) {
	t.Parallel()
	whole := playgroundGet(t, http.MethodGet, "/playground/app.js", "Accept-Encoding", "gzip")
	head := playgroundGet(t, http.MethodHead, "/playground/app.js", "Accept-Encoding", "gzip")
	if head.StatusCode != http.StatusOK || playgroundBody(t, head) != "" {
		t.Errorf("HEAD: %s", head.Status)
	}
	for _, name := range []string{"Content-Length", "Content-Type", "ETag"} {
		if got, want := head.Header.Get(name), whole.Header.Get(name); got != want || want == "" {
			t.Errorf("HEAD: %s is %q, want %q", name, got, want)
		}
	}
	if got := playgroundGet(t, http.MethodPost, "/"); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") == "" {
		t.Errorf("POST: %s", got.Status)
	}
	for _, address := range []string{
		"/playground/", "/playground/none.js", "/playground/index.html", "/playground/vendor", "/playground/../playground.go",
		"/playground/vendor.sh", "/elsewhere",
	} {
		if got := playgroundGet(t, http.MethodGet, address); got.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s", address, got.Status)
		}
	}
}

func TestPlaygroundCompression(t *testing.T) {
	t.Parallel()
	wire := 0
	addresses := append(playgroundReferences(t), "/")
	for _, name := range playgroundOwn(t, "*.js") {
		if name != "playground/app.js" { // the page refers to it; it imports the others
			addresses = append(addresses, "/"+name)
		}
	}
	for _, address := range addresses {
		compressed := playgroundGet(t, http.MethodGet, address, "Accept-Encoding", "br, gzip;q=0.8")
		if compressed.Header.Get("Content-Encoding") != "gzip" || compressed.Header.Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%s is not compressed", address)
		}
		body := playgroundBody(t, compressed)
		wire += len(body)
		reader, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(reader)
		if err != nil || !bytes.Equal(plain, []byte(playgroundBody(t, playgroundGet(t, http.MethodGet, address)))) {
			t.Errorf("%s is another file when compressed (%v)", address, err)
		}
	}
	t.Logf("a first visit transfers %d bytes", wire)
	if wire > playgroundWireBytesMax {
		t.Errorf("a first visit transfers %d bytes, more than %d", wire, playgroundWireBytesMax)
	}
	for _, coding := range []string{"identity", "gzip;q=0", "gzip; q=0.0", "gzippy", "br"} {
		if got := playgroundGet(t, http.MethodGet, "/", "Accept-Encoding", coding).Header.Get("Content-Encoding"); got != "" {
			t.Errorf("Accept-Encoding: %s answers %s", coding, got)
		}
	}
}

var playgroundSettings = regexp.MustCompile(`(?s)<script id="settings" type="application/json">(.*?)</script>`)

type settings struct {
	DemoUsers []DemoUser
	Groups    []exampleGroup
}

// settingsOf reads the page's settings as the browser does.
func settingsOf(t *testing.T, c Config) settings {
	t.Helper()
	c.Playground = true
	response := serve(t, c, httptest.NewRequest(http.MethodGet, "/", nil), nil)
	found := playgroundSettings.FindStringSubmatch(playgroundBody(t, response))
	if found == nil {
		t.Fatal("the page has no settings")
	}
	var s settings
	if err := json.Unmarshal([]byte(found[1]), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// The page knows the demo users that it was given, and no others.
func TestPlaygroundDemoUsers(t *testing.T) {
	t.Parallel()
	users := []DemoUser{{model.RoleManager, "manager@demo.example", "</script>"}}
	if got := settingsOf(t, Config{DemoUsers: users}).DemoUsers; !slices.Equal(got, users) {
		t.Errorf("given %v it has %v", users, got)
	}
	if got := settingsOf(t, Config{}).DemoUsers; got == nil || len(got) > 0 {
		t.Errorf("given none it has %v", got)
	}
}

// Examples are grouped by their folders. That they answer is tested with a whole server.
func TestPlaygroundExamples(t *testing.T) {
	t.Parallel()
	sdl, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(sdl)})
	if err != nil {
		t.Fatal(err)
	}
	groups := settingsOf(t, Config{}).Groups
	tabs, titles := map[string]bool{}, map[string]bool{}
	var order []string
	for _, group := range groups {
		order = append(order, group.Title)
		for _, example := range group.Examples {
			doc, errs := gqlparser.LoadQueryWithRules(schema, example.Query, nil)
			if errs != nil {
				t.Errorf("%s\n%s", errs, example.Query)
				continue
			}
			if !strings.HasPrefix(example.Query, "# ") {
				t.Errorf("an example does not begin by saying what it shows:\n%s", example.Query)
			}
			if name := doc.Operations[0].Name; name == "" || tabs[name] || titles[example.Title] {
				t.Errorf("the name of an operation is its tab's; %q of %q is empty or not unique", name, example.Title)
			} else {
				tabs[name], titles[example.Title] = true, true
			}
		}
	}
	const want = "Start here, Read, Search and page, Change, Errors and limits, Administer"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("the groups are %s, want %s", got, want)
	}
	if first := groups[0].Examples[0]; len(tabs) < 12 || first.Title != "Sign in" || !strings.Contains(first.Query, "signIn(") {
		t.Errorf("%d examples, of which the first is %v", len(tabs), first)
	}
}
