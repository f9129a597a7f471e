package auth_test

import (
	"os"
	"testing"

	"dossier/internal/pgtest"
	"dossier/model"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is a database with a user of a company.
type world struct {
	*pgtest.DB
	member *model.User
}

func newWorld(t testing.TB) world {
	t.Helper()
	db := pgtest.New(t)
	return world{db, db.User(t, db.Company(t, "Own"), model.RoleMember, "Mo Member")}
}
