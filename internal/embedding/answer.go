package embedding

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// answerBytesMax is more than the largest batch of the longest vectors, written out.
const answerBytesMax = 16 << 20

// Error is what went wrong at an endpoint. It shows neither the key nor a text, nor what the endpoint wrote, which may repeat both.
type Error struct {
	Retryable bool // the same texts may succeed later
	Status    int  // of HTTP; 0 where there was no whole answer

	message string
	cause   error
}

func (e *Error) Error() string { return e.message }

// Unwrap gives what broke the connection, or the error of the caller's context.
func (e *Error) Unwrap() error { return e.cause }

// IsRetryable reports whether what gave the error may succeed later, unchanged.
func IsRetryable(err error) bool {
	known, ok := errors.AsType[*Error](err)
	return ok && known.Retryable
}

// fail is an error that stays.
func (e *endpoint) fail(status int, format string, args ...any) *Error {
	return &Error{Status: status, message: fmt.Sprintf("embeddings of %s at %s: ", e.Config.Model, e.URL) + fmt.Sprintf(format, args...)}
}

// broken is an error of the way to the endpoint, which may be there again soon.
func (e *endpoint) broken(cause error) *Error {
	if wrapped, ok := errors.AsType[*url.Error](cause); ok {
		cause = wrapped.Err // without the URL, which stands before
	}
	failed := e.fail(0, "no whole answer: %v", cause)
	if slow, ok := errors.AsType[net.Error](cause); ok && slow.Timeout() {
		failed, cause = e.fail(0, "no whole answer within %s", e.Timeout), nil // it is not the caller's deadline
	}
	failed.Retryable, failed.cause = true, cause
	return failed
}

// ended is the error of a caller that waits no longer.
func (e *endpoint) ended(cause error) *Error {
	failed := e.fail(0, "no whole answer: %v", cause)
	failed.Retryable, failed.cause = true, cause
	return failed
}

// refused is an answer without vectors.
func (e *endpoint) refused(status int) *Error {
	said := fmt.Sprintf("%d %s", status, http.StatusText(status))
	failed := e.fail(status, "%s", said)
	failed.Retryable = isPassing(status)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		failed.message += ": it does not take the key"
	case status == http.StatusNotFound:
		failed.message += ": there is no such model, or the URL has another path"
	case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity:
		failed.message += ": it does not take the question, such as for a text that is too long for the model"
	case status >= 300 && status < 400:
		failed.message += ": it leads elsewhere, where neither key nor texts are sent"
	}
	return failed
}

type answer struct {
	Data []struct {
		Index     int       `json:"index"`
		Embedding []float64 `json:"embedding"`
	} `json:"data"`
}

// read gives the vectors of an answer, in the order of the texts.
func (e *endpoint) read(response *http.Response, count int) ([][]float32, error) {
	if response.StatusCode != http.StatusOK {
		return nil, e.refused(response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax+1))
	if err != nil {
		return nil, e.broken(err)
	}
	if len(body) > answerBytesMax {
		return nil, e.fail(response.StatusCode, "the answer has more than %d bytes", answerBytesMax)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, e.fail(response.StatusCode, "the answer is not of OpenAI's embeddings") // the error may show a part of it
	}
	if len(a.Data) != count {
		return nil, e.fail(response.StatusCode, "the answer has %d vectors for %d texts", len(a.Data), count)
	}
	vectors := make([][]float32, count)
	for _, one := range a.Data {
		if one.Index < 0 || one.Index >= count || vectors[one.Index] != nil {
			return nil, e.fail(response.StatusCode, "the answer has no vector for some of the texts, and two for others")
		}
		if len(one.Embedding) != e.Config.Dimensions {
			return nil, e.fail(response.StatusCode, "the vectors have %d dimensions, not %d", len(one.Embedding), e.Config.Dimensions)
		}
		vector, ok := unit(one.Embedding)
		if !ok {
			return nil, e.fail(response.StatusCode, "a vector has no direction: all its numbers are 0")
		}
		vectors[one.Index] = vector
	}
	return vectors, nil
}
