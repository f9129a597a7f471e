package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/internal/apitest"
)

// surface is the schema as introspection tells it to a client, and what the walls' tests make of it: operations.
type surface struct {
	types map[string]*typeInfo
	nodes []string // the entities
}

type typeInfo struct {
	Kind, Name    string
	Fields        []*fieldInfo
	InputFields   []*inputInfo
	EnumValues    []struct{ Name string }
	PossibleTypes []struct{ Name string }
}

type fieldInfo struct {
	Name string
	Args []*inputInfo
	Type typeRef
}

type inputInfo struct {
	Name         string
	Type         typeRef
	DefaultValue *string
}

type typeRef struct {
	Kind, Name string
	OfType     *typeRef
}

const schemaQuery = `{ __schema { types { kind name possibleTypes { name } enumValues { name }
	fields { name args { ...input } type { ...ref } } inputFields { ...input } } } }
	fragment input on __InputValue { name defaultValue type { ...ref } }
	fragment ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }`

func introspect(t testing.TB, client apitest.Client) *surface {
	t.Helper()
	var answer struct {
		Data struct {
			Schema struct{ Types []*typeInfo } `json:"__schema"`
		}
	}
	if err := json.Unmarshal([]byte(client.Do(t, schemaQuery).Body), &answer); err != nil {
		t.Fatal(err)
	}
	s := &surface{types: map[string]*typeInfo{}}
	for _, one := range answer.Data.Schema.Types {
		s.types[one.Name] = one
	}
	for _, node := range s.types["Node"].PossibleTypes {
		s.nodes = append(s.nodes, node.Name)
	}
	slices.Sort(s.nodes)
	return s
}

func (r typeRef) required() bool { return r.Kind == "NON_NULL" }

// named is the type below the wrappers.
func (r typeRef) named() string {
	if r.OfType != nil {
		return r.OfType.named()
	}
	return r.Name
}

// row is the entity that a field leads to, itself or in a connection; empty for none.
func (s *surface) row(f *fieldInfo) string {
	name := strings.TrimSuffix(f.Type.named(), "Connection")
	if kind := s.types[name].Kind; kind == "OBJECT" || kind == "INTERFACE" {
		return name
	}
	return ""
}

// positions are the paths at which arguments take an id: id, filter.projectId, input.documents.projectId.
func (s *surface) positions(args []*inputInfo) []string {
	var paths []string
	for _, arg := range args {
		name := arg.Type.named()
		if name == "ID" {
			paths = append(paths, arg.Name)
		}
		for _, below := range s.positions(s.types[name].InputFields) {
			paths = append(paths, arg.Name+"."+below)
		}
	}
	return paths
}

// asking writes arguments: those that are required, and those that lead to the position. ids gives the id of each place.
type asking struct {
	*surface
	t        testing.TB
	position string
	ids      func(path string) string
	unique   int
}

// samples are values of inputs that have a form; others of their type are anything.
var samples = map[string]string{"email": `"wall%d@test.example"`, "color": `"#102030"`, "image": `"https://test.example/i.png"`, "domain": `"test.example"`,
	"status": "PENDING"}

func (a *asking) arguments(args []*inputInfo, above string) string {
	var parts []string
	for _, arg := range args {
		path := strings.TrimPrefix(above+"."+arg.Name, ".")
		leads := a.position == path || strings.HasPrefix(a.position, path+".")
		if leads || arg.Type.required() && arg.DefaultValue == nil {
			parts = append(parts, arg.Name+": "+a.value(arg.Type, path))
		}
	}
	return strings.Join(parts, ", ")
}

func (a *asking) value(of typeRef, path string) string {
	switch of.Kind {
	case "NON_NULL":
		return a.value(*of.OfType, path)
	case "LIST":
		return "[" + a.value(*of.OfType, path) + "]"
	case "INPUT_OBJECT":
		return "{" + a.arguments(a.types[of.Name].InputFields, path) + "}"
	}
	name := path[strings.LastIndex(path, ".")+1:]
	if sample, ok := samples[name]; ok {
		a.unique++
		return strings.ReplaceAll(sample, "%d", fmt.Sprint(a.unique))
	}
	if of.Kind == "ENUM" {
		return a.types[of.Name].EnumValues[0].Name
	}
	switch of.Name {
	case "ID":
		return `"` + a.ids(path) + `"`
	case "String":
		a.unique++
		return fmt.Sprintf(`"a text that is long enough: %032d"`, a.unique)
	case "Int", "BigInt":
		return "1"
	case "Float":
		return "0.5"
	case "Vector":
		return "[1, 2]"
	case "Boolean":
		return "false"
	case "DateTime":
		return `"2126-01-01T00:00:00Z"`
	case "Scope":
		return `"projects:read"`
	case "Digest":
		return `"` + strings.Repeat("0f", 32) + `"`
	case "Upload":
		return "$file" // which ask sends
	}
	a.t.Fatalf("no sample of %s", of.Name)
	return ""
}

// call writes a field with its arguments and a selection.
func (a *asking) call(f *fieldInfo, selection string) string {
	arguments := a.arguments(f.Args, "")
	if arguments != "" {
		arguments = "(" + arguments + ")"
	}
	return f.Name + arguments + selection
}

// shallow selects the scalars of a type, and of what its fields lead to the id.
func (s *surface) shallow(of string) string {
	definition := s.types[of]
	switch {
	case definition.Kind == "INTERFACE":
		return " { __typename id }"
	case definition.Kind != "OBJECT":
		return ""
	case strings.HasSuffix(of, "Connection"):
		if node := strings.TrimSuffix(of, "Connection"); s.types[node] != nil && !slices.Contains(s.nodes, node) {
			return " { nodes" + s.leaves(node) + " }"
		}
		return " { totalCount nodes { id } }"
	}
	var fields []string
	for _, field := range definition.Fields {
		below := s.types[field.Type.named()]
		switch {
		case len(field.Args) > 0 || fieldRows[of+"."+field.Name] != "": // is asked for by itself
		case below.Kind != "OBJECT" && below.Kind != "INTERFACE":
			fields = append(fields, field.Name)
		case strings.HasSuffix(of, "Payload") && below.Name != of:
			fields = append(fields, field.Name+s.leaves(below.Name))
		}
	}
	return " { " + strings.Join(fields, " ") + " }"
}

// leaves selects the scalars of a type.
func (s *surface) leaves(of string) string {
	fields := []string{"__typename"}
	for _, field := range s.types[of].Fields {
		if kind := s.types[field.Type.named()].Kind; len(field.Args) == 0 && (kind == "SCALAR" || kind == "ENUM") {
			fields = append(fields, field.Name)
		}
	}
	return " { " + strings.Join(fields, " ") + " }"
}

// deep selects all that can be reached, each type once on every way.
func (s *surface) deep(of string, above ...string) string {
	definition := s.types[of]
	if slices.Contains(above, of) {
		return ""
	}
	if definition.Kind == "INTERFACE" {
		return " { __typename id }"
	}
	above = append(slices.Clone(above), of)
	fields := []string{"__typename"}
	for _, field := range definition.Fields {
		below := s.types[field.Type.named()]
		if below.Kind != "OBJECT" && below.Kind != "INTERFACE" {
			fields = append(fields, field.Name)
			continue
		}
		if strings.HasSuffix(of, "Connection") && field.Name == "edges" {
			continue // the nodes are the same rows
		}
		if selection := s.deep(below.Name, above...); selection != "" {
			fields = append(fields, field.Name+selection)
		}
	}
	return " { " + strings.Join(fields, " ") + " }"
}
