package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"dossier/internal/apitest"
	"dossier/internal/pgtest"
)

// chromiumStartMax is how long Chromium may take to start on a busy machine.
const chromiumStartMax = time.Minute

// chromiumNames are the programs that can show the playground; the Makefile has the same list.
var chromiumNames = []string{"chromium", "chromium-browser", "google-chrome"}

// chromium gives the path of Chromium. Without one the test is skipped, but never by CI.
func chromium(t *testing.T) string {
	t.Helper()
	return pgtest.Program(t, "there is no Chromium, so nobody looked at the playground. On Debian: apt-get install chromium", chromiumNames...)
}

// tab is a page in a headless Chromium of its own.
type tab struct {
	ctx context.Context

	mu      sync.Mutex
	home    string              // what it shows
	within  []string            // what requests may begin with
	strays  []string            // what was asked for elsewhere
	wrongs  []string            // what the console says is wrong
	headers []map[string]string // of the requests to the API, in lower case
}

// chromiumsOwn are hosts that Chromium asks by itself, whatever it shows: for updates, the time, completion of forms.
// Those requests are refused, too. What the page asks of such a host is an event of the page.
var chromiumsOwn = regexp.MustCompile(`\.(google|googleapis|gvt1)\.com(:\d+)?$`)

// openTab starts a Chromium that shows the page at home, and fails the test if anything is asked for elsewhere or the
// console has an error. What is not on this machine goes to a proxy, which notes and refuses it: also what no event of
// the page tells, as the requests of workers. Elsewhere is what begins with none of within, or not with home where those are missing.
func openTab(t *testing.T, home string, within ...string) *tab {
	t.Helper()
	p := newTab(t, home, within...)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, stray := range p.strays {
			t.Errorf("a request leaves for %s", stray)
		}
		for _, wrong := range p.wrongs {
			t.Errorf("the console says: %s", wrong)
		}
	})
	p.do(t, chromedp.Navigate(home))
	return p
}

func newTab(t *testing.T, home string, within ...string) *tab {
	t.Helper()
	path := chromium(t)
	if len(within) == 0 {
		within = []string{home}
	}
	p := &tab{home: home, within: within}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !chromiumsOwn.MatchString(r.Host) {
			p.stray(r.Host + r.URL.Path)
		}
		http.Error(w, "The test lets nothing leave.", http.StatusForbidden)
	}))
	t.Cleanup(elsewhere.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1440, 900),
		chromedp.WSURLReadTimeout(chromiumStartMax), chromedp.ProxyServer(elsewhere.URL), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(closeAllocator)
	ctx, closeTab := chromedp.NewContext(allocator, chromedp.WithListener(p.listen))
	t.Cleanup(closeTab)
	p.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return p
}

// listen notes what is asked for, and what goes wrong.
func (p *tab) listen(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.sent(e.Request)
	case *network.EventWebSocketCreated:
		p.stray(e.URL)
	case *runtime.EventExceptionThrown:
		thrown := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			thrown += " " + e.ExceptionDetails.Exception.Description
		}
		p.wrong(thrown)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			text, _ := json.Marshal(e.Args)
			p.wrong(string(text))
		}
	case *log.EventEntryAdded:
		// GraphQL's errors come with their HTTP status, which Chromium notes as an error.
		if e.Entry.Level == log.EntryLevelError && !p.isAPI(e.Entry.URL) {
			p.wrong(e.Entry.Text + " " + e.Entry.URL)
		}
	}
}

func (p *tab) sent(request *network.Request) {
	if scheme, _, _ := strings.Cut(request.URL, ":"); scheme != "data" && scheme != "about" && !p.isWithin(request.URL, "") {
		p.stray(request.URL)
	}
	if !p.isAPI(request.URL) {
		return
	}
	headers := map[string]string{}
	for name, value := range request.Headers {
		headers[strings.ToLower(name)] = fmt.Sprint(value)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.headers = append(p.headers, headers)
}

// isWithin tells whether an address begins with one of those that requests may go to, and this behind it.
func (p *tab) isWithin(address, path string) bool {
	return slices.ContainsFunc(p.within, func(beginning string) bool { return strings.HasPrefix(address, beginning+path) })
}

func (p *tab) isAPI(address string) bool {
	return p.isWithin(address, "graphql") && strings.HasSuffix(address, "/graphql")
}

func (p *tab) stray(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strays = append(p.strays, address)
}

func (p *tab) wrong(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrongs = append(p.wrongs, text)
}

// do runs actions of chromedp.
func (p *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// evaluate gives the value of a JavaScript expression in the page.
func evaluate[T any](t *testing.T, p *tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for a JavaScript expression to be true.
func (p *tab) until(t *testing.T, expression string) {
	t.Helper()
	met := false
	defer func() {
		if !met {
			t.Logf("the bar says %q", evaluate[string](t, p, `document.querySelector("header")?.innerText ?? ""`))
		}
	}()
	eventually(t, expression, func() bool {
		met = evaluate[bool](t, p, "Boolean("+expression+")")
		return met
	})
}

// untilText waits for the element to say the text.
func (p *tab) untilText(t *testing.T, selector, text string) {
	t.Helper()
	p.until(t, fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q)", selector, text))
}

// click clicks with the mouse on the first element of the selector that says the text, "" for any, once it can be hit.
func (p *tab) click(t *testing.T, selector, text string) {
	t.Helper()
	find := fmt.Sprintf(`(() => {
		const found = [...document.querySelectorAll(%q)].find((one) => one.textContent.includes(%q) && one.checkVisibility());
		if (!found) return [];
		found.scrollIntoView({ block: "nearest" });
		const box = found.getBoundingClientRect();
		const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
		const hit = document.elementFromPoint(x, y);
		return hit && (found.contains(hit) || hit.contains(found)) ? [x, y] : [];
	})()`, selector, text)
	var at []float64
	eventually(t, fmt.Sprintf("%s %q to click on", selector, text), func() bool {
		at = evaluate[[]float64](t, p, find)
		return len(at) == 2
	})
	p.do(t, chromedp.MouseClickXY(at[0], at[1]))
}

// keys types, to whatever has the focus.
func (p *tab) keys(t *testing.T, text string) {
	t.Helper()
	p.do(t, chromedp.KeyEvent(text))
}

// What openTab fails a test for is noted: a page of another origin, also on this machine, and a host elsewhere, even if
// the policy of the page does not stop it. The policy does.
func TestPlaygroundGuard(t *testing.T) {
	t.Parallel()
	chromium(t)
	w := apitest.New(t)
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	p := newTab(t, w.URL+"/")
	p.do(t, chromedp.Navigate(w.URL+"/"))
	ask := func(address string) string {
		return evaluate[string](t, p, fmt.Sprintf(`fetch(%q, { mode: "no-cors" }).then(() => "answered", () => "refused")`, address))
	}
	if got := ask(other.URL + "/"); got != "refused" || len(p.strays) > 0 || len(p.wrongs) == 0 {
		t.Errorf("under the policy a request elsewhere is %s; strays %v, console %v", got, p.strays, p.wrongs)
	}
	if _, err := chromedp.Call(p.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	p.do(t, chromedp.Reload())
	ask(other.URL + "/page")
	ask("http://elsewhere.example/page")
	ask("https://elsewhere.example/page")
	evaluate[any](t, p, `new WebSocket("ws://elsewhere.example/socket"); 0`)
	for _, want := range []string{other.URL + "/page", "http://elsewhere.example/page", "elsewhere.example/page", "elsewhere.example:443", "ws://elsewhere.example/socket"} {
		eventually(t, "the guard to note "+want, func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return slices.Contains(p.strays, want)
		})
	}
}
