package serve

import (
	"net"
	"sync"
	"time"
)

// Conn is a connection that a Server accepted. Its methods are safe for concurrent use.
type Conn struct {
	net.Conn
	server  *Server
	client  string // the key of its client address
	session bool   // guarded by server.mu

	mu      sync.Mutex
	stopped bool // stopReading was called
}

// Admit makes the connection a session after its client has authenticated, and reports
// whether it is a session. It reports false, and the connection stays pending, if the server
// has MaxSessions sessions. A session is never closed in favor of a new connection.
func (c *Conn) Admit() bool {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.session {
		return true
	}
	if s.sessions >= s.MaxSessions {
		return false
	}
	s.removePending(c)
	c.session = true
	s.sessions++
	return true
}

// Demote makes a session a pending connection again, the newest of them, when its client
// is no longer authenticated. It does nothing if the connection is no session.
func (c *Conn) Demote() {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.session {
		c.session = false
		s.sessions--
		s.addPending(c)
	}
}

// SetDeadline implements net.Conn. After the end of a Server with StopReading it sets the
// deadline of writes only.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn. After the end of a Server with StopReading it
// changes nothing: reads fail.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// stopReading makes the current Read and all later ones fail with os.ErrDeadlineExceeded.
func (c *Conn) stopReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection, whose reads fail anyway
}
