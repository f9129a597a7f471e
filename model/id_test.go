package model

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// The example of the TypeID specification, version 0.3.
func TestIDsAreTypeIDs(t *testing.T) {
	t.Parallel()
	id := UserID(uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"))
	if id.String() != "user_01h455vb4pex5vsknk084sn02q" {
		t.Errorf("%s", id)
	}
	parsed, err := ParseGlobalID(id.String())
	if err != nil || parsed != id.Global() {
		t.Errorf("%v, %v", parsed, err)
	}
	for _, text := range []string{"", "user", "user_", "_01h455vb4pex5vsknk084sn02q", "other_01h455vb4pex5vsknk084sn02q", "user_01h455vb4pex5vsknk084sn02",
		"user_01h455vb4pex5vsknk084sn02qq", "user_81h455vb4pex5vsknk084sn02q", "user_01h455vb4pex5vsknk084sn02u", "USER_01h455vb4pex5vsknk084sn02q",
		"user_01H455VB4PEX5VSKNK084SN02Q"} {
		if _, err := ParseGlobalID(text); err == nil {
			t.Errorf("it took %q", text)
		}
	}
	if _, err := As[ProjectID](id.Global()); err == nil {
		t.Error("a user's id is a project's")
	}
}

func TestIDsSortByTime(t *testing.T) {
	t.Parallel()
	last := NewID[ProjectID]()
	for range 1000 {
		next := NewID[ProjectID]()
		if bytes.Compare(last[:], next[:]) >= 0 || last.String() >= next.String() {
			t.Fatalf("%s is not before %s", last, next)
		}
		last = next
	}
}

func FuzzParseGlobalID(f *testing.F) {
	f.Add("user_01h455vb4pex5vsknk084sn02q")
	f.Add("project_7zzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseGlobalID(text); err == nil && id.String() != text {
			t.Errorf("%q is %s", text, id)
		}
	})
}

func TestDomains(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]bool{
		"example.com": true, "a.b.example": true, "münchen.example": true, "": false, "localhost": false, "http://x.example": false,
		"x.example/path": false, "x.example:80": false, "a b.example": false, ".example": false, "example.": false, "u@x.example": false, "a..b": false, "-.com": false, "1.2": false, "a,b.c": false, "a.b\u200b": false,
		strings.Repeat("x", 250) + ".example": false,
	} {
		var c Checks
		c.domain("domain", domain)
		if got := c.err() == nil; got != want {
			t.Errorf("%.30q: %t", domain, got)
		}
	}
}

func BenchmarkID(b *testing.B) {
	id := NewID[DocumentID]()
	text := id.String()
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		var answer bytes.Buffer
		for b.Loop() {
			answer.Reset()
			id.MarshalGQL(&answer)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseGlobalID(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		column := []byte(uuid.UUID(id).String()) // as pgdriver has it
		var scanned DocumentID
		for b.Loop() {
			if err := scanned.Scan(column); err != nil {
				b.Fatal(err)
			}
		}
	})
}
