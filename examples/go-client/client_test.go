package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// asked is a request that the script was sent.
type asked struct {
	Query     string
	Variables struct{ Input map[string]any }
	key       string
	at        time.Time
}

// script is a server that answers with these texts, one after the other. A text that begins with a number and a space has that
// status; "" is no answer.
type script struct {
	url     string
	asked   []asked
	answers []string
	excess  int // requests after the last answer
}

func newScript(t *testing.T, answers ...string) (*script, *client) {
	t.Helper()
	s := &script{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		if n := len(s.asked) + s.excess; n != len(answers) {
			t.Errorf("it was asked %d times, want %d", n, len(answers))
		}
	})
	s.url = server.URL
	c := newClient(server.URL, "dossier_key_x")
	c.pause = time.Millisecond
	return s, c
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one := asked{key: r.Header.Get("Authorization"), at: time.Now()}
	if err := json.NewDecoder(r.Body).Decode(&one); err != nil || len(s.asked) == len(s.answers) {
		s.excess++
		panic(http.ErrAbortHandler)
	}
	answer := s.answers[len(s.asked)]
	s.asked = append(s.asked, one)
	if answer == "" {
		panic(http.ErrAbortHandler)
	}
	var status int
	if _, err := fmt.Sscanf(answer, "%d ", &status); err == nil {
		w.WriteHeader(status)
		_, answer, _ = strings.Cut(answer, " ")
	}
	_, _ = io.WriteString(w, answer)
}

func failure(path, extensions string) string {
	return `{"errors": [{"message": "No.", "path": [` + path + `], "extensions": {` + extensions + `}}], "data": null}`
}

const (
	unavailable = `"code": "UNAVAILABLE", "retryable": true`
	timeout     = `"code": "TIMEOUT", "retryable": true`
	created     = `{"data": {"createDocument": {"document": {"id": "document_1", "name": "n", "status": "UPLOADING",
		"sizeBytes": 9007199254740991, "updatedAt": "2026-11-26T10:00:00.123456Z", "version": 1}, "userErrors": []}}}`
)

// A query is sent again until it is answered, whatever came in between.
func TestQueriesAreSentAgain(t *testing.T) {
	t.Parallel()
	s, c := newScript(t, failure(`"currentApiKey"`, unavailable), "", "502 <html>Bad Gateway</html>",
		failure(`"currentApiKey", "name"`, timeout), `{"data": {"currentApiKey": {"name": "Import", "scopes": ["projects:read"], "expiresAt": "2027-01-02T03:04:05Z"}}}`)
	var out strings.Builder
	if err := run(t.Context(), c, &out, []string{"whoami"}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "Import, good until 2027-01-02: projects:read\n" {
		t.Errorf("it prints %q", out.String())
	}
	if s.asked[0].key != "Bearer dossier_key_x" {
		t.Errorf("it sends the key as %q", s.asked[0].key)
	}
}

func TestEnoughIsEnough(t *testing.T) {
	t.Parallel()
	answers := make([]string, attemptsMax)
	for i := range answers {
		answers[i] = failure(`"currentApiKey"`, unavailable)
	}
	_, c := newScript(t, answers...)
	if _, err := CurrentKey(t.Context(), c); err == nil || codeOf(errorsOf(err)[0]) != "UNAVAILABLE" {
		t.Errorf("it gives %v", err)
	}
}

// What an answer had in part does not stay when the next one has it no more.
func TestPartsDoNotMix(t *testing.T) {
	t.Parallel()
	part := `{"errors": [{"message": "No.", "extensions": {` + timeout + `}}], "data": {"currentApiKey": {"name": "old"}}}`
	_, c := newScript(t, part, failure("", `"code": "UNAUTHENTICATED"`))
	if answer, err := CurrentKey(t.Context(), c); err == nil || answer.CurrentApiKey != nil {
		t.Errorf("it gives %+v, %v", answer, err)
	}
}

// A server that says when to come back is not asked earlier.
func TestRetryAfterIsWaitedFor(t *testing.T) {
	t.Parallel()
	s, c := newScript(t, failure(`"createDocument"`, `"code": "RATE_LIMITED", "retryAfter": 1`), created)
	answer, err := CreateDocument(t.Context(), c, CreateDocumentInput{Name: "n"})
	if err != nil || answer.CreateDocument.Document.SizeBytes != 1<<53-1 || answer.CreateDocument.Document.UpdatedAt.Nanosecond() != 123456000 {
		t.Fatalf("it gives %+v, %v", answer, err)
	}
	if waited := s.asked[1].at.Sub(s.asked[0].at); waited < time.Second {
		t.Errorf("it waited %s", waited)
	}
}

// A mutation is sent again only where nothing was done for sure.
func TestMutationsAreDoneOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answers []string
		want    error
	}{
		"nothing was done":             {[]string{failure(`"createDocument"`, unavailable), created}, nil},
		"it waited for its turn":       {[]string{failure("", timeout), created}, nil},
		"the COMMIT was not confirmed": {[]string{failure(`"createDocument"`, `"code": "UNAVAILABLE"`)}, errUnknown},
		"done, and not read":           {[]string{failure(`"createDocument", "document", "name"`, timeout)}, errUnknown},
		"no answer":                    {[]string{""}, errUnknown},
		"a proxy's answer":             {[]string{"502 <html>Bad Gateway</html>"}, errUnknown},
		"a proxy's own limit":          {[]string{"429 Too Many Requests", created}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := newScript(t, test.answers...)
			if _, err := CreateDocument(t.Context(), c, CreateDocumentInput{Name: "n"}); !errors.Is(err, test.want) {
				t.Errorf("it gives %v, want %v", err, test.want)
			}
		})
	}
	// Where nobody listens, nothing was sent.
	s, c := newScript(t)
	c.next = newClient("http://127.0.0.1:1", "").next
	if _, err := CreateDocument(t.Context(), c, CreateDocumentInput{Name: "n"}); err == nil || errors.Is(err, errUnknown) {
		t.Errorf("%s: it gives %v", s.url, err)
	}
}

// What the server refuses for good is told, and not sent again.
func TestRefusals(t *testing.T) {
	t.Parallel()
	_, c := newScript(t, failure(`"currentApiKey"`, `"code": "UNAUTHENTICATED"`), "400 "+failure("", `"code": "GRAPHQL_VALIDATION_FAILED"`),
		`{"data": {"createDocument": {"document": null, "userErrors": [{"code": "BAD_USER_INPUT", "field": ["name"], "message": "name must not be empty."}]}}}`)
	for _, want := range []string{"UNAUTHENTICATED: No.", "GRAPHQL_VALIDATION_FAILED: No."} {
		if _, err := CurrentKey(t.Context(), c); err == nil || describe(err) != want {
			t.Errorf("it gives %v, want %s", err, want)
		}
	}
	_, other := newScript(t, "404 page not found")
	if _, err := CurrentKey(t.Context(), other); err == nil || !strings.Contains(describe(err), "404") {
		t.Errorf("it gives %v", err)
	}
	err := run(t.Context(), c, io.Discard, []string{"create", "project_1", ""})
	if err == nil || err.Error() != "BAD_USER_INPUT: name must not be empty. (name)" {
		t.Errorf("it gives %v", err)
	}
}

func versioned(field, name string, version int) string {
	document := fmt.Sprintf(`{"id": "document_1", "name": %q, "status": "READY", "sizeBytes": 1, "updatedAt": "2026-11-26T10:00:00Z", "version": %d}`, name, version)
	if field == "document" {
		return `{"data": {"document": ` + document + `}}`
	}
	return `{"data": {"` + field + `": {"document": ` + document + `, "userErrors": []}}}`
}

// On CONFLICT the document is read again, and changed as it is then. What is not to be changed is not sent.
func TestConflict(t *testing.T) {
	t.Parallel()
	conflict := `{"data": {"updateDocument": {"document": null, "userErrors": [{"code": "CONFLICT", "field": ["expectedVersion"], "message": "No."}]}}}`
	s, c := newScript(t, versioned("document", "old", 1), conflict, versioned("document", "other", 2), versioned("updateDocument", "new", 3))
	var out strings.Builder
	if err := run(t.Context(), c, &out, []string{"rename", "document_1", "new"}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "  document_1  new, READY, 1 bytes\n" {
		t.Errorf("it prints %q", out.String())
	}
	for i, version := range map[int]float64{1: 1, 3: 2} {
		input := s.asked[i].Variables.Input
		if _, sent := input["projectId"]; sent || input["expectedVersion"] != version || input["name"] != "new" {
			t.Errorf("request %d has the input %v", i, input)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{nil, {"create"}, {"delete", "everything"}} {
		if err := run(t.Context(), nil, io.Discard, arguments); err == nil || err.Error() != usage {
			t.Errorf("%v: it gives %v", arguments, err)
		}
	}
}
