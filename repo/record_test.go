package repo_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// change is a mutation with what it costs and records.
type change struct {
	name       string
	as         *model.User
	do         func(context.Context, *repo.Tx) error
	statements int // BEGIN and COMMIT included
	recorded   string
}

// changes are of rows that every world made by newChanges has.
func newChanges(t *testing.T, w world) []change {
	t.Helper()
	projects := w.Projects(t, w.member, 2)
	documents := w.Documents(t, w.member, projects[0], 3)
	for _, p := range projects {
		w.Documents(t, w.member, p, 2)
	}
	w.Token(t, w.member)
	w.Key(t, w.member, model.ScopeProjectsRead)
	key := must[*model.APIKeyConnection](t)(w.reader(w.member).APIKeys(t.Context(), first(1))).Nodes[0]
	invited := w.User(t, w.company, model.RoleMember, "Ina Invited")
	gone := w.User(t, w.company, model.RoleMember, "Gus Gone")
	w.Key(t, gone, model.ScopeProjectsRead)
	must[sql.Result](t)(w.Pool.Exec("UPDATE users SET password_hash = '$hash$1' WHERE id = $1", uuidOf(w.member.ID)))
	must[sql.Result](t)(w.Pool.Exec("UPDATE documents SET container_name = 'container', blob_name = 'dossier/2' WHERE id = $1", uuidOf(documents[2].ID)))
	name := "New"
	file := model.File{ContainerName: "container", BlobName: "dossier/1", SizeBytes: 5, SHA256: make(model.Hash, 32), ContentType: "text/plain"}
	project := model.CreateProjectInput{Name: name, ClientName: name}
	of := func(owner *model.User) model.CreateProjectInput {
		named := project
		named.OwnerID = &owner.ID
		return named
	}
	create := func(in model.CreateProjectInput) func(context.Context, *repo.Tx) error {
		return func(ctx context.Context, tx *repo.Tx) error { _, err := tx.CreateProject(ctx, in); return err }
	}
	return []change{
		{"create project", w.member, create(project), 3, "PROJECT_CREATED"},
		{"create project as a MANAGER for another", w.manager, create(of(w.member)), 3, "PROJECT_CREATED"},
		{"create project as an ADMIN", w.admin, create(of(w.member)), 4, "PROJECT_CREATED"},
		{"update project", w.member, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateProject(ctx, model.UpdateProjectInput{ID: projects[0].ID, Name: &name})
			return err
		}, 4, "PROJECT_UPDATED"},
		{"update document status", w.manager, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateDocumentStatus(ctx, model.UpdateDocumentStatusInput{ID: documents[0].ID, Status: model.DocumentPending})
			return err
		}, 4, "DOCUMENT_STATUS_CHANGED"},
		{"delete document", w.member, func(ctx context.Context, tx *repo.Tx) error {
			return tx.DeleteDocument(ctx, model.DeleteDocumentInput{ID: documents[1].ID})
		}, 4, "DOCUMENT_DELETED"},
		{"delete document with its bytes", w.member, func(ctx context.Context, tx *repo.Tx) error {
			return tx.DeleteDocument(ctx, model.DeleteDocumentInput{ID: documents[2].ID})
		}, 4, "DOCUMENT_DELETED"},
		{"upload document", w.member, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UploadDocument(ctx, model.UploadDocumentInput{File: model.Upload{
				ReceivedFile: &model.ReceivedFile{File: file, Name: "N"}}, UploadedDocument: model.UploadedDocument{ProjectID: &projects[0].ID}}, 1<<20)
			return err
		}, 7, "DOCUMENT_CREATED"},
		{"enqueue", w.member, func(ctx context.Context, tx *repo.Tx) error {
			return tx.Enqueue(ctx, model.RemoveBlobs{Blobs: []model.BlobRef{{Container: "container", Name: "dossier/3"}}}, model.SweepBlobs{})
		}, 4, ""},
		{"delete project with its documents", w.member, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.DeleteProject(ctx, model.DeleteProjectInput{ID: projects[1].ID, Documents: model.DeleteDocuments})
			return err
		}, 7, "DOCUMENT_DELETED DOCUMENT_DELETED PROJECT_DELETED"},
		{"invite", w.manager, func(ctx context.Context, tx *repo.Tx) error {
			_, invitation := auth.NewInvitation()
			_, err := tx.InviteUser(ctx, model.InviteUserInput{Name: "N", Email: "n@x.example", Role: model.RoleMember}, invitation)
			return err
		}, 4, "USER_CREATED USER_INVITED"},
		{"renew invitation", w.manager, func(ctx context.Context, tx *repo.Tx) error {
			_, invitation := auth.NewInvitation()
			_, err := tx.RenewInvitation(ctx, model.RenewInvitationInput{UserID: invited.ID}, invitation)
			return err
		}, 6, "INVITATION_RENEWED"},
		{"link account", w.manager, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.LinkAccount(ctx, model.LinkedAccount{
				Account: model.Account{UserID: invited.ID, Type: "oidc", Provider: "google", ProviderAccountID: "1"}})
			return err
		}, 4, "ACCOUNT_LINKED"},
		{"sign in", w.member, func(ctx context.Context, tx *repo.Tx) error {
			_, session := auth.NewSession(time.Hour, auth.Client{})
			return tx.CreateSession(ctx, session)
		}, 3, "USER_SIGNED_IN"},
		{"create API key", w.member, func(ctx context.Context, tx *repo.Tx) error {
			_, made := auth.NewAPIKey()
			_, err := tx.CreateAPIKey(ctx, model.CreateAPIKeyInput{Name: "N", Scopes: []model.Scope{model.ScopeProjectsRead}}, made)
			return err
		}, 5, "API_KEY_CREATED"},
		{"rotate API key", w.member, func(ctx context.Context, tx *repo.Tx) error {
			_, made := auth.NewAPIKey()
			_, err := tx.RotateAPIKey(ctx, model.RotateAPIKeyInput{ID: key.ID, OverlapSeconds: 60}, made)
			return err
		}, 7, "API_KEY_CREATED API_KEY_ROTATED"},
		{"revoke API key", w.manager, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.RevokeAPIKey(ctx, model.RevokeAPIKeyInput{ID: key.ID})
			return err
		}, 4, "API_KEY_REVOKED"},
		{"change password", w.member, func(ctx context.Context, tx *repo.Tx) error {
			_, _, err := tx.ChangePassword(ctx, "$hash$1", "$hash$2")
			return err
		}, 5, "PASSWORD_CHANGED"},
		{"change role", w.manager, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.ChangeUserRole(ctx, model.ChangeUserRoleInput{UserID: gone.ID, Role: model.RoleManager})
			return err
		}, 4, "USER_ROLE_CHANGED"},
		{"deactivate", w.manager, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: gone.ID})
			return err
		}, 4, "USER_DEACTIVATED"},
		{"transfer", w.admin, func(ctx context.Context, tx *repo.Tx) error {
			_, _, err := tx.TransferUser(ctx, model.TransferUserInput{UserID: w.member.ID, CompanyID: w.other.ID, NewOwnerID: &w.manager.ID})
			return err
		}, 5, "USER_TRANSFERRED USER_TRANSFERRED"},
	}
}

func actions(t *testing.T, w world) []string {
	t.Helper()
	return must[rowsOf](t)(query(w.DB, "SELECT action FROM audit_log ORDER BY id"))
}

// What a mutation records is there when it is committed, and only then: failed at each of its statements it leaves neither
// a change nor an entry.
func TestEntriesAreOfWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range newChanges(t, w) {
		before, recorded := dump(t, w.DB), len(actions(t, w))
		for n := 1; n < c.statements; n++ {
			w.SQL.FailAt(n)
			if err := w.Store.InTx(t.Context(), viewer(c.as), c.do); err == nil {
				t.Fatalf("%s: statement %d failed, the mutation did not", c.name, n)
			}
			if after := dump(t, w.DB); after != before {
				t.Fatalf("%s failed at statement %d and left:\n%s", c.name, n, cmp.Diff(before, after))
			}
		}
		w.SQL.Reset()
		if err := w.Store.InTx(t.Context(), viewer(c.as), c.do); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if sent := w.SQL.Statements(false); len(sent) != c.statements {
			t.Errorf("%s: %d statements, want %d:\n%s", c.name, len(sent), c.statements, strings.Join(sent, "\n"))
		}
		entries := actions(t, w)[recorded:]
		slices.Sort(entries)
		if got := strings.Join(entries, " "); got != c.recorded {
			t.Errorf("%s recorded %q, want %q", c.name, got, c.recorded)
		}
	}
}

// An entry that goes along with a write does not outlive it: where PostgreSQL changes no row, nothing is committed.
func TestNoEntryOfNoRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := newChanges(t, w)
	for _, statement := range []string{
		"CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
		"CREATE TRIGGER skip BEFORE INSERT OR UPDATE OR DELETE ON documents FOR EACH ROW EXECUTE FUNCTION skip()",
		"CREATE TRIGGER skip BEFORE INSERT OR UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION skip()",
		"CREATE TRIGGER skip BEFORE INSERT OR UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION skip()",
		"CREATE TRIGGER skip BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION skip()",
	} {
		if _, err := w.Pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	before := dump(t, w.DB)
	tried := 0
	for _, c := range all {
		switch c.name {
		case "renew invitation", "link account", "sign in", "enqueue": // of tables that nothing is skipped in
			continue
		}
		tried++
		if err := w.Store.InTx(t.Context(), viewer(c.as), c.do); err == nil {
			t.Errorf("%s: no row was changed, and it did not fail", c.name)
		} else if fault.All(err) != nil {
			t.Errorf("%s blames the client: %v", c.name, err)
		}
		if after := dump(t, w.DB); after != before {
			t.Fatalf("%s left:\n%s", c.name, cmp.Diff(before, after))
		}
	}
	if tried < 10 {
		t.Errorf("only %d mutations were tried", tried)
	}
}

// A new row's owner is of the viewer's company, whoever finds that out.
func TestOwnersOfNewRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nobody := model.NewID[model.UserID]()
	for _, c := range []struct {
		as    *model.User
		owner model.UserID
		code  fault.Code
		field string
	}{
		{w.manager, w.stranger.ID, fault.BadReference, "ownerId"},
		{w.manager, w.admin.ID, fault.BadReference, "ownerId"},
		{w.manager, nobody, fault.BadReference, "ownerId"},
		{w.admin, nobody, fault.BadReference, "ownerId"},
		{w.admin, w.admin.ID, fault.BadUserInput, "ownerId"},
		{w.member, w.stranger.ID, fault.BadReference, "ownerId"},
		{w.member, w.manager.ID, fault.Forbidden, ""},
	} {
		for what, create := range map[string]func(context.Context, *repo.Tx) error{
			"project": func(ctx context.Context, tx *repo.Tx) error {
				_, err := tx.CreateProject(ctx, model.CreateProjectInput{OwnerID: &c.owner, Name: "P", ClientName: "C"})
				return err
			},
			"conversation": func(ctx context.Context, tx *repo.Tx) error {
				_, err := tx.CreateConversation(ctx, model.CreateConversationInput{OwnerID: &c.owner, Title: "T"})
				return err
			},
		} {
			before := dump(t, w.DB)
			err := w.Store.InTx(t.Context(), viewer(c.as), create)
			wantFault(t, fmt.Sprintf("%s of %s by %s", what, c.owner, c.as.Name), err, c.code, c.field)
			if after := dump(t, w.DB); after != before {
				t.Errorf("%s of %s by %s left:\n%s", what, c.owner, c.as.Name, cmp.Diff(before, after))
			}
		}
	}
}
