package graph_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/introspection"

	"dossier/graph"
	"dossier/internal/apitest"
)

// Each limit refuses what is over it, names itself, and does so quickly, however the query is made up.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.admin)
	repeat := func(s string, n int) string { return strings.Repeat(s, n) }
	deepQuery := `{ me ` + repeat(`{ company { users { nodes `, 6) + `{ id }` + repeat(`} } }`, 6) + `}`
	bomb := `{ ...F0 }`
	for i := range 30 {
		bomb += fmt.Sprintf(` fragment F%d on Query { ...F%d ...F%d }`, i, i+1, i+1)
	}
	bomb += ` fragment F30 on Query { __typename }`
	cycle := `{ ...A } fragment A on Query { ...B me { id } } fragment B on Query { ...A }`
	aliases := `{`
	for i := range 101 {
		aliases += fmt.Sprintf(` a%d: __typename`, i)
	}
	aliases += `}`
	fragments := `{ ...F0 }`
	for i := range 101 {
		fragments += fmt.Sprintf(` fragment F%d on Query { __typename }`, i)
	}
	ids := repeat(`"`+w.member.ID.String()+`",`, 101)
	for name, c := range map[string]struct{ query, limit string }{
		"tokens":   {`{` + repeat(` id`, 10_001) + `}`, "tokens"},
		"comments": {`{ __typename ` + repeat("#x\n", 100_000) + `}`, "tokens"},
		"commas":   {`{ __typename ` + repeat(",", 500_000) + `}`, ""},
		"depth":    {deepQuery, "depth"},
		"depth by fragments": {`{ me { ...U } } fragment U on User { company { users { nodes { company { users { nodes { ...V } } } } } } }
			fragment V on User { company { users { nodes { company { users { nodes { company { users { nodes { id } } } } } } } } } }`, "depth"},
		"depth by inline fragments": {`{ me { ` + repeat(`... on User { company { ... on Company { users { ... on UserConnection { nodes { `, 6) + `id` + repeat(` } } } } } }`, 6) + `} }`, "depth"},
		"repeated fields":           {`{ me { ` + repeat(`name `, 51) + `} }`, "repeated_fields"},
		"repeated fields, nested":   {`{ ` + repeat(`me { company { name } } `, 51) + `}`, "repeated_fields"},
		"aliases":                   {aliases, "aliases"},
		"directives":                {`{ __typename ` + repeat(`@include(if: true) `, 101) + `}`, "directives"},
		"fragments":                 {fragments, "fragments"},
		"a bomb of fragments":       {bomb, "fields"},
		"a cycle of fragments":      {cycle, "validation"},
		"page size":                 {`{ users(first: 101) { nodes { id } } }`, "page_size"},
		"page size, nested":         {`{ companies { nodes { users(last: 1000) { nodes { id } } } } }`, "page_size"},
		"complexity": {`{ companies(first: 100) { nodes { users(first: 100) { nodes { projects(first: 100) { nodes { id } } } } } } }`,
			"complexity"},
		"complexity by default pages": {`{ companies { nodes { users { nodes { projects { nodes { documents { nodes { id name status } } } } } } } } }`,
			"complexity"},
		"complexity of an input": {`mutation { createDocuments(input: {documents: [` +
			repeat(`{name: "n", contentType: "t", sizeBytes: 1},`, 300) + `]}) { documents { project { documents(first: 100) { nodes { id project { id } } } } } } }`,
			"complexity"},
		"complexity of hashing": {`mutation {` + repeat(` signIn(input: {email: "x", password: "x"}) { token }`, 1) +
			` b: signIn(input: {email: "x", password: "x"}) { token } c: signIn(input: {email: "x", password: "x"}) { token }
			d: signIn(input: {email: "x", password: "x"}) { token } }`, "complexity"},
		"complexity of accepting":         {`mutation {` + numbered(10, ` a%d: acceptInvitation(input: {token: "x", password: "long enough"}) { token }`) + `}`, "complexity"},
		"accepting as often as described": {`mutation {` + numbered(9, ` a%d: acceptInvitation(input: {token: "x", password: "long enough"}) { token }`) + `}`, ""},
		"complexity of resetting":         {`mutation {` + numbered(10, ` a%d: resetPassword(input: {token: "x", password: "long enough"}) { token }`) + `}`, "complexity"},
		"resetting as often as described": {`mutation {` + numbered(9, ` a%d: resetPassword(input: {token: "x", password: "long enough"}) { token }`) + `}`, ""},
		"complexity of changing":          {`mutation {` + numbered(4, ` a%d: changePassword(input: {currentPassword: "x", newPassword: "x"}) { user { id } }`) + `}`, "complexity"},
		"complexity of asking for a mail": {`mutation {` + numbered(10, ` a%d: requestPasswordReset(input: {email: "x"}) { userErrors { code } }`) + `}`, "complexity"},
		"a long list in a filter":         {`{ documents(filter: {status: [` + repeat("READY ", 9) + `]}) { nodes { id } } }`, "input"},
		"a long email":                    {`{ userByEmail(email: "` + repeat("x", 255) + `") { id } }`, "input"},
		"a long list of actions":          {`{ auditLog(filter: {actions: [` + repeat("USER_CREATED ", 100) + `]}) { nodes { id } } }`, "input"},
		"@defer":                          {`{ me { id ... @defer { company { name } } } }`, "validation"},
		"ids":                             {`{ nodes(ids: [` + ids + `]) { id } }`, "nodes"},
		"complexity of ids":               {`{ nodes(ids: [` + ids + `]) { ... on Company { users(first: 100) { nodes { projects(first: 10) { nodes { id } } } } } } }`, "complexity"},
		"not over any limit":              {`{ companies(first: 100) { nodes { users(first: 100) { nodes { id name } } } } }`, ""},
	} {
		started := time.Now()
		answer := client.Do(t, c.query)
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("%s took %s", name, took)
		}
		if c.limit == "" {
			if len(answer.Errors) > 0 {
				t.Errorf("%s: %s", name, answer.Body)
			}
			continue
		}
		if len(answer.Errors) == 0 {
			t.Errorf("%s: no error: %.200s", name, answer.Body)
			continue
		}
		first := answer.Errors[0]
		if c.limit == "input" {
			if first.Code() != "BAD_USER_INPUT" || !strings.Contains(first.Message, "at most") {
				t.Errorf("%s: %.300s", name, answer.Body)
			}
			continue
		}
		if c.limit == "validation" {
			if first.Code() != "GRAPHQL_VALIDATION_FAILED" {
				t.Errorf("%s: %.300s", name, answer.Body)
			}
			continue
		}
		limit, _ := first.Extensions["limit"].(map[string]any)
		if first.Code() != "QUERY_TOO_COMPLEX" || limit["name"] != c.limit || !strings.Contains(first.Message, c.limit) || limit["max"] == nil {
			t.Errorf("%s: %.300s", name, answer.Body)
		}
	}
}

// numbered repeats a text with the numbers from 0.
func numbered(n int, format string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, format, i)
	}
	return text.String()
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.Anonymous().Do(t, `{ __typename }`, "x", strings.Repeat("x", graph.DefaultLimits.BodyBytes))
	if answer.Status != http.StatusRequestEntityTooLarge || answer.Errors[0].Code() != "QUERY_TOO_COMPLEX" ||
		!strings.Contains(answer.Body, `"name":"body_bytes"`) {
		t.Errorf("%d %.300s", answer.Status, answer.Body)
	}
}

// What GraphiQL asks of every server passes.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := w.Anonymous().Query(t, introspection.Query)
	if got := data.Text("__schema.queryType.name"); got != "Query" {
		t.Errorf("%s", got)
	}
	closed := newWorld(t, func(c *graph.Config) { c.Explorable = false })
	for _, query := range []string{`{ __schema { queryType { name } } }`, `{ ...F } fragment F on Query { ... { __type(name: "User") { name } } }`} {
		if codes := closed.Anonymous().Do(t, query).Codes(); len(codes) != 1 || codes[0] != "FORBIDDEN" {
			t.Errorf("%s: %v", query, codes)
		}
	}
	if body := closed.Anonymous().Do(t, `{ usr { id } }`).Body; strings.Contains(body, "Did you mean") {
		t.Errorf("a suggestion: %s", body)
	}
}

// Text that PostgreSQL cannot keep, and ids and numbers that are none, are refused by name wherever they stand.
func TestMalformedArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	client := w.As(t, w.manager)
	body := func(query, variables string) string {
		quoted, _ := json.Marshal(query)
		return fmt.Sprintf(`{"query": %s, "variables": %s}`, quoted, variables)
	}
	const (
		search  = `query($v: String) { users(filter: {search: $v}) { totalCount } }`
		filter  = `query($v: UserFilter) { users(filter: $v) { totalCount } }`
		byEmail = `query($v: String!) { userByEmail(email: $v) { id } }`
		after   = `query($v: String) { projects(after: $v) { totalCount } }`
		create  = `mutation($v: CreateProjectInput!) { createProject(input: $v) { project { id } } }`
		many    = `mutation($v: CreateDocumentsInput!) { createDocuments(input: $v) { documents { id } } }`
		byID    = `query($v: ID!) { project(id: $v) { id } }`
		nodes   = `query($v: [ID!]!) { nodes(ids: $v) { id } }`
		pages   = `query($v: Int) { projects(first: $v) { totalCount } }`
	)
	for name, c := range map[string]struct{ body, argument string }{
		"NUL":                        {body(search, `{"v": "a\u0000"}`), "filter.search"},
		"NUL in a filter":            {body(filter, `{"v": {"search": "\u0000"}}`), "filter.search"},
		"NUL in an input":            {body(create, `{"v": {"name": "a\u0000", "clientName": "c"}}`), "input.name"},
		"NUL in a list":              {body(many, `{"v": {"documents": [{"name": "a", "contentType": "t", "sizeBytes": 1}, {"name": "\u0000", "contentType": "t", "sizeBytes": 1}]}}`), "input.documents[1].name"},
		"NUL in a literal":           {body(`{ users(filter: {search: "\u0000"}) { totalCount } }`, `{}`), "filter.search"},
		"invalid UTF-8":              {body(search, "{\"v\": \"\xff\xfe\"}"), "filter.search"},
		"invalid UTF-8 in a literal": {"{\"query\": \"{ userByEmail(email: \\\"\xff\\\") { id } }\"}", "email"},
		"a lone surrogate":           {body(byEmail, `{"v": "\ud800x"}`), "email"},
		"a lone surrogate, literal":  {body(`{ userByEmail(email: "\ud800") { id } }`, `{}`), "email"},
		"a cursor with NUL":          {body(after, `{"v": "\u0000"}`), "after"},
		"a cursor of nothing":        {body(after, `{"v": "bm90aGluZw"}`), "after"},
		"an id of nothing":           {body(byID, `{"v": "nonsense"}`), "id"},
		"an id of another entity":    {body(byID, `{"v": "`+w.member.ID.String()+`"}`), "id"},
		"an id that is too long":     {body(byID, `{"v": "`+project.ID.String()+`0"}`), "id"},
		"an id over 128 bits":        {body(byID, `{"v": "project_8zzzzzzzzzzzzzzzzzzzzzzzzz"}`), "id"},
		"an id in upper case":        {body(byID, `{"v": "`+strings.ToUpper(project.ID.String())+`"}`), "id"},
		"an id as a number":          {body(byID, `{"v": 12345678901234567890123}`), "id"},
		"an id in a list":            {body(nodes, `{"v": ["`+project.ID.String()+`", "x"]}`), "ids[1]"},
		"an id in an input":          {body(create, `{"v": {"name": "a", "clientName": "c", "ownerId": "x"}}`), "input.ownerId"},
		"an id of another, input":    {body(create, `{"v": {"name": "a", "clientName": "c", "ownerId": "`+project.ID.String()+`"}}`), "input.ownerId"},
		"a huge number":              {body(pages, `{"v": 99999999999999999999999}`), "$v"},
		"a number over 32 bits":      {body(pages, `{"v": 4294967297}`), "first"},
		"a huge exponent":            {body(pages, `{"v": 1e400}`), "$v"},
		"a huge literal":             {body(`{ projects(first: 4294967297) { totalCount } }`, `{}`), "first"},
		"a size over 2^53":           {body(many, `{"v": {"documents": [{"name": "a", "contentType": "t", "sizeBytes": 9007199254740992}]}}`), "input.documents[0].sizeBytes"},
		"a negative size":            {body(many, `{"v": {"documents": [{"name": "a", "contentType": "t", "sizeBytes": -1}]}}`), "input.documents[0].sizeBytes"},
		"a fraction":                 {body(pages, `{"v": 1.5}`), "$v"},
		"text for a number":          {body(pages, `{"v": "10"}`), "first"},
		"a list for text":            {body(byEmail, `{"v": ["x"]}`), "$v"},
		"null for text":              {body(byEmail, `{"v": null}`), "$v"},
		"nothing for text":           {body(byEmail, `{}`), "$v"},
		"an unknown field":           {body(create, `{"v": {"name": "a", "clientName": "c", "nope": 1}}`), "$v.nope"},
		"null for a sort":            {body(`query($v: ProjectOrder) { projects(orderBy: $v) { totalCount } }`, `{"v": null}`), "orderBy"},
		"null for a nested sort":     {body(`query($v: UserOrder) { me { company { users(orderBy: $v) { totalCount } } } }`, `{"v": null}`), "orderBy"},
		"null for a condition":       {body(`query($v: Boolean = true) { me { id @include(if: $v) } }`, `{"v": null}`), "$v"},
		"null for a condition, skip": {body(`query($v: Boolean = true) { ... @skip(if: $v) { me { id } } }`, `{"v": null}`), "$v"},
		"a cursor made by hand":      {body(after, `{"v": "`+handMade("Project.created_at", "0000-01-01T00:00:00Z")+`"}`), "after"},
		"a cursor of another zone":   {body(after, `{"v": "`+handMade("Project.created_at", "2026-01-01T00:00:00+23:59")+`"}`), "after"},
		"a cursor of another list":   {body(after, `{"v": "`+handMade("User.created_at", "2026-01-01T00:00:00Z")+`"}`), "after"},
		"an unknown enum value":      {body(`query($v: ProjectOrder!) { projects(orderBy: $v) { totalCount } }`, `{"v": {"field": "NOPE", "direction": "ASC"}}`), "$v.field"},
	} {
		answer := client.Send(t, c.body)
		if len(answer.Errors) != 1 || answer.Errors[0].Code() != "BAD_USER_INPUT" || answer.Errors[0].Extensions["argument"] != c.argument {
			t.Errorf("%s: want %s: %s", name, c.argument, answer.Body)
		}
	}
}

// handMade is a cursor as a client should never make one.
func handMade(name, text string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(name + "\x00" + strings.Repeat("i", 16) + text))
}

// A cursor that is made as the server makes it is taken: what is refused above is refused for its value.
func TestHandMadeCursorOfAGoodTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.As(t, w.member).Query(t, `query($v: String) { projects(after: $v) { totalCount } }`, "v", handMade("Project.created_at", "2026-01-01T00:00:00Z"))
}

// A field that fails for every row says so a bounded number of times.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 60)
	answer := w.As(t, w.manager).Do(t, `{ projects(first: 60) { nodes { a: documents(first: 0) { totalCount } b: documents(first: 0) { totalCount } } } }`)
	if len(answer.Errors) != 100 {
		t.Errorf("%d errors", len(answer.Errors))
	}
}

// What is no request of GraphQL is told so, without an echo of what was sent.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.As(t, w.member)
	compressed := map[string]string{"Content-Encoding": "gzip"}
	send := func(method, contentType, accept, path, body string, headers ...map[string]string) apitest.Answer {
		request, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", contentType)
		if accept != "" {
			request.Header.Set("Accept", strings.TrimSpace(accept))
		}
		for _, header := range headers {
			for name, value := range header {
				request.Header.Set(name, value)
			}
		}
		return client.Exchange(t, request)
	}
	const json, graphql = "application/json", "application/graphql-response+json"
	ok := `{"query": "{ me { name } }"}`
	for name, c := range map[string]struct {
		answer      apitest.Answer
		status      int
		code, media string
	}{
		"good":                     {send("POST", json, graphql, "/graphql", ok), 200, "", graphql},
		"good, no Accept":          {send("POST", json, "", "/graphql", ok), 200, "", graphql},
		"good, any":                {send("POST", json, "text/html, */*;q=0.8", "/graphql", ok), 200, "", graphql},
		"good, empty Accept":       {send("POST", json, " ", "/graphql", ok), 200, "", graphql},
		"upgrade to HTTP/2":        {send("POST", json, "", "/graphql", ok, map[string]string{"Connection": "Upgrade", "Upgrade": "h2c"}), 200, "", graphql},
		"compressed":               {send("POST", json, "", "/graphql", ok, compressed), 415, "BAD_USER_INPUT", graphql},
		"good, JSON":               {send("POST", json, json, "/graphql", ok), 200, "", json},
		"good, GET":                {send("GET", "", "", "/graphql?query=%7Bme%7Bname%7D%7D", ""), 200, "", graphql},
		"good, GET with variables": {send("GET", "", "", "/graphql?query=query(%24i%3AID!)%7Bnode(id%3A%24i)%7Bid%7D%7D&variables=%7B%22i%22%3A%22"+w.member.ID.String()+"%22%7D", ""), 200, "", graphql},
		"a mutation by GET":        {send("GET", "", "", "/graphql?query=mutation%7BsignOut%7BsignedOut%7D%7D", ""), 405, "BAD_USER_INPUT", graphql},
		"variables of GET":         {send("GET", "", "", "/graphql?query=%7B__typename%7D&variables=x", ""), 400, "BAD_USER_INPUT", graphql},
		"no media type fits":       {send("POST", json, "text/html", "/graphql", ok), 406, "", ""},
		"another method":           {send("PUT", json, "", "/graphql", ok), 405, "BAD_USER_INPUT", graphql},
		"a form":                   {send("POST", "application/x-www-form-urlencoded", "", "/graphql", "query=x"), 415, "BAD_USER_INPUT", graphql},
		"text, as a page may send": {send("POST", "text/plain", "", "/graphql", ok), 415, "BAD_USER_INPUT", graphql},
		"multipart":                {send("POST", "multipart/form-data; boundary=x", "", "/graphql", "--x--"), 400, "BAD_USER_INPUT", graphql},
		"broken JSON":              {send("POST", json, "", "/graphql", `{"query": "secret`), 400, "BAD_USER_INPUT", graphql},
		"two values":               {send("POST", json, "", "/graphql", ok+ok), 400, "BAD_USER_INPUT", graphql},
		"a list":                   {send("POST", json, "", "/graphql", "["+ok+"]"), 400, "BAD_USER_INPUT", graphql},
		"no query":                 {send("POST", json, "", "/graphql", "{}"), 400, "BAD_USER_INPUT", graphql},
		"empty":                    {send("POST", json, "", "/graphql", ""), 400, "BAD_USER_INPUT", graphql},
		"variables are a list":     {send("POST", json, "", "/graphql", `{"query": "{ __typename }", "variables": []}`), 400, "BAD_USER_INPUT", graphql},
		"does not parse":           {send("POST", json, graphql, "/graphql", `{"query": "{"}`), 400, "GRAPHQL_PARSE_FAILED", graphql},
		"does not validate":        {send("POST", json, graphql, "/graphql", `{"query": "{ nope }"}`), 400, "GRAPHQL_VALIDATION_FAILED", graphql},
		"does not validate, JSON":  {send("POST", json, json, "/graphql", `{"query": "{ nope }"}`), 200, "GRAPHQL_VALIDATION_FAILED", json},
		"no such operation":        {send("POST", json, graphql, "/graphql", `{"query": "query A { __typename }", "operationName": "B"}`), 400, "GRAPHQL_VALIDATION_FAILED", graphql},
	} {
		codes := strings.Join(c.answer.Codes(), " ")
		if c.answer.Status != c.status || codes != c.code || c.media != "" && !strings.HasPrefix(c.answer.Header.Get("Content-Type"), c.media+";") {
			t.Errorf("%s: %d %q %s: %s", name, c.answer.Status, codes, c.answer.Header.Get("Content-Type"), c.answer.Body)
		}
		if strings.Contains(c.answer.Body, "secret") {
			t.Errorf("%s: an echo: %s", name, c.answer.Body)
		}
	}
}
