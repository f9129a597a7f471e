package main

import (
	"context"
	"errors"
	"fmt"

	"dossier/internal/auth"
	"dossier/internal/config"
	"dossier/internal/pgconn"
	"dossier/internal/seed"
)

// knownPasswords stand in documentation, examples and the images of databases: they are no secrets.
var knownPasswords = []string{
	"dossier", "dossier-demo", "postgres", "password", "secret", "changeme", "change-me", "change_me", "admin", "root", "example", "test", "…",
}

// checkProduction refuses a POSTGRES_URL that is unsafe in production.
func checkProduction(c config.Config) error {
	if c.IsDevelopment() {
		return nil
	}
	target, err := pgconn.Parse(c.PostgresURL)
	if err != nil {
		return fmt.Errorf("POSTGRES_URL: %w", err)
	}
	if target.SSLModeSet && (target.SSLMode == pgconn.SSLAllow || target.SSLMode == pgconn.SSLPrefer) {
		return fmt.Errorf("POSTGRES_URL has sslmode=%s, which goes without encryption where the server has none: "+
			"say verify-full, or disable if that is meant", target.SSLMode)
	}
	if target.PasswordIsOneOf(append(knownPasswords, target.User)...) {
		return errors.New("POSTGRES_URL has a password that everyone knows: give the database's user another one")
	}
	return nil
}

// refuseDemoSignIns finds the demo data in a production database, while anyone can sign in to it.
func (db *database) refuseDemoSignIns(ctx context.Context) error {
	for _, demo := range seed.SignIns {
		known, err := auth.Sessions{Store: db.store}.HasPassword(ctx, demo.Email, seed.Password)
		if err != nil {
			return err
		}
		if known {
			return fmt.Errorf("the database has the demo user %s with the password that everyone knows: "+
				"delete the demo users, or give production a database of its own", demo.Email)
		}
	}
	return nil
}
