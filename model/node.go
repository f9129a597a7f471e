package model

import (
	"io"

	"dossier/internal/fault"
)

// Node is any entity (GraphQL Global Object Identification).
type Node interface {
	IsNode()
	GetID() GlobalID
}

// UserError is a problem with a mutation's input that its sender can mend.
type UserError struct {
	Code    ErrorCode
	Field   []string
	Message string
}

// ErrorCode is the kind of a UserError.
type ErrorCode fault.Code

// MarshalGQL writes the enum.
func (c ErrorCode) MarshalGQL(w io.Writer) { marshalEnum(w, c) }

// UnmarshalGQL refuses: the code is in answers only.
func (c *ErrorCode) UnmarshalGQL(v any) error { return unmarshalEnum[ErrorCode](v, c) }

// MarshalGQL writes the enum.
func (d OrderDirection) MarshalGQL(w io.Writer) { marshalEnum(w, d) }

// UnmarshalGQL reads the enum.
func (d *OrderDirection) UnmarshalGQL(v any) error { return unmarshalEnum(v, d, Ascending, Descending) }
