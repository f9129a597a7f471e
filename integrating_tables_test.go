package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/model"
)

// The tables of docs/integrating.md say what the code says.

// pageTable gives the rows of the table below the heading, by the code in their first cell. A row of several is there for each.
func pageTable(t *testing.T, heading string) map[string]string {
	t.Helper()
	_, section, ok := strings.Cut(readText(t, integratingPage), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", integratingPage, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (`+"`"+`[^|]*) \| (.*) \|$`).FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			if _, twice := rows[name[1]]; twice {
				t.Errorf("%s tells of %s twice", heading, name[1])
			}
			rows[name[1]] = row[2]
		}
	}
	return rows
}

// wantRows wants a row for each of the names, and no other.
func wantRows(t *testing.T, heading string, rows map[string]string, names []string) {
	t.Helper()
	slices.Sort(names)
	if got := slices.Sorted(maps.Keys(rows)); !slices.Equal(got, names) {
		t.Errorf("%s has rows for %v, want %v", heading, got, names)
	}
}

func TestIntegratingPageHasAllScopes(t *testing.T) {
	t.Parallel()
	var names []string
	for _, scope := range model.AllScopes {
		names = append(names, string(scope))
	}
	wantRows(t, "Scopes", pageTable(t, "Scopes"), names)
}

func TestIntegratingPageHasAllCodes(t *testing.T) {
	t.Parallel()
	codes := []string{"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
	for _, code := range regexp.MustCompile(`Code = "([A-Z_]+)"`).FindAllStringSubmatch(readText(t, "internal/fault/fault.go"), -1) {
		codes = append(codes, code[1])
	}
	wantRows(t, "Errors", pageTable(t, "Errors"), codes)
}

// What a document failed of is told by codes, which several rooms give.
func TestIntegratingPageHasAllFailures(t *testing.T) {
	t.Parallel()
	var codes []string
	for file, pattern := range map[string]string{
		"internal/extract/errors.go": `Code = "([A-Z_]+)"`, "internal/ingest/work.go": `failed\w+ += "([A-Z_]+)"`,
		"repo/processing.go": `Failed\w+ += "([A-Z_]+)"`,
	} {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(readText(t, file), -1)
		if len(found) == 0 {
			t.Errorf("%s has no codes", file)
		}
		for _, code := range found {
			codes = append(codes, code[1])
		}
	}
	wantRows(t, "Documents are read", pageTable(t, "Documents are read"), codes)
}

// numbered repeats a text with its number in it.
func numbered(n int, text string) string {
	var all strings.Builder
	for i := range n {
		all.WriteString(strings.ReplaceAll(text, "#", strconv.Itoa(i)))
	}
	return all.String()
}

// overLimits has a query for each limit that it is over, and for no other.
func overLimits(ids []string) map[string]string {
	return map[string]string{
		"body_bytes":      `{ me { id } } # ` + strings.Repeat("x", 1<<20),
		"tokens":          `{ ` + strings.Repeat("me ", 10_000) + `}`,
		"depth":           strings.Repeat("{ a ", 17) + strings.Repeat("}", 17),
		"fields":          `{ ` + numbered(2_001, "f# ") + `}`,
		"repeated_fields": `{ ` + strings.Repeat("me ", 51) + `}`,
		"aliases":         `{ ` + numbered(101, "a#: f# ") + `}`,
		"directives":      `{ me ` + strings.Repeat("@skip(if: true) ", 101) + `}`,
		"fragments":       `{ me { id } } ` + numbered(101, "fragment F# on User { id } "),
		"complexity":      `{ projects(first: 100) { nodes { documents(first: 100) { nodes { themes(first: 100) { nodes { id } } } } } } }`,
		"page_size":       `{ projects(first: 101) { totalCount } }`,
		"nodes":           `{ nodes(ids: ["` + strings.Join(ids, `", "`) + `"]) { id } }`,

		"file_bytes": "", "operations_bytes": "", "map_bytes": "", // of requests with files
	}
}

// overFileLimit is a request with a file that is over the limit. Of a file that is too large it is enough to say so.
func overFileLimit(t *testing.T, p *program, name string) *http.Request {
	t.Helper()
	parts := map[string]string{"operations": uploadOperations, "map": `{"0": ["variables.file"]}`}
	if part, _ := strings.CutSuffix(name, "_bytes"); parts[part] != "" {
		parts[part] += strings.Repeat(" ", 1<<20)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("operations", parts["operations"])
	_ = form.WriteField("map", parts["map"])
	_ = form.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/graphql", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	if name == "file_bytes" {
		request.Body, request.ContentLength = io.NopCloser(io.LimitReader(letters{}, 100<<30)), 100<<30
	}
	return request
}

// The server is asked for more than each limit allows, and says how much it does.
func TestIntegratingPageHasAllLimits(t *testing.T) {
	t.Parallel()
	p := integrated(t, seeded(t).URL)
	client := p.with(p.makeKey(t, "member@demo.example"))
	ids := client.Query(t, `{ projects(first: 50) { nodes { id } } documents(first: 51) { nodes { id } } }`)
	queries := overLimits(slices.Concat(ids.Texts("projects.nodes", "id"), ids.Texts("documents.nodes", "id")))
	rows := pageTable(t, "Limits")
	wantRows(t, "Limits", rows, slices.Collect(maps.Keys(queries)))
	for name, query := range queries {
		answer := client.Do(t, query)
		if strings.HasSuffix(name, "_bytes") && name != "body_bytes" {
			answer = client.Exchange(t, overFileLimit(t, p, name))
		}
		limit, want := limitOf(answer), strings.ReplaceAll(strings.SplitN(rows[name], " ", 2)[0], ",", "")
		if limit["name"] != name || fmt.Sprint(limit["max"]) != want {
			t.Errorf("%s is %q on the page; the server says %.300s", name, want, answer.Body)
		}
	}
}

func limitOf(answer apitest.Answer) map[string]any {
	var body struct {
		Errors []struct {
			Extensions struct{ Limit map[string]any }
		}
	}
	decoder := json.NewDecoder(strings.NewReader(answer.Body))
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil || len(body.Errors) == 0 {
		return nil
	}
	return body.Errors[0].Extensions.Limit
}

// numberIn is the number that the pattern finds in the file.
func numberIn(t *testing.T, file, pattern string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(readText(t, file))
	if found == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The page's other numbers, in the words around them.
func TestIntegratingPageHasTheNumbers(t *testing.T) {
	t.Parallel()
	page := regexp.MustCompile(`\s+`).ReplaceAllString(readText(t, integratingPage), " ")
	timeout, err := time.ParseDuration(regexp.MustCompile(`(?m)^REQUEST_TIMEOUT=(.*)$`).FindStringSubmatch(readText(t, ".env.example"))[1])
	if err != nil {
		t.Fatal(err)
	}
	complete := numberIn(t, "graph/handler.go", `"completeUpload": (\d+) \* time.Minute`)
	wait := numberIn(t, "graph/processing.go", `waitMax = (\d+) \* time.Second`)
	for _, sentence := range []string{
		fmt.Sprintf("takes more than %g s is stopped", timeout.Seconds()),
		fmt.Sprintf("%g s to send its headers, %g s to send its whole request and %g s to take the answer",
			readHeaderTimeout.Seconds(), readTimeout.Seconds(), writeTimeout.Seconds()),
		fmt.Sprintf("1 to %d rows, %d without `first` or `last`", model.PageSizeMax, model.PageSizeDefault),
		"up to 1,000 documents",
		fmt.Sprintf("`waitUntilReady` adds %d s to an upload's time", wait),
		fmt.Sprintf("%d s more with `waitUntilReady`; - %d s for `completeUpload`, and %d s with `waitUntilReady`",
			wait+15, 60*complete+30, 60*complete+30+wait),
	} {
		if !strings.Contains(page, sentence) {
			t.Errorf("the page does not say %q", sentence)
		}
	}
	if model.DocumentsPerCallMax != 1000 {
		t.Errorf("createDocuments takes %d documents, and the page says 1,000", model.DocumentsPerCallMax)
	}
}
