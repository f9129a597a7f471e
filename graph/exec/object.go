package exec

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
)

// object is an object of an answer while its fields are resolved. Generated code sets each field of it, now or later, and
// then resolves it.
type object struct {
	fields  []graphql.CollectedField
	values  []graphql.Marshaler
	later   []laterField
	invalid atomic.Bool // a field is null that must not be
}

type laterField struct {
	index    int
	required bool
	resolve  func(context.Context) graphql.Marshaler
}

func newObject(fields []graphql.CollectedField) *object {
	return &object{fields: fields, values: make([]graphql.Marshaler, len(fields))}
}

func (o *object) set(i int, value graphql.Marshaler) { o.values[i] = value }

func (o *object) require(i int, value graphql.Marshaler) {
	if value == graphql.Null {
		o.invalid.Store(true)
	}
	o.values[i] = value
}

func (o *object) setLater(i int, resolve func(context.Context) graphql.Marshaler) {
	o.later = append(o.later, laterField{i, false, resolve})
}

func (o *object) requireLater(i int, resolve func(context.Context) graphql.Marshaler) {
	o.later = append(o.later, laterField{i, true, resolve})
}

// resolve resolves what is left, side by side, and gives the object, or null where a field must not be.
func (o *object) resolve(ctx context.Context) graphql.Marshaler {
	if len(o.later) > 0 {
		var others sync.WaitGroup
		for i := range o.later[1:] {
			others.Go(func() { o.resolveLater(ctx, &o.later[i+1]) })
		}
		o.resolveLater(ctx, &o.later[0])
		others.Wait()
		o.later = nil // what has led to the values is not kept until they are written
	}
	if o.invalid.Load() {
		return graphql.Null
	}
	return o
}

func (o *object) resolveLater(ctx context.Context, f *laterField) {
	value := safely(ctx, f.resolve)
	if f.required {
		o.require(f.index, value)
	} else {
		o.set(f.index, value)
	}
}

// MarshalGQL writes the object. Aliases are names, which need no escapes.
func (o *object) MarshalGQL(w io.Writer) {
	io.WriteString(w, "{")
	separator := `"`
	for i := range o.fields {
		if o.repeats(i) {
			continue
		}
		io.WriteString(w, separator)
		io.WriteString(w, o.fields[i].Alias)
		io.WriteString(w, `":`)
		o.values[i].MarshalGQL(w)
		separator = `,"`
	}
	io.WriteString(w, "}")
}

// repeats says whether a field before has the same alias, as one that is selected through two types can: CollectFields merges
// only what is selected through types of which one implements the other.
func (o *object) repeats(i int) bool {
	for j := range i {
		if o.fields[j].Alias == o.fields[i].Alias {
			return true
		}
	}
	return false
}

// marshalList resolves the elements of a list one after the other: the first one that asks for a relation has it loaded for
// all, so that elements side by side would only hold more stacks. A loader never waits for keys, and so cannot be starved.
func marshalList(ctx context.Context, length int, element func(ctx context.Context, i int) graphql.Marshaler) graphql.Array {
	list := make(graphql.Array, length)
	for i := range list {
		ctx := graphql.WithFieldContext(ctx, &graphql.FieldContext{Index: &i})
		if err := ctx.Err(); err != nil { // one error is enough: nobody waits for the rest
			graphql.AddError(ctx, err)
			for j := i; j < length; j++ {
				list[j] = graphql.Null
			}
			break
		}
		list[i] = safely(ctx, func(ctx context.Context) graphql.Marshaler { return element(ctx, i) })
	}
	return list
}

// safely gives null for what panics, which is an error of the object or element that the context is of.
func safely(ctx context.Context, resolve func(context.Context) graphql.Marshaler) (value graphql.Marshaler) {
	defer func() {
		if r := recover(); r != nil {
			graphql.AddError(ctx, graphql.Recover(ctx, r))
			value = graphql.Null
		}
	}()
	return resolve(ctx)
}
