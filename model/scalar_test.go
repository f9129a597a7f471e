package model

import (
	"bytes"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-22T16:45:00Z":             `"2026-11-22T16:45:00Z"`,
		"2026-11-22T17:45:00.123456+01:00": `"2026-11-22T16:45:00.123456Z"`,
		"2026-11-22T16:45:00.123456789Z":   `"2026-11-22T16:45:00.123456789Z"`,
		"0001-01-01T00:00:00.000001Z":      `"0001-01-01T00:00:00.000001Z"`,
		"9999-12-31T23:59:59Z":             `"9999-12-31T23:59:59Z"`,
	} {
		at, err := UnmarshalDateTime(text)
		var out bytes.Buffer
		MarshalDateTime(at).MarshalGQL(&out)
		if err != nil || out.String() != want {
			t.Errorf("%s: %s, %v", text, &out, err)
		}
	}
	for _, value := range []any{
		"", " ", "now", "2026-11-22", "2026-11-22T16:45:00", "2026-11-22 16:45:00Z", "2026-11-22T16:45Z", "2026-11-22T6:45:00Z", "2026-11-22T16:45:00,5Z",
		"2026-11-22T16:45:00+24:00", "2026-02-29T00:00:00Z", "2026-11-22T16:45:60Z", "26-11-22T16:45:00Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
		"0000-06-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-11-22T16:45:00Z\x00", nil, int64(1), 1.5, true, []any{},
	} {
		if at, err := UnmarshalDateTime(value); err == nil {
			t.Errorf("it took %v as %s", value, at)
		}
	}
	// A column with another zone is shown in UTC, and the zero time is null.
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)): `"2026-01-01T00:00:00Z"`, {}: "null",
	} {
		var out bytes.Buffer
		MarshalDateTime(at).MarshalGQL(&out)
		if out.String() != want {
			t.Errorf("%s is written %s", at, &out)
		}
	}
}

func BenchmarkTime(b *testing.B) {
	at := time.Date(2026, 11, 26, 1, 2, 3, 456789000, time.UTC)
	b.ReportAllocs()
	var answer bytes.Buffer
	for b.Loop() {
		answer.Reset()
		MarshalDateTime(at).MarshalGQL(&answer)
	}
}
