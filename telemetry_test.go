package main

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/internal/pgtest"
	"dossier/internal/tcpproxy"
	"dossier/model"
)

// observedProgram is a production server over a database with a manager, who has projects.
type observedProgram struct {
	*program
	db      *pgtest.DB
	manager *model.User
	token   string
	admin   string // URL
}

func serveObserved(t *testing.T, settings ...string) observedProgram {
	t.Helper()
	db := pgtest.New(t)
	manager := db.User(t, db.Company(t, "Own"), model.RoleManager, "Mia Manager")
	db.Projects(t, manager, 3)
	admin := tcpproxy.FreeAddr(t)
	p := serve(t, productionSettings(db.URL, append(settings, "ADMIN_ADDR="+admin)...)...)
	p.waitReady(t)
	return observedProgram{p, db, manager, db.Token(t, manager), "http://" + admin}
}

const board = `query Board { projects(first: 5) { nodes { name owner { name } documents { totalCount } } } }`

// exchange sends a query with headers, given as name and value by turns.
func (p observedProgram) exchange(t *testing.T, query string, headers ...string) apitest.Answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return p.with(p.token).Exchange(t, request)
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// What clients must not see is on the listener for operators, and nowhere else.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	p := serveObserved(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/profile?seconds=1"} {
		if status, body := fetch(t, p.admin+path); status != http.StatusOK || len(body) == 0 {
			t.Errorf("%s on ADMIN_ADDR: %d", path, status)
		}
		if status, _ := fetch(t, p.url+path); status != http.StatusNotFound {
			t.Errorf("%s on HTTP_ADDR: %d", path, status)
		}
	}
	if status, _ := fetch(t, p.admin+"/graphql"); status != http.StatusNotFound {
		t.Errorf("/graphql on ADMIN_ADDR: %d", status)
	}
	p.stop(t)
	if listens(p.admin) {
		t.Error("it still listens on ADMIN_ADDR")
	}
}

func TestAdminAddressInUse(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	folder, address := newFolder(t), listener.Addr().String()
	run(t, nil, "DATA_DIR="+folder, "HTTP_ADDR="+tcpproxy.FreeAddr(t), "ADMIN_ADDR="+address).wantSentence(t, "ADMIN_ADDR", address, "in use")
	if made, _ := os.ReadDir(folder); len(made) > 0 {
		t.Error("it made a database all the same")
	}
}

var metricName = regexp.MustCompile(`\b(?:dossier|go|process)_\w+`)

// expressions gives every PromQL expression below a value of the dashboard.
func expressions(value any) []string {
	var found []string
	switch value := value.(type) {
	case map[string]any:
		for name, below := range value {
			if text, ok := below.(string); ok && (name == "expr" || name == "definition") {
				found = append(found, text)
			}
			found = append(found, expressions(below)...)
		}
	case []any:
		for _, below := range value {
			found = append(found, expressions(below)...)
		}
	}
	return found
}

// The dashboard asks for nothing that is not served, and leaves none of the program's own metrics out.
func TestDashboardFitsTheMetrics(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	p := serveObserved(t)
	p.exchange(t, board)
	served := map[string]bool{}
	status, body := fetch(t, p.admin+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	for line := range strings.Lines(body) {
		if name := metricName.FindString(line); name != "" && strings.HasPrefix(line, name) {
			served[name] = true
		}
	}
	asked := map[string]bool{}
	for _, expression := range expressions(dashboard) {
		names := metricName.FindAllString(expression, -1)
		if len(names) == 0 {
			t.Errorf("%q asks for nothing", expression)
		}
		for _, name := range names {
			asked[name] = true
			if !served[name] {
				t.Errorf("%s is not served: %s", name, expression)
			}
		}
	}
	if len(asked) < 20 {
		t.Errorf("the dashboard asks for %d metrics", len(asked))
	}
	histogramPart := regexp.MustCompile(`_(bucket|sum|count)$`)
	for name := range served {
		if !strings.HasPrefix(name, "dossier_") {
			continue
		}
		base := histogramPart.ReplaceAllString(name, "")
		if !asked[name] && !asked[base+"_bucket"] && !asked[base+"_sum"] && !asked[base+"_count"] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	p.stop(t)
}

// lines gives the log's lines about requests, decoded.
func (p observedProgram) lines(t *testing.T) []map[string]any {
	t.Helper()
	var found []map[string]any
	for text := range strings.Lines(p.output.String()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == "request" {
			found = append(found, line)
		}
	}
	return found
}

// Each request to the API, and each other one that fails, is a line: who, what, how long, with which outcome; no values.
func TestRequestLog(t *testing.T) {
	t.Parallel()
	p := serveObserved(t, "SLOW_QUERY=0s") // a slow statement is a line of its own
	if _, err := p.db.Pool.Exec(`ALTER TABLE documents RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2secret"
	answers := []apitest.Answer{
		p.exchange(t, `query Find { users(filter: { search: "`+secret+`" }) { nodes { name } } }`, "X-Request-Id", "find"),
		p.exchange(t, `{ documents { nodes { name } } }`, "X-Request-Id", "broken"),
		p.exchange(t, `{ nothing(`+secret+`: 1) }`, "X-Request-Id", "wrong"),
		p.exchange(t, `{ me { name } }`, "X-Request-Id", "nobody", "Authorization", "Bearer"),
	}
	for _, path := range []string{"/missing?token=" + secret, "/healthz", "/schema.graphqls"} {
		fetch(t, p.url+path)
	}
	eventually(t, "the lines", func() bool { return len(p.lines(t)) >= 6 })
	p.stop(t)
	viewer := map[string]any{"viewer_id": p.manager.ID.String(), "company_id": p.manager.CompanyID.String()}
	wants := []map[string]any{
		{"request_id": "find", "method": "POST", "path": "/graphql", "operation": "Find", "kind": "query", "code": "OK", "status": 200.0, "statements": 2.0},
		{"request_id": "broken", "operation": "documents", "code": "INTERNAL", "status": 200.0, "statements": 2.0},
		{"request_id": "wrong", "code": "GRAPHQL_VALIDATION_FAILED", "status": 400.0, "statements": 1.0},
		{"request_id": "nobody", "operation": "me", "code": "OK"},
		{"method": "GET", "path": "/missing", "status": 404.0, "code": "NOT_FOUND"},
		{"method": "GET", "path": "/schema.graphqls", "status": 401.0, "code": "UNAUTHENTICATED"},
	}
	lines := p.lines(t)
	if len(lines) != len(wants) {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for i, want := range wants {
		if i < len(answers) {
			maps.Copy(want, viewer)
			want["response_bytes"] = float64(len(answers[i].Body))
		}
		for name, value := range want {
			// A session that is warm already is checked without a statement.
			if warm := name == "statements" && lines[i][name] == value.(float64)-1; lines[i][name] != value && !warm {
				t.Errorf("line %d has the %s %v, want %v", i, name, lines[i][name], value)
			}
		}
		if took, _ := lines[i]["duration_ms"].(float64); took <= 0 || lines[i]["client"] != "127.0.0.1" {
			t.Errorf("%v", lines[i])
		}
	}
	if !regexp.MustCompile(`"internal error".*"request_id":"broken"`).MatchString(p.output.String()) {
		t.Error("the cause does not have the id of the request")
	}
	for _, hidden := range []string{secret, p.token, "SELECT "} {
		if strings.Contains(p.output.String(), hidden) {
			t.Errorf("the log has %q", hidden)
		}
	}
}

func TestRequestLogCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	p := serveObserved(t, "LOG_REQUESTS=false")
	p.exchange(t, board)
	p.stop(t)
	if lines := p.lines(t); len(lines) > 0 {
		t.Errorf("%v", lines)
	}
}

// tree lists, for each span, the names on the way to it from the request's.
func tree(spans []span) []string {
	byID := map[string]span{}
	for _, s := range spans {
		byID[s.id] = s
	}
	var paths []string
	for _, s := range spans {
		path := s.name
		for at, ok := byID[s.parent]; ok; at, ok = byID[at.parent] {
			path = at.name + " > " + path
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

func TestTracesAreOneTree(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t)
	p := serveObserved(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.url, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")
	if _, err := p.db.Pool.Exec(`ALTER TABLE audit_log RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	const traceID, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	p.exchange(t, board, "traceparent", "00-"+traceID+"-"+caller+"-01")
	p.exchange(t, `query Broken { auditLog { nodes { id } } }`)
	p.stop(t) // which sends what is left
	var board, broken []span
	for _, s := range receiver.received() {
		if s.trace == traceID {
			board = append(board, s)
		} else {
			broken = append(broken, s)
		}
	}
	want := []string{
		"query Board",
		"query Board > Query.projects",
		"query Board > Query.projects > Project.documents",
		"query Board > Query.projects > Project.documents > SELECT",
		"query Board > Query.projects > Project.owner",
		"query Board > Query.projects > Project.owner > SELECT",
		"query Board > Query.projects > SELECT",
		"query Board > Query.projects > SELECT", // the count
		"query Board > SELECT",                  // the check of the credential
	}
	if got := tree(board); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, s := range board {
		text := s.attributes["db.query.text"]
		switch {
		case s.failed != "":
			t.Errorf("%s failed: %s", s.name, s.failed)
		case s.name == "query Board" && (s.parent != caller || s.attributes["graphql.operation.name"] != "Board" || s.resource["service.name"] != "dossier" || s.resource["deployment.environment.name"] != "test"):
			t.Errorf("%+v", s)
		case s.name == "SELECT" && (s.attributes["db.system.name"] != "postgresql" || !strings.HasPrefix(text, "SELECT ") || strings.Contains(text, "'")):
			t.Errorf("%+v", s)
		}
	}
	failed := map[string]string{}
	for _, s := range broken {
		if s.failed != "" {
			failed[s.name] = s.failed + " " + s.attributes["error.type"]
		}
	}
	if failed["SELECT"] != "SQLSTATE 42P01 42P01" || failed["query Broken"] != "INTERNAL INTERNAL" {
		t.Errorf("failed: %v", failed)
	}
}

// A receiver that is away, or takes everything and answers nothing, costs requests nothing, and the stop a few seconds.
func TestTracesWithoutAReceiver(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for name, address := range map[string]string{"away": tcpproxy.FreeAddr(t), "mute": mute.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serveObserved(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+address, "OTEL_BSP_SCHEDULE_DELAY=10", "OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=8")
			for range 100 {
				began := time.Now()
				if answer := p.exchange(t, board); len(answer.Errors) > 0 || time.Since(began) > patience/4 {
					t.Fatalf("after %s: %s", time.Since(began), answer.Body)
				}
			}
			began := time.Now()
			p.stop(t)
			if took := time.Since(began); took > patience/2 {
				t.Errorf("it took %s to stop", took)
			}
			if n := strings.Count(p.output.String(), "traces are not sent"); n > 1 {
				t.Errorf("the log tells %d times that traces are not sent", n)
			}
		})
	}
}
