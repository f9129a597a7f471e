package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"dossier/internal/config"
	"dossier/internal/telemetry"
)

// adminWriteTimeout leaves time for a profile, which takes 30 s unless asked otherwise.
const adminWriteTimeout = 2 * time.Minute

// admin is what the program tells to whoever operates it, and the listener where clients must not get to.
type admin struct {
	listener net.Listener // nil when it is off
	server   *http.Server
	metrics  *telemetry.Metrics
	tracing  *telemetry.Tracing // nil without a receiver
}

// listenAdmin takes ADMIN_ADDR, so that an address that cannot be had is told before anything else is done.
func listenAdmin(c config.Config) (*admin, error) {
	if c.AdminAddr == config.Off {
		return &admin{}, nil
	}
	listener, err := net.Listen("tcp", c.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on ADMIN_ADDR %s: %w", c.AdminAddr, cause(err))
	}
	return &admin{listener: listener}, nil
}

// serve tells of the program and its database until the close.
func (a *admin) serve(ctx context.Context, c config.Config, db *database, logger *slog.Logger) (err error) {
	a.metrics = telemetry.NewMetrics(version(), db.pool)
	if c.OTLPEndpoint != "" && !c.OTelDisabled {
		if a.tracing, err = telemetry.NewTracing(ctx, version(), logger); err != nil {
			return err
		}
	}
	if a.listener == nil {
		return nil
	}
	a.server = &http.Server{
		Handler:           adminHandler(a.metrics),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      adminWriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	go func() { _ = a.server.Serve(a.listener) }() // it ends with the close
	return nil
}

// close sends the last spans, and cuts off whoever still asks.
func (a *admin) close() {
	a.tracing.Close()
	if a.server != nil {
		_ = a.server.Close()
	} else if a.listener != nil {
		_ = a.listener.Close()
	}
}

func adminHandler(metrics *telemetry.Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	return mux
}
