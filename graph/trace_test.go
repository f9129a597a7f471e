package graph_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/internal/telemetry"
)

func traceable(c *graph.Config) { c.Traceable = true }

// traced is a request that asks for its trace.
func traced(t *testing.T, query string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "extensions": map[string]any{"trace": true}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// traceOf gives the answer's trace, nil where it has none.
func traceOf(t *testing.T, answer apitest.Answer) *telemetry.Trace {
	t.Helper()
	var body struct {
		Extensions struct{ Trace *telemetry.Trace }
	}
	if err := json.Unmarshal([]byte(answer.Body), &body); err != nil {
		t.Fatal(err)
	}
	return body.Extensions.Trace
}

// fieldsOf lists what the statements were sent for, in alphabetical order.
func fieldsOf(trace *telemetry.Trace) string {
	var fields []string
	for _, s := range trace.Statements {
		fields = append(fields, s.Field)
	}
	slices.Sort(fields)
	return strings.Join(fields, " ")
}

// Whoever develops a query sees each statement with the field and the batch it was sent for.
func TestTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traceable)
	w.Projects(t, w.member, 3)
	w.Projects(t, w.manager, 2)
	answer := w.As(t, w.manager).Send(t, traced(t, `{ projects(first: 5) { totalCount nodes { name owner { name } documents(first: 2) { nodes { name } } } } }`))
	trace := traceOf(t, answer)
	if trace == nil || len(answer.Errors) > 0 {
		t.Fatalf("%s", answer.Body)
	}
	const want = "Project.documents Project.owner ProjectConnection.totalCount Query.projects authenticate"
	if got := fieldsOf(trace); got != want {
		t.Errorf("statements of %q, want %q", got, want)
	}
	if trace.Statements[0].Field != telemetry.Authenticate {
		t.Errorf("the credential is checked after %s", trace.Statements[0].Field)
	}
	if trace.Cost < 10 || trace.CostMax != graph.DefaultLimits.Complexity || trace.DurationMs <= 0 || trace.Omitted != 0 {
		t.Errorf("%s", answer.Body)
	}
	for _, s := range trace.Statements {
		if !strings.HasPrefix(s.SQL, "SELECT ") || s.DurationMs <= 0 || s.StartMs < 0 || s.StartMs+s.DurationMs > trace.DurationMs || s.Rows == nil {
			t.Errorf("%+v", s)
		}
		loaded := s.Field == "Project.owner" || s.Field == "Project.documents"
		if (s.Batch != nil) != loaded || loaded && trace.Batches[*s.Batch].Field != s.Field {
			t.Errorf("statement %+v of batches %+v", s, trace.Batches)
		}
		if rows := map[string]int64{"Query.projects": 5, "Project.owner": 2, "authenticate": 1}[s.Field]; rows > 0 && *s.Rows != rows {
			t.Errorf("%s: %d rows, want %d", s.Field, *s.Rows, rows)
		}
	}
	for _, b := range trace.Batches {
		if keys := map[string]int{"Project.owner": 2, "Project.documents": 5}[b.Field]; b.Parents != 5 || b.Keys != keys || b.DurationMs <= 0 {
			t.Errorf("%+v", b)
		}
	}
	if len(trace.Batches) != 2 {
		t.Errorf("%d batches", len(trace.Batches))
	}
}

func TestTraceOfAMutation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traceable)
	trace := traceOf(t, w.As(t, w.manager).Send(t, traced(t, `mutation { createProject(input: { name: "P", clientName: "C" }) { project { owner { name } } userErrors { message } } }`)))
	var texts []string
	for _, s := range trace.Statements {
		verb, _, _ := strings.Cut(s.SQL, " ")
		texts = append(texts, s.Field+" "+verb)
	}
	const want = "authenticate SELECT, Mutation.createProject BEGIN, Mutation.createProject WITH, " +
		"Mutation.createProject COMMIT, Project.owner SELECT"
	if got := strings.Join(texts, ", "); got != want {
		t.Errorf("%s", got)
	}
}

// What went wrong is traced too, and GET has its extensions in the query string.
func TestTraceOfErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, traceable)
	client := w.As(t, w.member)
	for query, want := range map[string]string{
		`{ nothing }`: "authenticate",
		`{ project(id: "project_01m825kv27e2y8wthfzy1ffvx8") { name } }`:                                                                         "Query.project authenticate",
		`{ a: projects(first: 100) { nodes { owner { projects(first: 100) { nodes { owner { projects(first: 100) { nodes { id } } } } } } } } }`: "authenticate",
	} {
		get, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			w.URL+"/graphql?extensions="+url.QueryEscape(`{"trace":true}`)+"&query="+url.QueryEscape(query), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, answer := range []apitest.Answer{client.Send(t, traced(t, query)), client.Exchange(t, get)} {
			trace := traceOf(t, answer)
			if len(answer.Errors) == 0 || trace == nil || fieldsOf(trace) != want {
				t.Errorf("%s\n%s", query, answer.Body)
			} else if answer.Errors[0].Code() == "QUERY_TOO_COMPLEX" && trace.Cost <= trace.CostMax {
				t.Errorf("cost %d of %d", trace.Cost, trace.CostMax)
			}
		}
	}
}

// SQL never leaves a server that is not a developer's, and is not sent to who did not ask.
func TestTraceIsForDevelopersWhoAsk(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]world{"off": newWorld(t), "on": newWorld(t, traceable)} {
		client := w.As(t, w.member)
		for _, body := range []string{
			`{"query": "{ me { name } }"}`, `{"query": "{ me { name } }", "extensions": {"trace": false}}`,
			`{"query": "{ me { name } }", "extensions": {"trace": "true"}}`, traced(t, `{ me { name } }`), traced(t, `{ nothing }`),
		} {
			answer := client.Send(t, body)
			asked := strings.Contains(body, `"trace":true`)
			if got := traceOf(t, answer) != nil; got != (name == "on" && asked) || got != strings.Contains(answer.Body, "SELECT") {
				t.Errorf("%s: %s answers %s", name, body, answer.Body)
			}
		}
	}
}
