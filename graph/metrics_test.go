package graph_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"dossier/internal/apitest"
)

// metrics gives the value of each series, by its name and labels as /metrics writes them.
func metrics(t *testing.T, w *apitest.World) map[string]float64 {
	t.Helper()
	recorder := httptest.NewRecorder()
	w.Metrics.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if recorder.Code != http.StatusOK {
		t.Fatalf("%d %s", recorder.Code, recorder.Body)
	}
	series := map[string]float64{}
	for line := range strings.Lines(recorder.Body.String()) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok {
			name += "}"
		} else {
			name, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			series[name] = number
		}
	}
	return series
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 3)
	w.Projects(t, w.manager, 2)
	client := w.As(t, w.manager)
	for range 2 {
		client.Query(t, `query Board { projects(first: 5) { nodes { owner { name } documents(first: 2) { nodes { name } } } } }`)
	}
	client.Do(t, `query Board { project(id: "project_01m825kv27e2y8wthfzy1ffvx8") { name } }`)
	client.Do(t, `{ nothing }`)
	client.Do(t, `query Deep { a: projects(first: 100) { nodes { owner { projects(first: 100) { nodes { owner { projects(first: 100) { nodes { id } } } } } } } } }`)
	client.Send(t, `{}`)
	w.Anonymous().Do(t, `query MyOwnName { ... { me { name } } }`)
	if _, err := http.Get(w.URL + "/"); err != nil {
		t.Fatal(err)
	}
	got := metrics(t, w.World)
	for series, want := range map[string]float64{
		`dossier_graphql_requests_total{code="OK",operation="Board"}`:                          2,
		`dossier_graphql_requests_total{code="NOT_FOUND",operation="Board"}`:                   1,
		`dossier_graphql_requests_total{code="GRAPHQL_VALIDATION_FAILED",operation="invalid"}`: 1,
		`dossier_graphql_requests_total{code="BAD_USER_INPUT",operation="invalid"}`:            1,
		`dossier_graphql_requests_total{code="QUERY_TOO_COMPLEX",operation="Deep"}`:            1,
		`dossier_graphql_requests_total{code="UNAUTHENTICATED",operation="me"}`:                1,
		`dossier_graphql_request_duration_seconds_count{operation="Board"}`:                    3,
		`dossier_graphql_request_statements_count{operation="Board"}`:                          3,
		`dossier_graphql_request_statements_sum{operation="Board"}`:                            2*4 + 2,
		`dossier_loader_batch_keys_count{field="Project.owner"}`:                               2,
		`dossier_loader_batch_keys_sum{field="Project.owner"}`:                                 4,
		`dossier_loader_batch_keys_sum{field="Project.documents"}`:                             10,
		`dossier_graphql_request_batch_keys_count{operation="Board"}`:                          4,
		`dossier_graphql_request_batch_keys_sum{operation="Board"}`:                            4 + 10,
		`dossier_statement_duration_seconds_count`:                                             2*4 + 2 + 3,
		`dossier_graphql_requests_in_flight`:                                                   0,
		`go_sql_max_open_connections{db_name="dossier"}`:                                       16,
	} {
		if value, ok := got[series]; !ok || value != want {
			t.Errorf("%s is %v, want %v", series, value, want)
		}
	}
	total := 0.0
	for series, value := range got {
		if strings.HasPrefix(series, "dossier_graphql_requests_total{") {
			total += value
		}
	}
	if total != 7 {
		t.Errorf("%v requests were counted: only those to the API are to be", total)
	}
}

// Clients choose the names of operations. They make no series without end, and who is not signed in none at all.
func TestOperationNamesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.member)
	client.Do(t, `query Known { __typename }`)
	client.Do(t, `query Long`+strings.Repeat("g", 10_000)+` { __typename }`)
	for i := range 250 {
		w.Anonymous().Do(t, fmt.Sprintf(`query Anonymous%d { __typename }`, i))
		client.Do(t, fmt.Sprintf(`query Flood%d { __typename }`, i))
	}
	client.Do(t, `query Known { __typename }`)
	got := metrics(t, w.World)
	names := map[string]bool{}
	label := regexp.MustCompile(`operation="([^"]*)"`)
	for series := range got {
		if found := label.FindStringSubmatch(series); found != nil {
			names[found[1]] = true
			if len(found[1]) > 110 || strings.HasPrefix(found[1], "Anonymous") {
				t.Errorf("the label %.200s", found[1])
			}
		}
	}
	if len(names) != 200+2 { // and "other" and "__typename"
		t.Errorf("%d names", len(names))
	}
	for operation, want := range map[string]float64{"Known": 2, "other": 250 - 198, "__typename": 250, "Flood0": 1} {
		if value := got[`dossier_graphql_requests_total{code="OK",operation="`+operation+`"}`]; value != want {
			t.Errorf("%s was counted %v times, want %v", operation, value, want)
		}
	}
}
