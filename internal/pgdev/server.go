//go:build unix

package pgdev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Server is a running PostgreSQL and its supervisor.
type Server struct {
	config   Config
	logger   *slog.Logger
	binaries Binaries
	account  *account // the user that PostgreSQL runs as; nil: our own
	cluster  string   // folder of the data
	tag      string   // names every process of this cluster, see processTag
	password string
	port     int
	lock     *os.File
	logFile  *os.File

	halt  context.CancelFunc // ends the supervisor's life: no child is started afterwards
	ended chan struct{}      // closed when the supervisor has returned
	done  chan struct{}      // closed when it gave up
	err   error              // why it gave up; set before done is closed

	mu    sync.Mutex // guards child
	child *child
}

// portAttemptsMax bounds the starts on ever new ports, each lost to another program in the moment between the
// choice and the bind.
const portAttemptsMax = 5

// Start returns a server that accepts connections. It makes the cluster when there is none, and brings back what a
// crash left. When it fails, or ctx ends first, it leaves no process.
func Start(ctx context.Context, c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	began := time.Now()
	s := &Server{config: c, logger: c.Logger, ended: make(chan struct{}), done: make(chan struct{})}
	if err := s.prepare(ctx); err != nil {
		s.release()
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		s.release()
		return nil, err
	}
	life, halt := context.WithCancel(context.Background())
	s.halt = halt
	go s.supervise(life, s.child)
	s.logger.Info("PostgreSQL started", "version", s.binaries.Version, "port", s.port, "folder", s.config.DataDir,
		"took", time.Since(began).Round(time.Millisecond))
	return s, nil
}

// URL is how to connect, as the superuser. It stays valid when the server is restarted. It holds the password.
func (s *Server) URL() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(roleName, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + s.config.Database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Done is closed when the server ended and was not brought back: it failed too often. Stop does not close it.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why Done is closed; nil as long as it is not.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop shuts the server down, by force if need be, and returns when it is gone. It may be called again.
// An error says that force was needed; the data is safe even so.
func (s *Server) Stop(ctx context.Context) error {
	s.halt()
	s.mu.Lock() // the supervisor starts children under this lock, and none after halt
	c := s.child
	s.mu.Unlock()
	clean := c.shutdown(ctx)
	<-s.ended
	if !clean {
		return fmt.Errorf("PostgreSQL in %s did not shut down in time and was killed; the next start recovers its data", s.config.DataDir)
	}
	return nil
}

// prepare leaves s ready to launch: alone on its folder, with binaries that fit the data, and a cluster.
func (s *Server) prepare(ctx context.Context) error {
	if err := s.openFolder(); err != nil {
		return err
	}
	major, err := clusterMajor(s.cluster)
	if err != nil {
		return err
	}
	if s.account, err = chooseAccount(s.cluster); err != nil {
		return err
	}
	if err := s.account.mustEnter(s.config.DataDir); err != nil {
		return err
	}
	if s.binaries, err = newFinder(s.config, s.account).find(ctx, major); err != nil {
		return err
	}
	if major != 0 && major != s.binaries.Major {
		return fmt.Errorf("the data in %s was made by PostgreSQL %d, and the PostgreSQL in %s is version %s, which cannot open it: "+
			"install PostgreSQL %d (or name its folder in PG_BIN), or choose another DATA_DIR; the data was not touched",
			s.cluster, major, s.binaries.Dir, s.binaries.Version, major)
	}
	if err := s.stopOrphans(ctx); err != nil {
		return err
	}
	return s.ensureCluster(ctx, major != 0)
}

// openFolder makes the folder, takes its lock and opens the log.
func (s *Server) openFolder() error {
	folder, err := makeFolder(s.config.DataDir)
	if err != nil {
		return fmt.Errorf("make the data folder of the embedded PostgreSQL: %w", err)
	}
	s.config.DataDir = folder
	s.cluster = filepath.Join(folder, "postgres")
	if s.lock, err = lockFolder(folder); err != nil {
		return err
	}
	if s.tag, err = processTag(s.lock); err != nil {
		return fmt.Errorf("identify the data folder of the embedded PostgreSQL: %w", err)
	}
	s.logFile, err = os.OpenFile(filepath.Join(folder, "postgres.log"), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of the embedded PostgreSQL: %w", err)
	}
	return nil
}

// launch starts the first child, on a port that is free.
func (s *Server) launch(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return fmt.Errorf("find a free port for PostgreSQL: %w", err)
		}
		s.port = port
		err = s.launchOnce(ctx)
		if errors.Is(err, errPortTaken) && attempt < portAttemptsMax {
			continue
		}
		return err
	}
}

func (s *Server) launchOnce(ctx context.Context) error {
	c, err := s.spawn()
	if err != nil {
		return err
	}
	if err := s.waitReady(ctx, c); err != nil {
		c.abort()
		s.killStrays()
		return err
	}
	s.child = c
	return nil
}

// release gives back what openFolder took.
func (s *Server) release() {
	if s.logFile != nil {
		_ = s.logFile.Close()
	}
	if s.lock != nil {
		_ = s.lock.Close() // and with it the lock
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
