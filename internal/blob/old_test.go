package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossier/internal/fault"
)

// put writes past the rules, as the old store did.
func put(t *testing.T, s *Store, ref Ref, text string) {
	t.Helper()
	bucket, err := s.bucket(ref.Container)
	if err == nil {
		err = bucket.WriteAll(t.Context(), ref.Name, []byte(text), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func otherContainer(t *testing.T, s *Store) {
	old := Ref{"old-container", "2023/plan.pdf"}
	put(t, s, old, "old")
	mustWrite(t, s, "new", []byte("new"))
	if got := mustRead(t, s, old); string(got) != "old" {
		t.Errorf("read %q", got)
	}
	_, err := s.Stat(t.Context(), Ref{s.Container(), old.Name})
	wantCode(t, err, fault.NotFound)
	if got := names(t, s, ""); len(got) != 1 {
		t.Errorf("its blobs are listed: %q", got)
	}
	if err := s.Delete(t.Context(), old); err != nil {
		t.Error(err)
	}
	_, err = s.Read(t.Context(), old)
	wantCode(t, err, fault.NotFound)
}

func oldNames(t *testing.T, s *Store) {
	for _, name := range []string{
		"2023/Büro plan (1).pdf", "日本語.docx", "a+b&c=d;e.txt", "it's \"quoted\".txt", "50% #3?.pdf", "tab\there", "back\\slash", " spaces ",
	} {
		ref := Ref{s.Container(), name}
		put(t, s, ref, name)
		if got := mustRead(t, s, ref); string(got) != name {
			t.Errorf("%q has %q", name, got)
		}
		if got := names(t, s, ""); len(got) != 1 || got[0] != name {
			t.Errorf("%q is listed as %q", name, got)
		}
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Error(err)
		}
		_, err := s.Stat(t.Context(), ref)
		wantCode(t, err, fault.NotFound)
	}
}

// signing sends what it signed over real HTTP, where the store signs.
func signing(t *testing.T, s *Store) {
	target, err := s.SignPut(t.Context(), "signed/blob", 5, time.Minute)
	if s.url.Scheme == schemeFile || s.url.Scheme == schemeMemory {
		if !errors.Is(err, ErrNotSigned) {
			t.Errorf("got %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if status := send(t, target, "hello"); status/100 != 2 {
		t.Errorf("refused with %d", status)
	}
	ref := Ref{s.Container(), "signed/blob"}
	if got := mustRead(t, s, ref); string(got) != "hello" {
		t.Errorf("it has %q", got)
	}
	if status := send(t, target, "other"); status/100 == 2 {
		t.Errorf("written over: %d", status)
	}
	if got := mustRead(t, s, ref); string(got) != "hello" {
		t.Errorf("it was written over: %q", got)
	}
	elsewhere := Target{strings.Replace(target.URL, "signed/blob", "signed/else", 1), target.Headers}
	if status := send(t, elsewhere, "hello"); s.url.Scheme == schemeAzure && status/100 == 2 { // the S3 of these tests checks no signature
		t.Errorf("good for another name: %d", status)
	}
	if _, err := s.SignPut(t.Context(), "large", signedPutBytesMax+1, time.Minute); !errors.Is(err, ErrNotSigned) {
		t.Errorf("more than one PUT can have is signed: %v", err)
	}
	for _, wrong := range []struct {
		size   int64
		expiry time.Duration
	}{{-1, time.Minute}, {1, 0}} {
		if _, err := s.SignPut(t.Context(), "wrong", wrong.size, wrong.expiry); err == nil {
			t.Errorf("%+v is signed", wrong)
		}
	}
}

func send(t *testing.T, target Target, text string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, target.URL, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range target.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func closedReader(t *testing.T, s *Store) {
	ref := mustWrite(t, s, "blob", []byte("content"))
	r, err := s.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("reading gave %v", err)
	}
	if _, err := s.Write(context.WithoutCancel(t.Context()), "later", bytes.NewReader(nil)); err != nil {
		t.Error(err)
	}
}
