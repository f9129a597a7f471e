package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"dossier/internal/auth"
	"dossier/internal/config"
	"dossier/internal/pgconn"
	"dossier/internal/seed"
	"dossier/internal/telemetry"
	"dossier/internal/web"
	"dossier/migrations"
	"dossier/model"
	"dossier/repo"
)

// start reads the configuration.
func start() (config.Config, *slog.Logger, error) {
	c, err := config.Read()
	if err != nil {
		return c, nil, fmt.Errorf("the environment is not right:\n%w", err)
	}
	return c, telemetry.NewLogger(os.Stderr, c.IsDevelopment()), nil
}

// withDatabase runs a command that needs the database once, and puts it away again.
func withDatabase(ctx context.Context, run func(config.Config, *database) error) error {
	c, logger, err := start()
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, c, logger, nil)
	if err != nil {
		return err
	}
	defer db.close()
	return run(c, db)
}

type migrateCommand struct {
	Up     migrateUp     `cmd:"" help:"Apply what is pending. One instance at a time does; others wait."`
	Down   migrateDown   `cmd:"" help:"Take the newest migration back, with the data it holds."`
	Status migrateStatus `cmd:"" help:"List the migrations and when each was applied."`
	Create migrateCreate `cmd:"" help:"Write an empty migration into ./migrations."`
}

type migrateUp struct{}

// Run applies what is pending.
func (migrateUp) Run(ctx context.Context) error {
	return withDatabase(ctx, func(c config.Config, db *database) error {
		applied, err := db.migrateUp(ctx, c)
		for _, name := range applied {
			fmt.Println("applied", name)
		}
		if err == nil && len(applied) == 0 {
			fmt.Println("nothing to apply")
		}
		return err
	})
}

type migrateDown struct{}

// Run takes the newest migration back.
func (migrateDown) Run(ctx context.Context) error {
	return withDatabase(ctx, func(_ config.Config, db *database) error {
		return db.apart("migrate", func(pool *sql.DB) error {
			name, err := migrations.Down(ctx, pool)
			switch {
			case err != nil:
				return err
			case name == "":
				fmt.Println("nothing to take back")
			default:
				fmt.Println("took back", name)
			}
			return nil
		})
	})
}

type migrateStatus struct{}

// Run lists the migrations.
func (migrateStatus) Run(ctx context.Context) error {
	return withDatabase(ctx, func(_ config.Config, db *database) error {
		return db.apart("migrate", func(pool *sql.DB) error {
			list, err := migrations.List(ctx, pool)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			for _, m := range list {
				applied := "pending"
				if !m.AppliedAt.IsZero() {
					applied = m.AppliedAt.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(table, "%s\t%s\n", m.Name, applied)
			}
			return table.Flush()
		})
	})
}

type migrateCreate struct {
	Name string `arg:"" help:"What it does, in lower-case words: add_themes."`
}

// Run writes an empty migration.
func (m migrateCreate) Run() error {
	path, err := migrations.Create("migrations", m.Name, time.Now())
	if err == nil {
		fmt.Println("wrote", path)
	}
	return err
}

type seedCommand struct{}

// Run loads the demo data. Its sign-ins have a password that everyone knows: it refuses production.
func (seedCommand) Run(ctx context.Context) error {
	return withDatabase(ctx, func(c config.Config, db *database) error {
		if !c.IsDevelopment() {
			return errors.New("the demo data has passwords that everyone knows: it is for development only")
		}
		if _, err := db.migrateUp(ctx, c); err != nil {
			return err
		}
		f, err := newFiles(c, db.store)
		if err != nil {
			return err
		}
		loaded, err := db.seed(ctx, f)
		switch {
		case err != nil:
			return err
		case loaded:
			fmt.Println("loaded the demo data")
		default:
			fmt.Println("the database is not empty: nothing was loaded")
		}
		return nil
	})
}

type inviteAdminCommand struct {
	Email string `arg:"" help:"An email address that no user has."`
	Name  string `arg:"" help:"The person's name."`
}

// Run adds a user of the platform itself, and prints the link by which that one sets a password: nobody else could make the first.
func (i inviteAdminCommand) Run(ctx context.Context) error {
	in := model.InviteUserInput{Email: i.Email, Name: i.Name, Role: model.RoleAdmin}
	if err := in.Validate(); err != nil {
		return err
	}
	return withDatabase(ctx, func(c config.Config, db *database) error {
		if err := db.prepareSchema(ctx, c); err != nil {
			return err
		}
		token, invitation := auth.NewInvitation()
		err := db.store.SystemTx(ctx, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.InviteUser(ctx, in, invitation)
			return err
		})
		if err == nil {
			fmt.Printf("%s can set a password until %s:\n%s\n", i.Email, invitation.ExpiresAt.Format(time.RFC3339), auth.InvitationLink(c.AppURL, token))
		}
		return err
	})
}

type schemaCommand struct{}

// Run prints the SDL.
func (schemaCommand) Run() error {
	_, err := fmt.Print(schema)
	return err
}

type versionCommand struct{}

// Run prints the version that the Go toolchain noted.
func (versionCommand) Run() error {
	_, err := fmt.Println("dossier", version())
	return err
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// demoUsers are those of the demo data, in development: elsewhere no one is let in by a click.
func demoUsers(c config.Config) []web.DemoUser {
	var users []web.DemoUser
	for _, s := range seed.SignIns {
		if c.IsDevelopment() {
			users = append(users, web.DemoUser{Role: s.Role, Email: s.Email, Password: seed.Password})
		}
	}
	return users
}

// welcome says where the server is and, in development, what to try first.
func welcome(c config.Config, db *database, took time.Duration) {
	for _, address := range []*string{&c.PostgresURL, &c.PostgresDirectURL} {
		if target, err := pgconn.Parse(*address); *address != "" && err == nil { // it was opened before
			*address = target.Redacted()
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\nDossier %s is ready after %s.\n\n", version(), took.Round(time.Millisecond))
	fmt.Fprintf(&text, "  GraphQL     %s/graphql\n", c.PublicURL)
	if *c.Playground {
		fmt.Fprintf(&text, "  Playground  %s/\n", c.PublicURL)
	}
	if c.IsDevelopment() {
		text.WriteString("\n  Sign in as (password " + seed.Password + "):\n")
		for _, s := range seed.SignIns {
			fmt.Fprintf(&text, "    %-22s %s\n", s.Email, s.Role)
		}
		text.WriteString(`
  A first query, for the playground:

    mutation {
      signIn(input: { email: "manager@demo.example", password: "` + seed.Password + `" }) {
        token
        user { name role company { name } }
        userErrors { code message }
      }
    }
`)
	}
	text.WriteString("\n  Configuration:\n")
	for _, line := range c.Lines() {
		text.WriteString("    " + line + "\n")
	}
	if db.embedded != nil {
		text.WriteString("    (PostgreSQL: the program's own, in DATA_DIR)\n")
	}
	fmt.Println(text.String())
}

// cause is the innermost error: "address already in use" without the system call that said so.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
