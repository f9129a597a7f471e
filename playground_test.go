package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"dossier/internal/apitest"
	"dossier/internal/seed"
)

// showAnswer is the text of the answer's editor.
const showAnswer = `document.querySelector(".result-window .CodeMirror").CodeMirror.getValue()`

// showQuery is the text of the query's editor.
const showQuery = `document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror.getValue()`

// openPlayground waits until the page has read the schema.
func openPlayground(t *testing.T, home string) *tab {
	t.Helper()
	p := openTab(t, home)
	p.until(t, `document.querySelector(".graphiql-execute-button") && !document.querySelector(".graphiql-sidebar .graphiql-spin")`)
	return p
}

// answer is what the answer's editor shows, with the trace where it was asked for.
type answer struct {
	Data   map[string]any
	Errors []apitest.Error

	Extensions struct {
		Trace *struct {
			Statements []struct{ SQL string }
			Batches    []struct {
				Field         string
				Parents, Keys int
			}
		}
	}
}

// execute presses play and reads the answer.
func (p *tab) execute(t *testing.T) answer {
	t.Helper()
	evaluate[any](t, p, strings.Replace(showAnswer, "getValue()", `setValue(""); ""`, 1))
	p.click(t, ".graphiql-execute-button", "")
	p.until(t, showAnswer+` && !document.querySelector(".graphiql-response .graphiql-spinner")`)
	var a answer
	if text := evaluate[string](t, p, showAnswer); json.Unmarshal([]byte(text), &a) != nil {
		t.Fatalf("the answer is %s", text)
	}
	return a
}

// signInAs clicks on a demo user, unless one is that user.
func (p *tab) signInAs(t *testing.T, role string) {
	t.Helper()
	pressed := fmt.Sprintf(`document.querySelector("#demo [aria-pressed=true]")?.textContent === %q`, role)
	if !evaluate[bool](t, p, pressed) {
		p.click(t, "#demo button", role)
		p.until(t, pressed)
		p.untilText(t, "#session", ", "+role)
	}
}

// pane opens one of the panes at the left, unless it is open.
func (p *tab) pane(t *testing.T, title string) {
	t.Helper()
	if evaluate[bool](t, p, fmt.Sprintf(`!document.querySelector("[aria-label='Hide %s']")`, title)) {
		p.click(t, fmt.Sprintf("[aria-label='Show %s']", title), "")
	}
}

// newTab opens an empty tab with the query.
func (p *tab) newTab(t *testing.T, query string) {
	t.Helper()
	p.click(t, "[aria-label='New tab']", "")
	p.until(t, showQuery+`.startsWith("# Welcome")`)
	evaluate[any](t, p, strings.Replace(showQuery, "getValue()", fmt.Sprintf("setValue(%q); 0", query), 1))
}

// The playground of a new development server, from sign-in to sign-out.
func TestPlayground(t *testing.T) {
	t.Parallel()
	chromium(t)
	server := serve(t, "DATA_DIR="+seededFolder(t))
	server.waitReady(t)
	server.waitProcessed(t)
	p := openPlayground(t, server.url+"/")
	t.Run("signs in by one click", func(t *testing.T) { testOneClick(t, p) })
	screenshot(t, p)
	t.Run("answers its examples", func(t *testing.T) { testExamples(t, p) })
	t.Run("shows what an answer took", func(t *testing.T) { testTrace(t, p) })
	t.Run("has docs, explorer and history", func(t *testing.T) { testPanes(t, p) })
	t.Run("sends headers", func(t *testing.T) { testHeaders(t, p, server.signIn(t, "member@demo.example")) })
	t.Run("tells that the session has ended", func(t *testing.T) { testEndedSession(t, p, server) })
	t.Run("keeps its tabs, and restores the examples", func(t *testing.T) { testRestore(t, p) })
	t.Run("fits a small screen", func(t *testing.T) { testSmallScreen(t, p) })
}

func testOneClick(t *testing.T, p *tab) {
	p.untilText(t, "#session", "Not signed in.")
	for _, demo := range seed.SignIns {
		p.signInAs(t, string(demo.Role))
	}
	p.click(t, "#sign-out", "")
	p.untilText(t, "#session", "Not signed in.")
}

// exampleFile is an example as it stands in its folder.
type exampleFile struct{ path, title, query string }

func exampleFiles(t *testing.T) []exampleFile {
	t.Helper()
	paths, err := filepath.Glob("internal/web/playground/examples/*/*.graphql")
	if err != nil || len(paths) < 12 {
		t.Fatalf("%d examples: %v", len(paths), err)
	}
	files := make([]exampleFile, len(paths))
	for i, path := range paths {
		query, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Split(strings.TrimSuffix(filepath.Base(path), ".graphql"), "-")[1:]
		files[i] = exampleFile{path, strings.ToUpper(words[0][:1]) + strings.Join(words, " ")[1:], string(query)}
	}
	return files
}

// onPurpose is how the comment of an example announces errors, and which.
var onPurpose = regexp.MustCompile(`(errors?) on purpose: ([A-Z_]+)`)

// codesOf gives the codes of the answer's errors, or of its userErrors, each once.
func (a answer) codesOf(userErrors bool) string {
	codes := map[string]bool{}
	for _, err := range a.Errors {
		codes[err.Code()] = !userErrors
	}
	for _, payload := range a.Data {
		fields, _ := payload.(map[string]any)
		problems, _ := fields["userErrors"].([]any)
		for _, problem := range problems {
			codes[problem.(map[string]any)["code"].(string)] = userErrors
		}
	}
	var all []string
	for code, expected := range codes {
		if !expected {
			code = "unexpected " + code
		}
		all = append(all, code)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// Each example opens in a tab, from its file, and answers without errors but those that it announces.
func testExamples(t *testing.T, p *tab) {
	for _, example := range exampleFiles(t) {
		if strings.Contains(example.query, "Sign in as ADMIN") {
			p.signInAs(t, "ADMIN")
		} else {
			p.signInAs(t, "MANAGER")
		}
		p.pane(t, "Examples")
		evaluate[any](t, p, fmt.Sprintf(`[...document.querySelectorAll(".examples strong")].find((one) => one.textContent === %q)?.setAttribute("data-next", "")`, example.title))
		p.click(t, ".examples button:has([data-next])", "")
		evaluate[any](t, p, `document.querySelector("[data-next]").removeAttribute("data-next")`)
		p.until(t, fmt.Sprintf(`document.querySelector(".examples [aria-current=true] strong")?.textContent === %q`, example.title))
		if shown := evaluate[string](t, p, showQuery); shown != example.query {
			t.Errorf("%s opens as %s", example.path, shown)
		}
		want, userErrors := "", false
		if found := onPurpose.FindStringSubmatch(example.query); found != nil {
			want, userErrors = found[2], strings.Contains(example.query, "User error")
		}
		a := p.execute(t)
		if got := a.codesOf(userErrors); got != want {
			t.Errorf("%s answers the errors %q, want %q:\n%s", example.path, got, want, evaluate[string](t, p, showAnswer))
		}
		if want == "" && len(a.Data) == 0 {
			t.Errorf("%s answers nothing", example.path)
		}
	}
}

// The panel has the statements and the batches of extensions.trace, which is in the answer only when asked for.
func testTrace(t *testing.T, p *tab) {
	p.signInAs(t, "MANAGER")
	p.newTab(t, `query Panel { documents(first: 50) { nodes { name owner { name } project { name } } } }`)
	if a := p.execute(t); a.Extensions.Trace != nil || a.Data == nil {
		t.Error("the answer has the trace unasked, or no data")
	}
	p.until(t, `document.querySelector(".trace-statement")`)
	p.click(t, ".trace label", "")
	a := p.execute(t)
	trace := a.Extensions.Trace
	if trace == nil || len(trace.Statements) < 3 || len(trace.Batches) != 2 { // a warm session costs none
		t.Fatalf("the trace is %+v", trace)
	}
	wanted, shown := []string{}, evaluate[[]string](t, p, `[...document.querySelectorAll(".trace-statement pre")].map((one) => one.textContent)`)
	for _, statement := range trace.Statements {
		wanted = append(wanted, spaces.ReplaceAllString(statement.SQL, " "))
	}
	for i := range shown {
		shown[i] = spaces.ReplaceAllString(shown[i], " ")
	}
	slices.Sort(wanted) // the panel has those of a batch together
	slices.Sort(shown)
	if !slices.Equal(wanted, shown) {
		t.Errorf("the panel has the statements\n%s\nand the trace\n%s", strings.Join(shown, "\n"), strings.Join(wanted, "\n"))
	}
	p.untilText(t, ".trace dl", fmt.Sprintf("Statements%d", len(trace.Statements)))
	for _, batch := range trace.Batches {
		want := fmt.Sprintf("%s%d rows → %d keys → 1 statement", batch.Field, batch.Parents, batch.Keys)
		if batches := evaluate[string](t, p, `[...document.querySelectorAll(".trace-batch")].map((one) => one.textContent).join("\n")`); !strings.Contains(batches, want) {
			t.Errorf("the panel does not say %q:\n%s", want, batches)
		}
	}
	if text := evaluate[string](t, p, `document.querySelector(".trace dl").textContent`); !regexp.MustCompile(`Duration[\d.,]+ msCost[\d,]+ of 100,000`).MatchString(text) {
		t.Errorf("the panel says %q", text)
	}
	p.click(t, ".trace-statement summary", "")
	p.until(t, `document.querySelector(".trace-statement pre").checkVisibility()`)
	p.click(t, ".trace label", "")
	// The panel belongs to the tab's answer.
	p.newTab(t, `query Nothing { __typename }`)
	p.until(t, `!document.querySelector(".trace")`)
}

var spaces = regexp.MustCompile(`\s+`)

// screenshot writes what the README shows, where it is asked for.
func screenshot(t *testing.T, p *tab) {
	path := os.Getenv("PLAYGROUND_SCREENSHOT")
	if path == "" {
		return
	}
	p.do(t, chromedp.EmulateViewport(1520, 860))
	p.signInAs(t, "MANAGER")
	p.click(t, ".examples button", "Documents with their projects")
	for range 2 { // the first answer warms the server up
		p.execute(t)
	}
	p.click(t, ".trace-batch summary", "")
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, chromedp.ResetViewport())
}

// The panes that GraphiQL brings are there, and do what they are for.
func testPanes(t *testing.T, p *tab) {
	p.pane(t, "Documentation Explorer")
	p.click(t, ".graphiql-doc-explorer a", "Query")
	p.untilText(t, ".graphiql-doc-explorer", "The projects that you can see.")
	p.pane(t, "GraphiQL Explorer")
	p.untilText(t, ".graphiql-explorer-root, .graphiql-plugin", "auditLog")
	p.click(t, ".graphiql-plugin .graphiql-explorer-field-view", "companies")
	p.until(t, showQuery+`.includes("companies")`)
	p.pane(t, "History")
	p.click(t, "button.graphiql-history-item-label", "SearchUsers")
	p.until(t, showQuery+`.includes("query SearchUsers")`)
}

// A header of the editor is sent, and its token wins over that of the sign-in.
func testHeaders(t *testing.T, p *tab, token string) {
	p.signInAs(t, "MANAGER")
	p.newTab(t, `query Headers { me { name } }`)
	p.click(t, "[data-name=headers]", "")
	headers, err := json.Marshal(map[string]string{"Authorization": "Bearer " + token, "X-Request-Id": "by-hand"})
	if err != nil {
		t.Fatal(err)
	}
	evaluate[any](t, p, fmt.Sprintf(`document.querySelector("[aria-label=Headers] .CodeMirror:not(.hidden .CodeMirror)").CodeMirror.setValue(%q)`, headers))
	if a := p.execute(t); fmt.Sprint(a.Data) != "map[me:map[name:Demo Member]]" {
		t.Errorf("with the member's token it answers %v", a)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := p.headers[len(p.headers)-1]; last["x-request-id"] != "by-hand" {
		t.Errorf("the request had the headers %v", last)
	}
}

func testEndedSession(t *testing.T, p *tab, server *program) {
	p.signInAs(t, "MEMBER")
	token := evaluate[string](t, p, `sessionStorage.getItem("dossier:token")`)
	server.with(token).Query(t, `mutation { signOut { signedOut } }`)
	p.newTab(t, `query Ended { me { name } }`)
	if a := p.execute(t); a.codesOf(false) != "UNAUTHENTICATED" {
		t.Errorf("it answers %v", a)
	}
	p.untilText(t, "#session.alert", "The session has ended: sign in again.")
	p.until(t, `document.querySelector("#sign-out").hidden`)
}

const showTabs = `[...document.querySelectorAll(".graphiql-tab-button")].map((one) => one.textContent).join(" ")`

func testRestore(t *testing.T, p *tab) {
	// GraphiQL stores the tabs a little later.
	p.until(t, `localStorage.getItem("graphiql:tabState")?.includes("query Ended")`)
	before := evaluate[string](t, p, showTabs)
	p.do(t, chromedp.Reload())
	p.until(t, showTabs+` === `+fmt.Sprintf("%q", before))
	evaluate[any](t, p, `window.confirm = () => true; 0`)
	p.click(t, "#restore", "")
	p.until(t, showTabs+` === "SignIn MyCompany Projects"`)
}

// On a phone nothing is wider than the screen, and an example that is chosen is seen.
func testSmallScreen(t *testing.T, p *tab) {
	p.do(t, chromedp.EmulateViewport(390, 800))
	p.signInAs(t, "MANAGER")
	p.pane(t, "Examples")
	p.click(t, ".examples button", "Search users")
	p.until(t, showQuery+`.includes("query SearchUsers")`)
	p.until(t, `(({ left, right }) => left > 0 && right <= 390)(document.querySelector(".graphiql-tab-active").getBoundingClientRect())`)
	if hidden := evaluate[int](t, p, `(({ width, clientWidth }) => width - clientWidth)(document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror.getScrollInfo())`); hidden > 0 {
		t.Errorf("the query has %d pixels that are not seen", hidden)
	}
	if a := p.execute(t); len(a.Errors) > 0 {
		t.Errorf("it answers %v", a)
	}
	p.until(t, `document.querySelector(".trace-head button")`)
	if width := evaluate[int](t, p, `Math.max(...[...document.querySelectorAll("body, header, main, .graphiql-sessions, .trace")].map((one) => one.scrollWidth))`); width > 390 {
		t.Errorf("something is %d pixels wide", width)
	}
	p.until(t, `document.querySelector(".graphiql-editors").clientWidth > 300 && document.querySelector(".graphiql-response").clientWidth > 300`)
}

// Where there are no demo users one signs in by the form, or with a token that one has; there is no panel.
func TestPlaygroundSignInForm(t *testing.T) {
	t.Parallel()
	chromium(t)
	w := apitest.New(t)
	if _, err := seed.Load(t.Context(), w.Store, w.Files); err != nil {
		t.Fatal(err)
	}
	p := openPlayground(t, w.URL+"/")
	if evaluate[bool](t, p, `document.querySelector("#demo").checkVisibility() || document.documentElement.outerHTML.includes("admin@demo.example")`) {
		t.Error("the page knows the demo users")
	}
	// By keyboard alone.
	evaluate[any](t, p, `document.querySelector("#sign-in").focus()`)
	p.keys(t, kb.Enter)
	p.until(t, `document.activeElement.name === "email"`)
	p.keys(t, kb.Enter)
	p.untilText(t, "#password-form .failure", "Email is missing.")
	p.keys(t, "manager@demo.example"+kb.Tab+"wrong"+kb.Enter)
	p.untilText(t, "#password-form .failure", "The email or the password is wrong.")
	p.until(t, `document.activeElement.name === "password" && !document.querySelector("#password-form button").disabled`)
	p.keys(t, kb.Backspace+kb.Backspace+kb.Backspace+kb.Backspace+kb.Backspace+seed.Password+kb.Enter)
	p.untilText(t, "#session", "Signed in as Demo Manager, MANAGER of ")
	p.until(t, `!document.querySelector("#credentials").open`)
	p.newTab(t, `query Who { me { name } }`)
	if a := p.execute(t); fmt.Sprint(a.Data) != "map[me:map[name:Demo Manager]]" {
		t.Errorf("it answers %v", a)
	}
	if evaluate[bool](t, p, `Boolean(document.querySelector(".trace"))`) {
		t.Error("there is a panel without a trace")
	}
	p.click(t, "#sign-out", "")
	p.untilText(t, "#session", "Not signed in.")

	p.click(t, "#sign-in", "")
	p.click(t, "#token-form input", "")
	p.keys(t, "dossier_session_none"+kb.Enter)
	p.until(t, `document.querySelector("#token-form .failure").textContent`)
	evaluate[any](t, p, `document.querySelector("#token-form input").select()`)
	user, err := w.Store.System().UserByEmail(t.Context(), "member@demo.example")
	if err != nil {
		t.Fatal(err)
	}
	p.keys(t, w.Token(t, user)+kb.Enter)
	p.untilText(t, "#session", "Signed in as Demo Member, MEMBER of ")
	p.keys(t, kb.Escape)
}
