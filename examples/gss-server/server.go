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

	"github.com/gosspi/kerberos/sspi"
)

const (
	maxGuests   = 64               // without a context, at once; the oldest makes room for one more
	maxSessions = 64               // with one
	guestTime   = 30 * time.Second // from the connection to its context, or to its end if it has none
	idle        = 30 * time.Second // of a session, for a whole frame, however slowly its bytes drip in
	grace       = 5 * time.Second  // for all that runs when the server is told to end
	toMakeRoom  = 10 * time.Millisecond
)

var errTooManySessions = errors.New("too many sessions")

// server accepts connections and serves each in a goroutine of its own.
type server struct {
	cred     sspi.CredHandle
	log      *slog.Logger
	once     bool
	lobby    lobby
	sessions atomic.Int64
	wg       sync.WaitGroup
}

// serve returns when ctx has ended and every connection has, which is grace later at
// most. It closes l. That there are no more files to be opened does not end it: a
// stranger can bring that about.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	over, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		time.AfterFunc(grace, hangUp) // one grace for all, however late they came
	})
	defer stop()
	defer s.wg.Wait() // before the above, which ends what runs
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
			end() // or a server that accepts nobody runs on for those it has
			return err
		}
		s.lobby.enter(conn) // here, so that no more goroutines run than have a place
		s.wg.Go(func() { s.handle(over, conn) })
		if s.once {
			return nil
		}
	}
}

// handle serves one connection, at the longest until over ends, and logs its one line.
func (s *server) handle(over context.Context, conn net.Conn) {
	defer conn.Close()
	defer s.lobby.leave(conn)
	stop := context.AfterFunc(over, func() { conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(guestTime)) // fails on a closed connection, which needs none
	c := &connection{cred: s.cred, conn: conn}
	err := s.run(c)
	attrs := append([]any{"peer", conn.RemoteAddr().String()}, c.summary()...)
	if err != nil {
		s.log.Warn("connection", append(attrs, "err", err)...)
		return
	}
	s.log.Info("connection", attrs...)
}

// run is a whole connection, in order. Who does not authenticate stays in the lobby.
func (s *server) run(c *connection) error {
	defer sspi.DeleteSecurityContext(&c.context) // also what is left of a refused one
	contextFollows, err := c.hello()
	if err != nil {
		return err
	}
	if contextFollows {
		if err := c.authenticate(); err != nil {
			return err
		}
		s.lobby.leave(c.conn)
		defer s.sessions.Add(-1)
		if s.sessions.Add(1) > maxSessions {
			return errTooManySessions
		}
		c.session = true
	}
	return c.talk()
}
