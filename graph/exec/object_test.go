package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// answering is the context of an answer.
func answering(t *testing.T) context.Context {
	recovered := func(_ context.Context, r any) error { return fmt.Errorf("recovered from %v", r) }
	return graphql.WithResponseContext(t.Context(), graphql.DefaultErrorPresenter, recovered)
}

func in(ctx context.Context, field string) context.Context {
	return graphql.WithFieldContext(ctx, &graphql.FieldContext{Field: graphql.CollectedField{Field: &ast.Field{Alias: field}}})
}

func selection(aliases ...string) []graphql.CollectedField {
	fields := make([]graphql.CollectedField, len(aliases))
	for i, alias := range aliases {
		fields[i].Field = &ast.Field{Alias: alias}
	}
	return fields
}

func written(m graphql.Marshaler) string {
	var text strings.Builder
	m.MarshalGQL(&text)
	return text.String()
}

func number(n int) func(context.Context) graphql.Marshaler {
	return func(context.Context) graphql.Marshaler { return graphql.MarshalInt(n) }
}

func null(context.Context) graphql.Marshaler { return graphql.Null }

func TestObject(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		aliases []string
		fill    func(*object)
		want    string
	}{
		"the order is the selection's, whatever is resolved first": {[]string{"b", "a", "c"}, func(o *object) {
			o.requireLater(0, number(1))
			o.setLater(2, number(3))
			o.require(1, graphql.MarshalInt(2))
		}, `{"b":1,"a":2,"c":3}`},
		"no field": {nil, func(*object) {}, `{}`},
		"a field that is selected through two types": {[]string{"a", "b", "a"}, func(o *object) {
			o.require(0, graphql.MarshalInt(1))
			o.require(1, graphql.MarshalInt(2))
			o.require(2, graphql.MarshalInt(1))
		}, `{"a":1,"b":2}`},
		"null where it may be": {[]string{"a", "b"}, func(o *object) {
			o.set(0, graphql.Null)
			o.setLater(1, null)
		}, `{"a":null,"b":null}`},
		"null where it must not be": {[]string{"a", "b"}, func(o *object) {
			o.require(0, graphql.Null)
			o.set(1, graphql.MarshalInt(1))
		}, `null`},
		"null where it must not be, later": {[]string{"a", "b", "c"}, func(o *object) {
			o.setLater(0, number(1))
			o.requireLater(1, null)
			o.setLater(2, number(1))
		}, `null`},
	} {
		o := newObject(selection(c.aliases...))
		c.fill(o)
		if got := written(o.resolve(t.Context())); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Fields that are resolved later are so side by side: the first waits for the last here.
func TestObjectSideBySide(t *testing.T) {
	t.Parallel()
	o, met := newObject(selection("a", "b", "c")), make(chan graphql.Marshaler)
	meet := func(context.Context) graphql.Marshaler { return <-met }
	o.setLater(0, meet)
	o.setLater(1, meet)
	o.setLater(2, func(context.Context) graphql.Marshaler {
		met <- graphql.MarshalInt(1)
		met <- graphql.MarshalInt(1)
		return graphql.MarshalInt(2)
	})
	if got := written(o.resolve(t.Context())); got != `{"a":1,"b":1,"c":2}` {
		t.Error(got)
	}
}

// A panic is an error of its object or element, and leaves the others alone. Uncaught it would end the process.
func TestObjectPanics(t *testing.T) {
	t.Parallel()
	ctx := in(answering(t), "list")
	list := marshalList(ctx, 4, func(ctx context.Context, i int) graphql.Marshaler {
		o := newObject(selection("a", "b"))
		o.setLater(0, func(context.Context) graphql.Marshaler { return graphql.MarshalInt(i) })
		later := func(context.Context) graphql.Marshaler {
			if i != 2 {
				panic("on purpose")
			}
			return graphql.MarshalInt(i)
		}
		switch i {
		case 0:
			o.setLater(1, later)
		case 1:
			panic("as well")
		default:
			o.requireLater(1, later)
		}
		return o.resolve(ctx)
	})
	if got, want := written(list), `[{"a":0,"b":null},null,{"a":2,"b":2},null]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	errs := graphql.GetErrors(ctx)
	if got, want := fmt.Sprint(errs), "input: list[0] recovered from on purpose\ninput: list[1] recovered from as well\ninput: list[3] recovered from on purpose\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// An element of a list has its place in the path of its errors.
func TestListPaths(t *testing.T) {
	t.Parallel()
	ctx := in(answering(t), "list")
	list := marshalList(ctx, 2, func(ctx context.Context, i int) graphql.Marshaler {
		return marshalList(in(ctx, "inner"), i+1, func(ctx context.Context, j int) graphql.Marshaler {
			graphql.AddError(ctx, errors.New("on purpose"))
			return graphql.MarshalInt(10*i + j)
		})
	})
	if got, want := written(list), `[[0],[10,11]]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var paths []string
	for _, err := range graphql.GetErrors(ctx) {
		paths = append(paths, err.Path.String())
	}
	if got, want := strings.Join(paths, " "), "list[0].inner[0] list[1].inner[0] list[1].inner[1]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := written(marshalList(ctx, 0, nil)); got != `[]` {
		t.Error(got)
	}
}

// What is left of a list when the time is over is not resolved, and is one error.
func TestListIsCutOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(answering(t))
	ctx = in(ctx, "list")
	list := marshalList(ctx, 4, func(_ context.Context, i int) graphql.Marshaler {
		if i == 1 {
			cancel()
		}
		return graphql.MarshalInt(i)
	})
	if got, want := written(list), `[0,1,null,null]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := graphql.GetErrors(ctx).Error(), "input: list[2] context canceled\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What was encoded stays as it is when the buffer is used again.
func TestEncode(t *testing.T) {
	t.Parallel()
	text := func(s string) graphql.Marshaler {
		return graphql.WriterFunc(func(w io.Writer) { io.WriteString(w, s) })
	}
	first := encode(text("first"))
	for range 100 { // the pool does not always give what it was given
		if got := encode(text("other")); string(got) != "other" {
			t.Fatalf("%s", got)
		}
	}
	if string(first) != "first" {
		t.Errorf("%s", first)
	}
	if large := bytes.Repeat([]byte("x"), keptBytesMax+1); !bytes.Equal(encode(text(string(large))), large) {
		t.Error("a large answer is another one")
	}
}
