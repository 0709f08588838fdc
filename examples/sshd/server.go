package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gosspi/kerberos/sspi/sspissh"
	"github.com/gosspi/kerberos/status"
)

const (
	maxLogins   = 64               // under way at once; the oldest makes room for one more
	maxSessions = 64               // logged in at once
	maxChannels = 10               // of one of them at once
	loginTime   = 30 * time.Second // from the connection to the login
	sessionTime = time.Minute      // after it
	grace       = 5 * time.Second  // for what runs when the server is told to end
	toMakeRoom  = 10 * time.Millisecond
)

// server accepts connections and serves each in a goroutine of its own.
type server struct {
	kerberos *sspissh.Config
	base     *ssh.ServerConfig
	log      *slog.Logger
	lobby    lobby
	sessions atomic.Int64
	wg       sync.WaitGroup
}

// serve returns when ctx has ended and every connection has. It closes l. That there
// are no more files to be opened does not end it: a stranger can bring that about.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	defer s.wg.Wait()
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			s.log.Warn("cannot accept", "err", err)
			s.lobby.makeRoom()
			select {
			case <-ctx.Done():
			case <-time.After(toMakeRoom):
			}
			continue
		case err != nil:
			return err
		}
		t := &timed{Conn: conn}
		s.lobby.enter(t) // here, so that no more goroutines run than have a place
		s.wg.Go(func() { s.handle(ctx, t) })
	}
}

// handle serves one connection and logs its one line.
func (s *server) handle(ctx context.Context, t *timed) {
	defer t.Close()
	defer s.lobby.leave(t)
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
		s.refused(t, refusal, err)
		return
	}
	// x/crypto reads nothing of a connection, not even its end, while a request or a
	// channel of it waits to be taken: all of them are, to the last.
	go ssh.DiscardRequests(requests)
	defer func() {
		conn.Close()
		for range channels {
		}
	}()
	s.lobby.leave(t)
	defer s.sessions.Add(-1)
	if s.sessions.Add(1) > maxSessions {
		s.log.Warn("too many sessions", "peer", t.RemoteAddr().String(), "user", conn.User())
		return
	}
	peer := sspissh.Peer(conn)
	s.log.Info("login", "peer", t.RemoteAddr().String(), "user", conn.User(), "client", peer.Client.String(),
		"service", peer.Service.String(), "flags", peer.Flags.String(), "delegated", sspissh.Delegated(conn) != nil)
	t.allow(sessionTime)
	serveChannels(channels, conn)
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
