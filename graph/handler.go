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
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"

	"dossier/graph/exec"
	"dossier/internal/auth"
	"dossier/internal/telemetry"
	"dossier/repo"
)

// Config is what the GraphQL handler needs.
type Config struct {
	Store    *repo.Store
	Sessions auth.Sessions
	Logger   *slog.Logger
	Limits   Limits
	Timeout  time.Duration // of one operation, with the check of its credential

	Explorable bool // introspection, and suggestions in errors
	LogValues  bool // errors of the database are logged with the values that they quote
	Traceable  bool // whoever asks is told what SQL was sent
}

// Bounds of the queries that are kept parsed and validated: how many, and how long each may be in bytes.
const (
	queriesCached       = 1000
	cachedQueryBytesMax = 16 << 10
)

// shortQueries is a cache that keeps no query whose text would fill it.
type shortQueries struct {
	graphql.Cache[*ast.QueryDocument]
}

func (c shortQueries) Add(ctx context.Context, query string, doc *ast.QueryDocument) {
	if len(query) <= cachedQueryBytesMax {
		c.Cache.Add(ctx, query, doc)
	}
}

// gqlparser knows @defer for servers that answer in parts. This one does not, and would leave the parts out. All handlers
// of a process share the parsed schema.
var withoutDefer sync.Once

// NewHandler makes the handler of /graphql.
func NewHandler(c Config) http.Handler {
	schema := exec.NewExecutableSchema(exec.Config{
		Resolvers:  root{c.Store, c.Sessions},
		Directives: exec.DirectiveRoot{Access: access},
	})
	withoutDefer.Do(func() { delete(schema.Schema().Directives, "defer") })
	cache := shortQueries{lru.New[*ast.QueryDocument](queriesCached)}
	server := handler.New(schema)
	server.AddTransport(transport{bodyBytesMax: c.Limits.BodyBytes, traceable: c.Traceable})
	server.SetQueryCache(cache)
	server.SetParserTokenLimit(c.Limits.Tokens)
	server.SetDisableSuggestion(!c.Explorable)
	server.SetErrorPresenter(presenter{c.Logger, c.LogValues}.present)
	server.SetRecoverFunc(recovered)
	if c.Explorable {
		server.Use(extension.Introspection{})
	}
	server.Use(&limiter{limits: c.Limits, introspection: c.Explorable, known: cache})
	server.AroundOperations(bounded(c.Timeout))
	server.AroundRootFields(func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		field := graphql.GetRootFieldContext(ctx).Field
		ctx, end := telemetry.StartField(ctx, field.ObjectDefinition.Name+"."+field.Name)
		defer end()
		return next(ctx)
	})
	return server
}

// bounded gives each operation a deadline, and its name to what it logs. The check of the credential has spent some of the
// time; sending the request has not, as that is the client's.
func bounded(timeout time.Duration) graphql.OperationMiddleware {
	return func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		ctx = telemetry.WithOperation(ctx, operationName(graphql.GetOperationContext(ctx)))
		ctx, cancel := context.WithTimeout(ctx, timeout-auth.CheckedIn(ctx))
		respond := next(ctx)
		return func(ctx context.Context) *graphql.Response {
			defer cancel()
			return respond(ctx)
		}
	}
}
