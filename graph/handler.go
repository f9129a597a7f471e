package graph

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"dossier/graph/exec"
	"dossier/internal/auth"
	"dossier/internal/files"
	"dossier/internal/telemetry"
	"dossier/model"
	"dossier/repo"
)

// Config is what the GraphQL handler needs.
type Config struct {
	Store    *repo.Store
	Sessions auth.Sessions
	Files    *files.Files
	Embedder Embedder // of the model that searches use
	Logger   *slog.Logger
	Limits   Limits
	Timeout  time.Duration // of one operation, with the check of its credential

	Explorable bool // everyone may introspect, and is told suggestions in errors; else API keys with the scope for it
	LogValues  bool // errors of the database are logged with the values that they quote
	Traceable  bool // whoever asks is told what SQL was sent
}

// Bounds of the queries that are kept parsed and validated: how long their texts are together, and how long each may be, in
// bytes. A parsed query takes up to 160 times the memory of its text, and anyone may send one.
const (
	cachedBytesMax      = 1 << 20
	cachedQueryBytesMax = 16 << 10
)

// queryCache keeps queries by their texts, those that are asked for often rather than those that came last.
type queryCache struct {
	known *otter.Cache[string, *ast.QueryDocument]
}

var _ graphql.Cache[*ast.QueryDocument] = queryCache{}

func newQueryCache() queryCache {
	return queryCache{otter.Must(&otter.Options[string, *ast.QueryDocument]{
		MaximumWeight: cachedBytesMax,
		Weigher:       func(query string, _ *ast.QueryDocument) uint32 { return uint32(len(query)) },
	})}
}

func (c queryCache) Get(_ context.Context, query string) (*ast.QueryDocument, bool) {
	return c.known.GetIfPresent(query)
}

// Add keeps no query whose text would fill the cache.
func (c queryCache) Add(_ context.Context, query string, doc *ast.QueryDocument) {
	if len(query) <= cachedQueryBytesMax {
		c.known.Set(query, doc)
	}
}

// finished is whether the parsed schema, which all handlers of a process share, is as it is served.
var finished sync.Once

// finish makes the parsed schema what is served.
func finish(schema *ast.Schema) {
	// gqlparser knows @defer for servers that answer in parts. This one does not, and would leave the parts out.
	delete(schema.Directives, "defer")
	describeAccess(schema)
}

// NewHandler makes the handler of /graphql. Those who may explore the schema have a server of their own, as gqlgen decides for
// a server whether it suggests names. The two share all that is kept and bounded.
func NewHandler(c Config) http.Handler {
	schema := exec.NewExecutableSchema(exec.Config{
		Resolvers:  root{c.Store, c.Sessions, c.Files, c.Embedder},
		Directives: exec.DirectiveRoot{Access: newDenials(c).recorded(takenEmails{c.Store, c.Sessions.Taken}.heldBack(access))},
	})
	finished.Do(func() { finish(schema.Schema()) })
	limiter := newLimiter(c.Limits, c.Explorable, newQueryCache())
	everyone, explorers := c.newServer(schema, limiter), c.newServer(schema, limiter.exploring())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if model.ViewerFrom(r.Context()).MayExplore() {
			explorers.ServeHTTP(w, r)
		} else {
			everyone.ServeHTTP(w, r)
		}
	})
}

func (c Config) newServer(schema graphql.ExecutableSchema, limiter *limiter) *handler.Server {
	server := handler.New(schema)
	server.AddTransport(transport{bodyBytesMax: c.Limits.BodyBytes, chunkBytesMax: c.Limits.ChunkBytes, traceable: c.Traceable, files: c.Files})
	server.SetQueryCache(limiter.known)
	server.SetParserTokenLimit(c.Limits.Tokens)
	server.SetErrorPresenter(presenter{c.Logger, c.LogValues}.present)
	server.SetRecoverFunc(recovered)
	if limiter.introspection {
		server.Use(extension.Introspection{})
	} else {
		server.SetDisableSuggestion(true)
		server.SetValidationRulesFn(rulesWithoutSuggestions)
	}
	server.AroundResponses(unhurried) // before the limiter: whose answer is held back takes no room from others
	server.Use(limiter)
	server.AroundOperations(bounded(c.Timeout))
	server.AroundRootFields(func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		field := graphql.GetRootFieldContext(ctx).Field
		ctx, end := telemetry.StartField(ctx, field.ObjectDefinition.Name+"."+field.Name)
		defer end()
		return next(ctx)
	})
	return server
}

// rulesWithoutSuggestions are the rules of validation where SetDisableSuggestion leaves suggestions in: for the names of
// arguments, types, enum values and input fields.
func rulesWithoutSuggestions() *rules.Rules {
	all := rules.NewDefaultRules()
	all.ReplaceRule(rules.KnownArgumentNamesRule.Name, rules.KnownArgumentNamesRuleWithoutSuggestions.RuleFunc)
	all.ReplaceRule(rules.KnownTypeNamesRule.Name, rules.KnownTypeNamesRuleWithoutSuggestions.RuleFunc)
	all.ReplaceRule(rules.ValuesOfCorrectTypeRule.Name, rules.ValuesOfCorrectTypeRuleWithoutSuggestions.RuleFunc)
	return all
}

// unhurried answers a failed sign-in no earlier than any other one.
func unhurried(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	ctx = auth.WithFloor(ctx)
	response := next(ctx)
	auth.AwaitFloor(ctx)
	return response
}

// slowFields are root fields that may take longer than others, where they are the only one of an operation. All of them wait on top of
// that, where they are to.
var slowFields = map[string]time.Duration{
	"uploadDocument": 0,
	"completeUpload": 5 * time.Minute, // what went straight to the store is read once: 5 GiB at 20 MB a second
}

// slowness is how long the operation may take where others may not, 0 for most: a slow field has the operation for itself.
func slowness(operation *graphql.OperationContext) time.Duration {
	set := operation.Operation.SelectionSet
	if len(set) != 1 {
		return 0
	}
	field, ok := set[0].(*ast.Field)
	if !ok {
		return 0
	}
	slow, ok := slowFields[field.Name]
	if input, _ := field.ArgumentMap(operation.Variables)["input"].(map[string]any); ok && input["waitUntilReady"] == true {
		slow += waitMax + waitMargin
	}
	return slow
}

// bounded gives each operation a deadline, its name to what it logs, and its selection to what it reads. The check of the
// credential has spent some of the time; sending the request has not, as that is the client's.
func bounded(timeout time.Duration) graphql.OperationMiddleware {
	return func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		operation := graphql.GetOperationContext(ctx)
		ctx = withSelection(telemetry.WithOperation(ctx, operationName(operation)), operation.Operation)
		ctx, cancel := context.WithTimeout(ctx, max(timeout-auth.CheckedIn(ctx), slowness(operation)))
		respond := next(ctx)
		return func(ctx context.Context) *graphql.Response {
			defer cancel()
			return respond(ctx)
		}
	}
}
