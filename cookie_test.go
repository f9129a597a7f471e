package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"dossier/internal/seed"
)

// blankPage serves an empty page, as the frontend of an origin does.
func blankPage(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>A frontend</title>"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// fetch is what a page is told that asks the API with credentials included: the body of the answer, or that it is told nothing.
func (p *tab) fetch(t *testing.T, address, method, contentType, query string) string {
	t.Helper()
	options := `method: "POST", headers: { "Content-Type": ` + fmt.Sprintf("%q", contentType) + ` }, body: JSON.stringify({ query: ` + fmt.Sprintf("%q", query) + ` })`
	if method == http.MethodGet {
		address, options = address+"?query="+query, `method: "GET"`
	}
	return evaluate[string](t, p, fmt.Sprintf(
		`fetch(%q, { credentials: "include", %s }).then((answer) => answer.text(), () => "told nothing")`, address, options))
}

// A browser keeps a session for pages of an allowed origin, also over a reload, and out of reach of their scripts. To a page of
// another origin it is of no use.
func TestCookieInABrowser(t *testing.T) {
	t.Parallel()
	chromium(t)
	home, evil := blankPage(t), blankPage(t)
	server := serve(t, "DATA_DIR="+seededFolder(t), "CORS_ORIGINS="+home)
	server.waitReady(t)
	api := server.url + "/graphql"
	const json, me = "application/json", "{me{email}}"
	p := newTab(t, home)
	post := func(query string) string { t.Helper(); return p.fetch(t, api, http.MethodPost, json, query) }
	wants := func(what, got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}

	p.do(t, chromedp.Navigate(home))
	wants("before", post(me), "UNAUTHENTICATED")
	wants("sign-in", post(fmt.Sprintf(`mutation { signIn(input: {email: "manager@demo.example", password: %q, cookie: true}) { token user { email } } }`, seed.Password)),
		`"token":null,"user":{"email":"manager@demo.example"}`)
	wants("then", post(me), "manager@demo.example")
	if scripts := evaluate[string](t, p, "document.cookie"); scripts != "" {
		t.Errorf("scripts read %q", scripts)
	}
	p.do(t, chromedp.Reload())
	wants("after a reload", post(me), "manager@demo.example")
	wants("by GET", p.fetch(t, api, http.MethodGet, "", me), "manager@demo.example")

	// The page of the other origin is of the same site, as ports make none: its requests have the cookie.
	p.do(t, chromedp.Navigate(evil))
	const change = `mutation { createTheme(input: {name: "Foreign"}) { theme { id } } }`
	for _, contentType := range []string{json, "text/plain"} {
		wants("a change by another origin as "+contentType, p.fetch(t, api, http.MethodPost, contentType, change), "told nothing")
	}
	wants("a query by another origin", p.fetch(t, api, http.MethodPost, "text/plain", me), "told nothing")
	wants("a query by GET of another origin", p.fetch(t, api, http.MethodGet, "", me), "told nothing")
	evaluate[any](t, p, fmt.Sprintf(`fetch(%q, { mode: "no-cors", credentials: "include", method: "POST", body: %q }).then(() => 0)`, api, `{"query":"`+strings.ReplaceAll(change, `"`, `\"`)+`"}`))
	p.submitForm(t, api, strings.ReplaceAll(change, `"`, "'"))
	wants("a form of another origin", evaluate[string](t, p, "document.body.innerText"), "FORBIDDEN")
	if !strings.Contains(server.output.String(), "status=403") {
		t.Error("the log tells of no refused request, so that the cookie may not have been sent")
	}

	p.do(t, chromedp.Navigate(home))
	wants("back", post(me), "manager@demo.example")
	wants("what was changed", post(`{ themes(filter: {search: "Foreign"}) { totalCount } }`), `"totalCount":0`)
	wants("sign-out", post(`mutation { signOut { signedOut } }`), `"signedOut":true`)
	wants("after it", post(me), "UNAUTHENTICATED")
}

// submitForm has the page send a form by itself, and waits for the answer, which the browser shows.
func (p *tab) submitForm(t *testing.T, address, query string) {
	t.Helper()
	evaluate[any](t, p, fmt.Sprintf(`(() => {
		const form = document.createElement("form");
		form.method = "post";
		form.enctype = "text/plain";
		form.action = %q;
		const field = document.createElement("input");
		[field.name, field.value] = ["query", %q];
		form.append(field);
		document.body.append(form);
		form.submit();
	})()`, address, query))
	eventually(t, "the answer to the form", func() bool {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		defer cancel()
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf("location.href === %q && document.readyState === 'complete'", address)))
		return err == nil && shown // while the browser is on its way there is nothing to ask
	})
}
