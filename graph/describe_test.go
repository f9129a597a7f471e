package graph_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// Introspection shows no directives: what a field needs stands at the end of its description there, once.
func TestDescriptionsSayWhoMayUseAField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	newWorld(t) // a second server of the process
	var answer struct {
		Data struct {
			Schema struct {
				Types []struct {
					Name   string
					Fields []struct{ Name, Description string }
				}
			} `json:"__schema"`
		}
	}
	body := w.Anonymous().Do(t, `{ __schema { types { name fields { name description } } } }`).Body
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	served := map[string]string{}
	for _, one := range answer.Data.Schema.Types {
		for _, field := range one.Fields {
			served[one.Name+"."+field.Name] = field.Description
		}
	}
	for _, definition := range loadSchema(t).Types {
		for _, field := range definition.Fields {
			if definition.Kind != ast.Object || strings.HasPrefix(field.Name, "__") {
				continue
			}
			name, directive := definition.Name+"."+field.Name, field.Directives.ForName("access")
			said, ok := strings.CutPrefix(served[name], field.Description)
			switch {
			case !ok:
				t.Errorf("%s is described as %q", name, served[name])
			case directive == nil && said != "":
				t.Errorf("%s has no @access, and says %q", name, said)
			case directive != nil && strings.Count(said, "Needs") != 1:
				t.Errorf("%s says %q", name, said)
			}
			if directive == nil {
				continue
			}
			for _, argument := range directive.Arguments {
				if argument.Name != "anyScope" && !strings.Contains(said, argument.Value.Raw) {
					t.Errorf("%s does not say %s: %q", name, argument.Value.Raw, said)
				}
			}
		}
	}
	for name, want := range map[string]string{
		"Mutation.signIn":      "Needs no credential.",
		"Query.node":           "Needs the role MEMBER; an API key needs no scope.",
		"Mutation.endSession":  "Needs the role MEMBER; not for API keys.",
		"Mutation.createUser":  "Needs the role MANAGER; an API key also the scope `users:write`.",
		"Query.adapterUser":    "Needs an API key with the scope `auth:adapter`, made by someone with the role MANAGER.",
		"Document.downloadUrl": "Needs the role MEMBER; an API key also the scope `documents:read`.",
	} {
		if !strings.HasSuffix(served[name], "\n\n"+want) {
			t.Errorf("%s says %q", name, served[name])
		}
	}
}
