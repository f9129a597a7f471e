package graph

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"time"

	"github.com/99designs/gqlgen/complexity"
	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"golang.org/x/sync/semaphore"

	"dossier/internal/fault"
	"dossier/internal/telemetry"
	"dossier/model"
)

// Limits bound what a request may ask for. A refusal names its limit.
type Limits struct {
	BodyBytes  int // the body of a POST, or the query string of a GET
	ChunkBytes int // the body of a POST by an API key that may process documents: chunks with their vectors
	Tokens     int // the query's text, in tokens
	Depth      int // fields below fields; introspection does not count
	Fields     int // fields, with fragments put in their places
	Repeated   int // fields of one name in one selection set
	Aliases    int
	Directives int
	Fragments  int
	Complexity int // fields times the sizes of the pages around them
	InFlight   int // complexity of the operations that run at a time, for each processor; others wait for their turn
}

// DefaultLimits are wide enough for GraphiQL's introspection and for any page that people look at.
var DefaultLimits = Limits{
	BodyBytes:  1 << 20,
	ChunkBytes: 32 << 20,
	Tokens:     10_000,
	Depth:      16,
	Fields:     2_000,
	Repeated:   50,
	Aliases:    100,
	Directives: 100,
	Fragments:  100,
	Complexity: 100_000,
	InFlight:   50_000,
}

// limiter holds requests to their limits. The shape of a query is checked before it is validated, as validation takes
// quadratic time or worse in what is repeated; its complexity is known once there are variables.
type limiter struct {
	limits        Limits
	introspection bool
	known         graphql.Cache[*ast.QueryDocument]
	schema        graphql.ExecutableSchema
	room          *semaphore.Weighted // for the complexity of what runs at a time, roomMax at most
	roomMax       int64
}

func newLimiter(limits Limits, introspection bool, known graphql.Cache[*ast.QueryDocument]) *limiter {
	room := int64(limits.InFlight * runtime.GOMAXPROCS(0))
	return &limiter{
		limits: limits, introspection: introspection, known: known, room: semaphore.NewWeighted(room), roomMax: room,
	}
}

// exploring gives a limiter that lets introspect, with the same room.
func (l *limiter) exploring() *limiter {
	clone := *l
	clone.introspection = true
	return &clone
}

var (
	_ graphql.OperationParameterMutator = (*limiter)(nil)
	_ graphql.OperationContextMutator   = (*limiter)(nil)
	_ graphql.ResponseInterceptor       = (*limiter)(nil)
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
	if err := eachSelection(op.Operation.SelectionSet, func(directives ast.DirectiveList, field *ast.Field) error {
		if !l.introspection && field != nil && (field.Name == "__schema" || field.Name == "__type") {
			return errNoIntrospection
		}
		return checkConditions(directives, op.Variables)
	}); err != nil {
		return gqlerror.Wrap(err)
	}
	cost := complexity.Calculate(ctx, priced{l.schema}, op.Operation, op.Variables)
	telemetry.RequestFrom(ctx).SetCost(cost, l.limits.Complexity)
	op.Stats.SetExtension(l.ExtensionName(), cost)
	if cost > l.limits.Complexity {
		return gqlerror.Wrap(fault.Exceeded("complexity", l.limits.Complexity, cost))
	}
	return nil
}

// InterceptResponse runs the operation when there is room for it. What an operation needs of memory and of the processor grows
// with its complexity: more of them side by side would only make all of them slow. They wait in the order in which they
// came, and no longer than leaves them time.
func (l *limiter) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if !graphql.HasOperationContext(ctx) { // a refusal of what is no operation
		return next(ctx)
	}
	cost, _ := graphql.GetOperationContext(ctx).Stats.GetExtension(l.ExtensionName()).(int)
	share := min(int64(cost), l.roomMax)
	if !l.room.TryAcquire(share) && !l.wait(ctx, share) {
		return nil // there is no time left to begin, or nobody waits for it any more
	}
	defer l.room.Release(share)
	return next(ctx)
}

// waitShare is how much of its time an operation may wait. One that began with less would be cut off in the midst of a statement,
// which costs its connection; new connections cost time that the next ones then lack, and so on.
const waitShare = 0.8

func (l *limiter) wait(ctx context.Context, share int64) bool {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(waitShare*float64(time.Until(deadline))))
		defer cancel()
	}
	return l.room.Acquire(ctx, share) == nil
}

var errNoIntrospection = fault.Denied("Introspection is off on this server, but for API keys with the scope %s.", model.ScopeSchemaRead)

// checkConditions refuses null for the `if` of @include and @skip, which a variable with a default may be: gqlgen panics
// at it.
func checkConditions(directives ast.DirectiveList, variables map[string]any) error {
	for _, directive := range directives {
		for _, argument := range directive.Arguments {
			if argument.Value.Kind == ast.Variable && variables[argument.Value.Raw] == nil {
				return fault.Invalid([]string{"$" + argument.Value.Raw}, "must not be null.")
			}
		}
	}
	return nil
}

// eachSelection visits each selection of a validated operation, with fragments in their places, until one gives an error. The
// field is nil for a fragment.
func eachSelection(set ast.SelectionSet, visit func(directives ast.DirectiveList, field *ast.Field) error) error {
	for _, selection := range set {
		var directives ast.DirectiveList
		var field *ast.Field
		var below ast.SelectionSet
		switch s := selection.(type) {
		case *ast.Field:
			directives, field, below = s.Directives, s, s.SelectionSet
		case *ast.InlineFragment:
			directives, below = s.Directives, s.SelectionSet
		case *ast.FragmentSpread:
			directives, below = s.Directives, s.Definition.SelectionSet
		}
		if err := visit(directives, field); err != nil {
			return err
		}
		if err := eachSelection(below, visit); err != nil {
			return err
		}
	}
	return nil
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
		times = longestList(args)
	case definition.Arguments.ForName("input") != nil:
		times = longestList(args["input"])
	}
	if child > maxCost/times {
		return maxCost, true
	}
	return max(1, fixedCosts[typeName+"."+field]) + (child+1)*times, true
}

// fixedCosts are what fields cost that compute a hash of a password, in 64 MiB and some 100 ms, of which one request does
// few, or that answer much.
var fixedCosts = map[string]int{
	"AuditEntry.details":        10, // some 3 KB at most
	"Mutation.signIn":           30_000,
	"Mutation.createUser":       10_000,
	"Mutation.acceptInvitation": 10_000,
	"Mutation.resetPassword":    10_000,
	"Mutation.changePassword":   30_000,

	// Each of these may become a mail.
	"Mutation.requestPasswordReset":     10_000,
	"Mutation.requestEmailVerification": 10_000,
	"Mutation.inviteUser":               10_000,
	"Mutation.renewInvitation":          10_000,
}

// longestList is the length of the longest list among the values, at least 1.
func longestList(values any) int {
	longest := 1
	if fields, ok := values.(map[string]any); ok {
		for _, value := range fields {
			if list, ok := value.([]any); ok {
				longest = max(longest, len(list))
			}
		}
	}
	return longest
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
