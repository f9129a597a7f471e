package web_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossier/internal/apitest"
	"dossier/internal/blob"
	"dossier/internal/files"
	"dossier/internal/web"
	"dossier/model"
)

// claimsOf are those of a good link, for a test to change.
func (s shelf) claimsOf(document *model.Document) jwt.MapClaims {
	return jwt.MapClaims{"aud": []string{"download"}, "sub": document.ID.Global().String(), "usr": s.user.ID.String(),
		"exp": time.Now().Add(time.Minute).Unix()}
}

func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A link is good if the server has signed it, for this purpose, and its time is not over.
func TestDownloadLinks(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	document := s.put(t, "a.txt", "text/plain", letters(10))
	key := []byte(s.Files.Keys[0])
	with := func(name string, value any) string {
		claims := s.claimsOf(document)
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
		return signed(t, jwt.SigningMethodHS256, key, claims)
	}
	good := with("aud", "download")
	if a := ask(t, http.MethodGet, s.URL+"/downloads/"+good, nil); a.StatusCode != http.StatusOK {
		t.Fatalf("the link that the others are made of: %d %s", a.StatusCode, a.body)
	}
	head, _, _ := strings.Cut(good, ".")
	for name, token := range map[string]string{
		"expired":           with("exp", time.Now().Add(-time.Second).Unix()),
		"without an end":    with("exp", nil),
		"to upload":         with("aud", "upload"),
		"for nothing":       with("aud", nil),
		"of nothing":        with("sub", ""),
		"of another thing":  with("sub", s.company.ID.Global().String()),
		"of nobody":         with("usr", nil),
		"of no user":        with("usr", document.ID.Global().String()),
		"not yet good":      with("nbf", time.Now().Add(time.Hour).Unix()),
		"by another key":    signed(t, jwt.SigningMethodHS256, []byte(files.NewKey()), s.claimsOf(document)),
		"by another method": signed(t, jwt.SigningMethodHS512, key, s.claimsOf(document)),
		"unsigned":          signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, s.claimsOf(document)),
		"cut":               good[:len(good)-8],
		"changed":           head + "x" + good[len(head):],
		"no token":          "abc",
		"very long":         strings.Repeat("a.", 10_000),
		"escaped":           "%00%0a%2e%2e",
	} {
		a := ask(t, http.MethodGet, s.URL+"/downloads/"+token, nil)
		t.Run(name, func(t *testing.T) { a.wantCode(t, http.StatusForbidden, "FORBIDDEN") })
	}
	log := s.Log.String()
	if !strings.Contains(log, "path=/downloads/ ") {
		t.Errorf("refused downloads are not logged: %s", log)
	}
	if strings.Contains(log, head) || strings.Contains(log, "eyJ") {
		t.Errorf("the log has links: %s", log)
	}
}

// beside gives another server over the same database and store.
func (s shelf) beside(t *testing.T, change func(*files.Config)) *httptest.Server {
	t.Helper()
	config := s.Files.Config
	change(&config)
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = web.NewRouter(web.Config{
		Files: files.New(config), GraphQL: http.NotFoundHandler(), Readiness: s.Store.Ping, Logger: discard,
	})
	server.Config.WriteTimeout = time.Second // a transfer has time of its own
	server.Config.ReadTimeout = time.Second
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// Keys are changed by adding one in front: links that the old one has signed are good until it is taken away.
func TestDownloadKeyRotation(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	url := s.link(t, s.put(t, "a.txt", "text/plain", letters(10)))
	token := strings.TrimPrefix(url, s.URL)
	rotated := s.beside(t, func(c *files.Config) { c.Keys = append([]string{files.NewKey()}, c.Keys...) })
	if a := ask(t, http.MethodGet, rotated.URL+token, nil); a.StatusCode != http.StatusOK {
		t.Errorf("by the second key: %d %s", a.StatusCode, a.body)
	}
	replaced := s.beside(t, func(c *files.Config) { c.Keys = []string{files.NewKey()} })
	ask(t, http.MethodGet, replaced.URL+token, nil).wantCode(t, http.StatusForbidden, "FORBIDDEN")
}

// A link shows what its user may see when it is followed, not when it was made.
func TestDownloadOfWhatIsNotSeenAnyMore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, s shelf, admin, manager apitest.Client, document *model.Document){
		"user deactivated": func(t *testing.T, s shelf, _, manager apitest.Client, _ *model.Document) {
			manager.Query(t, `mutation($u: ID!) { deactivateUser(input: {userId: $u}) { user { id } } }`, "u", s.user.ID).Text("deactivateUser.user.id")
		},
		"user in another company": func(t *testing.T, s shelf, admin, manager apitest.Client, _ *model.Document) {
			owner := manager.Query(t, `{ me { id } }`).Text("me.id")
			admin.Query(t, `mutation($u: ID!, $c: ID!, $o: ID!) { transferUser(input: {userId: $u, companyId: $c, newOwnerId: $o}) { user { id } } }`,
				"u", s.user.ID, "c", s.Company(t, "Other").ID, "o", owner).Text("transferUser.user.id")
		},
		"user deleted": func(t *testing.T, s shelf, _, manager apitest.Client, _ *model.Document) {
			owner := manager.Query(t, `{ me { id } }`).Text("me.id")
			manager.Query(t, `mutation($u: ID!, $o: ID!) { deleteUser(input: {id: $u, newOwnerId: $o}) { userErrors { message } } }`,
				"u", s.user.ID, "o", owner)
			if left, err := s.Store.System().UsersByIDs(t.Context(), []model.UserID{s.user.ID}); err != nil || len(left) > 0 {
				t.Fatalf("the user is not deleted: %v", err)
			}
		},
		"document deleted": func(t *testing.T, _ shelf, _, manager apitest.Client, document *model.Document) {
			manager.Query(t, `mutation($d: ID!) { deleteDocument(input: {id: $d}) { deletedDocumentId } }`, "d", document.ID).
				Text("deleteDocument.deletedDocumentId")
		},
		"bytes missing": func(t *testing.T, s shelf, _, _ apitest.Client, document *model.Document) {
			if err := s.Files.Blobs.Delete(t.Context(), blob.Ref{Container: *document.ContainerName, Name: *document.BlobName}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			document := s.put(t, "a.txt", "text/plain", letters(10))
			admin, manager := s.As(t, s.User(t, nil, model.RoleAdmin, "Ada Admin")), s.As(t, s.User(t, s.company, model.RoleManager, "Max Manager"))
			url := s.link(t, document)
			if a := ask(t, http.MethodGet, url, nil); a.StatusCode != http.StatusOK {
				t.Fatalf("before: %d %s", a.StatusCode, a.body)
			}
			change(t, s, admin, manager, document)
			ask(t, http.MethodGet, url, nil).wantCode(t, http.StatusNotFound, "NOT_FOUND")
			if log := s.Log.String(); strings.Contains(log, "eyJ") {
				t.Errorf("the log has links: %s", log)
			}
		})
	}
}

// A store that cannot be read is not one that has lost the file, and an answer does not tell where it is.
func TestDownloadFromBrokenStore(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	document := s.put(t, "a.txt", "text/plain", letters(10))
	url := s.link(t, document)
	// Root may read everything, so a link to itself stands in for a file that cannot be read.
	broken := s.file(t, *document.BlobName)
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Base(broken), broken); err != nil {
		t.Fatal(err)
	}
	a := ask(t, http.MethodGet, url, nil)
	a.wantCode(t, http.StatusServiceUnavailable, "UNAVAILABLE")
	if strings.Contains(a.body, "documents") || strings.Contains(a.body, "dossier/") {
		t.Errorf("it says where the file is: %s", a.body)
	}
	if log := s.Log.String(); !strings.Contains(log, "operation=download") || strings.Contains(log, "eyJ") {
		t.Errorf("the log does not say what failed, or has the link: %s", log)
	}
}

// file is where the store keeps a blob.
func (s shelf) file(t *testing.T, blobName string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(s.folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == filepath.Base(blobName) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no file %s: %v", blobName, err)
	}
	return found
}

// Rows of the old store name a container beside ours, and blobs by names of people.
func TestDownloadFromOldStore(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const old = "2023/Büro plan (1).pdf"
	put(t, filepath.Join(filepath.Dir(s.folder), "old-files", old), "old bytes")
	put(t, filepath.Join(filepath.Dir(filepath.Dir(s.folder)), "secret"), "secret")
	document := s.putRow(t, "Büro plan (1).pdf", "application/pdf", "old-files", old, 9, nil)
	a := ask(t, http.MethodGet, s.link(t, document), nil)
	tag := a.Header.Get("ETag")
	if a.StatusCode != http.StatusOK || a.body != "old bytes" || tag == "" {
		t.Fatalf("%d %q, ETag %q", a.StatusCode, a.body, tag)
	}
	if a := ask(t, http.MethodGet, s.link(t, document), nil, "If-None-Match", tag); a.StatusCode != http.StatusNotModified {
		t.Errorf("with the ETag: %d", a.StatusCode)
	}
	for _, c := range []struct{ container, name string }{
		{"../x", "secret"}, {"..", "secret"}, {".", "old-files/" + old}, {"", "secret"}, {"old-files/../..", "secret"}, {"/etc", "passwd"},
		{"old-files", "../../secret"}, {"old-files", "2023/../../../secret"}, {"old-files", "/etc/passwd"}, {"old-files", "no such"}, {"no-such", old},
	} {
		document := s.putRow(t, "a.pdf", "application/pdf", c.container, c.name, 9, nil)
		a := ask(t, http.MethodGet, s.link(t, document), nil)
		t.Run(c.container+" "+c.name, func(t *testing.T) { a.wantCode(t, http.StatusNotFound, "NOT_FOUND") })
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
