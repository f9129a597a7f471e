// Package seed is the demo data of a new development database, written through repo as its users would write it.
package seed

import (
	"context"
	"fmt"
	"math/rand/v2"

	"dossier/internal/auth"
	"dossier/internal/files"
	"dossier/model"
	"dossier/repo"
)

// Password is what the demo sign-ins have in common.
const Password = "dossier-demo"

// SignIns are the demo users that have a password, from most to least allowed.
var SignIns = []struct {
	Email string
	Role  model.Role
}{
	{"admin@demo.example", model.RoleAdmin},
	{"manager@demo.example", model.RoleManager},
	{"member@demo.example", model.RoleMember},
}

// Load fills an empty database and reports whether it did; one that has a company or user stays as it is. It is one
// transaction: a program that is killed meanwhile leaves an empty database, and files that the next sweep removes.
func Load(ctx context.Context, store *repo.Store, kept *files.Files) (bool, error) {
	empty, err := store.IsEmpty(ctx)
	if err != nil || !empty {
		return false, err
	}
	hash, err := auth.HashPassword(ctx, Password)
	if err != nil {
		return false, err
	}
	pack, settle, err := receivePack(ctx, kept)
	if err != nil {
		return false, err
	}
	err = store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
		s := seeder{hash: hash, chance: rand.New(rand.NewPCG(1, 2)), pack: pack}
		for i, company := range companies {
			if err := s.company(ctx, tx, company, i == 0); err != nil {
				return fmt.Errorf("seed %s: %w", company.name, err)
			}
		}
		return nil
	})
	settle(err)
	return err == nil, err
}

type seeder struct {
	hash   string
	chance *rand.Rand // the same at each start
	pack   []*model.ReceivedFile
}

// company adds one company; the first one has the demo sign-ins.
func (s *seeder) company(ctx context.Context, tx *repo.Tx, c demoCompany, first bool) error {
	company, err := tx.CreateCompany(ctx, model.CreateCompanyInput{Name: c.name, Domain: &c.domain})
	if err != nil {
		return err
	}
	var users []*model.User
	if first {
		if users, err = s.signIns(ctx, tx, company); err != nil {
			return err
		}
	}
	for i := range c.users {
		user, err := tx.CreateUser(ctx, model.CreateUserInput{
			CompanyID: &company.ID, Role: model.RoleMember, Email: fmt.Sprintf("user%d@%s", i+1, c.domain),
			Name: firstNames[(i*7+len(c.name))%len(firstNames)] + " " + lastNames[(i*5+len(c.domain))%len(lastNames)],
		}, nil)
		if err != nil {
			return err
		}
		users = append(users, user)
	}
	themes, err := s.themes(ctx, tx, company)
	if err != nil {
		return err
	}
	for i, user := range users[:c.owners] {
		documents, err := s.projects(ctx, tx.As(viewer(user)), c.projectsEach)
		if err == nil && first && i == 0 {
			err = s.process(ctx, tx.As(viewer(user)), documents[:min(len(documents), documentsProcessed)])
		}
		if err == nil {
			err = s.tag(ctx, tx.As(viewer(user)), themes, documents)
		}
		if err == nil {
			err = s.talk(ctx, tx.As(viewer(user)), documents)
		}
		if err != nil {
			return err
		}
	}
	if !first {
		return nil
	}
	return s.tender(ctx, tx.As(viewer(users[0])), themes)
}

// themes adds the company's win themes.
func (s *seeder) themes(ctx context.Context, tx *repo.Tx, company *model.Company) ([]*model.Theme, error) {
	var all []*model.Theme
	for _, t := range winThemes {
		theme, err := tx.CreateTheme(ctx, model.CreateThemeInput{
			CompanyID: &company.ID, Name: t.name, Description: &t.description, Color: &t.color,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, theme)
	}
	return all, nil
}

// tag attaches two of the themes to some of the documents, and to their projects.
func (s *seeder) tag(ctx context.Context, tx *repo.Tx, themes []*model.Theme, documents []*model.Document) error {
	first := s.chance.IntN(len(themes))
	in := model.ThemeTargets{ThemeIDs: []model.ThemeID{themes[first].ID, themes[(first+1)%len(themes)].ID}}
	for i, document := range documents {
		if i%3 == 0 {
			in.DocumentIDs = append(in.DocumentIDs, document.ID)
		}
		if i%5 == 0 {
			in.ProjectIDs = append(in.ProjectIDs, *document.ProjectID)
		}
	}
	_, err := tx.AttachThemes(ctx, in)
	return err
}

// talk starts conversations about the projects of some documents.
func (s *seeder) talk(ctx context.Context, tx *repo.Tx, documents []*model.Document) error {
	for i := 0; i < len(documents); i += 12 {
		_, err := tx.CreateConversation(ctx, model.CreateConversationInput{
			ProjectID: documents[i].ProjectID, Title: pick(s, talks), ContainerName: new("conversations"),
			BlobName: new(documents[i].ID.Global().UUID.String() + ".json"),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func viewer(user *model.User) model.Viewer {
	return model.Viewer{UserID: user.ID, CompanyID: user.CompanyID, Role: user.Role}
}

// signIns adds the demo users that have a password. The last one, the member, can sign in by a provider too.
func (s *seeder) signIns(ctx context.Context, tx *repo.Tx, company *model.Company) ([]*model.User, error) {
	var users []*model.User
	for _, demo := range SignIns {
		in := model.CreateUserInput{Name: "Demo " + demoNames[demo.Role], Email: demo.Email, Role: demo.Role}
		if demo.Role != model.RoleAdmin {
			in.CompanyID = &company.ID
		}
		user, err := tx.CreateUser(ctx, in, &s.hash)
		if err != nil {
			return nil, err
		}
		if user.CompanyID != nil {
			users = append(users, user)
		}
	}
	_, err := tx.LinkAccount(ctx, model.LinkedAccount{Account: model.Account{
		UserID: users[len(users)-1].ID, Type: "oidc", Provider: "google", ProviderAccountID: "104857600000000000001",
		Scope: new("openid email profile"),
	}})
	return users, err
}

// projects adds projects of the transaction's viewer, and gives their documents.
func (s *seeder) projects(ctx context.Context, tx *repo.Tx, n int) ([]*model.Document, error) {
	var all []*model.Document
	for range n {
		project, err := tx.CreateProject(ctx, model.CreateProjectInput{
			Name: pick(s, works) + " for " + pick(s, places), ClientName: pick(s, clients),
		})
		if err != nil {
			return nil, err
		}
		inputs := make([]model.DocumentInput, 3+s.chance.IntN(12))
		for i := range inputs {
			file := pick(s, fileNames)
			inputs[i] = model.DocumentInput{
				ProjectID: &project.ID, Name: fmt.Sprintf("%02d %s", i+1, file.name), ContentType: file.contentType,
				SizeBytes: 20_000 + s.chance.Int64N(5_000_000),
			}
		}
		documents, err := tx.CreateDocuments(ctx, inputs)
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
	return all, nil
}

// documentsProcessed is how many documents are moved on: each step takes a few statements, and a newcomer waits for them.
const documentsProcessed = 12

// process moves documents on to somewhere in their processing: most are ready, some failed.
func (s *seeder) process(ctx context.Context, tx *repo.Tx, documents []*model.Document) error {
	for i, document := range documents {
		way := []model.DocumentStatus{model.DocumentPending, model.DocumentExtracting, model.DocumentChunking,
			model.DocumentEmbedding, model.DocumentReady}
		if i%3 == 1 {
			way = way[:s.chance.IntN(len(way))]
		}
		if i%8 == 5 {
			way = []model.DocumentStatus{model.DocumentPending, model.DocumentExtracting, model.DocumentFailed}
		}
		for _, status := range way {
			in := model.UpdateDocumentStatusInput{ID: document.ID, Status: status}
			if status == model.DocumentFailed {
				in.ErrorCode, in.ErrorMessage = new("ENCRYPTED"), new("The file has a password.")
			}
			if _, err := tx.UpdateDocumentStatus(ctx, in); err != nil {
				return err
			}
		}
	}
	return nil
}

func pick[T any](s *seeder, from []T) T { return from[s.chance.IntN(len(from))] }
