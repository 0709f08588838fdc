package main

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestGone checks that clients that close their connection during a bind leave no goroutine
// behind: the cleanup of start waits for all of them.
func TestGone(t *testing.T) {
	w := start(t, allLayers)
	for n := range 8 {
		c := w.dial(t)
		_, token := w.initiate(t, sspitest.Options{})
		bind := c.next(saslOp("GSSAPI", token))
		if n < 7 { // during the first message
			c.write(bind[:len(bind)*n/7])
		} else { // after it
			c.write(bind)
			c.must(opBindResponse)
		}
		c.conn.Close()
	}
	w.getsIn(t)
}

// TestHalfOpen checks that a client can log in while a thousand others have begun a bind
// and do not continue it.
func TestHalfOpen(t *testing.T) {
	w := start(t, allLayers)
	for range 1000 {
		c := w.dial(t)
		_, token := w.initiate(t, sspitest.Options{})
		c.write(c.next(saslOp("GSSAPI", token)))
		if r := c.must(opBindResponse); r.code != saslBindInProgress {
			t.Fatalf("%+v", r)
		}
	}
	w.getsIn(t)
	if pending, _ := w.srv.Count(); pending > maxPending {
		t.Errorf("%d pending connections, want at most %d", pending, maxPending)
	}
}

// TestHalfOpen_AtOnce checks the same for clients that connect at the same time.
func TestHalfOpen_AtOnce(t *testing.T) {
	w := start(t, allLayers)
	in := w.dial(t)
	if r := in.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				conn, err := net.Dial("tcp", w.addr)
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { conn.Close() })
			}
		})
	}
	wg.Wait()
	w.getsIn(t)
	in.isAlice("GSSAPI", sspisasl.Confidentiality) // her session is still open
}

// TestTooManySessions checks that the server refuses an excess login, and accepts one after
// a session has ended.
func TestTooManySessions(t *testing.T) {
	w := start(t, allLayers, func(s *server) { s.MaxSessions = 1 })
	last := w.dial(t)
	if r := last.gssapi(w, sspisasl.NoLayer, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	if r := w.dial(t).gssapi(w, sspisasl.NoLayer, ""); r.code != busy {
		t.Fatalf("%+v", r)
	}
	last.simple("", "") // ends the login
	if r := w.dial(t).gssapi(w, sspisasl.NoLayer, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
}

// TestShutdown checks that the server sends a notice to all clients before it ends.
func TestShutdown(t *testing.T) {
	w := start(t, allLayers)
	waiting, in := w.dial(t), w.dial(t)
	waiting.whoAmI()
	if r := in.gssapi(w, sspisasl.Confidentiality, ""); r.code != success {
		t.Fatalf("%+v", r)
	}
	w.end()
	waiting.disconnected(unavailable)
	in.disconnected(unavailable)
}

// TestDeadlines checks that a client that stops, after it has sent single bytes slowly, has
// loginTime in all.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, srv, _ := testServer(t, allLayers)
		conn, accepted := net.Pipe()
		begin := time.Now()
		var took time.Duration
		go func() {
			srv.ServeConn(t.Context(), accepted)
			took = time.Since(begin)
		}()
		for _, b := range []byte("\x30\x84\x00\x00\x00\x40") {
			time.Sleep(time.Second)
			if _, err := conn.Write([]byte{b}); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if took != loginTime {
			t.Errorf("the session ended after %v, want %v", took, loginTime)
		}
	})
}
