package main

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossier/internal/pgconn"
	"dossier/internal/pgdev"
	"dossier/internal/tcpproxy"
)

// cluster is a PostgreSQL that a test starts, stops and kills at will.
type cluster struct {
	bin, folder string
	address     string // 127.0.0.1 and a port
	account     *syscall.Credential
	cmd         *exec.Cmd
	exited      chan struct{}
}

const clusterPassword = "a-password-of-tests"

func newCluster(t *testing.T) *cluster {
	t.Helper()
	binaries, err := pgdev.FindBinaries(t.Context(), pgdev.Config{BinDir: os.Getenv("PG_BIN")})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{bin: binaries.Dir, folder: newFolder(t), address: tcpproxy.FreeAddr(t), account: postgresAccount(t)}
	c.own(t, c.folder)
	password := filepath.Join(c.folder, "password")
	if err := os.WriteFile(password, []byte(clusterPassword), 0o644); err != nil {
		t.Fatal(err)
	}
	output, err := c.command("initdb", "-D", c.data(), "-U", "dossier", "-A", "scram-sha-256", "--pwfile="+password, "-E", "UTF8", "--locale=C", "--no-sync").
		CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	hba := "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(c.data(), "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// postgresAccount is who PostgreSQL runs as, nil for ourselves: it refuses root.
func postgresAccount(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("there is no user to run PostgreSQL as")
	return nil
}

func (c *cluster) own(t *testing.T, path string) {
	t.Helper()
	if c.account == nil {
		return
	}
	if err := os.Chown(path, int(c.account.Uid), int(c.account.Gid)); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) data() string { return filepath.Join(c.folder, "postgres") }

func (c *cluster) command(name string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), arguments...)
	cmd.Dir = c.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.account}
	return cmd
}

// start returns when connections are taken.
func (c *cluster) start(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(c.address)
	c.cmd = c.command("postgres", "-D", c.data(), "-p", port, "-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-c", "shared_buffers=16MB")
	c.exited = make(chan struct{})
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func(cmd *exec.Cmd, exited chan struct{}) {
		defer close(exited)
		_ = cmd.Wait()
	}(c.cmd, c.exited)
	t.Cleanup(func() { c.signal(t, syscall.SIGQUIT) })
	pool := c.pool(t)
	eventually(t, "PostgreSQL", func() bool { return pool.PingContext(t.Context()) == nil })
}

// stop ends sessions, as an operator does; kill asks nobody.
func (c *cluster) stop(t *testing.T) { c.signal(t, syscall.SIGINT) }
func (c *cluster) kill(t *testing.T) { c.signal(t, syscall.SIGKILL) }

func (c *cluster) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	_ = c.cmd.Process.Signal(signal)
	select {
	case <-c.exited:
	case <-time.After(patience):
		t.Error("PostgreSQL does not stop")
	}
}

// url has all of the clusters' hosts.
func (c *cluster) url(clusters ...*cluster) string {
	var hosts []string
	for _, one := range clusters {
		hosts = append(hosts, one.address)
	}
	return fmt.Sprintf("postgres://dossier:%s@%s/postgres?sslmode=disable", clusterPassword, strings.Join(hosts, ","))
}

func (c *cluster) pool(t *testing.T) *sql.DB {
	t.Helper()
	pool, err := pgconn.Open(pgconn.Config{URL: c.url(c)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// standby gives a copy that follows the cluster, once it has all that is there now.
func (c *cluster) standby(t *testing.T) *cluster {
	t.Helper()
	s := &cluster{bin: c.bin, folder: newFolder(t), address: tcpproxy.FreeAddr(t), account: c.account}
	s.own(t, s.folder)
	c.stop(t)
	if output, err := exec.Command("cp", "-a", c.data(), s.data()).CombinedOutput(); err != nil {
		t.Fatalf("copy the cluster: %v: %s", err, output)
	}
	host, port, _ := net.SplitHostPort(c.address)
	follow := fmt.Sprintf("primary_conninfo = 'host=%s port=%s user=dossier password=%s'\n", host, port, clusterPassword)
	for name, text := range map[string]string{"standby.signal": "", "postgresql.auto.conf": follow} {
		path := filepath.Join(s.data(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.own(t, path)
	}
	c.start(t)
	s.start(t)
	eventually(t, "the standby to follow", func() bool {
		var following int
		err := c.pool(t).QueryRow("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").Scan(&following)
		return err == nil && following == 1
	})
	return s
}
