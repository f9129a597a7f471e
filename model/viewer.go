package model

import (
	"context"
	"sync/atomic"
)

// Viewer is who asks: the outcome of checking a credential. The zero value is nobody.
type Viewer struct {
	UserID    UserID
	CompanyID *CompanyID // nil for staff and for nobody
	Role      Role       // empty for nobody
	SessionID SessionID
	KeyID     APIKeyID // of an API key; its scopes then bound what the role lets do
	Scopes    Scopes
}

// IsStaff reports whether the viewer works for the platform and sees every company.
func (v Viewer) IsStaff() bool { return v.Role == RoleAdmin }

// IsAnonymous reports whether no credential was accepted.
func (v Viewer) IsAnonymous() bool { return v.Role == "" }

// Manages reports whether the viewer runs what belongs to this company.
func (v Viewer) Manages(company *CompanyID) bool {
	return v.IsStaff() || v.Role == RoleManager && company != nil && v.CompanyID != nil && *company == *v.CompanyID
}

// HasKey reports whether the viewer's credential is an API key.
func (v Viewer) HasKey() bool { return v.KeyID != APIKeyID{} }

// May reports whether the viewer's credential is good for the scope: a key has its own, and every other credential all but
// that of an Auth.js frontend, which signs in whom it likes.
func (v Viewer) May(scope Scope) bool {
	if !v.HasKey() {
		return scope != ScopeAuthAdapter
	}
	return v.Scopes.Has(scope)
}

// MayExplore reports whether the viewer's credential is an API key for the schema. Whatever else shows the schema, shows it to
// everyone.
func (v Viewer) MayExplore() bool { return v.HasKey() && v.Scopes.Has(ScopeSchemaRead) }

type viewerKey struct{}

// WithViewer returns a context that carries the viewer.
func WithViewer(ctx context.Context, v Viewer) context.Context {
	holder := new(atomic.Pointer[Viewer])
	holder.Store(&v)
	return context.WithValue(ctx, viewerKey{}, holder)
}

// ViewerFrom gives the context's viewer, nobody when there is none.
func ViewerFrom(ctx context.Context) Viewer {
	if holder, ok := ctx.Value(viewerKey{}).(*atomic.Pointer[Viewer]); ok {
		return *holder.Load()
	}
	return Viewer{}
}

// Become makes the viewer another one for the rest of the request: what a sign-in answers, and the mutations after it,
// are the new viewer's.
func Become(ctx context.Context, v Viewer) {
	if holder, ok := ctx.Value(viewerKey{}).(*atomic.Pointer[Viewer]); ok {
		holder.Store(&v)
	}
}
