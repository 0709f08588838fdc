package serve

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// termTime is the time at which the server receives SIGTERM.
const termTime = 10 * time.Second

// endings lists clients that are connected when the server receives SIGTERM, and the time
// that the server then takes to end.
var endings = map[string]struct {
	configure func(*Server)
	client    func(*world)
	want      time.Duration
}{
	"no client":       {nil, func(*world) {}, 0},
	"pending":         {nil, func(w *world) { w.dial("pipe") }, grace},
	"session":         {nil, func(w *world) { w.dial("pipe").ask("+", "y") }, grace},
	"the only one":    {func(s *Server) { s.Once = true }, func(w *world) { w.dial("pipe") }, grace},
	"no grace":        {func(s *Server) { s.Grace = 0 }, func(w *world) { w.dial("pipe") }, 0},
	"writes to go on": {stopReading, func(w *world) { w.dial("pipe") }, grace}, // the client does not read
	"told and left":   {stopReading, func(w *world) { w.dial("pipe").closed() }, 0},
	"during grace": {nil, func(w *world) {
		c := w.dial("pipe")
		time.Sleep(termTime + 3*time.Second)
		c.ask("+", "y") // the handler sets a deadline of an hour
	}, grace},
	"leaves during grace": {nil, func(w *world) {
		c := w.dial("pipe")
		time.Sleep(termTime + 2*time.Second)
		c.ask("x", "x")
		c.conn.Close()
	}, 2 * time.Second},
	// A second before the end the last connection closes an old one, which takes three
	// seconds: its handler begins after the end.
	"a handler that begins after the end": {nil, func(w *world) {
		time.Sleep(termTime - time.Second)
		for range maxPending {
			conn, _ := net.Pipe()
			w.server.add(slow{conn})
		}
		w.dial("pipe")
	}, grace},
}

func stopReading(s *Server) { s.StopReading = true }

// slow is a connection whose Close takes three seconds.
type slow struct{ net.Conn }

func (s slow) Close() error {
	time.Sleep(3 * time.Second)
	return s.Conn.Close()
}

// TestServe_End checks that all connections have ended Grace after SIGTERM.
func TestServe_End(t *testing.T) {
	for name, row := range endings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				if row.configure != nil {
					row.configure(w.server)
				}
				w.serve(w.net)
				begin := time.Now()
				go row.client(w)
				time.Sleep(termTime)
				w.term()
				if err := <-w.ended; err != nil {
					t.Error(err)
				}
				if took := time.Since(begin) - termTime; took != row.want {
					t.Errorf("it took %v, want %v", took, row.want)
				}
				if _, sessions := w.server.Count(); sessions != 0 {
					t.Errorf("%d sessions are left", sessions)
				}
			})
		})
	}
}

// TestServe_StopReading checks that a handler can send a last message during Grace, and
// that no deadline that it sets makes reads work again.
func TestServe_StopReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.StopReading = true
		w.serve(w.net)
		pending, session := w.dial("pipe"), w.dial("pipe")
		session.ask("+", "y")
		w.term()
		for _, c := range []client{pending, session} {
			if b, err := io.ReadAll(c.conn); err != nil || string(b) != "!" {
				t.Errorf("%q, %v; want the last message", b, err)
			}
		}
		if err := <-w.ended; err != nil {
			t.Error(err)
		}

		conn, peer := net.Pipe()
		defer peer.Close()
		c := &Conn{Conn: conn}
		c.stopReading()
		if err := errors.Join(c.SetDeadline(time.Now().Add(time.Hour)), c.SetReadDeadline(time.Time{})); err != nil {
			t.Error(err)
		}
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("a read after the end: %v", err)
		}
	})
}

// TestServe_Once checks that Serve closes the listener after one connection, and returns
// when that connection has ended.
func TestServe_Once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.Once = true
		w.serve(w.net)
		c := w.dial("pipe")
		<-w.net.closed
		c.ask("+", "y")
		time.Sleep(loginTime + grace)
		c.ask("x", "x")
		c.conn.Close()
		if err := <-w.ended; err != nil {
			t.Error(err)
		}
	})
}

// TestServe_ListenerFails checks that the open connections have Grace when the listener
// fails.
func TestServe_ListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		w.dial("pipe").ask("+", "y")
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

// TestServeConn checks that ServeConn has the limits and the grace of Serve.
func TestServeConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begin := time.Now()
		conn, accepted := net.Pipe()
		go w.server.ServeConn(t.Context(), accepted)
		client{t, conn}.closed()
		if took := time.Since(begin); took != loginTime {
			t.Errorf("it took %v, want %v", took, loginTime)
		}
		w.count(0, 0)
	})
}
