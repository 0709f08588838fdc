package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestServer serves alice and a client without a context.
func TestServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		alice, noContext := w.dial(), w.dial()
		if err := errors.Join(alice.login(), alice.message(), alice.send(frameNoop, nil), alice.gone()); err != nil {
			t.Error(err)
		}
		if err := errors.Join(noContext.send(frameNoop, nil), noContext.clear(), noContext.send(frameNoop, nil), noContext.gone()); err != nil {
			t.Error(err)
		}
		w.term()
		if err := <-w.ended; err != nil {
			t.Error(err)
		}
		if !w.log.has("INFO", "client=alice@EXAMPLE.COM", "messages=1 sealed=1") || !w.log.has("INFO", "messages=1 sealed=0", "clear=1") {
			t.Errorf("%s", &w.log.b)
		}
		if pending, sessions := w.server.Count(); pending+sessions != 0 {
			t.Errorf("%d pending connections and %d sessions after the end", pending, sessions)
		}
	})
}

// unauthenticated has a function for each step after which a client can stop without
// having established a context.
var unauthenticated = []func(*client) error{
	func(*client) error { return nil },
	func(c *client) error { _, err := c.conn.Write([]byte{frameNoop | frameContextNext, 0}); return err },
	func(c *client) error { return c.send(frameNoop|frameContextNext, nil) },
	func(c *client) error {
		token, _, err := c.i.Next(nil)
		return errors.Join(err, c.send(frameNoop|frameContextNext, nil), c.send(frameContext, token[:len(token)/2]))
	},
	func(c *client) error { return errors.Join(c.send(frameNoop, nil), c.clear()) },
}

// flood opens three times as many connections as may be pending.
func (w *world) flood() {
	for n := range 3 * maxPending {
		if err := unauthenticated[n%len(unauthenticated)](w.dial()); err != nil {
			w.t.Error(err)
		}
	}
}

// TestServer_HalfOpen checks that many unauthenticated connections delay no other client
// and are limited in number: they close connections without a context, also one with
// messages, and no connection with a context.
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
			t.Errorf("a client that connects after them: %v", err)
		}
		if err := alice.message(); err != nil {
			t.Errorf("a client that has a context: %v", err)
		}
		if err := clear.gone(); err != nil {
			t.Errorf("a client without a context: %v", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("a client had to wait for %v", took)
		}
		if pending, _ := w.server.Count(); pending != maxPending-1 { // late closed one and is a session
			t.Errorf("%d pending connections, want %d", pending, maxPending-1)
		}
	})
}

// TestServer_TooManySessions checks that the server refuses one session more than
// maxSessions until one of them has ended.
func TestServer_TooManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		var sessions []*client
		for range maxSessions {
			c := w.dial()
			if err := errors.Join(c.login(), c.message()); err != nil {
				t.Fatal(err)
			}
			sessions = append(sessions, c)
		}
		excess := w.dial()
		if err := errors.Join(excess.login(), excess.gone()); err != nil {
			t.Error(err)
		}
		synctest.Wait() // until the log has its line
		if !w.log.has("WARN", "client=alice@EXAMPLE.COM", `err="too many sessions"`) {
			t.Errorf("%s", &w.log.b)
		}
		if err := errors.Join(sessions[0].send(frameNoop, nil), sessions[0].gone()); err != nil {
			t.Error(err)
		}
		synctest.Wait() // until the server has counted the end
		next := w.dial()
		if err := errors.Join(next.login(), next.message(), sessions[1].message()); err != nil {
			t.Error(err)
		}
	})
}

// TestServer_Once checks that -once closes the listener after one connection, which has
// as much time as any other.
func TestServer_Once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.Once = true
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
