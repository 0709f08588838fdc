// Package serve accepts connections for the example servers. It limits the number of
// connections, the time of a login and the time that a server takes to end, so that a
// client without a valid ticket cannot keep other clients from logging in. It also has an
// option that the servers share, [NoPAC].
//
// A connection is pending until its client has authenticated; the handler then calls
// [Conn.Admit], and the connection is a session. Opening a connection costs a client
// nothing, so pending connections are limited by closing one of them for each new one,
// and sessions are limited by refusing new ones.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Pauses after an Accept that failed because the process has no free file descriptor.
// Each further failure doubles the pause.
const (
	firstPause = 10 * time.Millisecond
	maxPause   = time.Second
)

// Server accepts connections and runs Handle for each of them in its own goroutine. Its
// fields must not change after the first call of Serve or ServeConn. The zero values of
// the limits are limits too: a Server without MaxPending closes every connection.
type Server struct {
	// Handle serves one connection. The connection is closed when Handle returns. ctx
	// ends when the server is told to end; the connection is closed Grace later.
	Handle func(ctx context.Context, c *Conn)

	// Log receives a warning for each Accept that failed for want of a file descriptor.
	Log *slog.Logger

	// MaxPending is the greatest number of pending connections. One more closes the oldest
	// pending connection of the client address that has the most of them, so that a client
	// cannot close the connections of others by opening many.
	MaxPending int

	// MaxSessions is the greatest number of sessions.
	MaxSessions int

	// LoginTime is the deadline that each new connection gets. The handler sets later
	// deadlines once the client has authenticated.
	LoginTime time.Duration

	// Grace is the time from the end of ctx until all connections are closed.
	Grace time.Duration

	// StopReading makes every Read of a connection fail from the end of ctx on, so that a
	// handler can use Grace to send its client a last message. Without it handlers go on
	// during Grace as before.
	StopReading bool

	// Once makes Serve accept a single connection.
	Once bool

	mu       sync.Mutex
	pending  []*Conn // the oldest first
	sessions int
	running  sync.WaitGroup
}

// Serve accepts connections from l until ctx ends or l fails, and returns when all
// connections have ended, at most Grace later. It closes l. An Accept that fails because
// the process has no free file descriptor does not end Serve, because clients can cause
// that failure by opening connections: Serve closes a pending connection and accepts
// again after a pause. Serve returns nil after the end of ctx.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	over, closeAll := context.WithCancel(context.Background())
	defer closeAll()
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		time.AfterFunc(s.Grace, closeAll) // the same moment for all connections
	})
	defer stop()
	defer s.running.Wait() // runs before closeAll, which would cut Grace short
	defer l.Close()
	for pause := firstPause; ; {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			s.Log.Warn("cannot accept", "err", err)
			s.freeFile()
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, maxPause)
			continue
		case err != nil:
			end() // without a listener the server ends: Grace begins for the open connections
			return err
		}
		pause = firstPause
		c := s.add(conn) // not in the goroutine, so that MaxPending limits the goroutines too
		s.running.Go(func() { s.handle(ctx, over, c) })
		if s.Once {
			return nil
		}
	}
}

// ServeConn serves one connection that was not accepted by Serve, and returns when Handle
// has returned. Grace begins when ctx ends.
func (s *Server) ServeConn(ctx context.Context, conn net.Conn) {
	over, closeAll := context.WithCancel(context.Background())
	defer closeAll()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(s.Grace, closeAll) })
	defer stop()
	s.handle(ctx, over, s.add(conn))
}

// handle runs Handle and closes c when Handle returns or when over ends.
func (s *Server) handle(ctx, over context.Context, c *Conn) {
	defer c.Close()
	defer s.remove(c)
	closing := context.AfterFunc(over, func() { c.Close() })
	defer closing()
	if s.StopReading {
		stopping := context.AfterFunc(ctx, c.stopReading)
		defer stopping()
	}
	_ = c.SetDeadline(time.Now().Add(s.LoginTime)) // fails on a closed connection, which needs no deadline
	s.Handle(ctx, c)
}

// Count returns the numbers of pending connections and of sessions.
func (s *Server) Count() (pending, sessions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending), s.sessions
}

// add returns conn as a pending connection.
func (s *Server) add(conn net.Conn) *Conn {
	c := &Conn{Conn: conn, server: s, client: clientOf(conn.RemoteAddr())}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addPending(c)
	return c
}

// addPending makes c the newest pending connection, and closes one of them if there are
// more than MaxPending. The caller holds mu.
func (s *Server) addPending(c *Conn) {
	s.pending = append(s.pending, c)
	if len(s.pending) > s.MaxPending {
		s.closeOne()
	}
}

// remove forgets c. It may be called for a connection that was forgotten before.
func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removePending(c)
	if c.session {
		c.session = false
		s.sessions--
	}
}

// removePending takes c out of the pending connections. The caller holds mu.
func (s *Server) removePending(c *Conn) {
	if i := slices.Index(s.pending, c); i >= 0 {
		s.pending = slices.Delete(s.pending, i, i+1)
	}
}

// freeFile closes a pending connection to free its file descriptor. It does nothing if no
// connection is pending.
func (s *Server) freeFile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 {
		s.closeOne()
	}
}

// closeOne closes the oldest connection of the client address with the most pending
// connections. Of several addresses with equally many it chooses the one with the oldest
// connection. The caller holds mu, and at least one connection is pending.
func (s *Server) closeOne() {
	count := make(map[string]int)
	for _, c := range s.pending {
		count[c.client]++
	}
	old := s.pending[0]
	for _, c := range s.pending {
		if count[c.client] > count[old.client] {
			old = c
		}
	}
	s.removePending(old)
	old.Close() // the handler's next Read or Write fails, and the handler returns
}

// clientOf returns the key by which the connections of one client are counted: its IPv4
// address, or the first 64 bits of its IPv6 address, because an IPv6 host can usually
// choose the rest.
func clientOf(a net.Addr) string {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String() // a pipe or a Unix socket
	}
	ip := p.Addr().Unmap()
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
}
