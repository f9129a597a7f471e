package model

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"dossier/internal/fault"
)

// malformed says what is wrong with an argument; its name is added where the fault is presented.
func malformed(format string, args ...any) error {
	return fault.New(fault.BadUserInput, format, args...)
}

var (
	errNotText   = malformed("is not a string.")
	errNUL       = malformed("contains the character NUL (U+0000), which cannot be stored.")
	errBrokenUTF = malformed("is not valid Unicode: it contains broken UTF-8, a lone surrogate, or the replacement character U+FFFD that stands for one.")
	errNotInt    = malformed("is not a 32-bit whole number.")
)

// MarshalString writes a JSON string.
func MarshalString(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalString reads text that PostgreSQL can keep as it is. encoding/json turns broken UTF-8 and lone surrogates into
// U+FFFD without a word, so that character is refused: it is what was lost on the way.
func UnmarshalString(v any) (string, error) {
	text, ok := v.(string)
	switch {
	case !ok:
		return "", errNotText
	case strings.ContainsRune(text, 0):
		return "", errNUL
	case !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError):
		return "", errBrokenUTF
	}
	return text, nil
}

// MarshalInt writes a whole number.
func MarshalInt(n int32) graphql.Marshaler { return graphql.MarshalInt32(n) }

// UnmarshalInt reads a 32-bit whole number (GraphQL spec, section 3.5.1): no strings, no fractions, no overflow.
func UnmarshalInt(v any) (int32, error) {
	switch n := v.(type) {
	case int: // the schema's default of an input field
		return UnmarshalInt(int64(n))
	case int64:
		if int64(int32(n)) == n {
			return int32(n), nil
		}
	case json.Number:
		if parsed, err := strconv.ParseInt(n.String(), 10, 32); err == nil {
			return int32(parsed), nil
		}
	}
	return 0, errNotInt
}

// MarshalFloat writes a number.
func MarshalFloat(x float64) graphql.ContextMarshaler { return graphql.MarshalFloatContext(x) }

// UnmarshalFloat reads a finite number (GraphQL spec, section 3.5.2): no strings.
func UnmarshalFloat(_ context.Context, v any) (float64, error) {
	if x, err := floatOf(v); err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) {
		return x, nil
	}
	return 0, malformed("is not a number.")
}

// bigIntMax is the largest whole number that a JavaScript client reads without loss: 2^53-1.
const bigIntMax = 1<<53 - 1

// MarshalBigInt writes a whole number as a JSON number.
func MarshalBigInt(n int64) graphql.Marshaler { return graphql.MarshalInt64(n) }

// UnmarshalBigInt reads a whole number from 0 to 2^53-1.
func UnmarshalBigInt(v any) (int64, error) {
	var n int64
	var err error
	switch v := v.(type) {
	case int64:
		n = v
	case json.Number:
		n, err = strconv.ParseInt(v.String(), 10, 64)
	default:
		err = errNotInt
	}
	if err != nil || n < 0 || n > bigIntMax {
		return 0, malformed("is not a whole number from 0 to %d.", int64(bigIntMax))
	}
	return n, nil
}

// MarshalDateTime writes a time as RFC 3339 text in UTC; the zero time is null.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	if t.IsZero() {
		return graphql.Null
	}
	return graphql.MarshalString(t.UTC().Format(time.RFC3339Nano))
}

// timePattern is a date-time of RFC 3339 section 5.6, in upper case; package time alone takes more than that.
var timePattern = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$`)

// UnmarshalDateTime reads RFC 3339 text with any offset, of the years that RFC 3339 can write in UTC and PostgreSQL can keep.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !timePattern.MatchString(text) {
		return time.Time{}, malformed("is not a time as RFC 3339 text, such as 2026-11-22T16:45:00Z.")
	}
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, malformed("is not in the years 1 to 9999, in UTC.")
	}
	return t, nil
}

// JSON is a JSON value that the API passes on as it is.
type JSON json.RawMessage

// MarshalGQL writes the value.
func (j JSON) MarshalGQL(w io.Writer) { _, _ = w.Write(j) }

// UnmarshalGQL refuses: no argument of this API is free-form.
func (j *JSON) UnmarshalGQL(any) error { return malformed("cannot be given as an argument.") }

// MarshalJSON keeps Bun from encoding it again.
func (j JSON) MarshalJSON() ([]byte, error) { return j, nil }

// Scan reads a jsonb column.
func (j *JSON) Scan(src any) error {
	switch src := src.(type) {
	case []byte:
		*j = append((*j)[:0], src...)
	case string:
		*j = JSON(src)
	default:
		return fmt.Errorf("scan JSON from %T", src)
	}
	return nil
}

// enum is a GraphQL enum: text of a fixed set.
type enum interface{ ~string }

func marshalEnum[T enum](w io.Writer, value T) {
	_, _ = io.WriteString(w, strconv.Quote(string(value)))
}

func unmarshalEnum[T enum](v any, value *T, allowed ...T) error {
	text, _ := v.(string)
	for _, one := range allowed {
		if string(one) == text {
			*value = one
			return nil
		}
	}
	return malformed("is not one of %v.", allowed)
}
