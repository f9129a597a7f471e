package apitest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Value is a part of an answer's data.
type Value struct {
	t   testing.TB
	raw any
}

// Value is the answer's data.
func (a Answer) Value(t testing.TB) Value { return Value{t, a.Data} }

// Raw is the value as encoding/json decodes it.
func (v Value) Raw() any { return v.raw }

// At walks down a path such as "projects.nodes.0.name"; the test fails if it leads nowhere.
func (v Value) At(path string) Value {
	v.t.Helper()
	at := v.raw
	for _, step := range strings.Split(path, ".") {
		switch container := at.(type) {
		case map[string]any:
			next, ok := container[step]
			if !ok {
				v.t.Fatalf("no %q of %q in %v", step, path, v.raw)
			}
			at = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(container) {
				v.t.Fatalf("no %q of %q in %v", step, path, v.raw)
			}
			at = container[i]
		default:
			v.t.Fatalf("no %q of %q in %v", step, path, v.raw)
		}
	}
	return Value{v.t, at}
}

// Text is the value at the path as text: null is "<nil>".
func (v Value) Text(path string) string {
	v.t.Helper()
	return fmt.Sprint(v.At(path).raw)
}

// List is the list at the path.
func (v Value) List(path string) []Value {
	v.t.Helper()
	list, ok := v.At(path).raw.([]any)
	if !ok {
		v.t.Fatalf("%q is no list in %v", path, v.raw)
	}
	values := make([]Value, len(list))
	for i, one := range list {
		values[i] = Value{v.t, one}
	}
	return values
}

// Texts is a field of each element of the list at the path.
func (v Value) Texts(path, field string) []string {
	v.t.Helper()
	var texts []string
	for _, one := range v.List(path) {
		texts = append(texts, one.Text(field))
	}
	return texts
}

// syncBuffer is a buffer that many goroutines may write.
type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
