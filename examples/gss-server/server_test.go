package main

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestServer: alice comes, is answered, and leaves; and whoever has no context.
func TestServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		alice, stranger := w.dial(), w.dial()
		if err := errors.Join(alice.login(), alice.message(), alice.send(frameNoop, nil), alice.gone()); err != nil {
			t.Error(err)
		}
		if err := errors.Join(stranger.send(frameNoop, nil), stranger.clear(), stranger.send(frameNoop, nil), stranger.gone()); err != nil {
			t.Error(err)
		}
		w.term()
		if err := <-w.ended; err != nil {
			t.Error(err)
		}
		if !w.log.has("INFO", "client=alice@EXAMPLE.COM", "messages=1 sealed=1") || !w.log.has("INFO", "messages=1 sealed=0", "clear=1") {
			t.Errorf("%s", &w.log.b)
		}
		if n := w.guests() + int(w.server.sessions.Load()); n != 0 {
			t.Errorf("%d places are taken by nobody", n)
		}
	})
}

// strangers stop at every place where one can.
var strangers = []func(*client) error{
	func(*client) error { return nil },
	func(c *client) error { _, err := c.conn.Write([]byte{frameNoop | frameContextNext, 0}); return err },
	func(c *client) error { return c.send(frameNoop|frameContextNext, nil) },
	func(c *client) error {
		token, _, err := c.i.Next(nil)
		return errors.Join(err, c.send(frameNoop|frameContextNext, nil), c.send(frameContext, token[:len(token)/2]))
	},
	func(c *client) error { return errors.Join(c.send(frameNoop, nil), c.clear()) },
}

// flood are more strangers than there are places.
func (w *world) flood() {
	for n := range 3 * maxGuests {
		if err := strangers[n%len(strangers)](w.dial()); err != nil {
			w.t.Error(err)
		}
	}
}

// TestServer_HalfOpen: strangers keep nobody waiting, and do not pile up. Who has a
// context is not sent away for them; who talks without one is.
func TestServer_HalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		begin := time.Now()
		alice, clear := w.dial(), w.dial()
		if err := errors.Join(alice.login(), alice.message(), clear.send(frameNoop, nil), clear.clear()); err != nil {
			t.Fatal(err)
		}
		w.flood()
		late := w.dial()
		if err := errors.Join(late.login(), late.message()); err != nil {
			t.Errorf("who comes after the strangers: %v", err)
		}
		if err := alice.message(); err != nil {
			t.Errorf("who was there before them: %v", err)
		}
		if err := clear.gone(); err != nil {
			t.Errorf("who has no context: %v", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("somebody had to wait for %v", took)
		}
		if n := w.guests(); n != maxGuests-1 { // late had the place of one
			t.Errorf("%d guests, want %d", n, maxGuests-1)
		}
	})
}

// TestServer_TooManySessions: one more than there may be is refused, until somebody
// leaves.
func TestServer_TooManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		var inside []*client
		for range maxSessions {
			c := w.dial()
			if err := errors.Join(c.login(), c.message()); err != nil {
				t.Fatal(err)
			}
			inside = append(inside, c)
		}
		one := w.dial()
		if err := errors.Join(one.login(), one.gone()); err != nil {
			t.Error(err)
		}
		synctest.Wait() // for the log
		if !w.log.has("WARN", "client=alice@EXAMPLE.COM", `err="too many sessions"`) {
			t.Errorf("%s", &w.log.b)
		}
		if err := errors.Join(inside[0].send(frameNoop, nil), inside[0].gone()); err != nil {
			t.Error(err)
		}
		synctest.Wait() // for its place
		next := w.dial()
		if err := errors.Join(next.login(), next.message(), inside[1].message()); err != nil {
			t.Error(err)
		}
	})
}

// full is a listener in a process that at first can open no more files.
type full struct {
	net.Listener
	left int
}

func (f *full) Accept() (net.Conn, error) {
	if f.left--; f.left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.Listener.Accept()
}

// TestServer_NoMoreFiles: strangers who open connections do not end the server, and
// the oldest of them make room.
func TestServer_NoMoreFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var there []net.Conn
		for range 3 {
			ours, theirs := net.Pipe()
			defer ours.Close()
			w.server.lobby.enter(theirs)
			there = append(there, ours)
		}
		w.serve(&full{Listener: w.net, left: 2})
		alice := w.dial()
		if err := errors.Join(alice.login(), alice.message()); err != nil {
			t.Error(err)
		}
		for n, want := range []error{io.EOF, io.EOF, os.ErrDeadlineExceeded} {
			_ = there[n].SetReadDeadline(time.Now().Add(time.Second))
			if _, err := there[n].Read(make([]byte, 1)); !errors.Is(err, want) {
				t.Errorf("guest %d of 3: %v, want %v", n+1, err, want)
			}
		}
	})
}

// TestLobby_Empty: who makes room, if nobody is there?
func TestLobby_Empty(t *testing.T) {
	var l lobby
	l.makeRoom()
	one, _ := net.Pipe()
	l.enter(one)
	l.leave(one)
	l.leave(one)
	l.makeRoom()
}

// TestServer_NoMoreFiles_TCP: the same with a real listener, where nobody is there.
func TestServer_NoMoreFiles_TCP(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.serve(&full{Listener: l, left: 2})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // of a test that fails
	alice := w.client(conn)
	if err := errors.Join(alice.login(), alice.message(), alice.send(frameNoop, nil), alice.gone()); err != nil {
		t.Error(err)
	}
	w.term()
	if err := <-w.ended; err != nil {
		t.Error(err)
	}
}

// TestServer_Once: the listener is closed, and the one who is in has all the time
// that others have.
func TestServer_Once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.once = true
		w.serve(w.net)
		alice := w.dial()
		if err := alice.login(); err != nil {
			t.Fatal(err)
		}
		<-w.net.closed
		time.Sleep(idle - time.Second)
		if err := errors.Join(alice.message(), alice.send(frameNoop, nil), alice.gone(), <-w.ended); err != nil {
			t.Error(err)
		}
	})
}

// TestServer_ListenerFails: nobody can come any more, so that those who are there
// have the grace.
func TestServer_ListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		alice := w.dial()
		if err := alice.login(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		w.net.Close()
		if err := <-w.ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if took := time.Since(begin); took != grace {
			t.Errorf("it took %v, want %v", took, grace)
		}
	})
}
