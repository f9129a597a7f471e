package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dossier/internal/pgtest"
	"dossier/internal/seed"
	"dossier/internal/tcpproxy"
)

// slowModel is an endpoint that makes vectors, in its own time.
func slowModel(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		time.Sleep(300 * time.Millisecond)
		type vector struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		vectors := make([]vector, len(asked.Input))
		for i, text := range asked.Input {
			vectors[i] = vector{i, []float32{1, float32(len(text) % 7), float32(len(text) % 5), -1}}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": vectors})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const (
	killsOfProcessing  = 20
	killedDocuments    = 40
	sectionsOfDocument = 30
)

// killedText is a document whose sections are a chunk each.
func killedText(document int) string {
	var text strings.Builder
	for section := range sectionsOfDocument {
		fmt.Fprintf(&text, "# Section %d of %d\n\n%s\n\n", section, document, strings.Repeat(fmt.Sprintf("Sentence of section %d says what it says at length. ", section), 12))
	}
	return text.String()
}

// Whenever the server is killed: each document is READY or FAILED in the end, and has each of its chunks once, with one vector.
func TestKilledProcessing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	settings := []string{"POSTGRES_URL=" + db.URL, "HTTP_ADDR=" + tcpproxy.FreeAddr(t), "BLOB_URL=" + newBlobURL(), "SIGNING_KEYS=" + strings.Repeat("key ", 10),
		"LOG_REQUESTS=false", "EMBEDDINGS_URL=" + slowModel(t), "EMBEDDINGS_MODEL=slow", "EMBEDDINGS_DIMENSIONS=4"}
	p := launch(t, command(nil, append(settings, "PROCESS_DOCUMENTS=false")...))
	p.waitReady(t)
	u := &uploader{url: p.url, token: p.signIn(t, seed.SignIns[1].Email), kept: map[string]string{}, deleted: map[string]bool{}}
	// The demo data is not what is killed here.
	execute(t, db, "UPDATE documents SET status = 'CANCELED', lease_expires_at = NULL")
	for document := range killedDocuments {
		u.withRequest(t.Context(), []byte(killedText(document)), "")
	}
	if len(u.kept) != killedDocuments {
		t.Fatalf("%d documents were taken", len(u.kept))
	}
	execute(t, db, "UPDATE documents SET content_type = 'text/markdown', lease_expires_at = now() WHERE status <> 'CANCELED'")
	p.stop(t)
	p = launch(t, command(nil, settings...))
	p.waitReady(t)
	seen := map[string]int{}
	for range killsOfProcessing {
		time.Sleep(rand.N(1500 * time.Millisecond))
		p.kill()
		for status, n := range statuses(t, db) {
			seen[status] += n
		}
		execute(t, db, "UPDATE documents SET lease_expires_at = now() WHERE lease_expires_at IS NOT NULL") // as if that long had passed
		p = launch(t, command(nil, settings...))
		p.waitStatus(t, "/readyz", http.StatusOK)
	}
	t.Logf("when the server was killed, documents were %v", seen)
	eventually(t, "an outcome of each document", func() bool {
		left := statuses(t, db)
		delete(left, "READY")
		delete(left, "FAILED")
		return len(left) == 0
	})
	outcomes := statuses(t, db)
	if outcomes["READY"]+outcomes["FAILED"] != killedDocuments || outcomes["READY"] == 0 {
		t.Errorf("in the end: %v", outcomes)
	}
	for table, condition := range map[string]string{
		"document_chunks AS row": "row.document_id = d.id", "chunk_codes AS row": "row.document_id = d.id",
		"chunk_embeddings AS row": "row.chunk_id IN (SELECT id FROM document_chunks WHERE document_id = d.id)",
	} {
		var wrong int
		err := db.Pool.QueryRow("SELECT count(*) FROM documents AS d WHERE status = 'READY' AND (SELECT count(*) FROM "+table+" WHERE "+condition+") <> $1",
			sectionsOfDocument).Scan(&wrong)
		if err != nil || wrong > 0 {
			t.Errorf("%d documents have not %d rows of %s, %v", wrong, sectionsOfDocument, table, err)
		}
	}
	p.stop(t)
}

func execute(t *testing.T, db *pgtest.DB, statement string) {
	t.Helper()
	if _, err := db.Pool.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// statuses counts the documents in each status that are not canceled.
func statuses(t *testing.T, db *pgtest.DB) map[string]int {
	t.Helper()
	rows, err := db.Pool.Query("SELECT status, count(*) FROM documents WHERE status <> 'CANCELED' GROUP BY status")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var status string
		var n int
		if err := rows.Scan(&status, &n); err != nil {
			t.Fatal(err)
		}
		counts[status] = n
	}
	return counts
}
