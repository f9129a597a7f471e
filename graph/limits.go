package graph

import (
	"context"
	"errors"
	"strings"

	"github.com/99designs/gqlgen/complexity"
	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"dossier/internal/fault"
	"dossier/model"
)

// Limits bound what a request may ask for. A refusal names its limit.
type Limits struct {
	BodyBytes  int // the body of a POST, or the query string of a GET
	Tokens     int // the query's text, in tokens
	Depth      int // fields below fields; introspection does not count
	Fields     int // fields, with fragments put in their places
	Repeated   int // fields of one name in one selection set
	Aliases    int
	Directives int
	Fragments  int
	Complexity int // fields times the sizes of the pages around them
}

// DefaultLimits are wide enough for GraphiQL's introspection and for any page that people look at.
var DefaultLimits = Limits{
	BodyBytes:  1 << 20,
	Tokens:     10_000,
	Depth:      16,
	Fields:     2_000,
	Repeated:   50,
	Aliases:    100,
	Directives: 100,
	Fragments:  100,
	Complexity: 100_000,
}

// limiter holds requests to their limits. The shape of a query is checked before it is validated, as validation takes
// quadratic time or worse in what is repeated; its complexity is known once there are variables.
type limiter struct {
	limits        Limits
	introspection bool
	known         graphql.Cache[*ast.QueryDocument]
	schema        graphql.ExecutableSchema
}

var (
	_ graphql.OperationParameterMutator = (*limiter)(nil)
	_ graphql.OperationContextMutator   = (*limiter)(nil)
	_ graphql.HandlerExtension          = (*limiter)(nil)
)

func (*limiter) ExtensionName() string { return "Limits" }

func (l *limiter) Validate(schema graphql.ExecutableSchema) error {
	l.schema = schema
	return nil
}

// MutateOperationParameters checks the shape of a query that was not seen before.
func (l *limiter) MutateOperationParameters(ctx context.Context, request *graphql.RawParams) *gqlerror.Error {
	if _, ok := l.known.Get(ctx, request.Query); ok {
		return nil
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: request.Query}, l.limits.Tokens)
	if err != nil {
		return l.parseError(err)
	}
	if over := checkShape(doc, l.limits); over != nil {
		return gqlerror.Wrap(over)
	}
	return nil
}

func (l *limiter) parseError(err error) *gqlerror.Error {
	located, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		return gqlerror.Wrap(err)
	}
	// The parser has no other way to tell; a test holds its words.
	if strings.Contains(located.Message, "exceeded token limit") {
		return gqlerror.Wrap(fault.Exceeded("tokens", l.limits.Tokens, 0))
	}
	errcode.Set(located, errcode.ParseFailed)
	return located
}

// MutateOperationContext checks what the operation would cost.
func (l *limiter) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	op.DisableIntrospection = !l.introspection
	if !l.introspection && introspects(op.Operation.SelectionSet) {
		return gqlerror.Wrap(fault.Denied("Introspection is off on this server; the schema is at /schema.graphqls if it is public."))
	}
	cost := complexity.Calculate(ctx, priced{l.schema}, op.Operation, op.Variables)
	if cost > l.limits.Complexity {
		return gqlerror.Wrap(fault.Exceeded("complexity", l.limits.Complexity, cost))
	}
	return nil
}

func introspects(set ast.SelectionSet) bool {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if s.Name == "__schema" || s.Name == "__type" {
				return true
			}
		case *ast.InlineFragment:
			if introspects(s.SelectionSet) {
				return true
			}
		case *ast.FragmentSpread:
			if introspects(s.Definition.SelectionSet) {
				return true
			}
		}
	}
	return false
}

// priced multiplies the cost of a page by its size, and of a list of ids by their number, for every field that has such
// arguments.
type priced struct{ graphql.ExecutableSchema }

func (p priced) Complexity(
	_ context.Context, typeName, field string, child int, args map[string]any,
) (int, bool) {
	definition := p.Schema().Types[typeName].Fields.ForName(field)
	if definition == nil {
		return 0, false
	}
	times := 1
	switch {
	case definition.Arguments.ForName("first") != nil:
		times = pageSize(args)
	case definition.Arguments.ForName("ids") != nil:
		ids, _ := args["ids"].([]any)
		times = min(max(len(ids), 1), nodesMax)
	}
	if child > maxCost/times {
		return maxCost, true
	}
	return 1 + child*times, true
}

// maxCost is where costs stop to grow, far above every limit and far below an overflow.
const maxCost = 1 << 40

// pageSize is the size of the page that the arguments ask for. Sizes that are refused later count as the largest.
func pageSize(args map[string]any) int {
	for _, name := range []string{"first", "last"} {
		if args[name] == nil {
			continue
		}
		if n, err := model.UnmarshalInt(args[name]); err == nil && n >= 0 && n <= model.PageSizeMax {
			return max(int(n), 1)
		}
		return model.PageSizeMax
	}
	return model.PageSizeDefault
}
