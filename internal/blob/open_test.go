package blob

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/internal/fault"
)

func TestWrongURLs(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "documents", "/data/documents", "http://documents", "file:documents", "file://", "file:///", "file:///data/..", "file:///data/Documents",
		"file:///data/ab", "file:///data/documents?base_url=x", "file:///data/documents?prefix=x", "s3://", "s3://Documents", "s3://a..b", "s3://documents:80",
		"s3://documents?secret=hunter2", "s3://key:hunter2@documents", "gs://", "azblob://", "azblob://documents?secret=hunter2", "s3://hunter2%zz",
	} {
		if s, err := Open(address); err == nil {
			t.Errorf("%q is taken: %s", address, s.Container())
		} else if fault.All(err) == nil && strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", address, err)
		}
	}
	for address, container := range map[string]string{
		"mem://": "mem", "mem://documents": "documents", "file:///data/documents/": "documents", "file://./data/documents": "documents",
		"s3://documents?region=eu-central-1": "documents", "gs://my.documents_1": "my.documents_1", "azblob://documents": "documents",
	} {
		started := time.Now()
		if s := mustOpen(t, address); s.Container() != container {
			t.Errorf("%q is of %q", address, s.Container())
		}
		if took := time.Since(started); took > time.Second {
			t.Errorf("%q took %s", address, took)
		}
	}
}

// A store that is out of reach is UNAVAILABLE: nothing of it is missing or deleted.
func TestOutOfReach(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"s3://documents?use_path_style=true&endpoint=http://127.0.0.1:1", "azblob://documents?protocol=http&domain=127.0.0.1:1",
		"azblob://documents?protocol=http&domain=no-such-host.invalid",
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			s := mustOpen(t, address)
			if s.url.Scheme == schemeAzure && testing.Short() {
				t.Skip("the SDK tries for long")
			}
			err := s.Delete(t.Context(), Ref{s.Container(), "blob"})
			wantCode(t, err, fault.Unavailable)
			for _, f := range fault.All(err) {
				if strings.Contains(f.Message, "127.0.0.1") || strings.Contains(f.Message, "invalid") {
					t.Errorf("the message tells where: %s", f.Message)
				}
			}
		})
	}
}

// Seeking asks for nothing, and who reads a range asks for no more than a window.
func TestReaderAsksForLittle(t *testing.T) {
	t.Parallel()
	var seen asked
	s := mustOpen(t, newS3(t, &seen))
	content := noise(9 * mebibyte)
	ref := mustWrite(t, s, "blob", content)
	seen.take()
	r, err := s.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	want := func(what string, requests ...string) {
		t.Helper()
		if got := seen.take(); !slices.Equal(got, requests) {
			t.Errorf("%s asked for %q, want %q", what, got, requests)
		}
	}
	want("opening", "HEAD")
	for _, whence := range []int{io.SeekEnd, io.SeekStart} {
		if _, err := r.Seek(0, whence); err != nil {
			t.Fatal(err)
		}
	}
	want("seeking")
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	want("reading all", "GET bytes=0-1048575", "GET bytes=1048576-5242879", "GET bytes=5242880-9437183")
	_, _ = r.Seek(-100, io.SeekEnd)
	if _, err := io.CopyN(io.Discard, r, 100); err != nil {
		t.Error(err)
	}
	want("reading the end", "GET bytes=9437084-9437183")
	_, _ = r.Seek(1000, io.SeekStart)
	if _, err := io.CopyN(io.Discard, r, 10); err != nil {
		t.Error(err)
	}
	want("reading a range", "GET bytes=1000-1049575")
}

// Containers of old rows do not pile up, and the one that is written to stays open: of memory it is all there is.
func TestContainersAreBounded(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, "mem://documents")
	ref := mustWrite(t, s, "blob", []byte("content"))
	for i := range 2 * containersMax {
		if _, err := s.Stat(t.Context(), Ref{fmt.Sprintf("old-%d", i), "blob"}); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	}
	if len(s.open) > containersMax {
		t.Errorf("%d are open", len(s.open))
	}
	mustRead(t, s, ref)
}

// Nobody can use what anonymous clients sign.
func TestNoKeyNoSignature(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, "s3://documents?anonymous=true")
	if target, err := s.SignPut(t.Context(), "blob", 1, time.Minute); !errors.Is(err, ErrNotSigned) {
		t.Errorf("got %v, %v", target, err)
	}
}

// Google's signature is made with the service account's key alone. Not parallel: the environment is the process's.
func TestGoogleSignature(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1") // nobody is asked who we are
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	signer := mustOpen(t, "gs://documents?access_id=server@test.example&private_key_path="+url.QueryEscape(file))
	target, err := signer.SignPut(t.Context(), "company/blob", 5, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(target.URL)
	if err != nil || u.Query().Get("X-Goog-Expires") == "" || u.Query().Get("X-Goog-Signature") == "" || !strings.HasSuffix(u.Path, "/company/blob") {
		t.Errorf("%s, %v", target.URL, err)
	}
	for name := range target.Headers {
		if !strings.Contains(u.Query().Get("X-Goog-SignedHeaders"), name) {
			t.Errorf("%s is not signed", name)
		}
	}
	if _, err := mustOpen(t, "gs://documents").SignPut(t.Context(), "blob", 5, time.Minute); !errors.Is(err, ErrNotSigned) {
		t.Errorf("without a key: %v", err)
	}
}
