package repo_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"dossier/internal/fault"
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

// dump is all rows of all tables, as text.
func dump(t testing.TB, db *pgtest.DB) string {
	t.Helper()
	var text strings.Builder
	for _, table := range []string{"companies", "users", "sessions", "accounts", "authenticators", "verification_tokens", "invitations", "api_keys", "one_time_tokens", "projects", "documents", "themes", "project_themes",
		"document_themes", "conversations", "uploads", "river_job", "audit_log"} {
		rows := must[rowsOf](t)(query(db, "SELECT t::text FROM "+table+" t ORDER BY 1"))
		text.WriteString(table + "\n" + strings.Join(rows, "\n") + "\n")
	}
	return text.String()
}

type rowsOf = []string

func query(db *pgtest.DB, statement string) ([]string, error) {
	rows, err := db.Pool.Query(statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}

func inTx[T any](t testing.TB, w world, as *model.User, fn func(context.Context, *repo.Tx) (T, error)) (T, error) {
	t.Helper()
	return repo.Do(t.Context(), w.Store, viewer(as), fn)
}

func uuidOf[K model.ID](id K) string { return id.Global().UUID.String() }

func wantFault(t testing.TB, name string, err error, code fault.Code, field string) {
	t.Helper()
	faults := fault.All(err)
	if len(faults) != 1 || faults[0].Code != code || strings.Join(faults[0].Field, ".") != field {
		t.Errorf("%s: %v, want %s at %s", name, err, code, field)
	}
}
