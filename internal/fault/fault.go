// Package fault names what can go wrong in terms a client understands. Every error that reaches a client is one of
// these kinds; whatever is not is INTERNAL, and its text stays in the log.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Code is the machine-readable kind of an error, as clients see it in `extensions.code` and `UserError.code`.
type Code string

// The codes, as the schema documents them.
const (
	BadUserInput    Code = "BAD_USER_INPUT"
	BadReference    Code = "BAD_REFERENCE"
	Conflict        Code = "CONFLICT"
	NotFound        Code = "NOT_FOUND"
	Unauthenticated Code = "UNAUTHENTICATED"
	Forbidden       Code = "FORBIDDEN"
	TooComplex      Code = "QUERY_TOO_COMPLEX"
	RateLimited     Code = "RATE_LIMITED"
	Timeout         Code = "TIMEOUT"
	Unavailable     Code = "UNAVAILABLE"
	Internal        Code = "INTERNAL"
)

// Error is one thing that went wrong. Message is for the client and names no SQL, table or path; the cause is for the log.
type Error struct {
	Code    Code
	Field   []string // path of the input that is to blame: ["documents", "3", "name"]; nil when none is
	Message string

	Retryable  bool          // the same request may succeed later, unchanged
	RetryAfter time.Duration // with RateLimited: how long to wait
	Limit      *Limit        // with TooComplex: the limit that was exceeded

	cause error
}

// Limit is a bound that a request exceeded.
type Limit struct {
	Name   string `json:"name"`
	Max    int    `json:"max"`
	Actual int    `json:"actual,omitempty"` // 0 where counting stopped at the bound
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Message)
	if len(e.Field) > 0 {
		text = fmt.Sprintf("%s (%s)", text, strings.Join(e.Field, "."))
	}
	if e.cause != nil {
		text = fmt.Sprintf("%s: %v", text, e.cause)
	}
	return text
}

// Unwrap gives the cause, which is for the log only.
func (e *Error) Unwrap() error { return e.cause }

// At returns the same fault, blamed on the input at this path.
func (e *Error) At(path ...string) *Error {
	clone := *e
	clone.Field = path
	return &clone
}

// Because returns the same fault with its cause, for the log.
func (e *Error) Because(cause error) *Error {
	clone := *e
	clone.cause = cause
	return &clone
}

// New makes a fault of this code.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Sentence is the message for a person. A message that starts in lower case goes on from the name of what it is about.
func (e *Error) Sentence(about string) string {
	if about == "" || e.Message == "" || !unicode.IsLower(rune(e.Message[0])) {
		return e.Message
	}
	return about + " " + e.Message
}

// Missing says that the thing is not there, or not visible: the two look the same.
func Missing(thing string) *Error { return New(NotFound, "There is no such %s.", thing) }

// Invalid says that an input breaks a rule.
func Invalid(path []string, format string, args ...any) *Error {
	return New(BadUserInput, format, args...).At(path...)
}

// Denied says that the viewer is known but may not do this.
func Denied(format string, args ...any) *Error { return New(Forbidden, format, args...) }

// Exceeded says that a request is over a limit, and names it. An actual of 0 means that counting stopped at the bound.
func Exceeded(name string, max, actual int) *Error {
	e := New(TooComplex, "The request is over the limit %s: at most %d.", name, max)
	if actual > 0 {
		e = New(TooComplex, "The request is over the limit %s: %d of at most %d.", name, actual, max)
	}
	e.Limit = &Limit{Name: name, Max: max, Actual: actual}
	return e
}

// TimedOut says that there was no time to finish.
var TimedOut = &Error{Code: Timeout, Message: "The request took too long and was stopped.", Retryable: true}

// Blame puts the blame of a single fault on the input at this path. Other errors pass as they are.
func Blame(err error, path ...string) error {
	if faults := All(err); len(faults) == 1 {
		return faults[0].At(path...)
	}
	return err
}

// List is several faults at once: validation reports every field.
type List []*Error

func (l List) Error() string {
	texts := make([]string, len(l))
	for i, e := range l {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// OrNil is the list as an error, nil when it is empty.
func (l List) OrNil() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Is reports whether err is, or wraps, a fault of this code.
func Is(err error, code Code) bool {
	for _, e := range All(err) {
		if e.Code == code {
			return true
		}
	}
	return false
}

// All gives the faults that err is or wraps, nil when it is none.
func All(err error) []*Error {
	if list, ok := errors.AsType[List](err); ok {
		return list
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return []*Error{one}
	}
	return nil
}
