package main

import (
	"context"
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

// checkProduction refuses a POSTGRES_URL or POSTGRES_DIRECT_URL that is unsafe in production.
func checkProduction(c config.Config) error {
	if c.IsDevelopment() {
		return nil
	}
	err := checkProductionURL("POSTGRES_URL", c.PostgresURL)
	if err == nil && c.PostgresDirectURL != "" {
		err = checkProductionURL("POSTGRES_DIRECT_URL", c.PostgresDirectURL)
	}
	return err
}

func checkProductionURL(name, address string) error {
	target, err := pgconn.Parse(address)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if target.SSLModeSet && (target.SSLMode == pgconn.SSLAllow || target.SSLMode == pgconn.SSLPrefer) {
		return fmt.Errorf("%s has sslmode=%s, which goes without encryption where the server has none: "+
			"say verify-full, or disable if that is meant", name, target.SSLMode)
	}
	if target.PasswordIsOneOf(append(knownPasswords, target.User)...) {
		return fmt.Errorf("%s has a password that everyone knows: give the database's user another one", name)
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
