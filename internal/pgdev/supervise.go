//go:build unix

package pgdev

import (
	"context"
	"fmt"
	"time"
)

const (
	// restartsMax bounds the restarts within restartWindow; then the server is given up.
	restartsMax   = 5
	restartWindow = time.Minute
	// restartDelay is the pause before the second restart within the window; it doubles with each further one.
	restartDelay = 100 * time.Millisecond
)

// supervise starts the child again when it ends by itself, until life ends.
func (s *Server) supervise(life context.Context, c *child) {
	defer close(s.ended)
	defer s.release()
	defer s.killStrays()
	var restarts []time.Time
	for {
		s.watch(c)
		if life.Err() != nil {
			return
		}
		s.logger.Warn("PostgreSQL ended unexpectedly and is started again", "status", c.status, "log", s.logFile.Name())
		now := time.Now()
		for len(restarts) > 0 && now.Sub(restarts[0]) > restartWindow {
			restarts = restarts[1:]
		}
		if len(restarts) == restartsMax {
			s.giveUp(fmt.Errorf("PostgreSQL was started again %d times within a minute and ended each time; its log is %s",
				restartsMax, s.logFile.Name()))
			return
		}
		next, err := s.restart(life, len(restarts))
		if life.Err() != nil && next == nil {
			return
		}
		if err != nil && next == nil {
			s.giveUp(err)
			return
		}
		restarts = append(restarts, now)
		c = next
	}
}

// restart starts a new child on the old port. A child that did not become ready is returned too: it has ended, or will.
func (s *Server) restart(life context.Context, earlier int) (*child, error) {
	if earlier > 0 {
		pause := time.NewTimer(restartDelay << (earlier - 1))
		defer pause.Stop()
		select {
		case <-life.Done():
			return nil, life.Err()
		case <-pause.C:
		}
	}
	s.killStrays() // or the new server would refuse to start beside them
	began := time.Now()
	c, err := s.replace(life)
	if err != nil {
		return nil, err
	}
	if err := s.waitReady(life, c); err != nil {
		return c, err
	}
	s.logger.Info("PostgreSQL is back", "port", s.port, "took", time.Since(began).Round(time.Millisecond))
	return c, nil
}

// replace starts a child unless Stop came first; Stop takes the same lock, and so finds the newest child.
func (s *Server) replace(life context.Context) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := life.Err(); err != nil {
		return nil, err
	}
	c, err := s.spawn()
	if err != nil {
		return nil, err
	}
	s.child = c
	return c, nil
}

// watch returns when the child is gone.
func (s *Server) watch(c *child) {
	check := time.NewTicker(logCheckEvery)
	defer check.Stop()
	for {
		select {
		case <-c.exited:
			return
		case <-check.C:
			s.trimLog()
		}
	}
}

func (s *Server) giveUp(err error) {
	s.err = err
	s.logger.Error("PostgreSQL is given up", "error", err)
	close(s.done)
}
