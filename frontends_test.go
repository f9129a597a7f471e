package main

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// docs/frontends.md is run as its readers run it: every block, in order, in the console of a page of another origin.

const frontendsPage = "docs/frontends.md"

var mailedLink = regexp.MustCompile(`http://[^\s"\\]+/reset-password#token=dossier_reset_\w+`)

// console is what a browser's console makes of the text: it may await, and what it declares stays.
func (p *tab) console(t *testing.T, text string) any {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[any](text, chromedp.EvalAwaitPromise,
		func(p *runtime.EvaluateParams) { repl := true; p.ReplMode = &repl }))
	if err != nil {
		t.Errorf("%s\n%v", text, err)
	}
	return value
}

// onSite is the address of a page, at another site.
func onSite(t *testing.T, address, host string) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	at.Host = host + ":" + at.Port()
	return at.String()
}

func TestFrontendsPage(t *testing.T) {
	t.Parallel()
	chromium(t)
	blocks, _ := pageBlocks(t, frontendsPage, "js")
	if len(blocks) < 5 {
		t.Fatalf("%s has %d blocks of JavaScript", frontendsPage, len(blocks))
	}
	home := blankPage(t)
	other := onSite(t, home, "localhost")
	server := serve(t, "DATA_DIR="+seededFolder(t), "CORS_ORIGINS="+home+","+other, "APP_URL="+home)
	server.waitReady(t)
	p := newTab(t, home)
	run := func(one block) any {
		t.Helper()
		return p.console(t, strings.ReplaceAll(one.text, pageAddress, server.url))
	}
	p.do(t, chromedp.Navigate(home))
	for _, one := range blocks {
		if strings.Contains(one.text, "location.hash") { // the page that the mail leads to
			link := ""
			eventually(t, "the mail in the log", func() bool {
				link = mailedLink.FindString(server.output.String())
				return link != ""
			})
			p.do(t, chromedp.Navigate(link))
			run(blocks[0].block)
		}
		got := run(one.block)
		if one.answer.text == "" {
			continue
		}
		var want any
		if err := json.Unmarshal([]byte(one.answer.text), &want); err != nil || !likeJSON(want, got) {
			t.Errorf("%s:%d answers %v, want %s %v", frontendsPage, one.line, got, one.answer.text, err)
		}
	}

	// What the page says of sites: from another one no browser sends the cookie.
	ask := `(await ask("{ me { name } }").catch((error) => error.code))`
	if got := p.console(t, ask); !likeJSON(map[string]any{"me": map[string]any{"name": "Demo Member"}}, got) {
		t.Errorf("after the reset: %v", got)
	}
	if got := p.console(t, "location.hash"); got != "" {
		t.Errorf("the token is left in the address: %v", got)
	}
	p.do(t, chromedp.Navigate(other))
	run(blocks[0].block)
	if got := p.console(t, ask); got != "UNAUTHENTICATED" {
		t.Errorf("from another site: %v", got)
	}
}

// The settings that the page names are there.
func TestFrontendsPageNamesSettings(t *testing.T) {
	t.Parallel()
	page, settings := readText(t, frontendsPage), readText(t, ".env.example")
	for _, name := range []string{"CORS_ORIGINS", "PUBLIC_URL", "APP_URL"} {
		if !strings.Contains(page, "- `"+name+"`") || !strings.Contains(settings, "\n"+name+"=") {
			t.Errorf("%s is not on the page, or is no setting", name)
		}
	}
}
