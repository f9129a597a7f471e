package seed_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/internal/extract"
	"dossier/internal/pgtest"
	"dossier/internal/seed"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "extract" { // files are read in a child process
		os.Exit(extract.Child(os.Stdin, os.NewFile(3, "file"), os.Stdout))
	}
	os.Exit(pgtest.Main(m))
}

func signIn(t testing.TB, w *apitest.World, email string) apitest.Client {
	t.Helper()
	data := w.Anonymous().Query(t, `mutation($e: String!, $p: String!) { signIn(input: {email: $e, password: $p}) { token userErrors { message } } }`,
		"e", email, "p", seed.Password)
	return w.With(data.Text("signIn.token"))
}

// The demo data has the three sign-ins, several companies, and more rows than fit a page; it is loaded once.
func TestLoad(t *testing.T) {
	t.Parallel()
	w := apitest.New(t)
	for i, want := range []bool{true, false} {
		loaded, err := seed.Load(t.Context(), w.Store, w.Files)
		if err != nil || loaded != want {
			t.Fatalf("load %d: %t, %v", i, loaded, err)
		}
	}
	for _, demo := range seed.SignIns {
		client := signIn(t, w, demo.Email)
		if role := client.Query(t, `{ me { role } }`).Text("me.role"); role != string(demo.Role) {
			t.Errorf("%s is %s", demo.Email, role)
		}
	}
	links := signIn(t, w, "member@demo.example").Query(t, `{ me { accounts { nodes { provider } } } }`)
	if links.Text("me.accounts.nodes.0.provider") != "google" {
		t.Errorf("the member's account links: %v", links.Raw())
	}
	data := signIn(t, w, "admin@demo.example").Query(t, `{ companies { totalCount } users { pageInfo { hasNextPage } }
		projects { pageInfo { hasNextPage } } documents { pageInfo { hasNextPage } } auditLog { pageInfo { hasNextPage } } }`)
	if n := data.Text("companies.totalCount"); n != "4" {
		t.Errorf("%s companies", n)
	}
	for _, list := range []string{"users", "projects", "documents", "auditLog"} {
		if data.Text(list+".pageInfo.hasNextPage") != "true" {
			t.Errorf("the %s fit one page", list)
		}
	}
}

// onPurpose is how the comment of an example announces errors or userErrors, and of which code.
var onPurpose = regexp.MustCompile(`errors? on purpose: ([A-Z_]+)`)

// showsNothing matches the answer of a list that is empty, and the first or only one of its query.
var showsNothing = regexp.MustCompile(`^\{"data":\{"\w+":\{("totalCount":0,)?"nodes":\[\]`)

// Every example of the playground answers from the demo data, without errors but those that it announces.
func TestPlaygroundExamplesAnswer(t *testing.T) {
	t.Parallel()
	model := offline(t)
	w := apitest.New(t, func(c *graph.Config) { c.Embedder = model })
	if _, err := seed.Load(t.Context(), w.Store, w.Files); err != nil {
		t.Fatal(err)
	}
	process(t, w, model)
	files, err := filepath.Glob("../web/playground/examples/*/*.graphql")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	slices.Sort(files)
	manager, admin := signIn(t, w, "manager@demo.example"), signIn(t, w, "admin@demo.example")
	for _, file := range files {
		query, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		client := manager
		if strings.Contains(string(query), "Sign in as ADMIN") {
			client = admin
		}
		answer := client.Do(t, string(query))
		want := ""
		if found := onPurpose.FindStringSubmatch(string(query)); found != nil {
			want = found[1]
		}
		userErrors := strings.Contains(answer.Body, `"userErrors":[{"code":"`+want+`"`)
		if codes := strings.Join(answer.Codes(), " "); codes != want && !(userErrors && want != "" && codes == "") {
			t.Errorf("%s: %s", file, answer.Body)
		}
		if strings.Contains(answer.Body, `"userErrors":[{`) && !userErrors || showsNothing.MatchString(answer.Body) {
			t.Errorf("%s shows nothing: %s", file, answer.Body)
		}
	}
}
