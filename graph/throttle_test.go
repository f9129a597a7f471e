package graph_test

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"dossier/graph"
	"dossier/internal/apitest"
	"dossier/internal/limits"
	"dossier/model"
)

// budgets hold back after 3 tries, or 6 of an address; none comes back while a test runs.
func budgets(c *graph.Config) {
	b := limits.Budgets{
		Address: limits.Budget{Tries: 6, Every: time.Hour}, Account: limits.Budget{Tries: 3, Every: 24 * time.Hour},
		Owner: limits.Budget{Tries: 2, Every: time.Hour},
	}
	c.Sessions.Tries, c.Sessions.Requests, c.Sessions.Taken = limits.NewThrottle(b), limits.NewThrottle(b), limits.NewThrottle(b)
}

var retryAfter = regexp.MustCompile(`"retryAfter": ?[0-9]+`)

// wantHeldBack fails the test unless the answer says that there were too many tries, and until when.
func wantHeldBack(t *testing.T, name string, answer apitest.Answer) {
	t.Helper()
	if !slices.Equal(answer.Codes(), []string{"RATE_LIMITED"}) {
		t.Errorf("%s: %s", name, answer.Body)
		return
	}
	seconds, _ := answer.Errors[0].Extensions["retryAfter"].(float64)
	if seconds < 60 || answer.Header.Get("Retry-After") != fmt.Sprint(seconds) || answer.Errors[0].Extensions["retryable"] != true {
		t.Errorf("%s: Retry-After: %s: %s", name, answer.Header.Get("Retry-After"), answer.Body)
	}
}

// Who guesses at an account is held back, whether or not there is such an account, and does not lock the owner out.
func TestGuessesAtAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, budgets)
	w.SetPassword(t, w.member, "correct horse")
	at := func(address string) apitest.Client { return w.Anonymous().From(t, address) }
	// The owner signed in from one address and out again, and has a session from another one.
	token := at("127.0.0.2").Query(t, signIn, "e", w.member.Email, "p", "correct horse").Text("r.token")
	w.With(token).Query(t, `mutation { signOut { signedOut } }`)
	w.Token(t, w.member)
	if _, err := w.Pool.Exec("UPDATE sessions SET address = '127.0.0.3'"); err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i, email := range []string{w.member.Email, "nobody@test.example"} {
		attacker := at(fmt.Sprintf("127.0.0.%d", 10+i))
		for range 3 {
			if got := outcome(t, attacker, signIn, "e", email, "p", "guess"); got != "UNAUTHENTICATED" {
				t.Errorf("a guess at %s: %q", email, got)
			}
		}
		elsewhere := at(fmt.Sprintf("127.0.0.%d", 20+i))
		answer := elsewhere.Do(t, signIn, "e", strings.ToUpper(email), "p", "correct horse")
		wantHeldBack(t, "the next one at "+email, answer)
		bodies = append(bodies, retryAfter.ReplaceAllString(answer.Body, ""))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the refusal tells whether there is such an account:\n%s", strings.Join(bodies, "\n"))
	}
	for _, address := range []string{"127.0.0.2", "127.0.0.3"} {
		if got := outcome(t, at(address), signIn, "e", w.member.Email, "p", "correct horse"); got != "" {
			t.Errorf("the owner at %s: %q", address, got)
		}
	}
	for range 2 {
		if got := outcome(t, at("127.0.0.3"), signIn, "e", w.member.Email, "p", "typo"); got != "UNAUTHENTICATED" {
			t.Errorf("the owner's typo: %q", got)
		}
	}
	wantHeldBack(t, "the owner's third typo", at("127.0.0.3").Do(t, signIn, "e", w.member.Email, "p", "typo"))
	// A stolen session does not help to guess on.
	wantHeldBack(t, "by changePassword", w.As(t, w.member).From(t, "127.0.0.30").Do(t, change, "c", "guess", "n", "stolen horse"))
}

// Who fails at many accounts, or with tokens, is held back at the address.
func TestFailuresOfAnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, budgets)
	invitation := w.Invite(t, w.member)
	client := w.Anonymous().From(t, "127.0.0.2")
	for i, c := range []struct{ query, first, value, second, other string }{
		{reset, "t", "x", "p", "long enough"}, {accept, "t", "x", "p", "long enough"}, {verify, "t", "x", "", ""},
		{signIn, "e", "a@test.example", "p", "guess"}, {signIn, "e", "b@test.example", "p", "guess"}, {reset, "t", strings.Repeat("x", 200), "p", "long enough"},
	} {
		if got := outcome(t, client, c.query, c.first, c.value, c.second, c.other); got != "UNAUTHENTICATED" {
			t.Errorf("try %d: %q", i, got)
		}
	}
	wantHeldBack(t, "signIn", client.Do(t, signIn, "e", "c@test.example", "p", "guess"))
	wantHeldBack(t, "resetPassword", client.Do(t, reset, "t", "x", "p", "long enough"))
	wantHeldBack(t, "verifyEmail", client.Do(t, verify, "t", "x"))
	wantHeldBack(t, "acceptInvitation", client.Do(t, accept, "t", invitation, "p", "long enough"))
	if got := outcome(t, w.Anonymous().From(t, "127.0.0.3"), accept, "t", invitation, "p", "long enough"); got != "" {
		t.Errorf("at another address: %q", got)
	}
}

// Whoever signs in signs in, however often.
func TestSignInsAreNotHeldBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, budgets)
	w.SetPassword(t, w.member, "correct horse")
	for range 8 {
		if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", "correct horse"); got != "" {
			t.Fatalf("%q", got)
		}
	}
}

// Many guesses at once are no more than as many one after the other, but for those whose turn it is at the same time.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, budgets, func(c *graph.Config) { c.Limits.InFlight = 1_000_000 }) // there is room for all of them
	w.SetPassword(t, w.member, "correct horse")
	var mu sync.Mutex
	var wait sync.WaitGroup
	outcomes := map[string]int{}
	for i := range 12 {
		client := w.Anonymous().From(t, fmt.Sprintf("127.0.0.%d", 10+i))
		wait.Go(func() {
			got := outcome(t, client, signIn, "e", w.member.Email, "p", "guess")
			mu.Lock()
			defer mu.Unlock()
			outcomes[got]++
		})
	}
	wait.Wait()
	if n := outcomes["UNAUTHENTICATED"]; n < 3 || n > 3+max(2, runtime.GOMAXPROCS(0)) || outcomes["error RATE_LIMITED"] == 0 {
		t.Errorf("%v", outcomes)
	}
}

// How many mails may be asked for is limited, whether or not there is such a user; the owner has a budget for it.
func TestRequestsForMailsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, budgets)
	w.Token(t, w.member)
	if _, err := w.Pool.Exec("UPDATE sessions SET address = '127.0.0.3'"); err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i, email := range []string{w.member.Email, "nobody@test.example"} {
		for range 3 {
			if got := outcome(t, w.Anonymous().From(t, fmt.Sprintf("127.0.0.%d", 10+i)), requestReset, "e", email); got != "" {
				t.Errorf("%q", got)
			}
		}
		// From elsewhere nothing more is mailed, which is not told. Each such request counts at its address all the same.
		elsewhere := w.Anonymous().From(t, fmt.Sprintf("127.0.0.%d", 20+i))
		for range 6 {
			if got := outcome(t, elsewhere, requestReset, "e", email); got != "" {
				t.Errorf("%s, from elsewhere: %q", email, got)
			}
		}
		answer := elsewhere.Do(t, requestReset, "e", email)
		wantHeldBack(t, email, answer)
		bodies = append(bodies, retryAfter.ReplaceAllString(answer.Body, ""))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the refusal tells whether there is such a user:\n%s", strings.Join(bodies, "\n"))
	}
	if got := outcome(t, w.Anonymous().From(t, "127.0.0.3"), requestReset, "e", w.member.Email); got != "" {
		t.Errorf("the owner: %q", got)
	}
	wantHeldBack(t, "a verification", w.As(t, w.member).From(t, "127.0.0.40").Do(t, requestVerification))
	w.Outbox.Close()
	if n := len(w.Outbox.To(w.member.Email)); n != 4 {
		t.Errorf("%d mails", n)
	}
}

// Who asks for resets of someone's password over and over does not make the link useless that was mailed last.
func TestLastResetLinkStaysGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, budgets)
	for i := range 8 {
		if got := outcome(t, w.Anonymous().From(t, fmt.Sprintf("127.0.0.%d", 10+i)), requestReset, "e", w.member.Email); got != "" {
			t.Errorf("%q", got)
		}
	}
	w.Outbox.Close() // all letters are written
	if n := len(w.Outbox.To(w.member.Email)); n != 3 {
		t.Errorf("%d mails", n)
	}
	var links []string
	for number := range 3 {
		links = append(links, w.Outbox.Token(t, w.member.Email, number+1))
	}
	used := 0
	for _, link := range links {
		if outcome(t, w.Anonymous(), reset, "t", link, "p", "long enough") == "" {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%d of the mailed links can be used", used)
	}
}

// halfASecond is what a failed sign-in takes at least.
const halfASecond = 500 * time.Millisecond

// A failed sign-in takes as long where there is no such user, or the hash is one that is computed in a moment.
func TestFailedSignInsTakeAsLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetPassword(t, w.member, "correct horse")
	w.setHash(t, w.manager, bcryptOf(t, "correct horse"))
	fastest := map[string]time.Duration{}
	for range 5 { // in turn, so that a slower moment is slower for all
		for name, email := range map[string]string{"argon2id": w.member.Email, "bcrypt": w.manager.Email, "nobody": "nobody@test.example"} {
			began := time.Now()
			if got := outcome(t, w.Anonymous(), signIn, "e", email, "p", "guess"); got != "UNAUTHENTICATED" {
				t.Fatalf("%s: %q", name, got)
			}
			if took := time.Since(began); fastest[name] == 0 || took < fastest[name] {
				fastest[name] = took
			}
		}
	}
	t.Logf("%v", fastest)
	for name, took := range fastest {
		// The race detector makes one hash slower than the other.
		if took < halfASecond || !raced && float64(took) > 1.5*float64(fastest["bcrypt"]) {
			t.Errorf("%s takes %s: %v", name, took, fastest)
		}
	}
}

// An answer that is held back keeps nobody from being served.
func TestHeldBackAnswersTakeNoRoom(t *testing.T) {
	t.Parallel()
	// A sign-in takes all the room there is.
	w := newWorld(t, func(c *graph.Config) { c.Limits.InFlight = 1000 })
	w.setHash(t, w.manager, bcryptOf(t, "correct horse")) // which is computed in a moment
	client := w.As(t, w.member)
	for range 5 { // a busy machine may take longer for it all the same
		answered := make(chan time.Time)
		go func() {
			w.Anonymous().Do(t, signIn, "e", w.manager.Email, "p", "guess")
			answered <- time.Now()
		}()
		time.Sleep(20 * time.Millisecond)
		client.Query(t, `{ me { name } }`)
		served := time.Now()
		if (<-answered).Sub(served) > 50*time.Millisecond {
			return
		}
	}
	t.Error("whoever comes after a failed sign-in waits for its answer")
}

func bcryptOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func (w world) setHash(t *testing.T, user *model.User, hash string) {
	t.Helper()
	if _, err := w.Pool.Exec("UPDATE users SET password_hash = $1 WHERE id = $2", hash, user.ID); err != nil {
		t.Fatal(err)
	}
}

func (w world) hashOf(t *testing.T, user *model.User) (hash string) {
	t.Helper()
	if err := w.Pool.QueryRow("SELECT password_hash FROM users WHERE id = $1", user.ID).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	return hash
}

// The hashes of the former backend let their users in, and are replaced by better ones of the same password then.
func TestBcryptHashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("0123456789", 7) + "ab" // all that bcrypt takes
	for prefix, password := range map[string]string{"$2a$": "correct horse", "$2b$": "größeres Pferd", "$2y$": long} {
		w.setHash(t, w.member, prefix+strings.TrimPrefix(bcryptOf(t, password), "$2a$"))
		if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", password[1:]); got != "UNAUTHENTICATED" {
			t.Errorf("%s, another password: %q", prefix, got)
		}
		if hash := w.hashOf(t, w.member); !strings.HasPrefix(hash, prefix) {
			t.Errorf("%s became %s by a failure", prefix, hash)
		}
		given := password
		if password == long {
			given += "cd" // never counted, and counts from now on
		}
		if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", given); got != "" {
			t.Errorf("%s: %q", prefix, got)
		}
		if hash := w.hashOf(t, w.member); !strings.HasPrefix(hash, "$argon2id$") {
			t.Errorf("%s became %s", prefix, hash)
		}
		if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", given); got != "" {
			t.Errorf("%s, upgraded: %q", prefix, got)
		}
	}
	if data := w.As(t, w.member).Query(t, `{ me { version } }`); data.Text("me.version") != "1" {
		t.Errorf("an upgrade changed the user: %v", data.Raw())
	}
	// By changePassword as well.
	w.setHash(t, w.member, bcryptOf(t, "correct horse"))
	if got := outcome(t, w.As(t, w.member), change, "c", "correct horse", "n", "better horse"); got != "" {
		t.Errorf("changing it: %q", got)
	}
}

// Sign-ins that upgrade the same hash at the same time all succeed.
func TestBcryptHashIsUpgradedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setHash(t, w.member, bcryptOf(t, "correct horse"))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if got := outcome(t, w.Anonymous(), signIn, "e", w.member.Email, "p", "correct horse"); got != "" {
				t.Errorf("%q", got)
			}
		})
	}
	wait.Wait()
}
