package main

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"dossier/internal/auth"
	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// production is a production server over a database with a MANAGER, who is known to nobody but by credentials.
type production struct {
	*program
	db      *pgtest.DB
	manager *model.User
}

func serveProduction(t *testing.T) production {
	t.Helper()
	db := pgtest.New(t)
	p := production{serve(t, productionSettings(db.URL, "SHUTDOWN_DELAY=0s")...), db, db.User(t, db.Company(t, "Own"), model.RoleManager, "Mia Manager")}
	p.waitReady(t)
	return p
}

// getAs is what `curl -u user:password` does.
func (p production) getAs(t *testing.T, path, password string) (status int, challenge, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		request.SetBasicAuth("anyone", password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("WWW-Authenticate"), string(text)
}

// In production an API key with schema:read is shown the schema in every way, until it is revoked, and nobody else is in any.
func TestProductionIsExploredByAPIKey(t *testing.T) {
	t.Parallel()
	p := serveProduction(t)
	wantHidden(t, p.program)
	key, other := p.db.Key(t, p.manager, model.ScopeSchemaRead), p.db.Key(t, p.manager, model.ScopeUsersWrite, model.ScopeAuditRead)
	shown := map[string]string{"/": "<html", "/playground/app.js": "import", "/schema.graphqls": "type Query {"}
	for path, part := range shown {
		if status, _, body := p.getAs(t, path, key); status != http.StatusOK || !strings.Contains(body, part) {
			t.Errorf("%s answers the key %d", path, status)
		}
		for _, password := range []string{"", "nonsense", other, p.db.Token(t, p.manager)} {
			status, challenge, body := p.getAs(t, path, password)
			if status != http.StatusUnauthorized || !strings.HasPrefix(challenge, "Basic ") || strings.Contains(body, part) || strings.Contains(body, "{") {
				t.Errorf("%s answers %q %d, %q: %.100s", path, password, status, challenge, body)
			}
		}
	}
	const introspect, misspelled = `{ __schema { types { name } } }`, `{ projcts { nodes { id } } }`
	if data := p.with(key).Query(t, introspect); len(data.List("__schema.types")) < 50 {
		t.Errorf("%v", data.Raw())
	}
	if answer := p.with(key).Do(t, misspelled); !strings.Contains(answer.Body, "projects") {
		t.Errorf("the key is told no names: %s", answer.Body)
	}
	for _, token := range []string{other, p.db.Token(t, p.manager)} {
		if codes := p.with(token).Do(t, introspect).Codes(); !slices.Equal(codes, []string{"FORBIDDEN"}) {
			t.Errorf("introspection: %v", codes)
		}
		if answer := p.with(token).Do(t, misspelled); strings.Contains(answer.Body, "projects") {
			t.Errorf("told names: %s", answer.Body)
		}
	}
	viewer, err := auth.Credentials{Store: p.db.Store}.Viewer(t.Context(), key)
	if err == nil {
		err = p.db.Store.InTx(t.Context(), model.Viewer{UserID: p.manager.ID, CompanyID: p.manager.CompanyID, Role: p.manager.Role},
			func(ctx context.Context, tx *repo.Tx) error {
				_, err := tx.RevokeAPIKey(ctx, model.RevokeAPIKeyInput{ID: viewer.KeyID})
				return err
			})
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the key", func() bool {
		status, _, _ := p.getAs(t, "/schema.graphqls", key)
		return status == http.StatusUnauthorized
	})
	if codes := p.with(key).Do(t, introspect).Codes(); !slices.Equal(codes, []string{"FORBIDDEN"}) {
		t.Errorf("introspection by a revoked key: %v", codes)
	}
	wantHidden(t, p.program)
	p.stop(t)
}

// A browser that is given the key for the page sends it along for all that the page asks for. Who signs in there keeps the docs.
func TestPlaygroundByAPIKey(t *testing.T) {
	t.Parallel()
	chromium(t)
	server := serveProduction(t)
	key := server.db.Key(t, server.manager, model.ScopeSchemaRead)
	p := newTab(t, server.url+"/")
	p.do(t, chromedp.Navigate(strings.Replace(server.url, "http://", "http://anyone:"+key+"@", 1)+"/"))
	const loaded = `document.querySelector(".graphiql-execute-button") && !document.querySelector(".graphiql-sidebar .graphiql-spin") &&
		document.querySelector("#problem").hidden && document.querySelector("[aria-label='Show Documentation Explorer']")`
	p.until(t, loaded)
	p.newTab(t, `query Explored { currentApiKey { name } __type(name: "Query") { name } }`)
	if a := p.execute(t); len(a.Errors) > 0 || a.Data["__type"] == nil || a.Data["currentApiKey"] == nil {
		t.Errorf("it answers %+v", a)
	}
	evaluate[any](t, p, `sessionStorage.setItem("dossier:token", "`+server.db.Token(t, server.manager)+`")`)
	p.do(t, chromedp.Reload())
	p.untilText(t, "#session", "Signed in as Mia Manager")
	p.until(t, loaded)
	p.newTab(t, `query Mine { me { name } }`)
	if a := p.execute(t); len(a.Errors) > 0 || a.Data["me"] == nil {
		t.Errorf("signed in it answers %+v", a)
	}
	server.stop(t)
}
