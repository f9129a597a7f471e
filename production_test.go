package main

import (
	"net/url"
	"strings"
	"testing"

	"dossier/internal/pgtest"
	"dossier/internal/seed"
	"dossier/internal/tcpproxy"
)

// What is unsafe is refused by every command that would use it, in one sentence that does not show the password.
func TestProductionRefusesAnUnsafeDatabase(t *testing.T) {
	t.Parallel()
	for address, words := range map[string]string{
		"postgres://dossier:hunter2hunter2@db.example/dossier?sslmode=prefer":         "sslmode=prefer",
		"postgres://dossier:hunter2hunter2@db.example/dossier?sslmode=allow":          "sslmode=allow",
		"postgres://dossier:dossier@db.example/dossier":                               "password that everyone knows",
		"postgres://postgres:postgres@db.example/dossier?sslmode=verify-full":         "password that everyone knows",
		"postgres://dossier:secret@db.example/dossier?sslmode=verify-full":            "password that everyone knows", // .env.example's
		"postgres://bids:bids@db.example/dossier?sslmode=verify-full":                 "password that everyone knows", // the user's own name
		"postgres://db.example/dossier?user=dossier&password=changeme":                "password that everyone knows",
		"postgres://dossier:" + seed.Password + "@db.example/dossier?sslmode=disable": "password that everyone knows",
	} {
		for _, arguments := range [][]string{nil, {"migrate", "up"}} {
			r := run(t, arguments, "APP_ENV=production", "POSTGRES_URL="+address, "HTTP_ADDR="+tcpproxy.FreeAddr(t))
			r.wantSentence(t, "POSTGRES_URL", words)
			if strings.Contains(r.stderr, "hunter2") {
				t.Error("it shows the password")
			}
		}
	}
	// So is the way past a pooler.
	for _, direct := range []string{"postgres://dossier:hunter2hunter2@db.example/dossier?sslmode=prefer", "postgres://dossier:dossier@db.example/dossier"} {
		r := run(t, []string{"migrate", "up"}, "APP_ENV=production", "POSTGRES_URL=postgres://dossier:hunter2hunter2@pooler.example/dossier",
			"POSTGRES_DIRECT_URL="+direct)
		r.wantSentence(t, "POSTGRES_DIRECT_URL has")
		if strings.Contains(r.stderr, "hunter2") {
			t.Error("it shows the password")
		}
	}
	// Development is not asked: there it is tried, and nobody is there.
	r := run(t, []string{"migrate", "status"}, "POSTGRES_URL=postgres://postgres:postgres@127.0.0.1:1/dossier?sslmode=prefer")
	if r.code == 0 || strings.Contains(r.stderr, "everyone knows") || strings.Contains(r.stderr, "sslmode") {
		t.Errorf("development is told %q", r.stderr)
	}
}

// The example's own URL, once it is given a password, is one that production takes.
func TestExampleOfProductionIsTaken(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.NewEmpty(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	p := serve(t, productionSettings(u.String(), "PUBLIC_URL=https://api.example", "AUTO_MIGRATE=true")...)
	p.waitReady(t)
	p.stop(t)
}

// Demo sign-ins have a password that everyone knows. Production serves no database that has one of them.
func TestProductionRefusesDemoSignIns(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	loadDemo(t, db.Store, db.URL)
	r := run(t, nil, productionSettings(db.URL, "HTTP_ADDR="+tcpproxy.FreeAddr(t), "SHUTDOWN_DELAY=0s")...)
	r.wantSentence(t, "demo user", "admin@demo.example", "delete")
	if strings.Contains(r.stderr, seed.Password) {
		t.Error("it tells the password")
	}
	// Users of these names with passwords of their own are as good as any.
	if _, err := db.Pool.Exec("UPDATE users SET password_hash = NULL WHERE email LIKE '%@demo.example'"); err != nil {
		t.Fatal(err)
	}
	p := serve(t, productionSettings(db.URL, "SHUTDOWN_DELAY=0s")...)
	p.waitReady(t)
	p.stop(t)
}
