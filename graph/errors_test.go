package graph

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"dossier/internal/fault"
)

// What the extensions of an error tell a program.
func TestPresentedExtensions(t *testing.T) {
	t.Parallel()
	p := presenter{logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for name, c := range map[string]struct {
		err       error
		extension string
		want      any
	}{
		"rate limit":          {&fault.Error{Code: fault.RateLimited, RetryAfter: 1500 * time.Millisecond}, "retryAfter", 2},
		"rate limit, code":    {&fault.Error{Code: fault.RateLimited}, "code", fault.RateLimited},
		"retryable":           {&fault.Error{Code: fault.Unavailable, Retryable: true}, "retryable", true},
		"a deadline":          {context.DeadlineExceeded, "code", fault.Timeout},
		"a deadline, wrapped": {gqlerror.Wrap(context.DeadlineExceeded), "code", fault.Timeout},
		"a client that left":  {context.Canceled, "code", fault.Timeout},
		"anything else":       {errors.New("secret"), "code", fault.Internal},
		"gqlgen's own":        {gqlerror.Errorf("must not be null"), "code", fault.Internal},
	} {
		if got := p.present(t.Context(), c.err).Extensions[c.extension]; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Of several faults, user errors are made only if all can be mended by the sender.
func TestSplitUserErrors(t *testing.T) {
	t.Parallel()
	bad, denied := fault.Invalid([]string{"name"}, "must not be empty."), fault.Denied("no")
	if userErrors, err := splitUserErrors(fault.List{bad, bad}); len(userErrors) != 2 || err != nil || userErrors[0].Message != "name must not be empty." {
		t.Errorf("%v, %v", userErrors, err)
	}
	if userErrors, err := splitUserErrors(fault.List{bad, denied}); len(userErrors) != 0 || err == nil {
		t.Errorf("%v, %v", userErrors, err)
	}
	if userErrors, err := splitUserErrors(errors.New("x")); userErrors == nil || len(userErrors) != 0 || err == nil {
		t.Errorf("%v, %v", userErrors, err)
	}
}
