package repo_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// A transfer is all or nothing: failed at each of its statements before COMMIT it leaves no trace. (pgconn's tests fail
// COMMIT itself.)
func TestTransferUserIsAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	projects := w.Projects(t, w.member, 2)
	w.Documents(t, w.member, projects[0], 3)
	w.Token(t, w.member)
	w.Account(t, w.member, "google")
	w.Invite(t, w.User(t, w.company, model.RoleMember, "Ida Invited"))
	if _, err := w.Pool.Exec("UPDATE invitations SET user_id = $1", w.member.ID); err != nil { // who has signed in, and would get none
		t.Fatal(err)
	}
	in := model.TransferUserInput{UserID: w.member.ID, CompanyID: w.other.ID, NewOwnerID: &w.manager.ID}
	transfer := func() (*model.Reassigned, error) {
		return inTx(t, w, w.admin, func(ctx context.Context, tx *repo.Tx) (*model.Reassigned, error) {
			_, reassigned, err := tx.TransferUser(ctx, in)
			return reassigned, err
		})
	}
	before := dump(t, w.DB)
	statements := 0
	for n := 1; ; n++ {
		w.SQL.FailAt(n)
		_, err := transfer()
		if sent := w.SQL.Statements(false); sent[len(sent)-1] == "COMMIT" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		statements = n
		if err == nil {
			t.Fatalf("statement %d failed, the transfer did not", n)
		}
		if after := dump(t, w.DB); after != before {
			t.Fatalf("failed at statement %d it left:\n%s", n, cmp.Diff(before, after))
		}
	}
	if statements != 4 { // BEGIN, user, what the user owns, the user and all that goes along
		t.Errorf("%d statements were made to fail", statements)
	}
	// The run that met no failure has transferred the user.
	user := must[[]*model.User](t)(w.Store.System().UsersByIDs(t.Context(), []model.UserID{w.member.ID}))[0]
	if *user.CompanyID != w.other.ID {
		t.Error("the user is not in the new company")
	}
	for _, p := range must[[]*model.Project](t)(w.Store.System().ProjectsByIDs(t.Context(), []model.ProjectID{projects[0].ID, projects[1].ID})) {
		if p.OwnerID != w.manager.ID || p.CompanyID != w.company.ID || p.Version != 2 {
			t.Errorf("the project went wrong: %+v", p)
		}
	}
	if left := must[rowsOf](t)(query(w.DB, "SELECT id::text FROM sessions WHERE user_id = '"+uuidOf(w.member.ID)+"'")); len(left) != 0 {
		t.Error("the user's sessions did not end")
	}
	if left := must[rowsOf](t)(query(w.DB, "SELECT 'invitation' FROM invitations UNION ALL SELECT provider FROM accounts")); len(left) != 1 || left[0] != "google" {
		t.Errorf("of invitation and account link, what is left is %v", left)
	}
	companies := must[rowsOf](t)(query(w.DB, "SELECT company_id::text FROM audit_log WHERE action = 'USER_TRANSFERRED' ORDER BY id"))
	want := []string{uuidOf(w.company.ID), uuidOf(w.other.ID)}
	if diff := cmp.Diff(want, companies); diff != "" {
		t.Errorf("audit rows in the companies: %s", diff)
	}
}

func TestTransferUserRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Projects(t, w.member, 1)
	for name, c := range map[string]struct {
		in    model.TransferUserInput
		code  fault.Code
		field string
	}{
		"no new owner":             {model.TransferUserInput{UserID: w.member.ID, CompanyID: w.other.ID}, fault.Conflict, "newOwnerId"},
		"a new owner from outside": {model.TransferUserInput{UserID: w.member.ID, CompanyID: w.other.ID, NewOwnerID: &w.stranger.ID}, fault.BadReference, "newOwnerId"},
		"no such user":             {model.TransferUserInput{UserID: model.NewID[model.UserID](), CompanyID: w.other.ID}, fault.NotFound, "userId"},
		"no such company":          {model.TransferUserInput{UserID: w.manager.ID, CompanyID: model.NewID[model.CompanyID]()}, fault.BadReference, "companyId"},
		"the same company":         {model.TransferUserInput{UserID: w.manager.ID, CompanyID: w.company.ID}, fault.Conflict, "companyId"},
		"staff":                    {model.TransferUserInput{UserID: w.admin.ID, CompanyID: w.company.ID}, fault.BadUserInput, "userId"},
	} {
		_, err := inTx(t, w, w.admin, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
			user, _, err := tx.TransferUser(ctx, c.in)
			return user, err
		})
		wantFault(t, name, err, c.code, c.field)
	}
}

// The composite foreign keys hold the tenants apart even where the program would not.
func TestTheDatabaseRefusesRowsAcrossCompanies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign := w.Projects(t, w.stranger, 1)[0]
	for _, statement := range []string{
		fmt.Sprintf("INSERT INTO projects (id, company_id, owner_id, name, client_name) VALUES (gen_random_uuid(), '%s', '%s', 'x', 'x')",
			uuidOf(w.company.ID), uuidOf(w.stranger.ID)),
		fmt.Sprintf(`INSERT INTO documents (id, company_id, owner_id, project_id, name, status, content_type, size_bytes)
			VALUES (gen_random_uuid(), '%s', '%s', '%s', 'x', 'READY', 'x', 1)`,
			uuidOf(w.company.ID), uuidOf(w.member.ID), uuidOf(foreign.ID)),
		fmt.Sprintf("UPDATE users SET company_id = '%s' WHERE id = '%s'", uuidOf(w.company.ID), uuidOf(w.stranger.ID)),
		"UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log",
	} {
		if _, err := w.Pool.Exec(statement); err == nil {
			t.Errorf("it took %s", statement)
		}
	}
}

func TestCreateDocumentsIsAllOrNothingWithErrorsByIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	foreign := w.Projects(t, w.stranger, 1)[0]
	document := func(project *model.ProjectID, owner *model.UserID) model.DocumentInput {
		return model.DocumentInput{ProjectID: project, OwnerID: owner, Name: "n", ContentType: "text/plain"}
	}
	missing := model.NewID[model.ProjectID]()
	create := func(as *model.User, in ...model.DocumentInput) ([]*model.Document, error) {
		return inTx(t, w, as, func(ctx context.Context, tx *repo.Tx) ([]*model.Document, error) {
			return tx.CreateDocuments(ctx, in)
		})
	}
	before := dump(t, w.DB)
	_, err := create(w.manager, document(&project.ID, nil), document(&foreign.ID, nil), document(nil, &w.stranger.ID), document(&missing, nil))
	var got []string
	for _, f := range fault.All(err) {
		got = append(got, string(f.Code)+" "+strings.Join(f.Field, "."))
	}
	want := []string{"BAD_REFERENCE documents.1.projectId", "BAD_REFERENCE documents.2.ownerId", "BAD_REFERENCE documents.3.projectId"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if after := dump(t, w.DB); after != before {
		t.Errorf("it left %s", cmp.Diff(before, after))
	}

	inputs := make([]model.DocumentInput, model.DocumentsPerCallMax)
	for i := range inputs {
		inputs[i] = document(&project.ID, nil)
		inputs[i].Name = strconv.Itoa(i)
	}
	w.SQL.Reset()
	documents := must[[]*model.Document](t)(create(w.member, inputs...))
	if sent := w.SQL.Statements(false); len(sent) != 4 { // BEGIN, projects, documents and audit, COMMIT
		t.Errorf("%d statements for %d documents", len(sent), len(inputs))
	}
	for i, d := range documents {
		if d.Name != strconv.Itoa(i) || d.Status != model.DocumentUploading || d.CreatedAt.IsZero() || d.Version != 1 {
			t.Fatalf("document %d: %+v", i, d)
		}
	}
}

func TestDocumentStatusGoesItsWayOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := []model.DocumentStatus{model.DocumentUploading, model.DocumentPending, model.DocumentExtracting, model.DocumentChunking,
		model.DocumentEmbedding, model.DocumentReady, model.DocumentFailed, model.DocumentCanceled}
	allowed := map[string]bool{
		"UPLOADING PENDING": true, "PENDING EXTRACTING": true, "EXTRACTING CHUNKING": true, "CHUNKING EMBEDDING": true, "EMBEDDING READY": true,
		"UPLOADING FAILED": true, "PENDING FAILED": true, "EXTRACTING FAILED": true, "CHUNKING FAILED": true, "EMBEDDING FAILED": true,
		"UPLOADING CANCELED": true, "PENDING CANCELED": true, "EXTRACTING CANCELED": true, "CHUNKING CANCELED": true, "EMBEDDING CANCELED": true,
		"READY PENDING": true, "FAILED PENDING": true, "CANCELED PENDING": true,
	}
	document := w.Documents(t, w.member, nil, 1)[0]
	for _, from := range all {
		for _, to := range all {
			if _, err := w.Pool.Exec(fmt.Sprintf("UPDATE documents SET status = '%s', updated_at = '2020-01-01'", from)); err != nil {
				t.Fatal(err)
			}
			changed, err := inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
				return tx.UpdateDocumentStatus(ctx, model.UpdateDocumentStatusInput{ID: document.ID, Status: to})
			})
			switch pair := string(from + " " + to); {
			case allowed[pair] && (err != nil || changed.Status != to || changed.UpdatedAt.Year() == 2020):
				t.Errorf("%s: %v", pair, err)
			case !allowed[pair]:
				wantFault(t, pair, err, fault.BadUserInput, "status")
			}
		}
	}
	failed := must[*model.Document](t)(inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		code, message := "ENCRYPTED", "It has a password."
		if _, err := tx.UpdateDocumentStatus(ctx, model.UpdateDocumentStatusInput{ID: document.ID, Status: model.DocumentPending}); err != nil {
			return nil, err
		}
		return tx.UpdateDocumentStatus(ctx, model.UpdateDocumentStatusInput{
			ID: document.ID, Status: model.DocumentFailed, ErrorCode: &code, ErrorMessage: &message})
	}))
	again := must[*model.Document](t)(inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
		return tx.UpdateDocumentStatus(ctx, model.UpdateDocumentStatusInput{ID: document.ID, Status: model.DocumentPending})
	}))
	if *failed.ErrorCode != "ENCRYPTED" || again.ErrorCode != nil || again.ErrorMessage != nil {
		t.Errorf("the reason of a failure: %v, then %v", failed.ErrorCode, again.ErrorCode)
	}
}

func TestDeleteProjectKeepsOrDeletesDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	projects := w.Projects(t, w.member, 3)
	for _, p := range projects {
		w.Documents(t, w.member, p, 2)
	}
	w.Documents(t, w.manager, projects[2], 1)
	remove := func(p *model.Project, documents model.ProjectDocuments) (*repo.DeletedProject, error) {
		return inTx(t, w, w.member, func(ctx context.Context, tx *repo.Tx) (*repo.DeletedProject, error) {
			return tx.DeleteProject(ctx, model.DeleteProjectInput{ID: p.ID, Documents: documents})
		})
	}
	if gone := must[*repo.DeletedProject](t)(remove(projects[0], model.KeepDocuments)); *gone != (repo.DeletedProject{DocumentsKept: 2}) {
		t.Errorf("KEEP: %+v", gone)
	}
	if gone := must[*repo.DeletedProject](t)(remove(projects[1], model.DeleteDocuments)); *gone != (repo.DeletedProject{DocumentsDeleted: 2}) {
		t.Errorf("DELETE: %+v", gone)
	}
	_, err := remove(projects[2], model.DeleteDocuments)
	wantFault(t, "with a colleague's document", err, fault.Forbidden, "")
	left := must[rowsOf](t)(query(w.DB, "SELECT coalesce(project_id::text, 'none') FROM documents ORDER BY 1"))
	id := uuidOf(projects[2].ID)
	if diff := cmp.Diff([]string{id, id, id, "none", "none"}, left); diff != "" {
		t.Error(diff)
	}
}

func TestDeleteUserGivesWhatItOwned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Documents(t, w.member, w.Projects(t, w.member, 1)[0], 2)
	remove := func(in model.DeleteUserInput) (*model.Reassigned, error) {
		return inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Reassigned, error) { return tx.DeleteUser(ctx, in) })
	}
	_, err := remove(model.DeleteUserInput{ID: w.member.ID})
	wantFault(t, "without a new owner", err, fault.Conflict, "newOwnerId")
	_, err = remove(model.DeleteUserInput{ID: w.member.ID, NewOwnerID: &w.stranger.ID})
	wantFault(t, "a stranger", err, fault.BadReference, "newOwnerId")
	_, err = remove(model.DeleteUserInput{ID: w.stranger.ID})
	wantFault(t, "of another company", err, fault.NotFound, "id")
	_, err = remove(model.DeleteUserInput{ID: w.manager.ID})
	wantFault(t, "oneself", err, fault.Conflict, "id")
	reassigned := must[*model.Reassigned](t)(remove(model.DeleteUserInput{ID: w.member.ID, NewOwnerID: &w.manager.ID}))
	if *reassigned != (model.Reassigned{Projects: 1, Documents: 2}) {
		t.Errorf("reassigned %+v", reassigned)
	}
}

func TestDeleteCompanyOnlyWhenEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	empty := w.Company(t, "Empty")
	remove := func(id model.CompanyID) error {
		return w.Store.InTx(t.Context(), viewer(w.admin), func(ctx context.Context, tx *repo.Tx) error {
			return tx.DeleteCompany(ctx, model.DeleteCompanyInput{ID: id})
		})
	}
	wantFault(t, "not empty", remove(w.company.ID), fault.Conflict, "id")
	if err := remove(empty.ID); err != nil {
		t.Error(err)
	}
	wantFault(t, "again", remove(empty.ID), fault.NotFound, "id")
}

// An update writes what differs, as the next version; what does not differ writes nothing.
func TestUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.member, 1)[0]
	name, stale, one := "New", int32(9), int32(1)
	update := func(as *model.User, in model.UpdateProjectInput) (*model.Project, error) {
		in.ID = project.ID
		return inTx(t, w, as, func(ctx context.Context, tx *repo.Tx) (*model.Project, error) { return tx.UpdateProject(ctx, in) })
	}
	_, err := update(w.member, model.UpdateProjectInput{Name: &name, ExpectedVersion: &stale})
	wantFault(t, "a stale version", err, fault.Conflict, "expectedVersion")
	changed := must[*model.Project](t)(update(w.member, model.UpdateProjectInput{Name: &name, ExpectedVersion: &one}))
	if changed.Name != name || changed.Version != 2 || !changed.UpdatedAt.After(project.UpdatedAt) {
		t.Errorf("%+v", changed)
	}
	before := dump(t, w.DB)
	must[*model.Project](t)(update(w.member, model.UpdateProjectInput{Name: &name}))
	if after := dump(t, w.DB); after != before {
		t.Errorf("a change of nothing wrote:\n%s", cmp.Diff(before, after))
	}
	yes, no := true, false
	if p := must[*model.Project](t)(update(w.member, model.UpdateProjectInput{Archived: &yes})); p.ArchivedAt == nil {
		t.Error("not archived")
	}
	if p := must[*model.Project](t)(update(w.member, model.UpdateProjectInput{Archived: &no})); p.ArchivedAt != nil {
		t.Error("not taken back")
	}
	_, err = update(w.member, model.UpdateProjectInput{OwnerID: &w.manager.ID})
	wantFault(t, "a MEMBER gives it away", err, fault.Forbidden, "")
	_, err = update(w.manager, model.UpdateProjectInput{OwnerID: &w.stranger.ID})
	wantFault(t, "to a stranger", err, fault.BadReference, "ownerId")

	document := w.Documents(t, w.member, project, 1)[0]
	foreign := w.Projects(t, w.stranger, 1)[0]
	move := func(to *model.ProjectID) (*model.Document, error) {
		return inTx(t, w, w.member, func(ctx context.Context, tx *repo.Tx) (*model.Document, error) {
			return tx.UpdateDocument(ctx, model.UpdateDocumentInput{ID: document.ID, ProjectID: graphql.OmittableOf(to)})
		})
	}
	_, err = move(&foreign.ID)
	wantFault(t, "into a stranger's project", err, fault.BadReference, "projectId")
	if d := must[*model.Document](t)(move(nil)); d.ProjectID != nil {
		t.Error("null does not take it out of its project")
	}
}

// A MEMBER changes what is the member's own, and nothing else; a colleague's row is there to be read.
func TestMembersChangeTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	project := w.Projects(t, w.manager, 1)[0]
	document := w.Documents(t, w.manager, project, 1)[0]
	name := "x"
	for what, change := range map[string]func(context.Context, *repo.Tx) error{
		"updateProject": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateProject(ctx, model.UpdateProjectInput{ID: project.ID, Name: &name})
			return err
		},
		"deleteProject": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.DeleteProject(ctx, model.DeleteProjectInput{ID: project.ID})
			return err
		},
		"updateDocument": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateDocument(ctx, model.UpdateDocumentInput{ID: document.ID, Name: &name})
			return err
		},
		"deleteDocument": func(ctx context.Context, tx *repo.Tx) error {
			return tx.DeleteDocument(ctx, model.DeleteDocumentInput{ID: document.ID})
		},
		"updateUser": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.UpdateUser(ctx, model.UpdateUserInput{ID: w.manager.ID, Name: &name}, nil)
			return err
		},
		"createProject for another": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateProject(ctx, model.CreateProjectInput{OwnerID: &w.manager.ID, Name: name, ClientName: name})
			return err
		},
		"createDocument for another": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateDocument(ctx, model.DocumentInput{OwnerID: &w.manager.ID, Name: name, ContentType: name})
			return err
		},
	} {
		err := w.Store.InTx(t.Context(), viewer(w.member), change)
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
