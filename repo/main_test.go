package repo_test

import (
	"os"
	"testing"

	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is a database with two companies.
type world struct {
	*pgtest.DB
	admin, manager, member, stranger *model.User // the stranger is a MANAGER of the other company
	company, other                   *model.Company
}

func newWorld(t testing.TB) world {
	t.Helper()
	db := pgtest.New(t)
	w := world{DB: db, company: db.Company(t, "Own"), other: db.Company(t, "Other")}
	w.admin = db.User(t, nil, model.RoleAdmin, "Ada Admin")
	w.manager = db.User(t, w.company, model.RoleManager, "Mia Manager")
	w.member = db.User(t, w.company, model.RoleMember, "Mo Member")
	w.stranger = db.User(t, w.other, model.RoleManager, "Sam Stranger")
	return w
}

func viewer(u *model.User) model.Viewer {
	return model.Viewer{UserID: u.ID, CompanyID: u.CompanyID, Role: u.Role}
}

func (w world) reader(u *model.User) repo.Reader { return w.Store.Reader(viewer(u)) }

func first(n int32) model.PageArgs { return model.PageArgs{First: &n} }

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

var (
	oldestProjects = model.ProjectOrder{Field: model.ProjectsByCreatedAt, Direction: model.Ascending}
	newestDocs     = model.DocumentOrder{Field: model.DocumentsByUpdatedAt, Direction: model.Descending}
)
