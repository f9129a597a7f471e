package graph_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

const cookieName = "dossier_session"

// byCookie posts a query with the cookie's value, "" for none, and these headers, name and value by turns. It gives the cookie that is set.
func (w world) byCookie(t testing.TB, value, query string, headers ...string) (apitest.Answer, *http.Cookie) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if value != "" {
		request.AddCookie(&http.Cookie{Name: cookieName, Value: value})
	}
	answer := w.Anonymous().Exchange(t, request)
	cookies := (&http.Response{Header: answer.Header}).Cookies()
	switch {
	case len(cookies) == 0:
		return answer, nil
	case len(cookies) > 1 || cookies[0].Name != cookieName || !cookies[0].HttpOnly:
		t.Errorf("set: %v", cookies)
	}
	return answer, cookies[0]
}

func signInByCookie(email string) string {
	return `mutation { signIn(input: {email: "` + email + `", password: "correct horse", cookie: true}) {
		token expiresAt user { name sessions { nodes { current } } } userErrors { code } } }`
}

// A session in a cookie is as good as one by header; its token is shown nowhere, and the cookie goes with the session.
func TestSignInByCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetPassword(t, w.member, "correct horse")
	const me = `{ me { name } }`
	signIn := func() string {
		t.Helper()
		answer, cookie := w.byCookie(t, "", signInByCookie(w.member.Email))
		if len(answer.Errors) > 0 || cookie == nil || cookie.MaxAge != 400*24*60*60 || !strings.HasPrefix(cookie.Value, "dossier_session_") ||
			strings.Contains(answer.Body, cookie.Value) || !strings.Contains(answer.Body, `"token":null`) || !strings.Contains(answer.Body, `"current":true`) {
			t.Fatalf("%v: %s", cookie, answer.Body)
		}
		if answer, cookie := w.byCookie(t, cookie.Value, me); answer.Status != 200 || len(answer.Errors) > 0 || cookie != nil {
			t.Fatalf("then %v: %s", cookie, answer.Body)
		}
		return cookie.Value
	}
	for name, end := range map[string]func(session string) string{
		"signOut":    func(string) string { return `mutation { signOut { signedOut } }` },
		"endSession": func(id string) string { return `mutation { endSession(input: {id: "` + id + `"}) { endedSessionId } }` },
		"endSessions": func(string) string {
			return `mutation { endSessions(input: {userId: "` + w.member.ID.String() + `", keepCurrent: false}) { endedSessionCount } }`
		},
	} {
		token := signIn()
		answer, cookie := w.byCookie(t, token, end(w.sessionID(t, token)))
		if len(answer.Errors) > 0 || cookie == nil || cookie.Value != "" || cookie.MaxAge >= 0 {
			t.Errorf("%s sets %v: %s", name, cookie, answer.Body)
		}
		answer, cookie = w.byCookie(t, token, me)
		if !slices.Equal(answer.Codes(), []string{"UNAUTHENTICATED"}) || cookie != nil {
			t.Errorf("after %s: %v, %s", name, cookie, answer.Body)
		}
		// A client with an old cookie can sign in.
		if answer, cookie := w.byCookie(t, token, signInByCookie(w.member.Email)); len(answer.Errors) > 0 || cookie == nil || cookie.Value == token {
			t.Errorf("after %s it signs in as %v: %s", name, cookie, answer.Body)
		}
	}
	other := w.Token(t, w.member)
	token := signIn()
	for _, query := range []string{
		`mutation { endSession(input: {id: "` + w.sessionID(t, other) + `"}) { endedSessionId } }`,
		`mutation { endSessions(input: {userId: "` + w.member.ID.String() + `"}) { endedSessionCount } }`,
		`mutation { signIn(input: {email: "` + w.member.Email + `", password: "wrong", cookie: true}) { token userErrors { code } } }`,
		`mutation { signIn(input: {email: "` + w.member.Email + `", password: "correct horse"}) { token userErrors { code } } }`,
	} {
		if answer, cookie := w.byCookie(t, token, query); len(answer.Errors) > 0 || cookie != nil {
			t.Errorf("%s sets %v: %s", query, cookie, answer.Body)
		}
	}
	if answer, _ := w.byCookie(t, token, me); len(answer.Errors) > 0 {
		t.Errorf("the session of the cookie has ended: %s", answer.Body)
	}
}

// Whoever signs in and out in one request is out.
func TestSignInAndOutByCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetPassword(t, w.member, "correct horse")
	query := strings.TrimSuffix(signInByCookie(w.member.Email), "}") + ` signOut { signedOut } }`
	if answer, cookie := w.byCookie(t, "", query); len(answer.Errors) > 0 || cookie == nil || cookie.MaxAge >= 0 {
		t.Errorf("%v: %s", cookie, answer.Body)
	}
}

// The session that a mailed or shown token starts may be kept in a cookie as well.
func TestTokensForACookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invited := w.User(t, w.company, model.RoleMember, "Ina Invited")
	w.Anonymous().Query(t, requestReset, "e", w.member.Email)
	for field, c := range map[string]struct{ user, token string }{
		"acceptInvitation": {invited.Name, w.Invite(t, invited)},
		"resetPassword":    {w.member.Name, w.Outbox.Token(t, w.member.Email, 1)},
	} {
		answer, cookie := w.byCookie(t, "", `mutation { `+field+`(input: {token: "`+c.token+`", password: "correct horse", cookie: true}) {
			token user { name } userErrors { code } } }`)
		if len(answer.Errors) > 0 || cookie == nil || !strings.Contains(answer.Body, `"token":null,"user":{"name":"`+c.user+`"}`) {
			t.Fatalf("%s: %v: %s", field, cookie, answer.Body)
		}
		if answer, _ := w.byCookie(t, cookie.Value, `{ me { name } }`); len(answer.Errors) > 0 {
			t.Errorf("%s: %s", field, answer.Body)
		}
	}
}

// A page of another origin neither acts by a person's cookie nor signs a person in as someone else.
func TestOtherOriginsHaveNoCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetPassword(t, w.member, "correct horse")
	foreign := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	answer, cookie := w.byCookie(t, "", signInByCookie(w.member.Email), foreign...)
	if !slices.Equal(answer.Codes(), []string{"FORBIDDEN"}) || cookie != nil {
		t.Errorf("signing in sets %v: %s", cookie, answer.Body)
	}
	invited := w.User(t, w.company, model.RoleMember, "Ina Invited")
	answer, cookie = w.byCookie(t, "", `mutation { acceptInvitation(input: {token: "`+w.Invite(t, invited)+`", password: "correct horse", cookie: true}) { token } }`, foreign...)
	if !slices.Equal(answer.Codes(), []string{"FORBIDDEN"}) || cookie != nil {
		t.Errorf("accepting an invitation sets %v: %s", cookie, answer.Body)
	}
	if sessions, err := w.Store.System().SessionsByUser(t.Context(), []model.UserID{w.member.ID, invited.ID}, model.PageArgs{}); err != nil ||
		len(sessions[w.member.ID].Nodes)+len(sessions[invited.ID].Nodes) > 0 {
		t.Errorf("a session was started: %v", err)
	}
	token := w.Token(t, w.manager)
	answer, _ = w.byCookie(t, token, `mutation { createTheme(input: {name: "Foreign"}) { theme { id } } }`, foreign...)
	if answer.Status != http.StatusForbidden || !slices.Equal(answer.Codes(), []string{"FORBIDDEN"}) || answer.Data != nil {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if !strings.Contains(w.Log.String(), "code=FORBIDDEN status=403") {
		t.Errorf("the log does not tell: %s", w.Log.String())
	}
	if answer, _ := w.byCookie(t, token, `mutation { createTheme(input: {name: "Own"}) { theme { id } } }`, "Sec-Fetch-Site", "same-origin"); len(answer.Errors) > 0 {
		t.Error(answer.Body)
	}
}
