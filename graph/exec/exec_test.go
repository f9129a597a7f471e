package exec

import (
	"context"
	"errors"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Arguments are read once for all rows that a field of the query's text is selected of, but where they are wrong.
func TestArgumentsOf(t *testing.T) {
	t.Parallel()
	reads, failure := 0, error(nil)
	read := func(_ context.Context, raw map[string]any) (map[string]any, error) {
		reads++
		return map[string]any{"read": reads, "first": raw["first"]}, failure
	}
	ec := newExecutionContext(&graphql.OperationContext{Variables: map[string]any{"n": 7}}, &executableSchema{}, nil)
	field := func() *ast.Field {
		return &ast.Field{
			Definition: &ast.FieldDefinition{Arguments: ast.ArgumentDefinitionList{{Name: "first"}}},
			Arguments:  ast.ArgumentList{{Name: "first", Value: &ast.Value{Kind: ast.Variable, Raw: "n"}}},
		}
	}
	one, other, wrong := field(), field(), field()
	for _, c := range []struct {
		object string
		field  *ast.Field
		fail   error
		read   int
	}{
		{"A", one, nil, 1}, {"A", one, nil, 1}, {"A", other, nil, 2}, {"A", one, nil, 1}, {"B", one, nil, 3},
		{"A", wrong, errors.New("wrong"), 4}, {"A", wrong, errors.New("wrong"), 5}, {"A", wrong, nil, 6}, {"A", wrong, nil, 6},
	} {
		failure = c.fail
		fc := &graphql.FieldContext{Object: c.object, Field: graphql.CollectedField{Field: c.field}}
		args, err := ec.argumentsOf(t.Context(), fc, read)
		if !errors.Is(err, c.fail) || args["read"] != c.read || args["first"] != 7 {
			t.Errorf("%+v: %v, %v", c, args, err)
		}
	}
}
