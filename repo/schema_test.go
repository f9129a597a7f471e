package repo_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// rowTypes are all tables of the product.
var rowTypes = []any{
	model.Company{}, model.User{}, model.Session{}, model.LinkedAccount{}, model.Invitation{}, model.Project{}, model.Document{}, model.Theme{}, model.ProjectTheme{},
	model.DocumentTheme{}, model.Conversation{}, model.AuditEntry{}, model.APIKey{}, model.OneTimeToken{}, model.VerificationToken{},
	model.Authenticator{}, model.PendingUpload{}, model.DocumentChunk{}, model.ChunkEmbedding{}, model.ChunkCode{},
}

// Every column is a field of its model, and may be NULL exactly where the field can be nil. River's tables have none: they are
// compared with River's own, in internal/jobs.
func TestModelsMatchTheMigratedDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	inDatabase := map[string]string{}
	rows, err := db.Pool.Query(`SELECT table_name, column_name, is_nullable, udt_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT IN ('goose_db_version', 'database_identity') AND table_name NOT LIKE 'river\_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column, nullable, kind string
		if err := rows.Scan(&table, &column, &nullable, &kind); err != nil {
			t.Fatal(err)
		}
		inDatabase[table+"."+column] = fmt.Sprintf("%s null=%t", kind, nullable == "YES")
	}
	inModels := map[string]string{}
	tables := bun.NewDB(db.Pool, pgdialect.New()).Dialect().Tables()
	for _, row := range rowTypes {
		table := tables.Get(reflect.TypeOf(row))
		for _, field := range table.Fields {
			kind, nullable := columnOf(field.StructField.Type)
			inModels[table.Name+"."+field.Name] = fmt.Sprintf("%s null=%t", kind, nullable)
		}
	}
	if diff := cmp.Diff(inDatabase, inModels); diff != "" {
		t.Errorf("database (-) and models (+) differ:\n%s", diff)
	}
}

// columnOf is the PostgreSQL type of a field's Go type. A hash may be absent without a pointer: sha256 is, token_hash is not.
func columnOf(goType reflect.Type) (kind string, nullable bool) {
	if goType.Kind() == reflect.Pointer {
		kind, _ = columnOf(goType.Elem())
		return kind, true
	}
	switch name := goType.String(); {
	case name == "time.Time":
		return "timestamptz", false
	case name == "model.Scopes":
		return "text", false
	case name == "model.JSON":
		return "jsonb", false
	case name == "model.TSVector":
		return "tsvector", false
	case name == "model.BitString":
		return "varbit", false
	case name == "model.XID":
		return "xid8", false
	case name == "[]string":
		return "_text", false
	case name == "[]uint8":
		return "bytea", false
	case name == "model.Hash":
		return "bytea", true
	case goType.Kind() == reflect.Array:
		return "uuid", false
	case goType.Kind() == reflect.String:
		return "text", false
	default:
		return map[reflect.Kind]string{reflect.Bool: "bool", reflect.Int32: "int4", reflect.Int64: "int8", reflect.Float64: "float8"}[goType.Kind()], false
	}
}

// Every constraint that an input can violate has its translation, and every translation its constraint.
func TestEveryConstraintHasAFault(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rows, err := db.Pool.Query(`
		SELECT conname FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
		UNION SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
			WHERE x.indisunique AND NOT x.indisprimary AND t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE 'river\_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	// These cannot be violated by an input: they hold ids that are made here, or hashes of chance.
	unreachable := []string{"users_company_id_id_key", "projects_company_id_id_key", "documents_company_id_id_key",
		"themes_company_id_id_key", "document_chunks_company_id_id_key", "document_chunks_position_key", "document_chunks_document_id_fkey",
		"chunk_embeddings_chunk_id_fkey", "chunk_codes_chunk_id_fkey",
		"invitations_token_hash_key", "invitations_user_id_key", "api_keys_token_hash_key",
		"one_time_tokens_token_hash_key", "one_time_tokens_user_id_purpose_key"}
	var constraints []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(unreachable, name) {
			constraints = append(constraints, name)
		}
	}
	slices.Sort(constraints)
	translated := slices.Sorted(maps.Keys(repo.ConstraintFaults))
	if diff := cmp.Diff(constraints, translated); diff != "" {
		t.Errorf("constraints of the database (-) and translations (+) differ:\n%s", diff)
	}
}

// Every foreign key is led by an index, so that deleting what it points to does not read the whole table.
func TestEveryForeignKeyHasAnIndex(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var missing []string
	// The last column of a composite key is the selective one; company_id comes first in all of them.
	rows, err := db.Pool.Query(`
		SELECT c.conname FROM pg_constraint c
		WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND NOT EXISTS (
			SELECT FROM pg_index x WHERE x.indrelid = c.conrelid AND x.indkey[0] = c.conkey[array_upper(c.conkey, 1)])`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		missing = append(missing, name)
	}
	if len(missing) > 0 {
		t.Errorf("no index for %s", strings.Join(missing, ", "))
	}
}
