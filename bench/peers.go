package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dossier/bench/data"
	"dossier/bench/load"
	"dossier/bench/workload"
)

// The names of the peers.
const (
	dossierName      = "dossier"
	nestName         = "nest"  // one process
	nest2Name        = "nest2" // a cluster of two
	postgraphileName = "postgraphile"
	limitName        = "limit"
)

var knownPeers = []string{dossierName, nestName, nest2Name, postgraphileName, limitName}

// readyMax is how long a server may take to start.
const readyMax = time.Minute

// poolMax is how many connections to PostgreSQL each peer has, all its processes together: Dossier's default, and node-postgres's,
// which is PostGraphile's.
const poolMax = 10

// peer is a server that answers the workloads.
type peer struct {
	name    string
	dialect workload.Dialect
	target  load.Target
	child   *child
}

// ask sends one request and reads the answer.
func (p *peer) ask(operation string, variables workload.Variables) (body []byte, canonical any, err error) {
	request, err := p.dialect.Body(operation, variables)
	if err != nil {
		return nil, nil, err
	}
	status, body, err := load.Ask(p.target, request)
	if err != nil {
		return nil, nil, err
	}
	if status != 200 {
		return body, nil, fmt.Errorf("status %d: %.300s", status, body)
	}
	canonical, err = workload.Canonical(body)
	return body, canonical, err
}

// stage is what a measurement runs on: a cluster, a database in it, and the peers.
type stage struct {
	place   place
	cluster *cluster
	builder *builder
	scale   float64
	size    data.Size
	world   workload.World
	conn    *pgx.Conn // to the database that the peers use
	peers   []*peer
}

// openStage starts the cluster and builds the peers; use starts them.
func openStage(ctx context.Context, p place, s settings) (*stage, error) {
	b, err := newBuilder(p, s.Variants)
	if err != nil {
		return nil, err
	}
	if err := b.build(ctx, s.Peers); err != nil {
		return nil, err
	}
	c, err := startCluster(ctx, p)
	if err != nil {
		return nil, err
	}
	return &stage{place: p, cluster: c, builder: b}, nil
}

// beside gives another stage on the same cluster.
func (s *stage) beside() *stage {
	return &stage{place: s.place, cluster: s.cluster, builder: s.builder}
}

// use opens the database of a scale, and starts the peers on it.
func (s *stage) use(ctx context.Context, scale float64, names []string) error {
	s.leave()
	conn, err := s.cluster.database(ctx, scale)
	if err != nil {
		return err
	}
	s.conn, s.scale, s.size = conn, scale, data.SizeOf(scale)
	if s.world, err = readWorld(ctx, conn, s.size); err != nil {
		return err
	}
	say("starting %s", strings.Join(names, ", "))
	for _, name := range names {
		p, err := s.start(name)
		if err != nil {
			return err
		}
		s.peers = append(s.peers, p)
	}
	for _, p := range s.peers {
		if err := p.child.await(ctx, readyMax, func() error { return s.ready(p) }); err != nil {
			return err
		}
	}
	return s.signIn(ctx)
}

// readWorld finds out who belongs to which company, and how many documents each user owns.
func readWorld(ctx context.Context, conn *pgx.Conn, size data.Size) (workload.World, error) {
	companies, users := map[uuid.UUID]int{}, map[uuid.UUID]int{}
	for n := range size.Companies {
		companies[data.ID(data.Company, n)] = n
	}
	for n := range size.Users {
		users[data.ID(data.User, n)] = n
	}
	world := workload.World{Size: size, CompanyOf: make([]int, size.Users), Documents: make([]int, size.Users)}
	rows, err := conn.Query(ctx, `SELECT u.id, u.company_id, (SELECT count(*) FROM documents d WHERE d.owner_id = u.id)
		FROM users u WHERE u.company_id IS NOT NULL`)
	if err != nil {
		return world, err
	}
	var user, company uuid.UUID
	var documents int
	_, err = pgx.ForEachRow(rows, []any{&user, &company, &documents}, func() error {
		world.CompanyOf[users[user]], world.Documents[users[user]] = companies[company], documents
		return nil
	})
	return world, err
}

// leave stops the peers.
func (s *stage) leave() {
	for _, p := range s.peers {
		p.child.stop()
	}
	s.peers = nil
	if s.conn != nil {
		_ = s.conn.Close(context.Background())
		s.conn = nil
	}
}

// close ends everything that was started.
func (s *stage) close() {
	s.leave()
	s.cluster.stop()
}

func (s *stage) start(name string) (*peer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &peer{name: name, target: load.Target{Address: net.JoinHostPort("127.0.0.1", port), Path: "/graphql"}}
	url := s.cluster.urlOf(databaseName(s.scale))
	env := []string{"PORT=" + port, "DSN=" + url}
	pool := func(processes int) string { return "POOL=" + strconv.Itoa(poolMax/processes) }
	production := []string{"NODE_ENV=production", "GRAPHILE_ENV=production"}
	switch name {
	case limitName:
		p.dialect, env = workload.Nest(), append(env, pool(1))
	case nestName:
		p.dialect, env = workload.Nest(), append(append(env, production...), pool(1))
	case nest2Name:
		p.dialect, env = workload.Nest(), append(append(env, production...), pool(2), "WORKERS=2")
	case postgraphileName:
		p.dialect, env = workload.PostGraphile(), append(append(env, production...), pool(1))
	default:
		p.dialect = workload.Dossier()
		if env, err = dossierEnv(s.place.dir(), name, url, port); err != nil {
			return nil, err
		}
	}
	log := filepath.Join(s.place.dir(), "log", fmt.Sprintf("%s-%v.log", name, s.scale))
	p.child, err = startChild(name, log, env, s.builder.command(name)...)
	return p, err
}

// ready asks the cheapest question; Dossier, which nobody has signed in to yet, answers it in its own way.
func (s *stage) ready(p *peer) error {
	w := workload.All[0]
	_, _, err := p.ask(w.Operation, w.Reads(s.size)[0])
	if err != nil && strings.Contains(err.Error(), "UNAUTHENTICATED") {
		return nil
	}
	return err
}

// restore puts the data back as it was loaded.
func (s *stage) restore(ctx context.Context) error {
	return data.Restore(ctx, s.conn)
}

// signIn gets a session for each Dossier, and the cursors at which its pages begin.
func (s *stage) signIn(ctx context.Context) error {
	for _, p := range s.peers {
		if !s.builder.isDossier(p.name) {
			continue
		}
		// To check a password takes a while on a machine that has just started four servers.
		if err := p.child.await(ctx, readyMax, func() error { return s.signInTo(p) }); err != nil {
			return fmt.Errorf("sign in to %s: %w", p.name, err)
		}
	}
	return data.KeepSessions(ctx, s.conn)
}

// signIn gives the token of a new session.
func (p *peer) signIn(email string) (token string, err error) {
	body, err := p.dialect.Body("SignIn", workload.Variables{"email": email, "password": adminPassword})
	if err != nil {
		return "", err
	}
	_, answer, err := load.Ask(p.target, body)
	if err != nil {
		return "", err
	}
	var signedIn struct {
		Data struct{ SignIn struct{ Token string } }
	}
	if err := json.Unmarshal(answer, &signedIn); err != nil || signedIn.Data.SignIn.Token == "" {
		return "", fmt.Errorf("no token in %.300s", answer)
	}
	return signedIn.Data.SignIn.Token, nil
}

func (s *stage) signInTo(p *peer) error {
	token, err := p.signIn(adminEmail)
	if err != nil {
		return err
	}
	p.target.Bearer = token
	for operation, list := range map[string]struct {
		cursors string
		rows    int
	}{"W2": {"UserCursors", s.size.Users}, "W3": {"ProjectCursors", s.size.Projects}} {
		cursors, err := collectCursors(p, list.cursors, workload.CursorRows(list.rows))
		if err != nil {
			return err
		}
		p.dialect.SetCursors(operation, cursors)
	}
	return nil
}

// collectCursors reads the cursors of the first rows of a list, page by page.
func collectCursors(p *peer, operation string, rows int) ([]string, error) {
	var cursors []string
	for len(cursors) < rows {
		variables := workload.Variables{}
		if len(cursors) > 0 {
			variables["after"] = cursors[len(cursors)-1]
		}
		_, answer, err := p.ask(operation, variables)
		if err != nil {
			return nil, err
		}
		edges, _ := answer.(map[string]any)["edges"].([]any)
		if len(edges) == 0 {
			return nil, errors.New("a list ends before its last row")
		}
		for _, edge := range edges {
			cursor, _ := edge.(map[string]any)["cursor"].(string)
			cursors = append(cursors, cursor)
		}
	}
	return cursors, nil
}

// find gives a peer by its name, nil if it does not take part.
func (s *stage) find(name string) *peer {
	i := slices.IndexFunc(s.peers, func(p *peer) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return s.peers[i]
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// dossierEnv is how users run it: in production, with its defaults.
func dossierEnv(dir, name, url, port string) ([]string, error) {
	admin, err := freePort()
	if err != nil {
		return nil, err
	}
	return []string{
		"APP_ENV=production", "POSTGRES_URL=" + url, "HTTP_ADDR=127.0.0.1:" + port, "ADMIN_ADDR=127.0.0.1:" + admin,
		"DATA_DIR=" + filepath.Join(dir, name), "SHUTDOWN_DELAY=0s",
	}, nil
}
