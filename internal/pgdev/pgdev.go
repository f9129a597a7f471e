// Package pgdev runs a PostgreSQL of the program's own, for when it is given none.
//
// The server is a direct child: it stops with the program, even one that was killed, and is started again when it
// is killed itself. Its data stays in one folder, which only one program at a time may use.
package pgdev

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Config says where the server lives and how it runs.
type Config struct {
	// DataDir is the folder of this instance, made if missing. It holds the cluster (postgres), its password
	// (postgres.password), its log (postgres.log, begun anew at each start) and the lock (postgres.lock).
	DataDir string
	// Database is made together with the cluster, at the first start; there is none beside it.
	Database string
	// Settings are further PostgreSQL settings, as in postgresql.conf. Port, addresses and log target stay ours.
	Settings map[string]string
	// BinDir is the folder of initdb and postgres. Empty: they are searched for, and fetched if need be.
	BinDir string
	// CacheDir keeps fetched binaries. Empty: the user's cache folder; /var/cache/dossier for root.
	CacheDir string
	// Progress is told, in one sentence, of what may take longer than a second. It may be nil.
	Progress func(message string)
	// Logger is told of starts and restarts of the server. It may be nil.
	Logger *slog.Logger
}

// Binaries is one installation of PostgreSQL.
type Binaries struct {
	Dir     string // the real folder of initdb and postgres, no symbolic link
	Version string // for example "15.18"
	Major   int    // for example 15
}

const (
	// roleName is the superuser of the cluster, the only role in it.
	roleName = "dossier"
	// databaseNameMax is PostgreSQL's limit for names, in bytes; it would cut longer ones silently.
	databaseNameMax = 63
	// majorMin is the oldest PostgreSQL that the program's SQL runs on.
	majorMin = 14
)

func (c Config) withDefaults() Config {
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) check() error {
	if c.DataDir == "" {
		return errors.New("the embedded PostgreSQL needs a data folder; set DATA_DIR")
	}
	if c.Database == "" || len(c.Database) > databaseNameMax || strings.ContainsAny(c.Database, "\x00\n\r\\") {
		return fmt.Errorf("%q cannot be the name of the embedded database: it must have 1 to %d bytes, no line break and no backslash",
			c.Database, databaseNameMax)
	}
	return nil
}
