package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
)

// explore routes what shows the schema, to everyone where it is open, and else to API keys with the scope for it.
func (c Config) explore(r chi.Router) {
	explorers := r.With(credentials(c.Authenticate, c.AuthTimeout), onlyExplorers)
	to := func(everyone bool) chi.Router {
		if everyone {
			return r
		}
		return explorers
	}
	to(c.Explorable).With(compressed).Get("/schema.graphqls", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, c.Schema) })
	pages := playground(c.DemoUsers)
	to(c.Playground).Method(http.MethodGet, "/", pages)
	to(c.Playground).Method(http.MethodGet, "/playground/*", pages)
}

// onlyExplorers lets API keys in that may read the schema. A browser is made to ask for one, again where it has sent another
// one; it keeps the one that it has while it cannot be checked.
func onlyExplorers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		viewer, rejection := model.ViewerFrom(r.Context()), auth.Rejection(r.Context())
		switch {
		case viewer.MayExplore():
			next.ServeHTTP(w, r)
		case viewer.IsAnonymous() && !fault.Is(rejection, fault.Unauthenticated):
			text(w, http.StatusServiceUnavailable, "The API key cannot be checked at the moment.\n")
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="An API key is the password", charset="UTF-8"`)
			text(w, http.StatusUnauthorized, "This needs an API key with the scope "+string(model.ScopeSchemaRead)+
				", as Authorization: Bearer …, or as the password for any user name.\n")
		}
	})
}
