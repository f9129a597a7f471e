package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"dossier/internal/fault"
)

// fillVariable names the store that a child of the tests fills, under a limit for its files.
const fillVariable = "DOSSIER_TEST_FILL"

// fillDisk is the child: it writes more than it may.
func fillDisk(address string) int {
	s, err := Open(address)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, err = s.Write(context.Background(), "company/large", &zeros{left: 4 * mebibyte})
	if !fault.Is(err, fault.Unavailable) {
		fmt.Println("not UNAVAILABLE:", err)
		return 1
	}
	if strings.Contains(fault.All(err)[0].Message, "documents") {
		fmt.Println("the message tells where:", fault.All(err)[0].Message)
		return 1
	}
	for object, err := range s.List(context.Background(), "") {
		fmt.Println("left behind:", object, err)
		return 1
	}
	if _, err := s.Write(context.Background(), "company/small", &zeros{left: 1000}); err != nil {
		fmt.Println("a small one:", err)
		return 1
	}
	return 0
}

// A file that cannot be written to its end, as on a full disk, is UNAVAILABLE, and nothing of it is left.
func TestWriteErrorLeavesNothing(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Go ignores SIGXFSZ, so that what is too much is an error of the write.
	cmd := exec.CommandContext(t.Context(), "bash", "-c", `ulimit -f 1024; exec "$0"`, program)
	cmd.Env = append(os.Environ(), fillVariable+"=file://"+t.TempDir()+"/documents")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// zeros gives so many of them.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

// A folder that cannot be had is UNAVAILABLE, and neither deletes nor misses what may be there.
func TestFolderOutOfReach(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	if err := os.WriteFile(filepath.Join(parent, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, "file://"+parent+"/file/documents") // a folder cannot be made in a file
	ref := Ref{s.Container(), "blob"}
	_, err := s.Stat(t.Context(), ref)
	wantCode(t, err, fault.Unavailable)
	_, err = s.Write(t.Context(), "blob", strings.NewReader("x"))
	wantCode(t, err, fault.Unavailable)
	wantCode(t, s.Delete(t.Context(), ref), fault.Unavailable)
	for _, err := range s.List(t.Context(), "") {
		wantCode(t, err, fault.Unavailable)
	}
}

// Nobody but the server reads its folders; a file has no second one beside it, but while it is written.
func TestFolder(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	s := mustOpen(t, "file://"+parent+"/blobs/documents")
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 0 {
		t.Errorf("opening made %v, %v", entries, err)
	}
	mustWrite(t, s, "company/blob", []byte("content"))
	for _, folder := range []string{"blobs", "blobs/documents", "blobs/documents/company"} {
		info, err := os.Stat(filepath.Join(parent, folder))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", folder, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(parent, "blobs/documents/company")); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
	if _, err := s.Read(t.Context(), Ref{"elsewhere", "blob"}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Join(parent, "blobs")); err != nil || len(entries) != 1 {
		t.Errorf("reading made %v, %v", entries, err)
	}
	// What a killed process left behind is listed, and can be deleted.
	var during []string
	_, err := s.Write(t.Context(), "company/next", io.MultiReader(strings.NewReader("half"), callback(func() {
		during = names(t, s, "")
		_ = os.WriteFile(filepath.Join(parent, "blobs/documents", during[1]+".left"), []byte("half"), 0o600)
	})))
	if err != nil || len(during) != 2 || !strings.HasSuffix(during[1], ".tmp") {
		t.Fatalf("while writing there are %q, %v", during, err)
	}
	if err := s.Delete(t.Context(), Ref{s.Container(), during[1] + ".left"}); err != nil {
		t.Error(err)
	}
	if got := names(t, s, ""); !slices.Equal(got, []string{"company/blob", "company/next"}) {
		t.Errorf("there are %q", got)
	}
}

// A file that became shorter than it was said to be is no end of a good one.
func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	s := mustOpen(t, "file://"+parent+"/documents")
	r, err := s.Read(t.Context(), mustWrite(t, s, "blob", noise(3*mebibyte)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if err := os.Truncate(filepath.Join(parent, "documents/blob"), 2*mebibyte); err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, r)
	wantCode(t, err, fault.Unavailable)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// A GiB takes no more memory than a MiB. Not parallel: it measures the process.
func TestWriteTakesLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a GiB")
	}
	const growthMax = 4 * mebibyte
	s := mustOpen(t, "file://"+t.TempDir()+"/documents")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := s.Write(t.Context(), "large", &zeros{left: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > growthMax {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func benchmarkStore(b *testing.B) (*Store, []byte) {
	content := make([]byte, 64*mebibyte)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	return mustOpen(b, "file://"+b.TempDir()+"/documents"), content
}

func BenchmarkWrite(b *testing.B) {
	s, content := benchmarkStore(b)
	for b.Loop() {
		if _, err := s.Write(b.Context(), "blob", bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(b.Context(), Ref{s.Container(), "blob"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s, content := benchmarkStore(b)
	if _, err := s.Write(b.Context(), "blob", bytes.NewReader(content)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := s.Read(b.Context(), Ref{s.Container(), "blob"})
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(content)) {
			b.Fatal(n, err)
		}
		_ = r.Close()
	}
}
