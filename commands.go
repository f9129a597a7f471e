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

	"github.com/spf13/cobra"

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

// newCommandLine is the program's command line. Every command has --help, which needs no settings.
func newCommandLine() *cobra.Command {
	root := newCommand("dossier", "Serve the API. Without POSTGRES_URL it runs a PostgreSQL of its own.", serveAPI)
	root.Long = "The GraphQL API of Dossier.\n\n" + root.Short + "\nEnvironment variables configure it: see .env.example."
	root.SilenceErrors, root.SilenceUsage = true, true // main says what went wrong, in one line
	extract := newCommand("extract", "Read a file in a process of its own. The server starts this itself.", readFile)
	extract.Hidden = true
	root.AddCommand(
		newCommand("serve", root.Short, serveAPI),
		newGroup("migrate", "Change the database's schema.",
			newCommand("up", "Apply what is pending. One instance at a time does; others wait.", migrateUp),
			newCommand("down", "Take the newest migration back, with the data it holds.", migrateDown),
			newCommand("status", "List the migrations and when each was applied.", migrateStatus),
			newCommandWith("create NAME", "Write an empty migration into ./migrations. NAME says what it does, in lower-case words: add_themes.",
				func(_ context.Context, arguments []string) error { return migrateCreate(arguments[0]) }),
		),
		newCommand("seed", "Load the demo data into an empty database.", loadSeed),
		newCommandWith("invite-admin EMAIL NAME", "Add platform staff, and print the link to set a password by. The way to a first user.",
			func(ctx context.Context, arguments []string) error {
				return inviteAdmin(ctx, arguments[0], arguments[1])
			}),
		newReembed(),
		newGroup("blobs", "Look after the documents' bytes.", newBlobsCheck()),
		newCommand("health", "Ask the server on this machine whether it is ready; exit with 0 if it is.", checkHealth),
		extract,
		newCommand("schema", "Print the GraphQL schema.", printSchema),
		newCommand("version", "Print the version.", printVersion),
	)
	return root
}

func newCommand(name, short string, run func(context.Context) error) *cobra.Command {
	return newCommandWith(name, short, func(ctx context.Context, _ []string) error { return run(ctx) })
}

// newCommandWith is a command whose usage has a name for each of its arguments.
func newCommandWith(usage, short string, run func(ctx context.Context, arguments []string) error) *cobra.Command {
	names := strings.Fields(usage)[1:]
	return &cobra.Command{
		Use: usage, Short: short, SuggestionsMinimumDistance: 2, DisableFlagsInUseLine: true,
		Args: func(c *cobra.Command, arguments []string) error {
			switch {
			case len(arguments) < len(names):
				return fmt.Errorf("%s needs %s", c.Name(), strings.Join(names, " and "))
			case len(arguments) > len(names):
				return errUnexpected(c, arguments[len(names)])
			}
			return nil
		},
		RunE: func(c *cobra.Command, arguments []string) error { return run(c.Context(), arguments) },
	}
}

// newGroup is a command that does nothing without one of its own.
func newGroup(name, short string, members ...*cobra.Command) *cobra.Command {
	var names []string
	for _, member := range members {
		names = append(names, member.Name())
	}
	c := newCommand(name, short, func(context.Context) error {
		return fmt.Errorf("%s needs one of: %s", name, strings.Join(names, ", "))
	})
	c.AddCommand(members...)
	return c
}

func errUnexpected(c *cobra.Command, argument string) error {
	var hint string
	if similar := c.SuggestionsFor(argument); len(similar) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", similar[0])
	}
	return fmt.Errorf("unexpected %q%s", argument, hint)
}

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

// migrateUp applies what is pending.
func migrateUp(ctx context.Context) error {
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

// migrateDown takes the newest migration back.
func migrateDown(ctx context.Context) error {
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

// migrateStatus lists the migrations.
func migrateStatus(ctx context.Context) error {
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

// migrateCreate writes an empty migration.
func migrateCreate(name string) error {
	path, err := migrations.Create("migrations", name, time.Now())
	if err == nil {
		fmt.Println("wrote", path)
	}
	return err
}

// loadSeed loads the demo data. Its sign-ins have a password that everyone knows: it refuses production.
func loadSeed(ctx context.Context) error {
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

// inviteAdmin adds a user of the platform itself, and prints the link by which that one sets a password: nobody else could make the first.
func inviteAdmin(ctx context.Context, email, name string) error {
	in := model.InviteUserInput{Email: email, Name: name, Role: model.RoleAdmin}
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
			fmt.Printf("%s can set a password until %s:\n%s\n", email, invitation.ExpiresAt.Format(time.RFC3339), auth.InvitationLink(c.AppURL, token))
		}
		return err
	})
}

// printSchema prints the SDL.
func printSchema(context.Context) error {
	_, err := fmt.Print(schema)
	return err
}

// printVersion prints the version that the Go toolchain noted.
func printVersion(context.Context) error {
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
