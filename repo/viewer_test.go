package repo_test

import (
	"context"
	"testing"
	"time"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// Who was deleted, moved or given another role since the credential was checked changes nothing more.
func TestViewerIsConfirmedByEachTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func(as model.Viewer) error {
		return w.Store.InTx(t.Context(), as, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateUser(ctx, model.CreateUserInput{Name: "n", Email: as.UserID.String() + "@x.example", Role: model.RoleMember}, nil)
			return err
		})
	}
	if err := create(viewer(w.manager)); err != nil {
		t.Fatal(err)
	}
	elsewhere := viewer(w.manager)
	elsewhere.CompanyID = &w.other.ID
	above := viewer(w.member)
	above.Role = model.RoleManager
	for name, as := range map[string]model.Viewer{
		"deleted": {UserID: model.NewID[model.UserID](), CompanyID: &w.company.ID, Role: model.RoleManager}, "moved": elsewhere, "another role": above,
	} {
		if err := create(as); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Only the system acts for others.
func TestNobodyBecomesAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer func() {
		if recover() == nil {
			t.Error("a MANAGER's transaction became an ADMIN's")
		}
	}()
	_ = w.Store.InTx(t.Context(), viewer(w.manager), func(_ context.Context, tx *repo.Tx) error {
		tx.As(viewer(w.admin))
		return nil
	})
}

// A change that waited for another one has the later time: lists by last modified do not go back.
func TestUpdatedAtGoesForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	rename := func(ctx context.Context, tx *repo.Tx, name string) (*model.Project, error) {
		return tx.UpdateProject(ctx, model.UpdateProjectInput{ID: project.ID, Name: &name})
	}
	var early time.Time
	late := must[*model.Project](t)(inTx(t, w, w.member, func(ctx context.Context, outer *repo.Tx) (*model.Project, error) {
		changed, err := inTx(t, w, w.manager, func(ctx context.Context, inner *repo.Tx) (*model.Project, error) {
			return rename(ctx, inner, "first")
		})
		if err != nil {
			return nil, err
		}
		early = changed.UpdatedAt
		return rename(ctx, outer, "second")
	}))
	if !late.UpdatedAt.After(early) {
		t.Errorf("the second change is of %s, the first of %s", late.UpdatedAt, early)
	}
}

// All that is wrong with one document is said, and what is forbidden is not hidden behind it.
func TestCreateDocumentSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	missingProject, missingOwner := model.NewID[model.ProjectID](), model.NewID[model.UserID]()
	_, err := inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.CreateDocument(ctx, model.DocumentInput{ProjectID: &missingProject, OwnerID: &missingOwner, Name: "n", ContentType: "t"})
	})
	if faults := fault.All(err); len(faults) != 2 || faults[0].Field[0] != "ownerId" || faults[1].Field[0] != "projectId" {
		t.Errorf("%v", err)
	}
	_, err = inTx(t, w, w.member, func(ctx context.Context, tx *repo.Tx) ([]*model.Document, error) {
		return tx.CreateDocuments(ctx, []model.DocumentInput{
			{ProjectID: &missingProject, Name: "n", ContentType: "t"}, {OwnerID: &w.manager.ID, Name: "n", ContentType: "t"}})
	})
	if faults := fault.All(err); len(faults) != 1 || faults[0].Code != fault.Forbidden {
		t.Errorf("%v", err)
	}
}

// A user's own changes do not wait for one another in a ring: confirming the viewer does not block them.
func TestOwnChangesAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both := make(chan struct{}, 2)
	failed := make(chan error, 2)
	for i := range 2 {
		go func() {
			tries := 0
			failed <- w.Store.InTx(t.Context(), viewer(w.member), func(ctx context.Context, tx *repo.Tx) error {
				if tries++; tries > 1 {
					t.Error("a deadlock")
				}
				both <- struct{}{}
				for len(both) < 2 {
					time.Sleep(time.Millisecond)
				}
				name := []string{"a", "b"}[i]
				_, err := tx.UpdateUser(ctx, model.UpdateUserInput{ID: w.member.ID, Name: &name}, nil)
				return err
			})
		}()
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
