package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi"
)

const (
	maxPending  = 64               // connections without an established context
	maxSessions = 64               // connections with an established context
	pendingTime = 30 * time.Second // from the start of a connection until its context is established, or until its end
	idle        = 30 * time.Second // for each whole frame of a session
	grace       = 5 * time.Second  // from SIGTERM until all connections are closed
)

var errTooManySessions = errors.New("too many sessions")

// server serves each connection in its own goroutine.
type server struct {
	serve.Server
	cred sspi.CredHandle
	log  *slog.Logger
}

// newServer returns a server that authenticates its clients with cred.
func newServer(cred sspi.CredHandle, log *slog.Logger) *server {
	s := &server{cred: cred, log: log}
	s.Server = serve.Server{
		Handle: s.handle, Log: log,
		MaxPending: maxPending, MaxSessions: maxSessions, LoginTime: pendingTime, Grace: grace,
	}
	return s
}

// handle serves one connection and writes its line into the log.
func (s *server) handle(_ context.Context, conn *serve.Conn) {
	c := &connection{cred: s.cred, conn: conn}
	err := c.run()
	attrs := append([]any{"peer", conn.RemoteAddr().String()}, c.summary()...)
	if err != nil {
		s.log.Warn("connection", append(attrs, "err", err)...)
		return
	}
	s.log.Info("connection", attrs...)
}
