package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"dossier/internal/fault"
)

const mebibyte = 1 << 20

// behaviors are what every store does.
var behaviors = map[string]func(*testing.T, *Store){
	"an empty blob":           func(t *testing.T, s *Store) { roundTrip(t, s, 0) },
	"a small blob":            func(t *testing.T, s *Store) { roundTrip(t, s, 1000) },
	"one part":                func(t *testing.T, s *Store) { roundTrip(t, s, partBytes) },
	"more than one part":      func(t *testing.T, s *Store) { roundTrip(t, s, 20*mebibyte+1) },
	"what is missing":         missing,
	"names that nobody gives": refusedNames,
	"a name that is taken":    takenName,
	"a reader that fails":     failingReader,
	"a context that ends":     endingContext,
	"a reader that panics":    panickingReader,
	"seeking":                 seeking,
	"serving ranges":          servingRanges,
	"listing":                 listing,
	"another container":       otherContainer,
	"old names":               oldNames,
	"signing":                 signing,
	"closed":                  closedReader,
}

// TestConformance holds each store to the same behavior.
func TestConformance(t *testing.T) {
	t.Parallel()
	stores := map[string]func(*testing.T) func(*testing.T) *Store{
		"file": folderStores, "mem": memoryStores, "s3": s3Stores, "azblob": azureStores,
	}
	for scheme, start := range stores {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			open := start(t)
			for _, name := range slices.Sorted(maps.Keys(behaviors)) {
				t.Run(name, func(t *testing.T) { behaviors[name](t, open(t)) })
			}
		})
	}
}

// noise gives bytes that look like no others.
func noise(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	return content
}

func mustWrite(t *testing.T, s *Store, name string, content []byte) Ref {
	t.Helper()
	size, err := s.Write(t.Context(), name, bytes.NewReader(content))
	if err != nil || size != int64(len(content)) {
		t.Fatalf("wrote %d bytes of %s, %v", size, name, err)
	}
	return Ref{s.Container(), name}
}

func mustRead(t *testing.T, s *Store, ref Ref) []byte {
	t.Helper()
	r, err := s.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func names(t *testing.T, s *Store, prefix string) []string {
	t.Helper()
	var found []string
	for object, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, object.Name)
	}
	return found
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("want %s, got %v", code, err)
	}
	for _, f := range fault.All(err) {
		if retryable := code == fault.Unavailable; f.Retryable != retryable {
			t.Errorf("retryable is %t: %v", f.Retryable, err)
		}
	}
}

func roundTrip(t *testing.T, s *Store, size int) {
	content := noise(size)
	ref := mustWrite(t, s, fmt.Sprintf("company_01/document_%d", size), content)
	if got := mustRead(t, s, ref); sha256.Sum256(got) != sha256.Sum256(content) {
		t.Errorf("read %d other bytes", len(got))
	}
	object, err := s.Stat(t.Context(), ref)
	if err != nil || object.Name != ref.Name || object.Size != int64(size) || time.Since(object.ModTime).Abs() > time.Minute {
		t.Errorf("stat: %+v, %v", object, err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Error(err)
		}
	}
	_, err = s.Stat(t.Context(), ref)
	wantCode(t, err, fault.NotFound)
}

func missing(t *testing.T, s *Store) {
	mustWrite(t, s, "there", []byte("x"))
	for _, ref := range []Ref{
		{s.Container(), "not/there"}, {s.Container(), "there/below"}, {s.Container(), ""}, {s.Container(), "."}, {s.Container(), ".."},
		{s.Container(), "../documents/there"}, {s.Container(), "a/../there"}, {s.Container(), "there\x00"}, {s.Container(), "\xff"},
		{s.Container(), strings.Repeat("n", 500)}, {s.Container(), strings.Repeat("n", 2000)},
		{"", "there"}, {"..", "there"}, {".", "there"}, {"a/b", "there"}, {"/etc", "passwd"}, {"a..b", "there"}, {"Documents", "there"},
		{"documents?x=y", "there"}, {"documents@evil.example", "there"}, {"documents:80", "there"}, {"döcuments", "there"},
		{strings.Repeat("c", 300), "there"}, {"no-such-container", "there"},
	} {
		_, err := s.Stat(t.Context(), ref)
		wantCode(t, err, fault.NotFound)
		_, err = s.Read(t.Context(), ref)
		wantCode(t, err, fault.NotFound)
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Errorf("delete %q: %v", ref, err)
		}
	}
	if got := names(t, s, ""); !slices.Equal(got, []string{"there"}) {
		t.Errorf("there is %q", got)
	}
}

func refusedNames(t *testing.T, s *Store) {
	for _, name := range []string{"", "/a", "a/", "a//b", ".", "..", "a/../b", ".hidden", "a b", "ä", "a\\b", "a%20b", "a?b", "a\x00", "a.attrs",
		"a__0x41__", strings.Repeat("n", 201), strings.Repeat("n/", 600) + "n"} {
		if _, err := s.Write(t.Context(), name, strings.NewReader("x")); err == nil || fault.All(err) != nil {
			t.Errorf("writing %q: %v", name, err)
		}
		if _, err := s.SignPut(t.Context(), name, 1, time.Minute); err == nil || errors.Is(err, ErrNotSigned) {
			t.Errorf("signing %q: %v", name, err)
		}
	}
	if got := names(t, s, ""); got != nil {
		t.Errorf("there is %q", got)
	}
}

func takenName(t *testing.T, s *Store) {
	ref := mustWrite(t, s, "taken", []byte("first"))
	_, err := s.Write(t.Context(), "taken", strings.NewReader("second"))
	wantCode(t, err, fault.Conflict)
	if got := mustRead(t, s, ref); string(got) != "first" {
		t.Errorf("it has %q", got)
	}
}

// wantNothing wants no blob, and no part of one.
func wantNothing(t *testing.T, s *Store, name string) {
	t.Helper()
	_, err := s.Stat(t.Context(), Ref{s.Container(), name})
	wantCode(t, err, fault.NotFound)
	if got := names(t, s, ""); got != nil {
		t.Errorf("left behind: %q", got)
	}
}

func failingReader(t *testing.T, s *Store) {
	broken := errors.New("the client went away")
	for _, size := range []int{0, 100, 12 * mebibyte} {
		_, err := s.Write(t.Context(), "half", io.MultiReader(bytes.NewReader(noise(size)), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || fault.All(err) != nil {
			t.Errorf("after %d bytes: %v", size, err)
		}
		wantNothing(t, s, "half")
	}
}

// callback calls when it is read.
type callback func()

func (c callback) Read([]byte) (int, error) { c(); return 0, io.EOF }

func endingContext(t *testing.T, s *Store) {
	for _, size := range []int{0, 100, 12 * mebibyte} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Write(ctx, "half", io.MultiReader(bytes.NewReader(noise(size)), callback(cancel)))
		if !errors.Is(err, context.Canceled) || fault.All(err) != nil {
			t.Errorf("after %d bytes: %v", size, err)
		}
		wantNothing(t, s, "half")
	}
	ref := mustWrite(t, s, "whole", noise(3*mebibyte))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Read(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Errorf("reading gave %v", err)
	}
	if _, err := s.Stat(ctx, ref); s.url.Scheme == schemeS3 && !errors.Is(err, context.Canceled) {
		t.Errorf("stat gave %v", err)
	}
	for _, err := range s.List(ctx, "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("listing gave %v", err)
		}
	}
}

func panickingReader(t *testing.T, s *Store) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic came through")
			}
		}()
		_, _ = s.Write(t.Context(), "half", io.MultiReader(bytes.NewReader(noise(100)), callback(func() { panic("a fault of the reader") })))
	}()
	wantNothing(t, s, "half")
}

func seeking(t *testing.T, s *Store) {
	content := noise(3 * mebibyte / 2)
	ref := mustWrite(t, s, "seek", content)
	r, err := s.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(struct{ io.ReadSeeker }{r}, content); err != nil {
		t.Error(err)
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("sought before the start")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func servingRanges(t *testing.T, s *Store) {
	content := noise(9 * mebibyte)
	ref := mustWrite(t, s, "served", content)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r, err := s.Read(request.Context(), ref)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = r.Close() }()
		if r.Size() != int64(len(content)) {
			t.Errorf("size %d", r.Size())
		}
		http.ServeContent(w, request, "", r.ModTime(), r)
	}))
	defer server.Close()
	for header, want := range map[string][]byte{
		"": content, "bytes=0-0": content[:1], "bytes=5000000-5000099": content[5000000:5000100], "bytes=-7": content[len(content)-7:], "bytes=100-": content[100:],
	} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		if header != "" {
			request.Header.Set("Range", header)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !bytes.Equal(got, want) || header != "" && response.StatusCode != http.StatusPartialContent {
			t.Errorf("%q: %d, %d bytes, %v", header, response.StatusCode, len(got), err)
		}
	}
}

func listing(t *testing.T, s *Store) {
	for _, name := range []string{"a/1", "a/2", "b/1", "c"} {
		mustWrite(t, s, name, []byte(name))
	}
	for prefix, want := range map[string][]string{"": {"a/1", "a/2", "b/1", "c"}, "a/": {"a/1", "a/2"}, "b": {"b/1"}, "nowhere/": nil} {
		if got := names(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("below %q there is %q", prefix, got)
		}
	}
	for object, err := range s.List(t.Context(), "") {
		if err != nil || object.Name != "a/1" || object.Size != 3 || time.Since(object.ModTime).Abs() > time.Minute {
			t.Errorf("%+v, %v", object, err)
		}
		break // and no more is asked for
	}
}
