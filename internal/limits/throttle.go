// Package limits holds back whoever tries too often.
package limits

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"dossier/internal/fault"
)

// Budget is how many tries there are at once, and how long it takes until one that was spent is there again.
type Budget struct {
	Tries int
	Every time.Duration
}

// whole is how long it takes until a budget of which all was spent has all again.
func (b Budget) whole() time.Duration { return time.Duration(b.Tries) * b.Every }

// Budgets are those of a throttle. A try needs one of the client's address and one of the account that it names.
type Budgets struct {
	Address Budget // of an IPv4 address, or a network of IPv6
	Account Budget // of an account, from wherever

	// Owner is of an account at an address from which it was signed in to before. It counts when another one is spent: who
	// tries elsewhere does not lock the owner out.
	Owner Budget
}

const (
	// keysMax bounds how many budgets of each kind are remembered, those that are used most.
	keysMax = 50_000
	// ownerFor is how long an address counts as the account's after a success, also when the session is over.
	ownerFor = 7 * 24 * time.Hour
	// ipv6NetworkBits is what a provider gives one customer at least (RFC 6177).
	ipv6NetworkBits = 64
)

// key stands for an address or an account: their texts may be of any length.
type key [sha256.Size]byte

func keyOf(parts ...string) key { return sha256.Sum256([]byte(strings.Join(parts, "\x00"))) }

// Throttle is of one instance, and forgets with it. A nil Throttle holds nobody back.
type Throttle struct {
	addresses, accounts, owners spending
	signedIn                    *otter.Cache[key, struct{}] // accounts at addresses
	now                         func() time.Time
}

// NewThrottle makes a throttle with these budgets.
func NewThrottle(b Budgets) *Throttle {
	return &Throttle{
		addresses: newSpending(b.Address), accounts: newSpending(b.Account), owners: newSpending(b.Owner),
		signedIn: otter.Must(&otter.Options[key, struct{}]{
			MaximumSize: keysMax, ExpiryCalculator: otter.ExpiryWriting[key, struct{}](ownerFor),
		}),
		now: time.Now,
	}
}

// spending is what was spent of budgets of one kind. One that is whole is not kept.
type spending struct {
	budget Budget
	spent  *otter.Cache[key, *rate.Limiter]
}

func newSpending(b Budget) spending {
	return spending{b, otter.Must(&otter.Options[key, *rate.Limiter]{
		MaximumSize: keysMax, ExpiryCalculator: otter.ExpiryAccessing[key, *rate.Limiter](b.whole()),
	})}
}

// wait is how long it takes until there is a try, 0 if there is one.
func (s spending) wait(k key, now time.Time) time.Duration {
	limiter, ok := s.spent.GetIfPresent(k)
	if !ok {
		return 0
	}
	missing := 1 - limiter.TokensAt(now)
	return time.Duration(math.Ceil(max(0, missing) * float64(s.budget.Every)))
}

// spend takes a try, and reports whether there was one.
func (s spending) spend(k key, now time.Time) bool {
	limiter, _ := s.spent.SetIfAbsent(k, rate.NewLimiter(rate.Every(s.budget.Every), s.budget.Tries))
	return limiter.AllowN(now, 1)
}

// PerName bounds how often something happens for each of many names.
type PerName struct{ spending }

// NewPerName gives each name this budget.
func NewPerName(b Budget) PerName { return PerName{newSpending(b)} }

// Allow spends a try of the name, and reports whether there was one.
func (p PerName) Allow(name string) bool { return p.spend(keyOf(name), time.Now()) }

// Try is one try of a client. A nil Try is never refused.
type Try struct {
	throttle                *Throttle
	network                 string
	address, account, owner key
	named                   bool // an account
	addresses               func(context.Context) ([]string, error)
	isOwner                 bool // nothing is known while it is false
}

// Try begins a try of a client at an address, at the account that it names, "" for none. An account that there is not has a
// budget as any other. The function gives the addresses from which the account is signed in to; it is asked when a budget is spent.
func (t *Throttle) Try(address, account string, addresses func(context.Context) ([]string, error)) *Try {
	if t == nil {
		return nil
	}
	network, account := networkOf(address), strings.ToLower(account)
	return &Try{
		throttle: t, network: network, address: keyOf(network), account: keyOf(account), owner: keyOf(network, account),
		named: account != "", addresses: addresses,
	}
}

// networkOf is what counts as one address. All whose address is not known count as one.
func networkOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, ipv6NetworkBits).Masked().String()
}

// Check refuses the try with RATE_LIMITED when there is no budget for it.
func (y *Try) Check(ctx context.Context) error {
	if y == nil {
		return nil
	}
	_, err := y.admit(ctx)
	return err
}

// ErrAccount is the cause of a refusal for the sake of the account alone: the address has tries left.
var ErrAccount = errors.New("the account's budget is spent")

// admit reports whether the try is the owner's, for which no other budget is left.
func (y *Try) admit(ctx context.Context) (asOwner bool, err error) {
	t, now := y.throttle, y.throttle.now()
	wait := y.wait(now)
	if wait == 0 {
		return false, nil
	}
	refusal := tooOften(wait)
	if t.addresses.wait(y.address, now) == 0 {
		refusal = refusal.Because(ErrAccount)
	}
	if !y.named || t.owners.wait(y.owner, now) > 0 {
		return false, refusal
	}
	if asOwner, err = y.ownerIsHere(ctx); err != nil || asOwner {
		return asOwner, err
	}
	t.owners.spend(y.owner, now) // so that a stranger is not looked for at each try
	return false, refusal
}

// wait is how long it takes until there is a try for the address and the account.
func (y *Try) wait(now time.Time) time.Duration {
	wait := y.throttle.addresses.wait(y.address, now)
	if y.named {
		wait = max(wait, y.throttle.accounts.wait(y.account, now))
	}
	return wait
}

// ownerIsHere reports whether the account was signed in to from the address.
func (y *Try) ownerIsHere(ctx context.Context) (bool, error) {
	if _, ok := y.throttle.signedIn.GetIfPresent(y.owner); ok || y.isOwner {
		return true, nil
	}
	if y.addresses == nil || y.network == "" {
		return false, nil
	}
	addresses, err := y.addresses(ctx)
	if err != nil {
		return false, err
	}
	for _, address := range addresses {
		y.isOwner = y.isOwner || networkOf(address) == y.network
	}
	return y.isOwner, nil
}

// Failed spends of the budgets by which the try was admitted.
func (y *Try) Failed() {
	if y == nil {
		return
	}
	if now := y.throttle.now(); y.wait(now) == 0 || !y.named {
		y.spend(now)
	} else {
		y.throttle.owners.spend(y.owner, now)
	}
}

// spend takes a try of the address and of the account, and reports whether both had one.
func (y *Try) spend(now time.Time) bool {
	had := y.throttle.addresses.spend(y.address, now)
	if y.named {
		had = y.throttle.accounts.spend(y.account, now) && had
	}
	return had
}

// Succeeded spends nothing, and notes that the account is used from the address.
func (y *Try) Succeeded() {
	if y != nil && y.named {
		y.throttle.signedIn.Set(y.owner, struct{}{})
	}
}

// Spend is Check for what costs a try whether or not it succeeds. A refusal with ErrAccount costs the address one, so that whoever
// makes nothing of it is held back in the end.
func (y *Try) Spend(ctx context.Context) error {
	if y == nil {
		return nil
	}
	asOwner, err := y.admit(ctx)
	now := y.throttle.now()
	if errors.Is(err, ErrAccount) {
		y.throttle.addresses.spend(y.address, now)
	}
	if err != nil {
		return err
	}
	if asOwner && y.throttle.owners.spend(y.owner, now) || !asOwner && y.spend(now) {
		return nil
	}
	return tooOften(max(y.wait(now), time.Second)) // others were faster
}

func tooOften(wait time.Duration) *fault.Error {
	e := fault.New(fault.RateLimited, "There were too many tries: wait until the next one.")
	e.Retryable, e.RetryAfter = true, wait
	return e
}
