package files_test

import (
	"io"
	"strings"
	"testing"

	"dossier/internal/fault"
	"dossier/model"
)

// A user who sends many files slowly takes all turns of nobody else.
func TestTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ends []*io.PipeWriter
	var results []chan error
	for range 10 {
		reader, writer := io.Pipe()
		result := make(chan error, 1)
		go func() {
			incoming, err := w.Begin(w.viewer)
			if err != nil {
				result <- err
				return
			}
			file, err := incoming.Receive(t.Context(), "slow.txt", reader)
			incoming.Settle(t.Context(), file)
			result <- err
		}()
		if _, err := writer.Write([]byte("a slow")); err != nil { // it has its turn by now
			t.Fatal(err)
		}
		ends, results = append(ends, writer), append(results, result)
	}
	_, err := w.Begin(w.viewer)
	if !fault.Is(err, fault.RateLimited) || fault.All(err)[0].RetryAfter == 0 {
		t.Errorf("an eleventh at a time: %v", err)
	}
	upload := w.upload(t, 5)
	if _, err := w.Append(t.Context(), upload, strings.NewReader("parts")); !fault.Is(err, fault.RateLimited) {
		t.Errorf("a part beside them: %v", err)
	}
	other := model.Viewer{UserID: w.db.User(t, w.db.Company(t, "Other"), model.RoleMember, "Otto").ID, Role: model.RoleMember}
	if _, err := w.Begin(other); err != nil {
		t.Errorf("another user's: %v", err)
	}
	for i, end := range ends {
		_ = end.Close()
		if err := <-results[i]; err != nil {
			t.Error(err)
		}
	}
	w.receive(t, "when they are there")
}
