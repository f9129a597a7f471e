package auth

import (
	"context"
	"errors"

	"dossier/model"
)

// Cookie is where the client of a request may keep a session's token, out of reach of a page's scripts.
type Cookie struct {
	Write   func(token string) // puts the token on the answer as a cookie; "" removes the cookie
	Refused error              // why it may not be set, nil where it may
	Brought bool               // the request's credential is the cookie's token

	session model.SessionID // that is in it, zero for none, or for what is not known to be good
}

type cookieKey struct{}

// WithCookie returns a context that carries the request's cookie.
func WithCookie(ctx context.Context, c *Cookie) context.Context {
	return context.WithValue(ctx, cookieKey{}, c)
}

func cookieFrom(ctx context.Context) *Cookie {
	c, _ := ctx.Value(cookieKey{}).(*Cookie)
	return c
}

// CookieOfViewer notes that the session in the cookie is the viewer's, if the request's credential came by it.
func CookieOfViewer(ctx context.Context) {
	if c := cookieFrom(ctx); c != nil && c.Brought {
		c.session = model.ViewerFrom(ctx).SessionID
	}
}

var errNoCookie = errors.New("no cookie can be set here")

// CookieRefused says why the request cannot have a session as a cookie, nil where it can. It is FORBIDDEN to a page of another
// origin that is not allowed.
func CookieRefused(ctx context.Context) error {
	if c := cookieFrom(ctx); c != nil {
		return c.Refused
	}
	return errNoCookie
}

// SetCookie gives the client the session's token as a cookie. CookieRefused was asked before.
func SetCookie(ctx context.Context, token string, session model.SessionID) {
	if c := cookieFrom(ctx); c != nil {
		c.session = session
		c.Write(token)
	}
}

// RemoveCookie takes the cookie from the client, if it is of this session, which has ended.
func RemoveCookie(ctx context.Context, ended model.SessionID) {
	if c := cookieFrom(ctx); c != nil && ended != (model.SessionID{}) && c.session == ended {
		c.session = model.SessionID{}
		c.Write("")
	}
}
