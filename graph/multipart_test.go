package graph_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/internal/blob"
	"dossier/model"
)

const boundary = "b0undary"

// part is one of a body, with its headers as they are.
type part struct{ headers, content string }

func field(name, content string) part {
	return part{`Content-Disposition: form-data; name="` + name + `"`, content}
}

func file(name, content string) part {
	return part{`Content-Disposition: form-data; name="` + name + `"; filename="a.txt"`, content}
}

// body is parts as they go over the wire.
func body(parts ...part) string {
	var text strings.Builder
	for _, p := range parts {
		text.WriteString("--" + boundary + "\r\n" + p.headers + "\r\n\r\n" + p.content + "\r\n")
	}
	return text.String() + "--" + boundary + "--\r\n"
}

// request posts a body as it is.
func (w world) request(t testing.TB, method, contentType, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	return request
}

const formType = "multipart/form-data; boundary=" + boundary

// uploadOne takes a file at variables.file.
const uploadOne = `mutation ($file: Upload!) { uploadDocument(input: {file: $file}) { document { name } userErrors { code } } }`

// good is a request that is right, in parts.
func good(t testing.TB) (ops, placed, bytes part) {
	return field("operations", operations(t, uploadOne, map[string]any{"file": nil})), field("map", `{"0": ["variables.file"]}`), file("0", "hello")
}

// wantNoTrouble fails the test if the log knows of any, or anything is kept.
func (w world) wantNoTrouble(t testing.TB) {
	t.Helper()
	for _, sign := range []string{"panic", "internal error", "level=ERROR"} {
		if strings.Contains(w.Log.String(), sign) {
			t.Errorf("%s in the log:\n%.2000s", sign, w.Log.String())
		}
	}
	w.wantKept(t, 0)
}

// wantRefused fails the test unless the answer is of that status, with one error of that code and a message.
func wantRefused(t testing.TB, name string, answer apitest.Answer, status int, code string) {
	t.Helper()
	if answer.Status != status || fmt.Sprint(answer.Codes()) != "["+code+"]" || answer.Errors[0].Message == "" {
		t.Errorf("%s: %d %.300s, want %d %s", name, answer.Status, answer.Body, status, code)
	}
}

// A body that is not what the specification wants is refused, whatever it is, and nothing is left of it.
func TestMalformedMultipart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	ops, placed, bytes := good(t)
	whole := body(ops, placed, bytes)
	if answer := member.Exchange(t, w.request(t, http.MethodPost, formType, whole)); !strings.Contains(answer.Body, `"a.txt"`) {
		t.Fatalf("what is right is refused: %d %s", answer.Status, answer.Body)
	}
	if _, err := w.Pool.Exec("DELETE FROM documents"); err != nil {
		t.Fatal(err)
	}
	for _, name := range w.blobs(t) {
		w.remove(t, name)
	}
	huge := strings.Repeat(" ", graph.DefaultLimits.BodyBytes+1)
	bodies := map[string]string{
		"empty":                        "",
		"only an end":                  "--" + boundary + "--\r\n",
		"JSON":                         `{"query": "{ __typename }"}`,
		"another boundary":             strings.ReplaceAll(whole, boundary, "another"),
		"no end":                       strings.TrimSuffix(whole, "--"+boundary+"--\r\n"),
		"cut off in a boundary":        whole[:len(whole)-9],
		"cut off in operations":        whole[:120],
		"cut off after the map":        body(ops, placed)[:len(body(ops, placed))-len(boundary)-6],
		"map first":                    body(placed, ops, bytes),
		"file first":                   body(bytes, ops, placed),
		"file before the map":          body(ops, bytes, placed),
		"no map":                       body(ops, bytes),
		"no operations":                body(placed, bytes),
		"operations twice":             body(ops, ops, placed, bytes),
		"map twice":                    body(ops, placed, placed, bytes),
		"no disposition":               body(part{"X-A: b", "{}"}, placed, bytes),
		"disposition of another kind":  body(part{`Content-Disposition: attachment; name="operations"`, ops.content}, placed, bytes),
		"disposition malformed":        body(part{`Content-Disposition: form-data; name="oper`, ops.content}, placed, bytes),
		"header malformed":             body(part{"no colon", ops.content}, placed, bytes),
		"operations empty":             body(field("operations", ""), placed, bytes),
		"operations no JSON":           body(field("operations", "query=1"), placed, bytes),
		"operations null":              body(field("operations", "null"), placed, bytes),
		"operations a text":            body(field("operations", `"{}"`), placed, bytes),
		"operations a batch":           body(field("operations", "["+ops.content+"]"), placed, bytes),
		"operations twice in one":      body(field("operations", ops.content+ops.content), placed, bytes),
		"operations without a query":   body(field("operations", `{"variables": {"file": null}}`), placed, bytes),
		"variables a list":             body(field("operations", `{"query": "{ me { id } }", "variables": [null]}`), placed, bytes),
		"variables missing":            body(field("operations", `{"query": "{ me { id } }"}`), placed, bytes),
		"variables deep":               body(field("operations", `{"variables": {"file": `+strings.Repeat("[", 100_000)), placed, bytes),
		"map empty":                    body(ops, field("map", ""), bytes),
		"map no JSON":                  body(ops, field("map", "0=variables.file"), bytes),
		"map null":                     body(ops, field("map", "null"), bytes),
		"map of nothing":               body(ops, field("map", "{}")),
		"map a list":                   body(ops, field("map", `["variables.file"]`), bytes),
		"map of texts":                 body(ops, field("map", `{"0": "variables.file"}`), bytes),
		"map of numbers":               body(ops, field("map", `{"0": [0]}`), bytes),
		"map to no place":              body(ops, field("map", `{"0": []}`), bytes),
		"map of one file to two":       body(ops, field("map", `{"0": ["variables.file", "variables.file"]}`), bytes),
		"map of one file to many":      body(ops, field("map", `{"0": ["v"`+strings.Repeat(`,"v"`, 4000)+`]}`), bytes),
		"map of two files to one":      body(ops, field("map", `{"0": ["variables.file"], "1": ["variables.file"]}`), bytes, file("1", "b")),
		"map cut off":                  body(ops, field("map", `{"0": ["variables.file"]`), bytes),
		"file missing":                 body(ops, placed),
		"file twice":                   body(ops, placed, bytes, bytes),
		"file unknown":                 body(ops, placed, bytes, file("1", "b")),
		"another file":                 body(ops, placed, file("1", "b")),
		"file without a name":          body(ops, placed, file("", "b")),
		"file without a disposition":   body(ops, placed, part{"Content-Type: text/plain", "b"}),
		"file's name with a NUL":       body(ops, placed, part{"Content-Disposition: form-data; name=\"0\"; filename=\"a\x00.txt\"", "b"}),
		"file's name with a DEL":       body(ops, placed, part{"Content-Disposition: form-data; name=\"0\"; filename=\"a\x7f.txt\"", "b"}),
		"file's name over two lines":   body(ops, placed, part{"Content-Disposition: form-data; name=\"0\"; filename=\"a\r\nb.txt\"", "b"}),
		"file with many headers":       body(ops, placed, part{strings.Repeat("X-A: b\r\n", 20_000) + bytes.headers, "b"}),
		"file with an endless header":  body(ops, placed, part{"X-A: " + strings.Repeat("b", 11<<20) + "\r\n" + bytes.headers, "b"}),
		"a preamble of one line":       strings.Repeat("x", 100_000) + "\r\n" + whole,
		"eleven files":                 body(ops, field("map", "{"+elevenFiles()+"}")),
		"operations that are not UTF8": body(field("operations", "{\"query\": \"\xff\xfe\"}"), placed, bytes),
	}
	for _, path := range []string{"", ".", "variables", "variables.", "variables..", "variables.file.", "variables.file.0", "variables.other", "operations.query",
		"query", "variable.file", "Variables.file", "0.variables.file", " variables.file", "variables.file" + strings.Repeat(".0", 5000),
		"variables.__proto__", "variables\x00.file", "extensions.file"} {
		bodies["path "+path[:min(len(path), 30)]] = body(ops, field("map", fmt.Sprintf(`{"0": [%q]}`, strings.ReplaceAll(path, "\x00", "�"))), bytes)
	}
	for name, text := range bodies {
		answer := member.Exchange(t, w.request(t, http.MethodPost, formType, text))
		wantRefused(t, name, answer, http.StatusBadRequest, "BAD_USER_INPUT")
	}
	for name, text := range map[string]string{
		"operations too large": body(field("operations", ops.content+huge), placed, bytes),
		"map too large":        body(ops, field("map", `{"0": ["variables.file"`+strings.Repeat(`, "variables.file"`, 50_000)+`]}`), bytes),
	} {
		wantRefused(t, name, member.Exchange(t, w.request(t, http.MethodPost, formType, text)), http.StatusRequestEntityTooLarge, "QUERY_TOO_COMPLEX")
	}
	for _, media := range []string{"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + strings.Repeat("b", 71)} {
		wantRefused(t, media, member.Exchange(t, w.request(t, http.MethodPost, media, whole)), http.StatusBadRequest, "BAD_USER_INPUT")
	}
	w.wantNoTrouble(t)
}

func elevenFiles() string {
	var paths []string
	for i := range 11 {
		paths = append(paths, fmt.Sprintf(`"%d": ["variables.file"]`, i))
	}
	return strings.Join(paths, ",")
}

// remove removes a blob behind the server's back.
func (w world) remove(t testing.TB, name string) {
	t.Helper()
	if err := w.Files.Blobs.Delete(t.Context(), blob.Ref{Container: w.Files.Blobs.Container(), Name: name}); err != nil {
		t.Fatal(err)
	}
}

// A file goes to a variable of its type, and nowhere else: what kind of value a variable has decides what is done with it.
func TestFilesInOtherVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	for query, variables := range map[string]string{
		`mutation ($v: String, $file: Upload!) { uploadDocument(input: {file: $file, name: $v}) { document { id } } }`:      "null",
		`mutation ($v: ID, $file: Upload!) { uploadDocument(input: {file: $file, projectId: $v}) { document { id } } }`:     "null",
		`mutation ($v: [ID!], $file: Upload!) { uploadDocument(input: {file: $file, themeIds: $v}) { document { id } } }`:   "null",
		`mutation ($v: [ID!], $file: Upload!) { uploadDocument(input: {file: $file, themeIds: $v}) { document { name } } }`: "[null]",
		`mutation ($v: UploadDocumentInput!, $file: Upload!) { uploadDocument(input: $v) { document { id } }
			b: uploadDocument(input: {file: $file}) { document { id } } }`: "null",
		`mutation ($v: Boolean!, $file: Upload!) { uploadDocument(input: {file: $file}) @skip(if: $v) { document { id } } }`:                      "null",
		`mutation ($v: Int, $file: Upload!) { uploadDocument(input: {file: $file}) { document { themes(first: $v) { totalCount } } } }`:           "null",
		`mutation ($v: ThemeOrder!, $file: Upload!) { uploadDocument(input: {file: $file}) { document { themes(orderBy: $v) { totalCount } } } }`: "null",
		`mutation ($file: Upload!) { uploadDocument(input: {file: $file}) { document { id } } }`:                                                  "null", // of no name
	} {
		path := "variables.v"
		if variables == "[null]" {
			path += ".0"
		}
		text := strings.Replace(operations(t, query, map[string]any{"file": nil, "v": "V"}), `"V"`, variables, 1)
		answer := member.Exchange(t, w.request(t, http.MethodPost, formType,
			body(field("operations", text), field("map", `{"0": ["variables.file"], "1": ["`+path+`"]}`), file("0", "a"), file("1", "b"))))
		if slices.Contains(answer.Codes(), "GRAPHQL_VALIDATION_FAILED") {
			t.Fatalf("not valid: %s %s", query, answer.Body)
		}
		wantRefused(t, query, answer, http.StatusBadRequest, "BAD_USER_INPUT")
	}
	// The product's own scalars say it at their fields, as they do of JSON.
	for _, query := range []string{
		`mutation ($v: BigInt!) { createUpload(input: {sizeBytes: $v}) { upload { id } } }`,
		`mutation ($v: Digest) { createUpload(input: {sizeBytes: 1, sha256: $v}) { upload { id } } }`,
		`query Q { users { nodes { id } } } mutation M ($v: DateTime) { createApiKey(input: {name: "n", scopes: [], expiresAt: $v}) { token } }`,
	} {
		text := operations(t, query, map[string]any{"v": nil})
		if strings.Contains(query, " M ") {
			text = strings.Replace(text, `{"query"`, `{"operationName": "M", "query"`, 1)
		}
		answer := member.Exchange(t, w.request(t, http.MethodPost, formType,
			body(field("operations", text), field("map", `{"0": ["variables.v"]}`), file("0", "a"))))
		wantRefused(t, query, answer, http.StatusOK, "BAD_USER_INPUT")
	}
	// A path goes through lists by index.
	for _, index := range []string{"-1", "1", "99999999999999999999", "x", "", "0x0", "0.0"} {
		text := operations(t, uploadOne, map[string]any{"files": []any{nil}})
		answer := member.Exchange(t, w.request(t, http.MethodPost, formType,
			body(field("operations", text), field("map", `{"0": ["variables.files.`+index+`"]}`), file("0", "a"))))
		wantRefused(t, "index "+index, answer, http.StatusBadRequest, "BAD_USER_INPUT")
	}
	w.wantNoTrouble(t)
}

// What the operation itself is wrong in is told as it is without files, before any is read.
func TestFilesOfWrongOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, code := range map[string]string{
		`query ($file: Upload!) { me { id } }`:                                                   "GRAPHQL_VALIDATION_FAILED", // unused
		`query ($file: Upload!) { project(id: $file) { id } }`:                                   "GRAPHQL_VALIDATION_FAILED",
		`mutation ($file: Upload!) { uploadDocument(input: {file: $file}) { nothing } }`:         "GRAPHQL_VALIDATION_FAILED",
		`mutation ($file: String!) { uploadDocument(input: {file: $file}) { document { id } } }`: "GRAPHQL_VALIDATION_FAILED",
		`mutation ($file: Upload!) { uploadDocument(input: {file: $file}) { document { id } }`:   "GRAPHQL_PARSE_FAILED",
		`{ me { id } }`: "BAD_USER_INPUT", // has no such variable
	} {
		text := operations(t, query, map[string]any{"file": nil})
		answer := w.As(t, w.member).Exchange(t, form(t, w.World, text, `{"0": ["variables.file"]}`, brought{"0", "a.txt", "a"}))
		wantRefused(t, query, answer, http.StatusBadRequest, code)
	}
	// A field that is skipped takes no file.
	text := operations(t, `mutation ($file: Upload!) { uploadDocument(input: {file: $file}) @skip(if: true) { document { id } } }`, map[string]any{"file": nil})
	if got := data(t, w.As(t, w.member).Exchange(t, form(t, w.World, text, `{"0": ["variables.file"]}`, brought{"0", "a.txt", "a"}))); len(got.Raw().(map[string]any)) != 0 {
		t.Errorf("skipped: %v", got.Raw())
	}
	w.wantNoTrouble(t)
}

// A file can only come by a multipart request, which the answer tells whoever tries another way.
func TestFilesByJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	for name, answer := range map[string]apitest.Answer{
		"a text":    member.Do(t, uploadOne, "file", "aGVsbG8="),
		"an object": member.Do(t, uploadOne, "file", map[string]any{"name": "a.txt"}),
		"a list":    member.Do(t, uploadOne, "file", []any{"a"}),
		"a literal": member.Do(t, strings.Replace(strings.Replace(uploadOne, "$file", `"hello"`, 2), `("hello": Upload!)`, "", 1)),
	} {
		if fmt.Sprint(answer.Codes()) != "[BAD_USER_INPUT]" || !strings.Contains(answer.Body, "multipart request") {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
	}
	w.wantNoTrouble(t)
}

// Who may not bring files is told so before any is read, and a page of another origin cannot do it by a form.
func TestWhoMayBringFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ops, placed, bytes := good(t)
	whole := body(ops, placed, bytes)
	post := func() *http.Request { return w.request(t, http.MethodPost, formType, whole) }
	wantRefused(t, "anonymous", w.Anonymous().Exchange(t, post()), http.StatusUnauthorized, "UNAUTHENTICATED")
	wantRefused(t, "a wrong token", w.With("dossier_session_wrong").Exchange(t, post()), http.StatusUnauthorized, "UNAUTHENTICATED")
	scopes := slices.DeleteFunc(slices.Clone(model.AllScopes), func(s model.Scope) bool { return s == model.ScopeDocumentsWrite })
	wantRefused(t, "a key", w.With(w.Key(t, w.manager, scopes...)).Exchange(t, post()), http.StatusForbidden, "FORBIDDEN")
	byCookie := func(headers map[string]string) apitest.Answer {
		request := post()
		request.AddCookie(&http.Cookie{Name: cookieName, Value: w.Token(t, w.member)})
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		return w.Anonymous().Exchange(t, request)
	}
	wantRefused(t, "a cookie", byCookie(nil), http.StatusForbidden, "FORBIDDEN")
	wantRefused(t, "a cookie of another origin",
		byCookie(map[string]string{"GraphQL-Require-Preflight": "1", "Sec-Fetch-Site": "cross-site"}), http.StatusForbidden, "FORBIDDEN")
	wantRefused(t, "GET", w.As(t, w.member).Exchange(t, w.request(t, http.MethodGet, formType, whole)), http.StatusBadRequest, "BAD_USER_INPUT")
	wantRefused(t, "PUT", w.As(t, w.member).Exchange(t, w.request(t, http.MethodPut, formType, whole)), http.StatusMethodNotAllowed, "BAD_USER_INPUT")
	w.wantNoTrouble(t)

	data(t, byCookie(map[string]string{"GraphQL-Require-Preflight": "1"}))
	data(t, w.With(w.Key(t, w.manager, model.ScopeDocumentsWrite)).Exchange(t, post()))
	// What is in a file is not looked at: a form in it is text.
	nested := body(ops, placed, part{bytes.headers + "\r\nContent-Type: multipart/mixed; boundary=inner", "--inner\r\n\r\nx\r\n--inner--"})
	data(t, w.As(t, w.member).Exchange(t, w.request(t, http.MethodPost, formType, nested)))
	w.wantKept(t, 3)
}
