package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/status"
)

const (
	maxConnections = 64               // at once; more wait in the listener's queue
	loginTime      = 30 * time.Second // from the connection to the login
	sessionTime    = time.Minute      // after it
	grace          = 5 * time.Second  // for what runs when the server is told to end
)

// server accepts connections and serves each in a goroutine of its own.
type server struct {
	kerberos *sspissh.Config
	base     *ssh.ServerConfig
	log      *slog.Logger
	wg       sync.WaitGroup
}

// serve returns when ctx has ended and every connection has. It closes l.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	defer s.wg.Wait()
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	places := make(chan struct{}, maxConnections)
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case err != nil:
			return err
		}
		s.wg.Go(func() {
			defer func() { <-places }()
			s.handle(ctx, conn)
		})
	}
}

// handle serves one connection and logs its one line.
func (s *server) handle(ctx context.Context, tcp net.Conn) {
	t := &timed{Conn: tcp}
	defer t.Close()
	stop := context.AfterFunc(ctx, t.end)
	defer stop()
	t.allow(loginTime)

	// A copy for this connection, as sspissh wants it; so it can also say what this
	// connection's log needs.
	config := s.kerberos.ServerConfig(s.base)
	var refusal error
	config.AuthLogCallback = func(_ ssh.ConnMetadata, method string, err error) {
		if method == "gssapi-with-mic" { // OpenSSH tries it once for each mechanism it has
			refusal = errors.Join(refusal, err)
		}
	}
	conn, channels, requests, err := ssh.NewServerConn(t, config)
	if err != nil {
		s.refused(tcp, refusal, err)
		return
	}
	defer conn.Close()
	peer := sspissh.Peer(conn)
	s.log.Info("login", "peer", tcp.RemoteAddr().String(), "user", conn.User(), "client", peer.Client.String(),
		"service", peer.Service.String(), "flags", peer.Flags.String(), "delegated", sspissh.Delegated(conn) != nil)
	t.allow(sessionTime)
	go ssh.DiscardRequests(requests) // ends with conn
	// One session after the other: nobody needs two here.
	for c := range channels {
		serveChannel(c, conn)
	}
}

// refused logs why nobody got in: the refusal of each attempt, or err, if there was
// none.
func (s *server) refused(tcp net.Conn, refusal, err error) {
	if refusal != nil {
		err = refusal
	}
	attrs := []any{"peer", tcp.RemoteAddr().String(), "err", err}
	if e, ok := errors.AsType[*status.Error](err); ok {
		attrs = append(attrs, "reason", e.Reason.String())
	}
	s.log.Warn("refused", attrs...)
}

// timed is a connection on which everything must be done within grace once the
// server ends.
type timed struct {
	net.Conn
	mu    sync.Mutex
	until time.Time // zero: the server goes on
}

// allow gives what comes next its time.
func (t *timed) allow(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	deadline := time.Now().Add(d)
	if !t.until.IsZero() && t.until.Before(deadline) {
		deadline = t.until
	}
	_ = t.SetDeadline(deadline) // fails on a closed connection, which needs none
}

// end lets what runs finish within grace.
func (t *timed) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Now().Add(grace)
	_ = t.SetDeadline(t.until)
}
