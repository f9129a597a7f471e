package web

import (
	"net/http"
	"strings"

	"dossier/internal/auth"
	"dossier/internal/fault"
)

// tokenLengthMax bounds what is looked up, in bytes. An identity provider's token may have much to say.
const tokenLengthMax = 16 << 10

var (
	errAuthorization = fault.New(fault.Unauthenticated, "The Authorization header must be: Bearer, a space, and a token.")
	errBasic         = fault.New(fault.Unauthenticated, "Basic authentication takes an API key as the password, with any user name.")
)

// tokenOf gives the token of the request's Authorization header. An API key may be the password of Basic (RFC 7617), for
// `curl -u` and for browsers, which send it along by themselves: see checkOrigin.
func tokenOf(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		_, password, _ := r.BasicAuth()
		if !auth.IsAPIKey(password) {
			return "", errBasic
		}
		token = password
	case !strings.EqualFold(scheme, "Bearer"):
		return "", errAuthorization
	}
	if token == "" || len(token) > tokenLengthMax {
		return "", errAuthorization
	}
	return token, nil
}
