package graph_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossier/internal/auth"
	"dossier/model"
)

// jwtOf makes the server take tokens of an identity provider, and gives one that is the user's.
func (w world) jwtOf(t testing.TB, user *model.User, lifetime time.Duration) string {
	t.Helper()
	secret := strings.Repeat("s", 32)
	checker, err := auth.NewJWT(t.Context(), auth.JWTConfig{Secret: secret, Issuer: "i", Audience: "a"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.Credentials.JWT = checker
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "i", "aud": "a", "sub": user.ID.String(), "exp": time.Now().Add(lifetime).Unix(),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A token of the identity provider does what its user may. It is no session: none ends with it, and it ends with none.
func TestJWTViewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.With(w.jwtOf(t, w.member, time.Hour))
	if data := client.Query(t, `{ me { name role sessions { totalCount } } }`); data.Text("me.name") != "Mo Member" || data.Text("me.sessions.totalCount") != "0" {
		t.Errorf("%v", data.Raw())
	}
	const create = ` createProject(input: {name: "n", clientName: "c"}) { project { owner { name } } userErrors { code } } }`
	if data := client.Query(t, `mutation {`+create); data.Text("createProject.project.owner.name") != "Mo Member" {
		t.Errorf("%v", data.Raw())
	}
	w.Token(t, w.member)
	data := client.Query(t, `mutation { signOut { signedOut } endSessions(input: {userId: "`+w.member.ID.String()+`", keepCurrent: false}) { endedSessionCount }`+create)
	if data.Text("signOut.signedOut") != "false" || data.Text("endSessions.endedSessionCount") != "1" || data.Text("createProject.project.owner.name") != "Mo Member" {
		t.Errorf("%v", data.Raw())
	}
	if codes := client.Do(t, `{ auditLog { totalCount } }`).Codes(); !slices.Equal(codes, []string{"FORBIDDEN"}) {
		t.Errorf("more than its user may: %v", codes)
	}
	answer := w.With(w.jwtOf(t, w.member, -time.Hour)).Do(t, `{ me { name } }`)
	if !slices.Equal(answer.Codes(), []string{"UNAUTHENTICATED"}) || answer.Errors[0].Message != "The token is refused: it has expired." {
		t.Errorf("%s", answer.Body)
	}
	w.As(t, w.manager).Query(t, `mutation { deactivateUser(input: {userId: "`+w.member.ID.String()+`"}) { user { id } } }`)
	if codes := client.Do(t, `{ me { name } }`).Codes(); !slices.Equal(codes, []string{"UNAUTHENTICATED"}) {
		t.Errorf("of a deactivated user: %v", codes)
	}
}
