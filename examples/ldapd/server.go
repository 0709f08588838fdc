package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
)

const (
	maxWaiting = 256              // connections that have not logged in; the oldest makes room
	maxInside  = 512              // connections that have
	toLogIn    = 30 * time.Second // for everything before a login is complete
	idle       = 5 * time.Minute  // for the next PDU of who has logged in
	toWrite    = 10 * time.Second // also what a client can delay the server's end
	toMakeRoom = 10 * time.Millisecond
)

// server accepts connections and serves each in a goroutine of its own.
type server struct {
	acceptor *sspi.Acceptor
	layers   sspisasl.Layer
	realms   []string               // whose users may act as their bare name
	tls      *tls.Config            // nil: no StartTLS
	bindings []sspi.ChannelBindings // of tls
	log      *slog.Logger
	door     door
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
			s.door.makeRoom()
			select {
			case <-ctx.Done():
			case <-time.After(toMakeRoom):
			}
			continue
		case err != nil:
			return err
		}
		s.door.enter(conn)
		s.wg.Go(func() {
			defer s.door.leave(conn)
			s.handle(ctx, conn)
		})
	}
}

// door knows who is connected. It keeps those who cannot log in from shutting out
// those who can: when too many wait, the one that has waited longest must go.
type door struct {
	mu      sync.Mutex
	waiting []net.Conn // in the order in which they came
	inside  map[net.Conn]bool
}

func (d *door) enter(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wait(c)
}

func (d *door) wait(c net.Conn) {
	if len(d.waiting) == maxWaiting {
		d.dismiss()
	}
	d.waiting = append(d.waiting, c)
}

// makeRoom is for a process that can open no more files.
func (d *door) makeRoom() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) > 0 {
		d.dismiss()
	}
}

// dismiss closes who has waited longest. The caller holds mu.
func (d *door) dismiss() {
	d.waiting[0].Close() // its goroutine sees that, and calls leave
	d.waiting = d.waiting[1:]
}

// admit reports whether there is room inside.
func (d *door) admit(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside[c] {
		return true
	}
	if len(d.inside) == maxInside {
		return false
	}
	if d.inside == nil {
		d.inside = make(map[net.Conn]bool)
	}
	d.forget(c)
	d.inside[c] = true
	return true
}

// back is for who was inside and is nobody again.
func (d *door) back(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside[c] {
		delete(d.inside, c)
		d.wait(c)
	}
}

func (d *door) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.inside, c)
	d.forget(c)
}

func (d *door) forget(c net.Conn) {
	for i, w := range d.waiting {
		if w == c {
			d.waiting = append(d.waiting[:i], d.waiting[i+1:]...)
			return
		}
	}
}
