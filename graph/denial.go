package graph

import (
	"context"
	"log/slog"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"dossier/internal/fault"
	"dossier/internal/telemetry"
	"dossier/model"
	"dossier/repo"
)

const (
	// denialsPerMinute is how many refused mutations of a user the audit log has: so many at once, and from then on in a minute.
	denialsPerMinute = 10
	// deniedUsersMax bounds the users who are counted, and deniedUserKept is for how long: by then nothing is left to count.
	deniedUsersMax = 10_000
	deniedUserKept = 2 * time.Minute
	// denialTimeout bounds how long the answer waits for the entry.
	denialTimeout = 500 * time.Millisecond
)

// denials puts refused mutations into the audit log.
type denials struct {
	store  *repo.Store
	logger *slog.Logger
	values bool
	users  *otter.Cache[model.UserID, *rate.Limiter]
}

func newDenials(c Config) *denials {
	return &denials{c.Store, c.Logger, c.LogValues, otter.Must(&otter.Options[model.UserID, *rate.Limiter]{
		MaximumSize: deniedUsersMax, ExpiryCalculator: otter.ExpiryAccessing[model.UserID, *rate.Limiter](deniedUserKept),
	})}
}

// accessDirective is what @access is made of.
type accessDirective func(
	ctx context.Context, obj any, next graphql.Resolver, role *model.Role, scope *model.Scope, anyScope bool,
) (any, error)

// recorded is the directive that leaves an entry where a known user is refused a mutation, by its rule or by the resolver behind it.
// What it answers is the directive's.
func (d *denials) recorded(directive accessDirective) accessDirective {
	return func(ctx context.Context, obj any, next graphql.Resolver, role *model.Role, scope *model.Scope, anyScope bool) (any, error) {
		viewer := model.ViewerFrom(ctx) // before the mutation, which may make it another one
		value, err := directive(ctx, obj, next, role, scope, anyScope)
		if err == nil || viewer.IsAnonymous() {
			return value, err
		}
		for _, f := range fault.All(err) {
			if field := graphql.GetFieldContext(ctx); f.Code == fault.Forbidden && field.Object == "Mutation" {
				d.record(ctx, viewer, field.Field.Name, f.Message)
				break
			}
		}
		return value, err
	}
}

// record writes the entry, in a transaction of its own. A client that does not wait for the answer does not keep it from that.
func (d *denials) record(ctx context.Context, viewer model.Viewer, mutation, reason string) {
	limiter, ok := d.users.GetIfPresent(viewer.UserID)
	if !ok {
		full := rate.NewLimiter(rate.Every(time.Minute/denialsPerMinute), denialsPerMinute)
		limiter, _ = d.users.SetIfAbsent(viewer.UserID, full)
	}
	if !limiter.Allow() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), denialTimeout)
	defer cancel()
	err := d.store.InTx(ctx, viewer, func(ctx context.Context, tx *repo.Tx) error {
		return tx.RecordDenied(ctx, mutation, reason)
	})
	if err != nil {
		d.logger.WarnContext(ctx, "a refused mutation is not in the audit log", "mutation", mutation,
			"viewer_id", viewer.UserID.String(), "request_id", telemetry.RequestID(ctx), "error", telemetry.Reason(err, d.values))
	}
}
