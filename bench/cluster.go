package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dossier/bench/data"
	"dossier/internal/auth"
	"dossier/internal/pgconn"
	"dossier/internal/pgdev"
	"dossier/migrations"
	"dossier/model"
)

// dataSource makes the rows, and the copies that they are put back from.
//
//go:embed data/data.sql data/data.go data/restore.go
var dataSource embed.FS

//go:embed postgraphile/functions.sql
var functionsSQL string

// clusterSettings are all that differs from PostgreSQL's own defaults. Its documentation (20.4.1) recommends a quarter of the memory.
func clusterSettings() map[string]string {
	megabytes := max(128, int(gibibytes("MemTotal")*1024/4))
	return map[string]string{
		"shared_buffers": strconv.Itoa(megabytes) + "MB", "max_connections": "200", "shared_preload_libraries": "pg_stat_statements",
		// A checkpoint is asked for, and does not come while measuring.
		"checkpoint_timeout": "1d", "max_wal_size": "16GB",
	}
}

const (
	clusterStopMax = 30 * time.Second
	// statsSchema has pg_stat_statements, where no peer looks for tables.
	statsSchema = "stats"
)

// The user whom the benchmark signs in to Dossier. The cluster is reached from this machine only, by a password of its own.
const (
	adminEmail    = "admin@bench.example"
	adminPassword = "the benchmark's administrator"
)

// cluster is the PostgreSQL that all peers share.
type cluster struct {
	server  *pgdev.Server
	pid     int
	version string
}

func startCluster(ctx context.Context, p place) (*cluster, error) {
	folder := filepath.Join(p.dir(), "postgres")
	config := pgdev.Config{
		DataDir: folder, Database: "bench", Settings: clusterSettings(), BinDir: p.PGBin,
		Progress: func(message string) { say("%s", message) },
	}
	binaries, err := pgdev.FindBinaries(ctx, config)
	if err != nil {
		return nil, err
	}
	server, err := pgdev.Start(ctx, config)
	if err != nil {
		return nil, err
	}
	c := &cluster{server: server, version: binaries.Version}
	pidFile, err := os.ReadFile(filepath.Join(folder, "postgres", "postmaster.pid"))
	if err == nil {
		first, _, _ := strings.Cut(string(pidFile), "\n")
		c.pid, err = strconv.Atoi(strings.TrimSpace(first))
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("find PostgreSQL's process: %w", err)
	}
	return c, nil
}

func (c *cluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), clusterStopMax)
	defer cancel()
	if err := c.server.Stop(ctx); err != nil {
		say("%v", err)
	}
}

// urlOf is how to reach a database of the cluster.
func (c *cluster) urlOf(name string) string {
	u, err := url.Parse(c.server.URL())
	if err != nil {
		panic(err) // pgdev made it
	}
	u.Path = "/" + name
	return u.String()
}

// databaseName is the database of a scale: they live side by side.
func databaseName(scale float64) string {
	return "scale_" + strings.ReplaceAll(strconv.FormatFloat(scale, 'f', -1, 64), ".", "_")
}

// dataFingerprint tells whether a database is what would be made today.
func dataFingerprint() (string, error) {
	all := sha256.New()
	all.Write([]byte(migrations.Hash()))
	err := fs.WalkDir(dataSource, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := dataSource.ReadFile(path)
		all.Write(text)
		return err
	})
	return hex.EncodeToString(all.Sum(nil)[:8]), err
}

// database gives a connection to the database of a scale, as Load left it; it is made if it is not there.
func (c *cluster) database(ctx context.Context, scale float64) (*pgx.Conn, error) {
	name := databaseName(scale)
	fingerprint, err := dataFingerprint()
	if err != nil {
		return nil, err
	}
	maintenance, err := pgx.Connect(ctx, c.server.URL())
	if err != nil {
		return nil, err
	}
	defer maintenance.Close(ctx)
	var known *string
	err = maintenance.QueryRow(ctx, `SELECT (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1)`, name).Scan(&known)
	if err != nil {
		return nil, err
	}
	if known == nil || *known != fingerprint {
		if err := c.makeDatabase(ctx, maintenance, name, scale, fingerprint); err != nil {
			return nil, fmt.Errorf("make the data of scale %v: %w", scale, err)
		}
	}
	conn, err := pgx.Connect(ctx, c.urlOf(name))
	if err != nil {
		return nil, err
	}
	say("putting the data of scale %v back in order", scale)
	// Sessions of earlier runs are of nobody now.
	if _, err := conn.Exec(ctx, "DELETE FROM sessions"); err != nil {
		return nil, err
	}
	if err := data.KeepSessions(ctx, conn); err != nil {
		return nil, err
	}
	if err := data.Restore(ctx, conn); err != nil {
		return nil, err
	}
	if _, err := conn.PgConn().Exec(ctx, functionsSQL).ReadAll(); err != nil {
		return nil, fmt.Errorf("make PostGraphile's functions: %w", err)
	}
	return conn, nil
}

// makeDatabase makes it under another name: one that was left half made is not taken for whole.
func (c *cluster) makeDatabase(ctx context.Context, maintenance *pgx.Conn, name string, scale float64, fingerprint string) error {
	began := time.Now()
	size := data.SizeOf(scale)
	say("making the data of scale %v: %d companies, %d users, %d projects, %d documents", scale,
		size.Companies, size.Users, size.Projects, size.Documents)
	building := name + "_building"
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + building + " WITH (FORCE)", "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)",
		"CREATE DATABASE " + building,
	} {
		if _, err := maintenance.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := c.fill(ctx, building, scale); err != nil {
		return err
	}
	for _, statement := range []string{
		fmt.Sprintf("COMMENT ON DATABASE %s IS '%s'", building, fingerprint),
		fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", building, name),
	} {
		if _, err := maintenance.Exec(ctx, statement); err != nil {
			return err
		}
	}
	say("made the data in %s", time.Since(began).Round(time.Millisecond))
	return nil
}

// fill migrates the database as Dossier does, loads the rows, and adds the user who is signed in.
func (c *cluster) fill(ctx context.Context, name string, scale float64) error {
	pool, err := pgconn.Open(pgconn.Config{URL: c.urlOf(name), PoolMax: 2})
	if err != nil {
		return err
	}
	_, err = migrations.Up(ctx, pool)
	_ = pool.Close()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.urlOf(name))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE SCHEMA "+statsSchema); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE EXTENSION pg_stat_statements SCHEMA "+statsSchema); err != nil {
		return fmt.Errorf("%w; PostgreSQL's contrib modules are needed", err)
	}
	if err := data.Load(ctx, conn, scale); err != nil {
		return err
	}
	hash, err := auth.HashPassword(ctx, adminPassword)
	if err != nil {
		return err
	}
	// The oldest of all users, so that no page begins with this one.
	if _, err := conn.Exec(ctx, `INSERT INTO users (id, name, email, password_hash, role, created_at, updated_at)
		VALUES ($1, 'Bench', $2, $3, 'ADMIN', '2020-01-01Z', '2020-01-01Z')`,
		model.NewID[model.UserID]().Global().UUID, adminEmail, hash); err != nil {
		return err
	}
	return data.Keep(ctx, conn)
}
