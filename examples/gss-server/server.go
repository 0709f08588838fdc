package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gosspi/kerberos/sspi"
)

const (
	maxConnections = 64               // at once; more wait in the listener's queue
	idle           = 30 * time.Second // for a whole frame, however slowly its bytes drip in
	grace          = 5 * time.Second  // for what runs when the server is told to end
	toMakeRoom     = 100 * time.Millisecond
)

// server accepts connections and serves each in a goroutine of its own.
type server struct {
	cred sspi.CredHandle
	log  *slog.Logger
	once bool
	wg   sync.WaitGroup
}

// serve returns when ctx has ended and every connection has. It closes l. That there
// are no more files to be opened does not end it: a stranger can bring that about.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	defer s.wg.Wait()
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	places := make(chan struct{}, maxConnections)
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
			select {
			case <-ctx.Done():
			case <-time.After(toMakeRoom):
			}
			continue
		case err != nil:
			return err
		}
		places <- struct{}{}
		s.wg.Go(func() {
			defer func() { <-places }()
			s.handle(ctx, conn)
		})
		if s.once {
			return nil
		}
	}
}

// handle serves one connection and logs its one line.
func (s *server) handle(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	t := &timed{Conn: conn}
	stop := context.AfterFunc(ctx, t.end)
	defer stop()
	c := &connection{cred: s.cred, conn: t}
	err := c.run()
	attrs := append([]any{"peer", conn.RemoteAddr().String()}, c.summary()...)
	if err != nil {
		s.log.Warn("connection", append(attrs, "err", err)...)
		return
	}
	s.log.Info("connection", attrs...)
}

// timed is a connection on which each frame has idle time, and everything must be
// done within grace once the server ends.
type timed struct {
	net.Conn
	mu    sync.Mutex
	until time.Time // zero: the server goes on
}

// next begins a new frame.
func (t *timed) next() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	deadline := time.Now().Add(idle)
	if !t.until.IsZero() && t.until.Before(deadline) {
		deadline = t.until
	}
	return t.SetDeadline(deadline)
}

// end lets what runs finish within grace.
func (t *timed) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Now().Add(grace)
	_ = t.SetDeadline(t.until) // fails on a closed connection, which needs none
}
