package graph_test

import (
	"strings"
	"testing"

	"dossier/internal/apitest"
	"dossier/model"
)

// wholeCall makes an operation of a call. A file in it is a variable.
func wholeCall(operation, call string) string {
	operation = strings.ToLower(operation)
	if strings.Contains(call, "$file") {
		operation += " ($file: Upload!)"
	}
	return operation + " { " + call + " }"
}

// ask sends the query, with a file where it takes one: the way of files has checks of its own.
func (w world) ask(t testing.TB, client apitest.Client, query string) apitest.Answer {
	t.Helper()
	if !strings.Contains(query, "$file") {
		return client.Do(t, query)
	}
	text := operations(t, query, map[string]any{"file": nil})
	return client.Exchange(t, form(t, w.World, text, `{"0": ["variables.file"]}`, brought{"0", "wall.txt", "a file"}))
}

// sent creates an upload of the user's, sends its bytes, and gives its id.
func (w world) sent(t testing.TB, user *model.User, content string) string {
	t.Helper()
	upload := newUpload(t, w.As(t, user), len(content))
	if answer := w.put(t, upload.Text("url"), content); answer.Status != 204 {
		t.Fatalf("not taken: %d %s", answer.Status, answer.Body)
	}
	return upload.Text("id")
}
