package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"dossier/internal/pgtest"
	"dossier/internal/seed"
	"dossier/internal/tcpproxy"
)

// packed is how many files the demo data has.
var packed = len(seed.Pack())

// What the store and the database do not agree upon is told, and the exit code says whether anything is lost.
func TestBlobsCheck(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	settings := []string{"POSTGRES_URL=" + db.URL, "HTTP_ADDR=" + tcpproxy.FreeAddr(t), "BLOB_URL=" + newBlobURL()}
	p := launch(t, command(nil, settings...))
	p.waitReady(t)
	u := &uploader{url: p.url, token: p.signIn(t, seed.SignIns[1].Email), kept: map[string]string{}}
	u.withRequest(t.Context(), []byte("to be lost"), "")
	p.stop(t)
	var id string
	for id = range u.kept {
	}
	stored := storedFiles(t, settings)
	if len(stored) != packed+1 || id == "" {
		t.Fatalf("there are %v", stored)
	}
	run(t, []string{"blobs", "check"}, settings...).wantOutput(t, fmt.Sprintf("%d blobs: 0 without a row", packed+1), "0 documents without their bytes")

	run(t, []string{"blobs", "check", "--min-age=0s"}, settings...).wantSentence(t, "--stopped")

	last := stored[packed] // the names begin with the time
	orphan := last + "-orphan"
	if err := os.Rename(last, orphan); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"--min-age=0s", "--dry-run"}, nil, {"--min-age=0s", "--stopped"}} {
		r := run(t, append([]string{"blobs", "check"}, arguments...), settings...)
		if r.code != 1 || !strings.Contains(r.stdout, "missing  "+id) || !strings.Contains(r.stderr, "documents have lost their bytes") {
			t.Errorf("%v: exit code %d\n%s%s", arguments, r.code, r.stdout, r.stderr)
		}
		_, err := os.Stat(orphan)
		if removes := len(arguments) == 2 && arguments[1] == "--stopped"; removes != os.IsNotExist(err) || removes != strings.Contains(r.stdout, "1 without a row removed (10 bytes)") {
			t.Errorf("%v: the orphan: %v\n%s", arguments, err, r.stdout)
		}
	}
}

// What a deleted document leaves is removed by a job that its deletion has enqueued.
func TestDeletedDocumentsLeaveNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	settings := []string{"POSTGRES_URL=" + db.URL, "HTTP_ADDR=" + tcpproxy.FreeAddr(t), "BLOB_URL=" + newBlobURL()}
	p := launch(t, command(nil, settings...))
	p.waitReady(t)
	u := &uploader{url: p.url, token: p.signIn(t, seed.SignIns[1].Email), kept: map[string]string{}, deleted: map[string]bool{}}
	for _, content := range []string{"one", "two"} {
		u.withRequest(t.Context(), []byte(content), content)
	}
	if stored := storedFiles(t, settings); len(stored) != packed+2 {
		t.Fatalf("there are %v", stored)
	}
	u.deleteOne(t.Context())
	eventually(t, "one file to go", func() bool { return len(storedFiles(t, settings)) == packed+1 })
	u.deleteOne(t.Context())
	eventually(t, "the other one to go", func() bool { return len(storedFiles(t, settings)) == packed })
}
