// Package model holds the types that the database and GraphQL share: a Bun row is the GraphQL type of the same name.
// Rows hold foreign keys and no pointers to other rows; gqlgen would bind such a pointer as a plain field.
package model
