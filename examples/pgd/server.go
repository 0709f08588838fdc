package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gosspi/kerberos/sspi"
)

const (
	maxHandshakes = 128              // connections that nobody has logged in on, at once
	maxSessions   = 100              // those that somebody has
	loginTime     = 60 * time.Second // from the first byte to the login, as PostgreSQL has it
	idleTime      = 10 * time.Minute // for the next message of a session
	replyTime     = 60 * time.Second // for the client to take an answer
	grace         = 5 * time.Second  // for what runs when the server is told to end
	toMakeRoom    = 10 * time.Millisecond
)

// server accepts connections and serves each in a goroutine of its own.
type server struct {
	acceptor *sspi.Acceptor
	encrypt  encryption
	realms   []string // whose users are database users by their bare names
	log      *slog.Logger
	grace    time.Duration
	lobby    lobby
	sessions chan struct{} // a place is taken by sending
	wg       sync.WaitGroup
}

func newServer(acceptor *sspi.Acceptor, encrypt encryption, log *slog.Logger) *server {
	return &server{
		acceptor: acceptor, encrypt: encrypt, log: log, grace: grace,
		lobby: lobby{places: maxHandshakes}, sessions: make(chan struct{}, maxSessions),
	}
}

// serve returns when ctx has ended and every connection has. It closes l. That there
// are no more files to be opened does not end it: a stranger can bring that about.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.wg.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
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
		t := &timed{Conn: conn, grace: s.grace}
		s.lobby.enter(t) // here, so that no more goroutines run than have a place
		s.wg.Go(func() { s.handle(ctx, t) })
	}
}

// handle serves one connection, and logs whether somebody logged in.
func (s *server) handle(ctx context.Context, conn *timed) {
	defer conn.Close()
	defer s.lobby.leave(conn)
	stop := context.AfterFunc(ctx, conn.end)
	defer stop()
	conn.within(loginTime)
	c := &client{server: s, base: conn, conn: conn}
	defer func() { c.context.Close() }() // nil is closed
	if err := c.login(ctx); err != nil {
		c.refuse(err)
		return
	}
	defer func() { <-s.sessions }()
	s.lobby.leave(conn)
	c.session().run(ctx)
}

// lobby are the connections that nobody has logged in on. They cost nothing to make,
// so that anybody can fill it: then whoever is there for longest goes. A client that
// means it needs its place for as long as its network takes for a few packets.
type lobby struct {
	places int

	mu     sync.Mutex
	guests []*timed // in the order in which they came
}

func (l *lobby) enter(c *timed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.guests) >= l.places {
		l.dismiss()
	}
	l.guests = append(l.guests, c)
}

// makeRoom is for a process that can open no more files.
func (l *lobby) makeRoom() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.guests) > 0 {
		l.dismiss()
	}
}

// dismiss sends away who has been here longest. The caller holds mu.
func (l *lobby) dismiss() {
	l.guests[0].Close() // which ends its handler
	l.guests = slices.Delete(l.guests, 0, 1)
}

// leave may be called again.
func (l *lobby) leave(c *timed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.guests, c); i >= 0 {
		l.guests = slices.Delete(l.guests, i, i+1)
	}
}

// timed is a connection with a time for each step, which ends with the server.
type timed struct {
	net.Conn
	grace time.Duration

	mu     sync.Mutex
	ending bool
}

// within gives reading and writing d from now.
func (t *timed) within(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ending {
		_ = t.SetDeadline(time.Now().Add(d)) // fails on a closed connection, which needs none
	}
}

// end lets nothing more be read, and what is being written be finished within grace.
func (t *timed) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending = true
	_ = t.SetReadDeadline(time.Now())
	_ = t.SetWriteDeadline(time.Now().Add(t.grace))
}
