package blob

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"dossier/internal/pgtest"
)

// The account that Azurite has, as its documentation tells everyone.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// azuriteVersion is kept in the user's cache once it is fetched: it takes a minute.
const azuriteVersion = "3.37.0"

// The SDKs read the environment, which is the process's.
func TestMain(m *testing.M) {
	if fileToFill := os.Getenv(fillVariable); fileToFill != "" {
		os.Exit(fillDisk(fileToFill))
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AZURE_STORAGE_ACCOUNT": azuriteAccount, "AZURE_STORAGE_KEY": azuriteKey,
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func mustOpen(t testing.TB, address string) *Store {
	t.Helper()
	s, err := Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func folderStores(*testing.T) func(*testing.T) *Store {
	return func(t *testing.T) *Store {
		parent := t.TempDir()
		if err := os.Mkdir(filepath.Join(parent, "old-container"), 0o700); err != nil {
			t.Fatal(err)
		}
		return mustOpen(t, "file://"+parent+"/documents")
	}
}

func memoryStores(*testing.T) func(*testing.T) *Store {
	return func(t *testing.T) *Store { return mustOpen(t, "mem://documents") }
}

// asked is what a store was asked for: method, and range.
type asked struct {
	mu       sync.Mutex
	requests []string
}

func (a *asked) add(r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, strings.TrimSpace(r.Method+" "+r.Header.Get("Range")))
}

// take gives what came since the last time.
func (a *asked) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	requests := a.requests
	a.requests = nil
	return requests
}

// newS3 starts an S3 with its containers. It checks neither signatures nor checksums.
func newS3(t *testing.T, seen *asked) string {
	t.Helper()
	backend := s3mem.New()
	for _, name := range []string{"documents", "old-container"} {
		if err := backend.CreateBucket(name); err != nil {
			t.Fatal(err)
		}
	}
	handler := gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			seen.add(r)
		}
		if signed := r.URL.Query().Get("X-Amz-SignedHeaders"); signed != "" {
			for _, want := range []string{"content-length", "if-none-match", "host"} {
				if !strings.Contains(signed, want) {
					t.Errorf("%s is not signed, but %s", want, signed)
				}
			}
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return "s3://documents?use_path_style=true&endpoint=" + server.URL
}

func s3Stores(*testing.T) func(*testing.T) *Store {
	return func(t *testing.T) *Store { return mustOpen(t, newS3(t, nil)) }
}

func azureStores(t *testing.T) func(*testing.T) *Store {
	address := startAzurite(t, azurite(t), t.TempDir())
	credential, err := azblob.NewSharedKeyCredential(azuriteAccount, azuriteKey)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential("http://"+address+"/"+azuriteAccount, credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	create := func(t *testing.T, name string) {
		t.Helper()
		if _, err := client.CreateContainer(t.Context(), name, nil); err != nil {
			t.Fatal(err)
		}
	}
	create(t, "old-container")
	count := 0
	return func(t *testing.T) *Store {
		count++
		name := fmt.Sprintf("documents-%d", count)
		create(t, name)
		return mustOpen(t, "azblob://"+name+"?protocol=http&domain="+address)
	}
}

// azurite gives the command of Azurite, fetched when it is not there yet.
func azurite(t *testing.T) []string {
	t.Helper()
	node := pgtest.Program(t, "there is no Node.js, so nobody tried Azure: install Node.js 20 or later", "node")
	npm := pgtest.Program(t, "there is no npm, so nobody tried Azure: install Node.js 20 or later", "npm")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "dossier", "azurite-"+azuriteVersion)
	script := filepath.Join(folder, "node_modules", ".bin", "azurite-blob")
	if _, err := os.Stat(script); err == nil {
		return []string{node, script}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), npm, "install", "--no-audit", "--no-fund", "--no-save", "azurite@"+azuriteVersion)
	install.Dir = folder
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm: %v\n%s", err, output)
	}
	return []string{node, script}
}

// startAzurite starts one on a port that it may have, for the test.
func startAzurite(t *testing.T, program []string, folder string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	arguments := append(program[1:], "--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck", "--blobPort", port)
	cmd := exec.Command(program[0], arguments...)
	cmd.Dir = folder
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for dialer := (&net.Dialer{}); ; time.Sleep(20 * time.Millisecond) {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			_ = connection.Close()
			return address
		}
		if ctx.Err() != nil {
			t.Fatal("Azurite did not start on port " + strconv.Quote(port))
		}
	}
}
