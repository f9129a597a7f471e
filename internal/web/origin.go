package web

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"dossier/internal/fault"
	"dossier/internal/telemetry"
)

// crossOriginProtection tells requests that a page of another origin makes a browser send, unless the origin is one of CORS_ORIGINS.
func (c Config) crossOriginProtection() *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	for _, origin := range c.CORSOrigins {
		// Browsers write origins in lower case. What is no origin is trusted by nobody.
		_ = protection.AddTrustedOrigin(strings.ToLower(origin))
	}
	return protection
}

// formTypes are the content types that a page may send anywhere without asking first (Fetch standard, section 2.2.2).
var formTypes = []string{"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}

// preflightHeaders are those of which a page has to ask first whether it may send them.
var preflightHeaders = []string{"GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name"}

var (
	errOtherOrigin = fault.Denied("A page of another origin may not do this with a credential that the browser sends by itself: " +
		"CORS_ORIGINS of the server must have the origin, or the page sends a token as Authorization: Bearer …")
	errFormPost = fault.Denied("A request that any page's form could send does not count with a credential that the browser sends by "+
		"itself: send the Content-Type application/json, or one of the headers %s.", strings.Join(preflightHeaders, ", "))
)

// checkOrigin refuses what may be a page's of another origin, nil for what is not. By GET one can only read, and what is read another
// origin does not see; it is let be unless reads count too: SameSite keeps a cookie from such pages, and nothing keeps Basic from them.
func checkOrigin(protection *http.CrossOriginProtection, r *http.Request, reads bool) *fault.Error {
	checked := r
	if reads {
		checked = r.WithContext(r.Context()) // a shallow copy
		checked.Method = http.MethodPost
	}
	if err := protection.Check(checked); err != nil {
		return errOtherOrigin.Because(err)
	}
	if r.Method == http.MethodPost && isFormType(r.Header.Get("Content-Type")) &&
		!slices.ContainsFunc(preflightHeaders, func(name string) bool { return r.Header.Get(name) != "" }) {
		return errFormPost
	}
	return nil
}

// isFormType is true of a type that is missing or malformed, too: a browser may send it as it is.
func isFormType(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err != nil || slices.Contains(formTypes, media)
}

// refuse answers, as GraphQL does, a request that does not get there.
func refuse(w http.ResponseWriter, r *http.Request, status int, f *fault.Error) {
	telemetry.RequestFrom(r.Context()).SetCode(string(f.Code))
	extensions := map[string]any{"code": f.Code}
	if f.Retryable {
		extensions["retryable"] = true
	}
	if f.RetryAfter > 0 {
		extensions["retryAfter"] = int(f.RetryAfter.Seconds())
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	answer, _ := json.Marshal(map[string]any{"errors": []any{map[string]any{ // texts can be encoded
		"message": f.Message, "extensions": extensions,
	}}})
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}
