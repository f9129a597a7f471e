// Package data makes the rows that the benchmark measures, in the tables that Dossier's migrations make, and puts them back
// after they were changed. All is arithmetic, so that a client knows the id of the nth row of each kind.
package data

import (
	"context"
	"crypto/md5"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed data.sql
var rows string

// The kinds of rows that have an ID.
const (
	Company  = "c"
	User     = "u"
	Project  = "p"
	Document = "d"
)

// ID is the id of the nth row of a kind, counted from 0.
func ID(kind string, n int) uuid.UUID {
	return md5.Sum([]byte(kind + strconv.Itoa(n))) // data.sql makes it the same way
}

// IsStaff reports whether the nth user is platform staff, an ADMIN who belongs to no company and owns nothing.
func IsStaff(user int) bool { return user%50 == 49 }

// statuses are what documents begin with, by data.sql's arithmetic.
var statuses = []string{"UPLOADING", "PENDING", "READY", "FAILED"}

// StatusOf is the status that Load gives the nth document.
func StatusOf(document int) string { return statuses[document*13%11%len(statuses)] }

// Size is how many rows there are.
type Size struct{ Companies, Users, Projects, Documents int }

// SizeOf is the size at a scale: at 1 it is 200 companies, 20,000 users, 60,000 projects and 600,000 documents.
func SizeOf(scale float64) Size {
	of := func(rows float64) int { return max(1, int(math.Round(rows*scale))) }
	return Size{Companies: of(200), Users: of(20_000), Projects: of(60_000), Documents: of(600_000)}
}

// later drops the indexes that can be made again after the rows, which takes a fifth of the time.
const later = `
	CREATE TEMP TABLE later AS SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
		FROM pg_index WHERE NOT indisunique AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace);
	DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE 'DROP INDEX ' || i.name; END LOOP; END $$;`

const indexes = `
	DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE i.definition; END LOOP; END $$;
	DROP TABLE later;`

// Load fills freshly migrated, empty tables, as a superuser, and keeps a copy for Restore. It is all or nothing.
func Load(ctx context.Context, conn *pgx.Conn, scale float64) error {
	s := SizeOf(scale)
	sizes := strings.NewReplacer(":companies", strconv.Itoa(s.Companies), ":users", strconv.Itoa(s.Users),
		":projects", strconv.Itoa(s.Projects), ":documents", strconv.Itoa(s.Documents))
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// The rows are right by arithmetic: foreign keys are not checked one by one. A test checks them all.
		return script(ctx, tx.Conn(), "SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '256MB';",
			later, sizes.Replace(rows), indexes)
	})
	if err != nil {
		return fmt.Errorf("load the benchmark's rows: %w", err)
	}
	if _, err := conn.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		return fmt.Errorf("vacuum the benchmark's rows: %w", err)
	}
	return Keep(ctx, conn)
}

// script sends texts of many statements each.
func script(ctx context.Context, conn *pgx.Conn, texts ...string) error {
	for _, text := range texts {
		if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}
