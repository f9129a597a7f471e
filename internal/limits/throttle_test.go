package limits

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossier/internal/fault"
)

// clock is one that the test moves.
type clock struct{ at time.Time }

func newThrottle(b Budgets) (*Throttle, *clock) {
	t, c := NewThrottle(b), &clock{time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	t.now = func() time.Time { return c.at }
	return t, c
}

var few = Budgets{Address: Budget{5, time.Minute}, Account: Budget{3, time.Minute}, Owner: Budget{2, time.Minute}}

// fail tries and fails, and gives how long it was told to wait if it was not let try.
func fail(t *testing.T, y *Try) time.Duration {
	t.Helper()
	err := y.Check(t.Context())
	if err == nil {
		y.Failed()
		return 0
	}
	faults := fault.All(err)
	if len(faults) != 1 || faults[0].Code != fault.RateLimited || !faults[0].Retryable {
		t.Fatalf("%v", err)
	}
	return max(faults[0].RetryAfter.Round(time.Second), 1)
}

// failures is how often one may fail before one is not let try.
func failures(t *testing.T, try func() *Try) int {
	t.Helper()
	for n := range 100 {
		if fail(t, try()) > 0 {
			return n
		}
	}
	t.Fatal("nobody is held back")
	return 0
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	throttle, clock := newThrottle(few)
	account := func(n int) func() *Try {
		return func() *Try { return throttle.Try(fmt.Sprintf("192.0.2.%d", n), "Mo@Example.com", nil) }
	}
	if n := failures(t, account(1)); n != 3 {
		t.Errorf("an account may fail %d times", n)
	}
	// Whatever its case, and wherever the next one comes from.
	if wait := fail(t, throttle.Try("192.0.2.2", "MO@example.COM", nil)); wait != time.Minute {
		t.Errorf("from elsewhere: %s", wait)
	}
	clock.at = clock.at.Add(40 * time.Second)
	if wait := fail(t, account(3)()); wait != 20*time.Second {
		t.Errorf("after 40 s: %s", wait)
	}
	clock.at = clock.at.Add(21 * time.Second)
	if n := failures(t, account(4)); n != 1 {
		t.Errorf("after a minute: %d", n)
	}
	// An address fails at many accounts, or with tokens that name none.
	clock.at = clock.at.Add(time.Hour)
	next := 0
	if n := failures(t, func() *Try { next++; return throttle.Try("192.0.2.9", fmt.Sprint(next), nil) }); n != 5 {
		t.Errorf("an address may fail %d times", n)
	}
	if fail(t, throttle.Try("192.0.2.9", "", nil)) == 0 || fail(t, throttle.Try("192.0.2.10", "", nil)) > 0 {
		t.Error("the address is not what is held back")
	}
}

// Whoever succeeds is never held back, however often.
func TestSuccessesCostNothing(t *testing.T) {
	t.Parallel()
	throttle, _ := newThrottle(few)
	for range 100 {
		try := throttle.Try("127.0.0.1", "mo@example.com", nil)
		if err := try.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		try.Succeeded()
	}
	if n := failures(t, func() *Try { return throttle.Try("192.0.2.1", "mo@example.com", nil) }); n != 3 {
		t.Errorf("then the account may fail %d times", n)
	}
}

// Who fails elsewhere, or at the same address with other accounts, does not lock out the owner, who has a budget for that.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	const home, email = "2001:db8:1:2::7", "mo@example.com"
	asked := 0
	signedIn := func(context.Context) ([]string, error) {
		asked++
		return []string{"198.51.100.7", "2001:db8:1:2:ffff::1"}, nil // another one of the same network
	}
	spendAccount := func(throttle *Throttle) {
		failures(t, func() *Try { return throttle.Try("192.0.2.1", email, nil) })
	}
	for name, c := range map[string]struct {
		prepare func(*Throttle)
		address string
		want    int
	}{
		"by a live session":  {spendAccount, home, 2},
		"by another session": {spendAccount, "198.51.100.7", 2},
		"elsewhere":          {spendAccount, "198.51.100.8", 0},
		"of another network": {spendAccount, "2001:db8:1:3::7", 0},
		"without an address": {spendAccount, "", 0},
		"after a success":    {func(throttle *Throttle) { throttle.Try("198.51.100.9", email, nil).Succeeded(); spendAccount(throttle) }, "198.51.100.9", 2},
		"at a spent address": {func(throttle *Throttle) {
			failures(t, func() *Try { return throttle.Try(home, "", nil) })
		}, home, 2},
	} {
		throttle, clock := newThrottle(few)
		c.prepare(throttle)
		try := func() *Try { return throttle.Try(c.address, email, signedIn) }
		if n := failures(t, try); n != c.want {
			t.Errorf("%s: %d tries, want %d", name, n, c.want)
		}
		clock.at = clock.at.Add(time.Hour)
		if fail(t, try()) > 0 {
			t.Errorf("%s: held back for more than an hour", name)
		}
	}
	// A stranger who tries on and on has the sessions looked for as often as there is a budget.
	throttle, _ := newThrottle(few)
	spendAccount(throttle)
	asked = 0
	for range 50 {
		fail(t, throttle.Try("192.0.2.77", email, signedIn))
	}
	if asked != few.Owner.Tries {
		t.Errorf("the sessions were looked for %d times", asked)
	}
	broken := errors.New("no database")
	if err := throttle.Try("192.0.2.78", email, func(context.Context) ([]string, error) { return nil, broken }).Check(t.Context()); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "x": "",
	} {
		if got := networkOf(address); got != want {
			t.Errorf("%q is of %q, want %q", address, got, want)
		}
	}
}

// A refusal says whether the account alone is to blame, and then costs the address a try.
func TestSpendOfASpentAccount(t *testing.T) {
	t.Parallel()
	throttle, _ := newThrottle(few)
	spend := func(address string) error { return throttle.Try(address, "mo@example.com", nil).Spend(t.Context()) }
	for range few.Account.Tries {
		if err := spend("192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	for range few.Address.Tries {
		if err := spend("192.0.2.2"); !errors.Is(err, ErrAccount) || !fault.Is(err, fault.RateLimited) {
			t.Errorf("the account is spent: %v", err)
		}
	}
	if err := spend("192.0.2.2"); errors.Is(err, ErrAccount) || !fault.Is(err, fault.RateLimited) {
		t.Errorf("both are spent: %v", err)
	}
}

// What costs a try in any case costs no less when many come at once.
func TestSpendAtOnce(t *testing.T) {
	t.Parallel()
	throttle, _ := newThrottle(few)
	var spent atomic.Int32
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			if throttle.Try(fmt.Sprintf("192.0.2.%d", i), "mo@example.com", nil).Spend(t.Context()) == nil {
				spent.Add(1)
			}
		})
	}
	wait.Wait()
	if n := spent.Load(); n != 3 {
		t.Errorf("%d were let pass", n)
	}
}

func TestNoThrottle(t *testing.T) {
	t.Parallel()
	var throttle *Throttle
	try := throttle.Try("192.0.2.1", "mo@example.com", nil)
	for range 100 {
		if err := errors.Join(try.Check(t.Context()), try.Spend(t.Context())); err != nil {
			t.Fatal(err)
		}
		try.Failed()
	}
	try.Succeeded()
}
