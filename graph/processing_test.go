package graph_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/internal/apitest"
	"dossier/internal/embedding"
	"dossier/model"
)

// documentIn gives a document with bytes in the status.
func (w world) documentIn(t testing.TB, owner apitest.Client, status string) string {
	t.Helper()
	id := w.uploaded(t, owner, "a.txt", "text of "+t.Name()+status).Text("document.id")
	w.setStatus(t, id, status)
	return id
}

func (w world) setStatus(t testing.TB, id, status string) {
	t.Helper()
	global, err := model.ParseGlobalID(id)
	if err == nil {
		_, err = w.Pool.Exec("UPDATE documents SET status = $1, error_code = CASE WHEN $1 = 'FAILED' THEN 'X' END WHERE id = $2", status, global.UUID)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// jobs counts the jobs that process the document.
func (w world) jobs(t testing.TB, id string) int {
	t.Helper()
	var n int
	if err := w.Pool.QueryRow("SELECT count(*) FROM river_job WHERE kind = 'process_document' AND args->>'document_id' = $1", id).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What has an outcome is processed again, what has none is given up, and nothing else.
func TestRetryAndCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	for _, probe := range []struct{ status, retried, canceled string }{
		{"UPLOADING", "BAD_USER_INPUT [id]", ""}, {"PENDING", "BAD_USER_INPUT [id]", ""}, {"EXTRACTING", "BAD_USER_INPUT [id]", ""},
		{"CHUNKING", "BAD_USER_INPUT [id]", ""}, {"EMBEDDING", "BAD_USER_INPUT [id]", ""},
		{"READY", "", "BAD_USER_INPUT [id]"}, {"FAILED", "", "BAD_USER_INPUT [id]"}, {"CANCELED", "", "BAD_USER_INPUT [id]"},
	} {
		id := w.documentIn(t, member, probe.status)
		before := w.jobs(t, id)
		data := member.Query(t, `mutation($id: ID!) { retryDocument(input: {id: $id}) { document { status errorCode progress } userErrors { code field } } }`, "id", id)
		if got := userErrors(data, "retryDocument"); got != probe.retried {
			t.Errorf("retried while %s: %s", probe.status, got)
		}
		if probe.retried == "" && (data.Text("retryDocument.document") != "map[errorCode:<nil> progress:0 status:PENDING]" || w.jobs(t, id) != before+1) {
			t.Errorf("retried while %s: %v, %d jobs", probe.status, data.At("retryDocument.document").Raw(), w.jobs(t, id))
		}
		w.setStatus(t, id, probe.status)
		data = member.Query(t, `mutation($id: ID!) { cancelDocument(input: {id: $id}) { document { status } userErrors { code field } } }`, "id", id)
		if got := userErrors(data, "cancelDocument"); got != probe.canceled {
			t.Errorf("canceled while %s: %s", probe.status, got)
		}
	}
	bare := w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 1)[0].ID.String()
	w.setStatus(t, bare, "FAILED")
	data := member.Query(t, `mutation($id: ID!) { retryDocument(input: {id: $id}) { userErrors { code field } } }`, "id", bare)
	if got := userErrors(data, "retryDocument"); got != "BAD_USER_INPUT [id]" {
		t.Errorf("retried without bytes: %s", got)
	}
}

// Up to 500 documents are processed at once, in the same number of statements, all of them or none.
func TestProcessDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	const process = `mutation($ids: [ID!]!) { processDocuments(input: {documentIds: $ids}) { documents { id status } userErrors { code field } } }`
	ready, failed, pending := w.documentIn(t, member, "READY"), w.documentIn(t, member, "FAILED"), w.documentIn(t, member, "PENDING")
	jobs := w.jobs(t, pending)
	counts := map[int]int{}
	for _, ids := range [][]any{{ready}, {failed, pending, ready}} {
		w.setStatus(t, ready, "READY")
		w.SQL.Reset()
		data := member.Query(t, process, "ids", ids)
		counts[len(w.SQL.Statements(true))]++
		for i, document := range data.List("processDocuments.documents") {
			if document.Text("id") != ids[i] || document.Text("status") != "PENDING" {
				t.Errorf("%d: %v", i, document.Raw())
			}
		}
	}
	if len(counts) != 1 {
		t.Errorf("statements depend on the documents: %v", counts)
	}
	if got := w.jobs(t, pending); got != jobs {
		t.Errorf("what waits already got %d jobs, and had %d", got, jobs)
	}
	w.setStatus(t, ready, "READY")
	bare := w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 1)[0].ID.String()
	data := member.Query(t, process, "ids", []any{ready, missingID("Document"), bare})
	if got := userErrors(data, "processDocuments"); got != "BAD_REFERENCE [documentIds 1], BAD_USER_INPUT [documentIds 2]" {
		t.Error(got)
	}
	if got := member.Query(t, `query($id: ID!) { document(id: $id) { status } }`, "id", ready).Text("document.status"); got != "READY" {
		t.Errorf("one of those that are not processed is %s", got)
	}
	for _, ids := range [][]any{{}, slices.Repeat([]any{ready}, 501)} {
		if got := userErrors(member.Query(t, process, "ids", ids), "processDocuments"); got != "BAD_USER_INPUT [documentIds]" {
			t.Errorf("%d ids: %s", len(ids), got)
		}
	}
	colleague := w.As(t, w.User(t, w.company, model.RoleMember, "Cleo Colleague"))
	if codes := colleague.Do(t, process, "ids", []any{ready}).Codes(); !slices.Equal(codes, []string{"FORBIDDEN"}) {
		t.Errorf("another's document: %v", codes)
	}
}

const putChunks = `mutation($in: PutDocumentChunksInput!) { putDocumentChunks(input: $in) {
	document { status } chunks { id position text heading page } userErrors { code field message } } }`

// A worker with a key of its own takes a document, brings its chunks and vectors, and ends it; what it brought is found.
func TestExternalWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.As(t, w.member)
	id := w.uploaded(t, member, "a.txt", "text").Text("document.id")
	worker := w.With(w.Key(t, w.manager, model.ScopeDocumentsProcess, model.ScopeDocumentsRead))
	status := func(to string, more ...any) string {
		t.Helper()
		in := map[string]any{"id": id, "status": to}
		for i := 0; i+1 < len(more); i += 2 {
			in[more[i].(string)] = more[i+1]
		}
		data := worker.Query(t, `mutation($in: UpdateDocumentStatusInput!) { updateDocumentStatus(input: $in) { document { attempt progress } userErrors { code field } } }`, "in", in)
		if errs := userErrors(data, "updateDocumentStatus"); errs != "" {
			return errs
		}
		return data.Text("updateDocumentStatus.document")
	}
	put := func(in map[string]any) apitest.Value {
		t.Helper()
		in["documentId"] = id
		return worker.Query(t, putChunks, "in", in).At("putDocumentChunks")
	}
	chunk := func(position int, text string) map[string]any {
		return map[string]any{"position": position, "text": text, "start": 0, "end": len(text)}
	}
	if got := put(map[string]any{"chunks": []any{chunk(0, "x")}}).List("userErrors"); len(got) != 1 || got[0].Text("code") != "CONFLICT" {
		t.Errorf("chunks of a document that Dossier is to process: %v", got)
	}
	if got := status("EXTRACTING"); got != "map[attempt:1 progress:0]" {
		t.Errorf("taken: %s", got)
	}
	if got := status("EXTRACTING", "progress", 0.25); got != "map[attempt:1 progress:0.25]" {
		t.Errorf("a quarter of it: %s", got)
	}
	if got := status("EXTRACTING", "progress", 1.5); got != "BAD_USER_INPUT [progress]" {
		t.Errorf("more than all of it: %s", got)
	}
	vector, err := embedding.Offline().Query(t.Context(), "the ferry timetable")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := binary.Append(nil, binary.LittleEndian, vector)
	if err != nil {
		t.Fatal(err)
	}
	first := chunk(0, "Something about boats.")
	first["vector"], first["heading"], first["page"] = base64.StdEncoding.EncodeToString(raw), "Boats", 2
	made := put(map[string]any{"chunks": []any{first, chunk(1, "Insurance.")}, "total": 2, "model": embedding.OfflineModel})
	ids := made.Texts("chunks", "id")
	if len(ids) != 2 || made.Text("chunks.0.heading") != "Boats" || made.Text("chunks.0.page") != "2" {
		t.Fatalf("put: %v", made.Raw())
	}
	if got := found(t, member, "VECTOR", "the ferry timetable", nil); len(got) != 1 || got[0] != "Something about boats." {
		t.Errorf("by the vector that was brought: %q", got)
	}
	// The same again changes nothing; another text is another chunk; what is beyond the total goes.
	again := put(map[string]any{"chunks": []any{first, chunk(1, "Insurance and risk.")}, "model": embedding.OfflineModel}).Texts("chunks", "id")
	if again[0] != ids[0] || again[1] == ids[1] {
		t.Errorf("%v became %v", ids, again)
	}
	put(map[string]any{"chunks": []any{}, "total": 1})
	if got := member.Query(t, `query($id: ID!) { document(id: $id) { chunks { totalCount } } }`, "id", id).Text("document.chunks.totalCount"); got != "1" {
		t.Errorf("%s chunks are left", got)
	}
	for _, to := range []string{"CHUNKING", "EMBEDDING", "READY"} {
		if got := status(to); strings.Contains(got, "BAD") {
			t.Errorf("%s: %s", to, got)
		}
	}
	var asked int
	if err := w.Pool.QueryRow("SELECT count(*) FROM river_job WHERE kind = 'reembed' AND args->>'document_id' = $1", id).Scan(&asked); err != nil || asked != 1 {
		t.Errorf("%d jobs make the vectors that the worker did not bring, %v", asked, err)
	}
	if got := put(map[string]any{"chunks": []any{chunk(5, "late")}}).List("userErrors"); len(got) != 1 || got[0].Text("code") != "CONFLICT" {
		t.Errorf("chunks of a document that is ready: %v", got)
	}
}

// What a worker brings is checked: each chunk's faults at its place. A thousand with vectors fit into a call.
func TestChunksAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 1)[0].ID.String()
	w.setStatus(t, id, "EXTRACTING")
	worker := w.With(w.Key(t, w.manager, model.ScopeDocumentsProcess, model.ScopeDocumentsRead))
	put := func(in map[string]any) apitest.Answer {
		t.Helper()
		in["documentId"] = id
		return worker.Do(t, putChunks, "in", in)
	}
	bad := []any{
		map[string]any{"position": 0, "text": " ", "start": 3, "end": 2},
		map[string]any{"position": 0, "text": "x", "start": 0, "end": 1, "page": 0, "vector": []any{0, 0}},
		map[string]any{"position": 20_000, "text": "x", "start": 0, "end": 1, "heading": strings.Repeat("h", 1001), "tokens": -1},
	}
	want := "BAD_USER_INPUT [chunks 0 text], BAD_USER_INPUT [chunks 0 end], BAD_USER_INPUT [chunks 1 page], BAD_USER_INPUT [chunks 1 vector], " +
		"BAD_USER_INPUT [chunks 1 position], BAD_USER_INPUT [chunks 2 position], BAD_USER_INPUT [chunks 2 heading], BAD_USER_INPUT [chunks 2 tokens], BAD_USER_INPUT [model]"
	if got := userErrors(data(t, put(map[string]any{"chunks": bad})), "putDocumentChunks"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, vector := range []any{"no base64!", "AAAA", []any{"1"}, 7, make([]int, model.VectorDimensionsMax+1)} {
		chunk := map[string]any{"position": 0, "text": "x", "start": 0, "end": 1, "vector": vector}
		if codes := put(map[string]any{"chunks": []any{chunk}, "model": "m"}).Codes(); !slices.Equal(codes, []string{"BAD_USER_INPUT"}) {
			t.Errorf("vector %.20v: %v", vector, codes)
		}
	}
	many := make([]any, model.ChunksPerCallMax)
	vector := make([]byte, 4*384)
	vector[3] = 0x3f // above zero
	for i := range many {
		many[i] = map[string]any{"position": i, "text": fmt.Sprintf("Chunk %d. %s", i, strings.Repeat("word ", 300)), "start": 0, "end": 1,
			"vector": base64.StdEncoding.EncodeToString(vector)}
	}
	if got := len(data(t, put(map[string]any{"chunks": many, "model": "m"})).List("putDocumentChunks.chunks")); got != len(many) {
		t.Errorf("%d chunks are put", got)
	}
	if got := userErrors(data(t, put(map[string]any{"chunks": append(many, many[0])})), "putDocumentChunks"); got != "BAD_USER_INPUT [chunks]" {
		t.Errorf("one more: %s", got)
	}
}

// onceUploaded sends a statement to the database when it has a document.
func (w world) onceUploaded(ctx context.Context, statement string) error {
	for {
		documents := 0
		if err := w.Pool.QueryRowContext(ctx, "SELECT count(*) FROM documents").Scan(&documents); err != nil {
			return err
		}
		if documents > 0 {
			_, err := w.Pool.ExecContext(ctx, statement)
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What was uploaded is answered when nobody can see any more how far it is: an error would have it uploaded again.
func TestUploadIsAnsweredWhateverItWaitsFor(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a deleted document": "DELETE FROM documents", "a database that does not answer": "ALTER TABLE documents RENAME TO away",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			sent := make(chan error, 1)
			go func() { sent <- w.onceUploaded(t.Context(), statement) }()
			uploaded := w.uploaded(t, w.As(t, w.member), "a.txt", "hello", "waitUntilReady", true)
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if status := uploaded.Text("document.status"); status != "PENDING" {
				t.Errorf("it is %s", status)
			}
		})
	}
}
