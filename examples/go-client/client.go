package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Bounds of one request: how long an attempt may take, how many there are, and the mean pause after the first, which doubles from
// one to the next. The server answers within some seconds, whatever happens.
const (
	attemptTimeout = 15 * time.Second
	attemptsMax    = 6
	firstPause     = time.Second
)

// errUnknown is a mutation of which nobody knows whether it was done.
var errUnknown = errors.New("it is not known whether the change was made: read before you send it again")

// client sends operations with a key, and sends them again where that is safe and may help.
type client struct {
	next  graphql.Client
	pause time.Duration
}

func newClient(url, key string) *client {
	return &client{
		next:  graphql.NewClient(url+"/graphql", &http.Client{Timeout: attemptTimeout, Transport: withKey(key)}),
		pause: firstPause,
	}
}

// withKey is a transport that adds the key to each request.
type withKey string

func (k withKey) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+string(k))
	return http.DefaultTransport.RoundTrip(request)
}

// MakeRequest is called by the generated code.
func (c *client) MakeRequest(ctx context.Context, request *graphql.Request, response *graphql.Response) error {
	mutation := strings.HasPrefix(strings.TrimSpace(request.Query), "mutation")
	for attempt, pause := 1, c.pause; ; attempt, pause = attempt+1, 2*pause {
		var data json.RawMessage // of this attempt: what an earlier one answered in part must not stay
		answer := graphql.Response{Data: &data}
		err := c.next.MakeRequest(ctx, request, &answer)
		next := judge(err, mutation)
		if next.again && attempt < attemptsMax {
			wait := max(next.after, pause/2+rand.N(pause)) // at random, so that clients do not come back all at once
			log.Printf("%s: %s; trying again in %s", request.OpName, describe(err), wait.Round(time.Millisecond))
			select {
			case <-time.After(wait):
				continue
			case <-ctx.Done():
			}
		}
		if next.unknown {
			err = fmt.Errorf("%w: %w", errUnknown, err)
		}
		response.Errors, response.Extensions = answer.Errors, answer.Extensions
		if len(data) > 0 {
			err = errors.Join(err, json.Unmarshal(data, response.Data))
		}
		return err
	}
}

// verdict is what becomes of an attempt that failed.
type verdict struct {
	again   bool          // it is safe to send it again, and may help
	after   time.Duration // the least to wait before
	unknown bool          // it may have been done
}

// judge tells failures that pass from those that do not. A query may be sent as often as one likes. A mutation is sent again only
// where the server says that nothing was done, or was not reached.
func judge(err error, mutation bool) verdict {
	if err == nil {
		return verdict{}
	}
	list := errorsOf(err)
	if len(list) == 0 {
		return judgeStranger(err, mutation)
	}
	var v verdict
	for _, one := range list {
		// A longer path is of what was to be read after the change.
		done := mutation && len(one.Path) > 1
		switch retryable, _ := one.Extensions["retryable"].(bool); {
		case done || mutation && !retryable && (codeOf(one) == "UNAVAILABLE" || codeOf(one) == "INTERNAL"):
			v.unknown = true
		case retryable || codeOf(one) == "RATE_LIMITED":
			v.again = true
		}
		if seconds, ok := one.Extensions["retryAfter"].(float64); ok {
			v.after = max(v.after, time.Duration(seconds*float64(time.Second)))
		}
	}
	v.again = v.again && !v.unknown
	return v
}

// judgeStranger judges what is no answer of Dossier's: that of a proxy on the way, or none at all.
func judgeStranger(err error, mutation bool) verdict {
	if answer, ok := errors.AsType[*graphql.HTTPError](err); ok {
		switch answer.StatusCode {
		case http.StatusTooManyRequests:
			return verdict{again: true}
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return verdict{again: !mutation, unknown: mutation}
		}
		return verdict{unknown: mutation && answer.StatusCode >= http.StatusInternalServerError}
	}
	dial, ok := errors.AsType[*net.OpError](err)
	unsent := ok && dial.Op == "dial"
	return verdict{again: !mutation || unsent, unknown: mutation && !unsent}
}

// errorsOf gives the errors that Dossier answered, whatever the status of the answer. Each has a code; genqlient makes one without
// a code of whatever else comes.
func errorsOf(err error) gqlerror.List {
	list, ok := errors.AsType[gqlerror.List](err)
	if answer, isHTTP := errors.AsType[*graphql.HTTPError](err); isHTTP && !ok {
		list = answer.Response.Errors
	}
	if len(list) == 0 || codeOf(list[0]) == "" {
		return nil
	}
	return list
}

// codeOf is what programs tell errors apart by; messages are for people and may change.
func codeOf(err *gqlerror.Error) string {
	code, _ := err.Extensions["code"].(string)
	return code
}

// describe is the error for people: what Dossier answered with its codes, and anything else as it is.
func describe(err error) string {
	list := errorsOf(err)
	if len(list) == 0 {
		return err.Error()
	}
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = codeOf(one) + ": " + one.Message
	}
	text := strings.Join(texts, "; ")
	if errors.Is(err, errUnknown) {
		text = errUnknown.Error() + ": " + text
	}
	return text
}

// problems are the userErrors of a mutation: what is wrong with its input. Nothing was changed then.
type problems []Problem

func (p problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = fmt.Sprintf("%s: %s", one.Code, one.Message)
		if len(one.Field) > 0 {
			texts[i] = fmt.Sprintf("%s (%s)", texts[i], strings.Join(one.Field, "."))
		}
	}
	return strings.Join(texts, "; ")
}

// has reports whether one of the problems is of this kind.
func (p problems) has(code ErrorCode) bool {
	for _, one := range p {
		if one.Code == code {
			return true
		}
	}
	return false
}
