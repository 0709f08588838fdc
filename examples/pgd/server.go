package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
)

const (
	maxPending  = 128              // connections whose client has not logged in
	maxSessions = 100              // connections whose client has logged in
	loginTime   = 60 * time.Second // from the start of a connection to the login, as in PostgreSQL
	idleTime    = 10 * time.Minute // for the next message of a session
	replyTime   = 60 * time.Second // for the client to read an answer
	grace       = 5 * time.Second  // from SIGTERM until all connections are closed
)

// server serves each connection in its own goroutine.
type server struct {
	serve.Server
	acceptor *sspi.Acceptor
	encrypt  encryption
	realms   []string        // whose users are database users under their bare names
	rule     *sspiallow.Rule // which clients may log in; nil: all
	log      *slog.Logger
}

// newServer returns a server that authenticates its clients with acceptor.
func newServer(acceptor *sspi.Acceptor, encrypt encryption, log *slog.Logger) *server {
	s := &server{acceptor: acceptor, encrypt: encrypt, log: log}
	s.Server = serve.Server{
		Handle: s.handle, Log: log, StopReading: true,
		MaxPending: maxPending, MaxSessions: maxSessions, LoginTime: loginTime, Grace: grace,
	}
	return s
}

// handle serves one connection: the login, and the session if the login succeeds.
func (s *server) handle(ctx context.Context, conn *serve.Conn) {
	c := &client{server: s, base: conn, conn: conn}
	defer func() { c.context.Close() }() // does nothing if c.context is nil
	if err := c.login(ctx); err != nil {
		c.refuse(err)
		return
	}
	c.session().run(ctx)
}

// allow gives the following reads and writes d from now.
func allow(conn *serve.Conn, d time.Duration) {
	_ = conn.SetDeadline(time.Now().Add(d)) // fails on a closed connection, which needs no deadline
}
