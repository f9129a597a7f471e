package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"dossier/model"
)

// wrappers are objects of one field that a peer puts around what others give as it is: connections, counts, payloads.
var wrappers = []string{"nodes", "totalCount", "result", "document", "project", "user"}

// Canonical reads an answer. What it gives is equal for peers that say the same: ids are UUIDs, times are instants in UTC,
// a connection is its rows. It is an error if the answer has errors, user errors or no data.
func Canonical(body []byte) (any, error) {
	var answer struct {
		Data   map[string]any  `json:"data"`
		Errors json.RawMessage `json:"errors"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return nil, fmt.Errorf("no JSON: %w: %.200s", err, body)
	}
	if answer.Errors != nil {
		return nil, fmt.Errorf("errors: %.300s", answer.Errors)
	}
	if len(answer.Data) != 1 {
		return nil, fmt.Errorf("%d root fields: %.200s", len(answer.Data), body)
	}
	for _, root := range answer.Data {
		if root == nil {
			return nil, errors.New("the root field is null")
		}
		return canonical("", root)
	}
	return nil, nil
}

func canonical(key string, value any) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		return canonicalObject(value)
	case []any:
		for i := range value {
			var err error
			if value[i], err = canonical(key, value[i]); err != nil {
				return nil, err
			}
		}
		return value, nil
	case string:
		return canonicalText(key, value)
	}
	return value, nil
}

func canonicalObject(object map[string]any) (any, error) {
	if problems, ok := object["userErrors"]; ok {
		if list, ok := problems.([]any); !ok || len(list) > 0 {
			return nil, fmt.Errorf("user errors: %v", problems)
		}
		delete(object, "userErrors")
	}
	for key := range object {
		var err error
		if object[key], err = canonical(key, object[key]); err != nil {
			return nil, err
		}
		if len(object) == 1 && slices.Contains(wrappers, key) {
			return object[key], nil
		}
	}
	return object, nil
}

func canonicalText(key, text string) (any, error) {
	switch {
	case key == "id":
		if id, err := model.ParseGlobalID(text); err == nil {
			return id.UUID.String(), nil
		}
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no id", text)
		}
		return id.String(), nil
	case strings.HasSuffix(key, "At"):
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		return at.UTC().Format(time.RFC3339Nano), nil
	}
	return text, nil
}

// Difference tells where two canonical answers differ first, "" if nowhere.
func Difference(want, got any) string { return difference("", want, got) }

func difference(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || !maps.EqualFunc(want, object, func(any, any) bool { return true }) {
			return fmt.Sprintf("%s has other fields: want %s, got %s", orRoot(path), brief(want), brief(got))
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if text := difference(path+"."+key, want[key], object[key]); text != "" {
				return text
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Sprintf("%s has other rows: want %d, got %s", orRoot(path), len(want), brief(got))
		}
		for i := range want {
			if text := difference(fmt.Sprintf("%s[%d]", path, i), want[i], list[i]); text != "" {
				return text
			}
		}
		return ""
	}
	if want != got {
		return fmt.Sprintf("%s: want %s, got %s", orRoot(path), brief(want), brief(got))
	}
	return ""
}

// Has reports what of want a canonical answer has not, "" if it has all.
func Has(answer any, want map[string]any) string {
	object, ok := answer.(map[string]any)
	if !ok {
		return fmt.Sprintf("want an object, got %s", brief(answer))
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if inner, ok := want[key].(map[string]any); ok {
			if text := Has(object[key], inner); text != "" {
				return key + ": " + text
			}
		} else if object[key] != want[key] {
			return fmt.Sprintf("%s: want %s, got %s", key, brief(want[key]), brief(object[key]))
		}
	}
	return ""
}

// Leaves counts the values of an answer: one that has none proves nothing.
func Leaves(answer any) int {
	count := 0
	switch answer := answer.(type) {
	case map[string]any:
		for _, value := range answer {
			count += Leaves(value)
		}
	case []any:
		for _, value := range answer {
			count += Leaves(value)
		}
	case nil:
	default:
		return 1
	}
	return count
}

// briefMax bounds what is shown of a value, in bytes.
const briefMax = 200

func brief(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text[:min(len(text), briefMax)])
}

func orRoot(path string) string {
	if path == "" {
		return "the answer"
	}
	return path
}
