package repo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// Whose access was changed or ended since the credential was checked changes nothing more, be it recorded or not.
func TestViewerIsConfirmedByEachTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func(ctx context.Context, tx *repo.Tx) error {
		_, err := tx.CreateUser(ctx, model.CreateUserInput{Name: "n", Email: uuid.NewString() + "@x.example", Role: model.RoleMember}, nil)
		return err
	}
	enqueue := func(ctx context.Context, tx *repo.Tx) error { return tx.Enqueue(ctx, model.SweepBlobs{}) }
	changes := map[string]func(context.Context, *repo.Tx) error{
		"recorded": create,
		"recorded, and more": func(ctx context.Context, tx *repo.Tx) error {
			return errors.Join(create(ctx, tx), enqueue(ctx, tx))
		},
		"nothing recorded": func(ctx context.Context, tx *repo.Tx) error {
			return errors.Join(tx.RecordNothing(ctx), enqueue(ctx, tx))
		},
		"not recorded": enqueue,
	}
	manager := viewer(w.manager)
	for name, change := range changes {
		if err := w.Store.InTx(t.Context(), manager, change); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	with := func(change func(*model.Viewer)) model.Viewer {
		changed := manager
		change(&changed)
		return changed
	}
	deactivated := w.User(t, w.company, model.RoleManager, "Dan Deactivated")
	revoked := w.keyViewer(t, w.manager, model.ScopeUsersWrite)
	for _, statement := range []string{
		"UPDATE users SET deactivated_at = now() WHERE id = '" + uuidOf(deactivated.ID) + "'",
		"UPDATE api_keys SET revoked_at = now() WHERE id = '" + uuidOf(revoked.KeyID) + "'",
	} {
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	before := dump(t, w.DB)
	for name, as := range map[string]model.Viewer{
		"deleted":       with(func(v *model.Viewer) { v.UserID = model.NewID[model.UserID]() }),
		"moved":         with(func(v *model.Viewer) { v.CompanyID = &w.other.ID }),
		"another role":  {UserID: w.member.ID, CompanyID: &w.company.ID, Role: model.RoleManager},
		"deactivated":   viewer(deactivated),
		"session ended": with(func(v *model.Viewer) { v.SessionID = model.NewID[model.SessionID]() }),
		"key revoked":   revoked,
	} {
		for kind, change := range changes {
			if err := w.Store.InTx(t.Context(), as, change); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
	if after := dump(t, w.DB); after != before {
		t.Errorf("something was changed:\n%s", cmp.Diff(before, after))
	}
}

// A session may end the API key by which a frontend started it, and itself with all that the key made.
func TestSessionRevokesTheKeyThatMadeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.keyViewer(t, w.manager, model.ScopeAuthAdapter)
	hash := auth.HashToken("token")
	must[*model.AdapterSession](t)(repo.Do(t.Context(), w.Store, key, func(ctx context.Context, tx *repo.Tx) (*model.AdapterSession, error) {
		return tx.CreateAdapterSession(ctx, model.CreateAdapterSessionInput{UserID: w.manager.ID, ExpiresAt: time.Now().Add(time.Hour)}, hash)
	}))
	itself := must[model.Viewer](t)(w.Store.ViewerBySession(t.Context(), hash))
	revoked := must[*repo.RevokedAPIKey](t)(repo.Do(t.Context(), w.Store, itself, func(ctx context.Context, tx *repo.Tx) (*repo.RevokedAPIKey, error) {
		return tx.RevokeAPIKey(ctx, model.RevokeAPIKeyInput{ID: key.KeyID, EndSessions: true})
	}))
	if revoked.Sessions != 1 {
		t.Errorf("%d sessions ended", revoked.Sessions)
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
