package graph_test

import (
	"os"
	"testing"

	"dossier/internal/apitest"
	"dossier/internal/pgtest"
	"dossier/model"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is a server with two companies.
type world struct {
	*apitest.World
	company, other                   *model.Company
	admin, manager, member, stranger *model.User // the stranger is a MANAGER of the other company
}

func newWorld(t testing.TB, options ...apitest.Option) world {
	t.Helper()
	w := world{World: apitest.New(t, options...)}
	w.company, w.other = w.Company(t, "Own"), w.Company(t, "Other")
	w.admin = w.User(t, nil, model.RoleAdmin, "Ada Admin")
	w.manager = w.User(t, w.company, model.RoleManager, "Mia Manager")
	w.member = w.User(t, w.company, model.RoleMember, "Mo Member")
	w.stranger = w.User(t, w.other, model.RoleManager, "Sam Stranger")
	return w
}
