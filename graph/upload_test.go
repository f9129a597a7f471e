package graph_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"dossier/internal/apitest"
	"dossier/internal/files"
	"dossier/model"
)

// What a file is, its content says; how it is called, its sender.
func TestUploadDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	png := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
	long := strings.Repeat("ü", 10_000)
	for _, c := range []struct{ file, content, name, contentType string }{
		{"../../Plan ü.txt", "hello", "Plan ü.txt", "text/plain; charset=utf-8"},
		{`C:\Users\Mo\Offer.pdf`, "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "Offer.pdf", "application/pdf"},
		{"no.txt", png, "no.txt", "image/png"}, // whatever it is called
		{"Notes.MD", "# Notes\n", "Notes.MD", "text/markdown; charset=utf-8"},
		{"rows", "a,b\n1,2\n3,4\n", "rows", "text/csv"},
		{"one.csv", "only one column", "one.csv", "text/csv; charset=utf-8"},
		{"empty.txt", "", "empty.txt", "text/plain"},
		{"../../etc/passwd", "root", "passwd", "text/plain; charset=utf-8"},
		{long + ".txt", "long", strings.Repeat("ü", 196) + ".txt", "text/plain; charset=utf-8"},
		{"tab\tand.txt", "control", "taband.txt", "text/plain; charset=utf-8"},
		{"bro\xffken.txt", "invalid", "broken.txt", "text/plain; charset=utf-8"},
	} {
		document := w.uploaded(t, member, c.file, c.content).At("document")
		hash := sha256.Sum256([]byte(c.content))
		got := document.Text("name") + "|" + document.Text("contentType") + "|" + document.Text("sizeBytes") + "|" + document.Text("sha256") +
			"|" + document.Text("status") + "|" + document.Text("version")
		want := fmt.Sprintf("%s|%s|%d|%s|PENDING|1", c.name, c.contentType, len(c.content), hex.EncodeToString(hash[:]))
		if got != want {
			t.Errorf("%.40q became\n%s, want\n%s", c.file, got, want)
		}
		if got := fetch(t, document.Text("downloadUrl")); got != c.content {
			t.Errorf("%.40q is %.40q, want %.40q", c.file, got, c.content)
		}
	}
	w.wantKept(t, 11)
}

// fetch gets what a link leads to, by nobody's credential.
func fetch(t testing.TB, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", response.StatusCode, err)
	}
	return string(body)
}

// A file's document is of the project, owner and themes that the input names, and the audit log knows who brought it.
func TestUploadedDocumentIsPlaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.As(t, w.manager)
	project := w.Projects(t, w.member, 1)[0]
	green, onTime := theme(t, manager, "Green"), theme(t, manager, "On time")
	id := w.uploaded(t, manager, "x.txt", "hello", "projectId", project.ID, "ownerId", w.member.ID, "name", "Given",
		"themeIds", []any{green, onTime}).Text("document.id")
	got := manager.Query(t, `query ($id: ID!) { document(id: $id) { name owner { name } project { id } company { name } themes { nodes { name } } }
		auditLog(filter: {subjectId: $id}) { nodes { action actor { name } } } company(id: "`+w.company.ID.String()+`") { storage { used limit } } }`, "id", id)
	if text, want := fmt.Sprint(got.At("document").Raw()), fmt.Sprintf("map[company:map[name:Own] name:Given owner:map[name:Mo Member] "+
		"project:map[id:%s] themes:map[nodes:[map[name:Green] map[name:On time]]]]", project.ID); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if text := fmt.Sprint(got.At("auditLog.nodes").Raw()); !strings.Contains(text, "map[action:DOCUMENT_CREATED actor:map[name:Mia Manager]]") {
		t.Errorf("audit: %s", text)
	}
	if text := fmt.Sprint(got.At("company.storage").Raw()); text != "map[limit:2.68435456e+08 used:5]" {
		t.Errorf("storage: %s", text)
	}
	// Staff names whose it is.
	admin := w.As(t, w.admin)
	if got := userErrors(data(t, w.upload(t, admin, "x.txt", "hello")), "uploadDocument"); got != "BAD_USER_INPUT [ownerId]" {
		t.Errorf("an ADMIN without an owner: %s", got)
	}
	w.uploaded(t, admin, "x.txt", "hello", "ownerId", w.member.ID)
	w.wantKept(t, 2)
}

// Several files come with one request, in any order.
func TestUploadOfSeveralFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const query = `mutation ($a: UploadDocumentInput!, $b: Upload!) {
		a: uploadDocument(input: $a) { ...name } b: uploadDocument(input: {file: $b, name: "B"}) { ...name } }
		fragment name on UploadDocumentPayload { document { name downloadUrl } }`
	text := operations(t, query, map[string]any{"a": map[string]any{"file": nil}, "b": nil})
	placed := `{"first": ["variables.a.file"], "second": ["variables.b"]}`
	got := data(t, w.As(t, w.member).Exchange(t, form(t, w.World, text, placed, brought{"second", "b.txt", "second"}, brought{"first", "a.txt", "first"})))
	for field, want := range map[string]string{"a": "a.txt first", "b": "B second"} {
		if got := got.Text(field+".document.name") + " " + fetch(t, got.Text(field+".document.downloadUrl")); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
	w.wantKept(t, 2)
}

// A file becomes one document at most, and is kept when that is the first or the second of two fields that take it.
func TestUploadOfOneFileTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, order := range []string{"good bad", "bad good"} {
		query := `mutation ($file: Upload!, $p: ID!) {`
		for field := range strings.FieldsSeq(order) {
			input := map[string]string{"good": "{file: $file}", "bad": "{file: $file, projectId: $p}"}[field]
			query += field + `: uploadDocument(input: ` + input + `) { document { downloadUrl } userErrors { code field } } `
		}
		text := operations(t, query+"}", map[string]any{"file": nil, "p": missingID("Project")})
		got := data(t, w.As(t, w.member).Exchange(t, form(t, w.World, text, `{"0": ["variables.file"]}`, brought{"0", "a.txt", "twice"})))
		want := map[string]string{"good bad": "CONFLICT [file]", "bad good": "BAD_REFERENCE [projectId]"}[order]
		if userErrors(got, "bad") != want || fetch(t, got.Text("good.document.downloadUrl")) != "twice" {
			t.Errorf("%s: %v", order, got.Raw())
		}
	}
	w.wantKept(t, 2)
}

// The same bytes again are told of, in the same project: the oldest of them.
func TestUploadOfADuplicate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	projects, foreign := w.Projects(t, w.member, 2), w.Projects(t, w.stranger, 1)[0]
	w.uploaded(t, w.As(t, w.stranger), "a.txt", "same", "projectId", foreign.ID)
	w.uploaded(t, member, "a.txt", "same")
	oldest := w.uploaded(t, member, "a.txt", "same", "projectId", projects[0].ID)
	for _, c := range []struct {
		content string
		more    []any
		want    string
	}{
		{"same", []any{"projectId", projects[0].ID}, oldest.Text("document.id")},
		{"same", []any{"projectId", projects[0].ID}, oldest.Text("document.id")}, // not the one before
		{"other", []any{"projectId", projects[0].ID}, "<nil>"},
		{"same", []any{"projectId", projects[1].ID}, "<nil>"},
		{"same", nil, "<nil>"},
	} {
		got := "<nil>"
		if payload := w.uploaded(t, member, "b.txt", c.content, c.more...); payload.Text("duplicateOf") != "<nil>" {
			got = payload.Text("duplicateOf.id")
		}
		if got != c.want {
			t.Errorf("%s %v is a duplicate of %s, want %s", c.content, c.more, got, c.want)
		}
	}
	if oldest.Text("duplicateOf") != "<nil>" {
		t.Errorf("the first one is a duplicate: %v", oldest.Raw())
	}
}

// Of a file that becomes no document nothing is kept.
func TestRefusedUploadIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member, manager := w.As(t, w.member), w.As(t, w.manager)
	foreign := w.Projects(t, w.stranger, 1)[0]
	foreignTheme := theme(t, w.As(t, w.stranger), "Foreign")
	zip := "PK\x05\x06" + strings.Repeat("\x00", 18)
	for _, c := range []struct {
		file, content string
		more          []any
		want          string
	}{
		{"a.txt", "a", []any{"projectId", foreign.ID}, "BAD_REFERENCE [projectId]"},
		{"a.txt", "a", []any{"themeIds", []any{foreignTheme}}, "BAD_REFERENCE [themeIds 0]"},
		{"a.txt", "a", []any{"ownerId", w.stranger.ID, "projectId", foreign.ID}, "BAD_REFERENCE [ownerId], BAD_REFERENCE [projectId]"},
		{"a.txt", "a", []any{"name", " "}, "BAD_USER_INPUT [name]"},
		{"a.zip", zip, nil, "BAD_USER_INPUT [file]"},
		{"a.txt", zip, []any{"name", ""}, "BAD_USER_INPUT [name], BAD_USER_INPUT [file]"},
		{"", "no name", nil, "BAD_USER_INPUT [name]"},
		{"..", "no name", nil, "BAD_USER_INPUT [name]"},
	} {
		if got := userErrors(data(t, w.upload(t, manager, c.file, c.content, c.more...)), "uploadDocument"); got != c.want {
			t.Errorf("%q %v: %s, want %s", c.file, c.more, got, c.want)
		}
	}
	if answer := w.upload(t, member, "a.txt", "a", "ownerId", w.manager.ID); fmt.Sprint(answer.Codes()) != "[FORBIDDEN]" {
		t.Errorf("a MEMBER for another: %s", answer.Body)
	}
	w.wantKept(t, 0)
}

// A file that is too large is refused as a whole request, as its size is a limit of the server's.
func TestUploadTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(func(l *files.Limits) { l.FileBytes = 100_000 }))
	member := w.As(t, w.member)
	w.uploaded(t, member, "a.txt", strings.Repeat("a", 100_000))
	answer := w.upload(t, member, "a.txt", strings.Repeat("a", 100_001))
	if answer.Status != http.StatusRequestEntityTooLarge || fmt.Sprint(answer.Codes()) != "[QUERY_TOO_COMPLEX]" ||
		!strings.Contains(fmt.Sprint(answer.Errors[0].Extensions["limit"]), "file_bytes") {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	w.wantKept(t, 1)
}

// A company keeps as much as it may, to the byte, and uploads on their way count.
func TestUploadToAFullCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(func(l *files.Limits) { l.CompanyBytes = 10 }))
	member := w.As(t, w.member)
	full := func(content string) {
		t.Helper()
		if got := userErrors(data(t, w.upload(t, member, "a.txt", content)), "uploadDocument"); got != "CONFLICT [file]" {
			t.Errorf("%q: %s", content, got)
		}
	}
	w.uploaded(t, member, "a.txt", "1234")
	full("1234567")
	upload := newUpload(t, member, 4)
	full("123") // though there is room for what is there
	const create = `mutation ($n: BigInt!) { createUpload(input: {sizeBytes: $n}) { upload { id } userErrors { code field } } }`
	if got := userErrors(member.Query(t, create, "n", 3), "createUpload"); got != "CONFLICT [sizeBytes]" {
		t.Errorf("an upload of too much: %s", got)
	}
	w.uploaded(t, member, "a.txt", "12")
	if answer := w.put(t, upload.Text("url"), "1234"); answer.Status != http.StatusNoContent {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	if got := w.complete(t, member, upload.Text("id")); userErrors(got, "completeUpload") != "" { // what it reserved is its own
		t.Errorf("full by itself: %v", got.Raw())
	}
	full("1")
	w.uploaded(t, member, "a.txt", "")
	w.uploaded(t, w.As(t, w.stranger), "a.txt", "1234567890") // another company's room
	member.Query(t, `mutation ($id: ID!) { deleteDocument(input: {id: $id}) { userErrors { code } } }`,
		"id", member.Query(t, `{ documents(last: 1) { nodes { id } } }`).Text("documents.nodes.0.id"))
	w.uploaded(t, member, "a.txt", "1")
}

// Files that come at the same time never get past the limit together.
func TestUploadsTogetherToAFullCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(func(l *files.Limits) { l.CompanyBytes = 5 * 1000 }))
	clients, taken, refused := []apitest.Client{w.As(t, w.member), w.As(t, w.manager)}, 0, 0 // each may send 10 at a time
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			answer := w.upload(t, clients[i%2], "a.txt", strings.Repeat("a", 1000))
			mu.Lock()
			defer mu.Unlock()
			if answer.Data == nil {
				t.Errorf("%d %s", answer.Status, answer.Body)
				return
			}
			switch got := userErrors(answer.Value(t), "uploadDocument"); got {
			case "":
				taken++
			case "CONFLICT [file]":
				refused++
			default:
				t.Error(got)
			}
		})
	}
	all.Wait()
	if taken != 5 || refused != 15 {
		t.Errorf("%d taken and %d refused, want 5 and 15", taken, refused)
	}
	w.wantKept(t, 5)
}

// What files cost in SQL.
func TestStatementsOfUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client, project := w.As(t, w.manager), w.Projects(t, w.member, 1)[0]
	w.uploaded(t, client, "a.txt", "a")
	w.SQL.Reset()
	w.uploaded(t, client, "a.txt", "b")
	w.WantSQL(t, 5)
	w.uploaded(t, client, "a.txt", "c", "projectId", project.ID)
	w.WantSQL(t, 7)
	client.Query(t, `{ documents { nodes { name } } }`)
	w.WantSQL(t, 1)
	client.Query(t, `{ documents { nodes { name downloadUrl sha256 } } }`)
	w.WantSQL(t, 1)
	w.Company(t, "Empty")
	w.uploaded(t, w.As(t, w.stranger), "a.txt", "four")
	admin := w.As(t, w.admin)
	w.SQL.Reset()
	got := admin.Query(t, `{ companies(first: 3, orderBy: {field: NAME, direction: ASC}) { nodes { name storage { used } } } }`)
	w.WantSQL(t, 2)
	if text := fmt.Sprint(got.At("companies.nodes").Raw()); text !=
		"[map[name:Empty storage:map[used:0]] map[name:Other storage:map[used:4]] map[name:Own storage:map[used:3]]]" {
		t.Error(text)
	}
}

// Deleted documents leave jobs that remove their bytes, and only theirs.
func TestDeletedDocumentsLeaveJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	projects := w.Projects(t, w.member, 2)
	blobOf := func(id string) (name string) {
		t.Helper()
		global, err := model.ParseGlobalID(id)
		if err != nil {
			t.Fatal(err)
		}
		documentID, err := model.As[model.DocumentID](global)
		if err == nil {
			err = w.Pool.QueryRow("SELECT blob_name FROM documents WHERE id = $1", documentID).Scan(&name)
		}
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	alone := w.uploaded(t, member, "a.txt", "a").Text("document.id")
	var together []string
	for _, content := range []string{"b", "c"} {
		together = append(together, w.uploaded(t, member, "a.txt", content, "projectId", projects[0].ID).Text("document.id"))
	}
	kept := w.uploaded(t, member, "a.txt", "d", "projectId", projects[1].ID).Text("document.id")
	w.Documents(t, w.member, projects[0], 1) // without bytes
	wants := [][]string{{blobOf(alone)}, {blobOf(together[0]), blobOf(together[1])}}
	blobOf(kept)
	member.Query(t, `mutation ($alone: ID!, $project: ID!, $kept: ID!) {
		deleteDocument(input: {id: $alone}) { userErrors { code } }
		deleteProject(input: {id: $project, documents: DELETE}) { userErrors { code } }
		kept: deleteProject(input: {id: $kept, documents: KEEP}) { userErrors { code } } }`,
		"alone", alone, "project", projects[0].ID, "kept", projects[1].ID)
	jobs := w.removals(t)
	if len(jobs) != len(wants) {
		t.Fatalf("jobs %q, want %q", jobs, wants)
	}
	for i, want := range wants {
		if fmt.Sprint(sorted(jobs[i])) != fmt.Sprint(sorted(want)) {
			t.Errorf("job %d removes %q, want %q", i, jobs[i], want)
		}
	}
}
