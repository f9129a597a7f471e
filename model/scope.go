package model

import (
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
)

// Scope is something that an API key may do, such as projects:read.
type Scope string

// The scopes. One to write includes the one to read.
const (
	ScopeCompaniesRead      Scope = "companies:read"
	ScopeCompaniesWrite     Scope = "companies:write"
	ScopeUsersRead          Scope = "users:read"
	ScopeUsersWrite         Scope = "users:write"
	ScopeProjectsRead       Scope = "projects:read"
	ScopeProjectsWrite      Scope = "projects:write"
	ScopeDocumentsRead      Scope = "documents:read"
	ScopeDocumentsWrite     Scope = "documents:write"
	ScopeDocumentsProcess   Scope = "documents:process"
	ScopeThemesRead         Scope = "themes:read"
	ScopeThemesWrite        Scope = "themes:write"
	ScopeConversationsRead  Scope = "conversations:read"
	ScopeConversationsWrite Scope = "conversations:write"
	ScopeAuditRead          Scope = "audit:read"
	ScopeSchemaRead         Scope = "schema:read"
	ScopeAuthAdapter        Scope = "auth:adapter"
)

// AllScopes are all there are, in the order in which they are listed.
var AllScopes = []Scope{
	ScopeCompaniesRead, ScopeCompaniesWrite, ScopeUsersRead, ScopeUsersWrite, ScopeProjectsRead, ScopeProjectsWrite,
	ScopeDocumentsRead, ScopeDocumentsWrite, ScopeDocumentsProcess, ScopeThemesRead, ScopeThemesWrite,
	ScopeConversationsRead, ScopeConversationsWrite, ScopeAuditRead, ScopeSchemaRead, ScopeAuthAdapter,
}

// Scoped is a row that an API key may read, with this scope.
type Scoped interface{ ReadScope() Scope }

// MarshalGQL writes the scope.
func (s Scope) MarshalGQL(w io.Writer) { marshalEnum(w, s) }

// UnmarshalGQL reads a scope that there is.
func (s *Scope) UnmarshalGQL(v any) error { return unmarshalEnum(v, s, AllScopes...) }

// Scopes is a set of scopes, one bit for each in the order of AllScopes. It is stored as OAuth writes scopes: a text, with
// spaces between them (RFC 6749, section 3.3).
type Scopes uint32

// ScopesOf makes a set.
func ScopesOf(scopes ...Scope) Scopes {
	var set Scopes
	for i, scope := range AllScopes {
		for _, one := range scopes {
			if one == scope {
				set |= 1 << i
			}
		}
	}
	return set
}

// Has reports whether the scope, or the one to write what it reads, is in the set.
func (s Scopes) Has(scope Scope) bool {
	wider := ScopesOf(scope)
	if thing, ok := strings.CutSuffix(string(scope), ":read"); ok {
		wider |= ScopesOf(Scope(thing + ":write"))
	}
	return s&wider != 0
}

// List gives the scopes of the set, in the order of AllScopes.
func (s Scopes) List() []Scope {
	list := []Scope{}
	for i, scope := range AllScopes {
		if s&(1<<i) != 0 {
			list = append(list, scope)
		}
	}
	return list
}

func (s Scopes) String() string {
	texts := make([]string, 0, len(AllScopes))
	for _, scope := range s.List() {
		texts = append(texts, string(scope))
	}
	return strings.Join(texts, " ")
}

// Value is what is stored.
func (s Scopes) Value() (driver.Value, error) { return s.String(), nil }

// Scan reads what was stored. A scope that is known no more is none.
func (s *Scopes) Scan(src any) error {
	var text string
	switch src := src.(type) {
	case string:
		text = src
	case []byte:
		text = string(src)
	default:
		return fmt.Errorf("scopes stored as %T", src)
	}
	*s = 0
	for scope := range strings.FieldsSeq(text) {
		*s |= ScopesOf(Scope(scope))
	}
	return nil
}
