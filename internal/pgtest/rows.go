package pgtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"dossier/internal/auth"
	"dossier/internal/embedding"
	"dossier/model"
	"dossier/repo"
)

// The factories add rows as the platform, and fail the test if they cannot.

func do[T any](t testing.TB, db *DB, fn func(context.Context, *repo.Tx) (T, error)) T {
	t.Helper()
	var value T
	err := db.Store.SystemTx(t.Context(), func(ctx context.Context, tx *repo.Tx) (err error) {
		value, err = fn(ctx, tx)
		return err
	})
	if err != nil {
		t.Fatalf("add rows: %v", err)
	}
	return value
}

// Company adds a company.
func (db *DB) Company(t testing.TB, name string) *model.Company {
	t.Helper()
	return do(t, db, func(ctx context.Context, tx *repo.Tx) (*model.Company, error) {
		return tx.CreateCompany(ctx, model.CreateCompanyInput{Name: name})
	})
}

// User adds a user of the company, of none for an ADMIN. The address is made of the name.
func (db *DB) User(t testing.TB, company *model.Company, role model.Role, name string) *model.User {
	t.Helper()
	in := model.CreateUserInput{Name: name, Email: strings.ReplaceAll(strings.ToLower(name), " ", ".") + "@test.example", Role: role}
	if company != nil {
		in.CompanyID = &company.ID
	}
	return do(t, db, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.CreateUser(ctx, in, nil)
	})
}

// Account links an account at the provider to the user.
func (db *DB) Account(t testing.TB, user *model.User, provider string) *model.Account {
	t.Helper()
	return do(t, db, func(ctx context.Context, tx *repo.Tx) (*model.Account, error) {
		return tx.LinkAccount(ctx, model.LinkedAccount{
			Account:     model.Account{UserID: user.ID, Type: "oidc", Provider: provider, ProviderAccountID: user.Email},
			AccessToken: new("secret of " + user.Email),
		})
	})
}

// Invite makes an invitation for the user and gives its token.
func (db *DB) Invite(t testing.TB, user *model.User) string {
	t.Helper()
	token, invitation := auth.NewInvitation()
	do(t, db, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.RenewInvitation(ctx, model.RenewInvitationInput{UserID: user.ID}, invitation)
	})
	return token
}

// SetPassword gives the user a password.
func (db *DB) SetPassword(t testing.TB, user *model.User, password string) {
	t.Helper()
	hash, err := auth.HashPassword(t.Context(), password)
	if err == nil {
		_, err = db.Pool.Exec("UPDATE users SET password_hash = $1 WHERE id = $2", hash, user.ID)
	}
	if err != nil {
		t.Fatalf("set password: %v", err)
	}
}

// Projects adds n projects of the owner.
func (db *DB) Projects(t testing.TB, owner *model.User, n int) []*model.Project {
	t.Helper()
	return do(t, db, func(ctx context.Context, tx *repo.Tx) ([]*model.Project, error) {
		projects := make([]*model.Project, n)
		for i := range projects {
			var err error
			projects[i], err = tx.CreateProject(ctx, model.CreateProjectInput{
				OwnerID: &owner.ID, Name: fmt.Sprintf("Project %d of %s", i, owner.Name), ClientName: "Client",
			})
			if err != nil {
				return nil, err
			}
		}
		return projects, nil
	})
}

// Documents adds n documents of the owner, in the project if there is one.
func (db *DB) Documents(t testing.TB, owner *model.User, project *model.Project, n int) []*model.Document {
	t.Helper()
	inputs := make([]model.DocumentInput, n)
	for i := range inputs {
		inputs[i] = model.DocumentInput{
			OwnerID: &owner.ID, Name: fmt.Sprintf("document-%d.pdf", i), ContentType: "application/pdf", SizeBytes: 1000,
		}
		if project != nil {
			inputs[i].ProjectID = &project.ID
		}
	}
	return do(t, db, func(ctx context.Context, tx *repo.Tx) ([]*model.Document, error) {
		return tx.CreateDocuments(ctx, inputs)
	})
}

// Key makes an API key of the user and gives its token.
func (db *DB) Key(t testing.TB, user *model.User, scopes ...model.Scope) string {
	t.Helper()
	token, made := auth.NewAPIKey()
	err := db.Store.InTx(t.Context(), model.Viewer{UserID: user.ID, CompanyID: user.CompanyID, Role: user.Role},
		func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateAPIKey(ctx, model.CreateAPIKeyInput{Name: "Key of " + user.Name, Scopes: scopes}, made)
			return err
		})
	if err != nil {
		t.Fatalf("make API key: %v", err)
	}
	return token
}

// Token starts a session of the user and gives its token.
func (db *DB) Token(t testing.TB, user *model.User) string {
	t.Helper()
	token, session := auth.NewSession(time.Hour, auth.Client{})
	err := db.Store.InTx(t.Context(), model.Viewer{UserID: user.ID, CompanyID: user.CompanyID, Role: user.Role},
		func(ctx context.Context, tx *repo.Tx) error { return tx.CreateSession(ctx, session) })
	if err != nil {
		t.Fatalf("start session: %v", err)
	}
	return token
}

// Chunks gives the document these passages, with their vectors by the offline model, and no others.
func (db *DB) Chunks(t testing.TB, document *model.Document, texts ...string) []*model.DocumentChunk {
	t.Helper()
	vectors, err := embedding.Offline().Documents(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	chunks := make([]model.ChunkInput, len(texts))
	for i, text := range texts {
		chunks[i] = model.ChunkInput{Position: int32(i), Text: text, End: int32(len([]rune(text)))}
	}
	do(t, db, func(ctx context.Context, tx *repo.Tx) (struct{}, error) {
		return struct{}{}, tx.ReplaceChunks(ctx, repo.Run{DocumentID: document.ID, CompanyID: document.CompanyID}, chunks)
	})
	made, err := db.Store.System().ChunksWithoutVector(t.Context(), &document.ID, embedding.OfflineModel, embedding.Offline().Dimensions(), model.ChunkID{}, len(texts))
	if err != nil {
		t.Fatal(err)
	}
	of := make([]repo.ChunkVector, len(made))
	for i, chunk := range made {
		of[i] = repo.ChunkVector{ChunkID: chunk.ID, Vector: vectors[i]}
	}
	do(t, db, func(ctx context.Context, tx *repo.Tx) (struct{}, error) {
		return struct{}{}, tx.PutVectors(ctx, embedding.OfflineModel, of)
	})
	return made
}
