// Package seed is the demo data of a new development database, written through repo as its users would write it.
package seed

import (
	"context"
	"fmt"
	"math/rand/v2"

	"dossier/internal/auth"
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

// Load fills an empty database and reports whether it did; one that has a company or user stays as it is.
func Load(ctx context.Context, store *repo.Store) (bool, error) {
	empty, err := store.System().IsEmpty(ctx)
	if err != nil || !empty {
		return false, err
	}
	hash, err := auth.HashPassword(ctx, Password)
	if err != nil {
		return false, err
	}
	// Staff come last: a seed that was cut short leaves a database that a person can see is not whole.
	s := seeder{store: store, hash: hash, chance: rand.New(rand.NewPCG(1, 2))}
	for i, company := range companies {
		if err := s.company(ctx, company, i == 0); err != nil {
			return false, fmt.Errorf("seed %s: %w", company.name, err)
		}
	}
	return true, nil
}

type seeder struct {
	store  *repo.Store
	hash   string
	chance *rand.Rand // the same at each start
}

// company adds one company in one transaction; the first one has the demo sign-ins.
func (s *seeder) company(ctx context.Context, c demoCompany, first bool) error {
	var company *model.Company
	var users []*model.User
	err := s.store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) (err error) {
		company, err = tx.CreateCompany(ctx, model.CreateCompanyInput{Name: c.name, Domain: &c.domain})
		if err != nil {
			return err
		}
		if first {
			if users, err = s.signIns(ctx, tx, company); err != nil {
				return err
			}
		}
		for i := range c.users {
			name := firstNames[(i*7+len(c.name))%len(firstNames)] + " " + lastNames[(i*5+len(c.domain))%len(lastNames)]
			user, err := tx.CreateUser(ctx, model.CreateUserInput{
				CompanyID: &company.ID, Name: name, Role: model.RoleMember,
				Email: fmt.Sprintf("user%d@%s", i+1, c.domain),
			}, nil)
			if err != nil {
				return err
			}
			users = append(users, user)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, user := range users[:c.owners] {
		if err := s.projects(ctx, user, c.projectsEach); err != nil {
			return err
		}
	}
	return nil
}

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
	return users, nil
}

// projects adds a user's projects with their documents, as that user.
func (s *seeder) projects(ctx context.Context, owner *model.User, n int) error {
	viewer := model.Viewer{UserID: owner.ID, CompanyID: owner.CompanyID, Role: owner.Role}
	return s.store.InTx(ctx, viewer, func(ctx context.Context, tx *repo.Tx) error {
		for range n {
			project, err := tx.CreateProject(ctx, model.CreateProjectInput{
				Name: pick(s, works) + " for " + pick(s, places), ClientName: pick(s, clients),
			})
			if err != nil {
				return err
			}
			inputs := make([]model.DocumentInput, 3+s.chance.IntN(12))
			for i := range inputs {
				file := pick(s, files)
				inputs[i] = model.DocumentInput{
					ProjectID: &project.ID, Name: fmt.Sprintf("%02d %s", i+1, file.name), ContentType: file.contentType,
					SizeBytes: 20_000 + s.chance.Int64N(5_000_000),
				}
			}
			if _, err := tx.CreateDocuments(ctx, inputs); err != nil {
				return err
			}
		}
		return nil
	})
}

func pick[T any](s *seeder, from []T) T { return from[s.chance.IntN(len(from))] }
