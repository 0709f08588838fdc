package main

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/gosspi/kerberos/examples/internal/serve"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspiallow"
	"github.com/gosspi/kerberos/sspi/sspisasl"
)

const (
	maxPending  = 256              // connections whose client has not logged in
	maxSessions = 512              // connections whose client has logged in
	loginTime   = 30 * time.Second // from the start of a connection, or from the end of a login, to the next login
	idle        = 5 * time.Minute  // for the next PDU of a client that has logged in
	writeTime   = 10 * time.Second // for the client to read a PDU; also the time that the server takes to end
)

// server serves each connection in its own goroutine.
type server struct {
	serve.Server
	acceptor *sspi.Acceptor
	layers   sspisasl.Layer
	realms   []string               // whose users may act under their bare names
	rule     *sspiallow.Rule        // which clients may log in; nil: all
	tls      *tls.Config            // nil: no StartTLS
	bindings []sspi.ChannelBindings // the endpoint bindings of tls
	log      *slog.Logger
}

// newServer returns a server whose other fields the caller sets.
func newServer(log *slog.Logger) *server {
	srv := &server{log: log}
	srv.Server = serve.Server{
		Handle: srv.handle, Log: log, StopReading: true,
		MaxPending: maxPending, MaxSessions: maxSessions, LoginTime: loginTime, Grace: writeTime,
	}
	return srv
}
