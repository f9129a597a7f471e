package graph

import (
	"context"
	"log/slog"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"dossier/internal/fault"
	"dossier/internal/limits"
	"dossier/internal/telemetry"
	"dossier/model"
	"dossier/repo"
)

const (
	// denialsPerMinute is how many refused mutations of a user the audit log has: so many at once, and from then on in a minute.
	denialsPerMinute = 10
	// denialTimeout bounds how long the answer waits for the entry.
	denialTimeout = 500 * time.Millisecond
)

// denials puts refused mutations into the audit log.
type denials struct {
	store  *repo.Store
	logger *slog.Logger
	values bool
	users  limits.PerName
}

func newDenials(c Config) *denials {
	return &denials{c.Store, c.Logger, c.LogValues,
		limits.NewPerName(limits.Budget{Tries: denialsPerMinute, Every: time.Minute / denialsPerMinute})}
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
	if !d.users.Allow(viewer.UserID.String()) {
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
