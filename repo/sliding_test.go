package repo_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// aged gives the hash of a session's token: it was started so long ago, its end was set so long ago, and that end lies so far from then.
func aged(t testing.TB, w world, started, set, length time.Duration) []byte {
	t.Helper()
	hash := session(t, w, w.member)
	_, err := w.Pool.Exec(`UPDATE sessions SET created_at = now() - make_interval(secs => $1), updated_at = now() - make_interval(secs => $2),
		expires = now() - make_interval(secs => $2) + make_interval(secs => $3) WHERE token_hash = decode($4, 'hex')`,
		started.Seconds(), set.Seconds(), length.Seconds(), fmt.Sprintf("%x", hash))
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// left is how long the session lasts from now on.
func left(t testing.TB, w world, hash []byte) time.Duration {
	t.Helper()
	var seconds float64
	err := w.Pool.QueryRow("SELECT extract(epoch FROM expires - now()) FROM sessions WHERE token_hash = decode($1, 'hex')", fmt.Sprintf("%x", hash)).Scan(&seconds)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Minute)
}

// A session that is used lasts its length from then on, no longer than a year in all, and is written once an hour at most.
func TestSessionsSlide(t *testing.T) {
	t.Parallel()
	const hour, day = time.Hour, 24 * time.Hour
	w := newWorld(t)
	for _, c := range []struct {
		name                 string
		started, set, length time.Duration
		want                 time.Duration
		statements           int
	}{
		{"new", 0, 0, 30 * day, 30 * day, 1},
		{"used a while ago", 50 * time.Minute, 50 * time.Minute, 30 * day, 30*day - 50*time.Minute, 1},
		{"used an hour ago", 61 * time.Minute, 61 * time.Minute, 30 * day, 30 * day, 2},
		{"used on its last day", 40 * day, 29 * day, 30 * day, 30 * day, 2},
		{"near its year", 350 * day, 20 * day, 30 * day, 15 * day, 2},
		{"at its year's end", 364 * day, 20 * day, 21 * day, day, 1},
		{"of another length", 10 * day, 5 * hour, 8 * hour, 8 * hour, 2},
		{"older than a year", 400 * day, 2 * hour, 30 * day, 30*day - 2*hour, 1},
	} {
		hash := aged(t, w, c.started, c.set, c.length)
		for i := range 3 {
			w.SQL.Reset()
			viewer, err := w.Store.ViewerBySession(t.Context(), hash)
			statements := len(w.SQL.Statements(false))
			if want := map[bool]int{true: c.statements, false: 1}[i == 0]; err != nil || viewer.UserID != w.member.ID || statements != want {
				t.Errorf("%s, request %d: %d statements, want %d; %v", c.name, i, statements, want, err)
			}
		}
		if got := left(t, w, hash); got != c.want {
			t.Errorf("%s: it lasts %s more, want %s", c.name, got, c.want)
		}
	}
	over := aged(t, w, 31*day, 31*day, 30*day)
	if _, err := w.Store.ViewerBySession(t.Context(), over); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a session that was over came back: %v", err)
	}
}

// A sign-in's session slides by its 30 days.
func TestSignInsSlide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetPassword(t, w.member, "correct horse")
	signedIn := must[*auth.SignedIn](t)((auth.Sessions{Store: w.Store}).SignIn(t.Context(),
		model.SignInInput{Email: w.member.Email, Password: "correct horse"}, auth.Client{}))
	_, err := w.Pool.Exec("UPDATE sessions SET created_at = created_at - interval '2 days', updated_at = updated_at - interval '2 days', expires = expires - interval '2 days'")
	if err != nil {
		t.Fatal(err)
	}
	must[model.Viewer](t)(auth.Credentials{Store: w.Store}.Viewer(t.Context(), signedIn.Token))
	var days float64
	if err := w.Pool.QueryRow("SELECT extract(epoch FROM expires - now()) / 86400 FROM sessions").Scan(&days); err != nil || days < 29.99 || days > 30.01 {
		t.Errorf("%f days, %v", days, err)
	}
}

// Where the end cannot be moved the session is good all the same, and nobody waits for it.
func TestSlidingFailsNoRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash := aged(t, w, 2*time.Hour, 2*time.Hour, 30*24*time.Hour)
	tx, err := w.Pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT FROM sessions FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	viewer, err := w.Store.ViewerBySession(t.Context(), hash)
	if took := time.Since(began); err != nil || viewer.UserID != w.member.ID || took > 5*time.Second {
		t.Errorf("after %s: %+v, %v", took, viewer, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	w.SQL.FailAt(2)
	if viewer, err := w.Store.ViewerBySession(t.Context(), hash); err != nil || viewer.UserID != w.member.ID {
		t.Errorf("%+v, %v", viewer, err)
	}
}

// A session that slid is warm, until it is over.
func TestSlidSessionsAreWarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := newInstance(t, w)
	hash := aged(t, w, 2*time.Hour, 2*time.Hour, 30*24*time.Hour)
	must[model.Viewer](t)(i.ViewerBySession(t.Context(), hash))
	within(t, staleMax, "a warm session", func() bool { // the change of the session is told first
		i.sql.Reset()
		must[model.Viewer](t)(i.ViewerBySession(t.Context(), hash))
		return len(requested(i.sql)) == 0
	})
	err := i.InTx(t.Context(), viewer(w.manager), func(ctx context.Context, tx *repo.Tx) error {
		_, err := tx.EndSessions(ctx, model.EndSessionsInput{UserID: w.member.ID})
		return err
	})
	if _, after := i.ViewerBySession(t.Context(), hash); err != nil || !fault.Is(after, fault.Unauthenticated) {
		t.Errorf("%v, %v", err, after)
	}
}
