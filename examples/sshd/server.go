package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/status"
)

const (
	maxPending  = 64               // connections whose client has not logged in
	maxSessions = 64               // connections whose client has logged in
	maxChannels = 10               // open channels of one connection
	loginTime   = 30 * time.Second // from the start of a connection to the login
	sessionTime = time.Minute      // from the login to the end of the connection
	grace       = 5 * time.Second  // from SIGTERM until all connections are closed
)

// server serves each connection in its own goroutine.
type server struct {
	serve.Server
	kerberos *sspissh.Method
	base     *ssh.ServerConfig
	log      *slog.Logger
}

// newServer returns a server that adds Kerberos to a copy of base for each connection.
func newServer(kerberos *sspissh.Method, base *ssh.ServerConfig, log *slog.Logger) *server {
	s := &server{kerberos: kerberos, base: base, log: log}
	s.Server = serve.Server{
		Handle: s.handle, Log: log,
		MaxPending: maxPending, MaxSessions: maxSessions, LoginTime: loginTime, Grace: grace,
	}
	return s
}

// handle serves one connection.
func (s *server) handle(_ context.Context, tcp *serve.Conn) {
	// sspissh requires a ServerConfig for each connection. So its callback can also keep
	// the errors of this connection.
	config := s.kerberos.ServerConfig(s.base)
	var refusal error
	config.AuthLogCallback = func(_ ssh.ConnMetadata, method string, err error) {
		if method == "gssapi-with-mic" { // OpenSSH tries the method once for each of its mechanisms
			refusal = errors.Join(refusal, err)
		}
	}
	conn, channels, requests, err := ssh.NewServerConn(tcp, config)
	if err != nil {
		s.logRefusal(tcp, refusal, err)
		return
	}
	// While a request or a channel waits to be received, x/crypto reads nothing from the
	// connection, not even its end. So this goroutine receives all requests and the
	// deferred function all channels.
	go ssh.DiscardRequests(requests)
	defer func() {
		conn.Close()
		for range channels {
		}
	}()
	if !tcp.Admit() {
		s.log.Warn("too many sessions", "peer", tcp.RemoteAddr().String(), "user", conn.User())
		return
	}
	_ = tcp.SetDeadline(time.Now().Add(sessionTime)) // fails on a closed connection, which needs no deadline
	serveChannels(channels, conn)
}

// logRefusal logs a connection on which the client tried no login, or that the SSH library
// refused by itself. The acceptor's Logger has a line for each login that reached it.
func (s *server) logRefusal(tcp net.Conn, refusal, err error) {
	if _, ok := errors.AsType[*status.Error](refusal); ok {
		return
	}
	s.log.Warn("no login", "peer", tcp.RemoteAddr().String(), "err", errors.Join(refusal, err))
}
