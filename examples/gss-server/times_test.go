package main

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// every calls step at intervals of d until step fails, as it does once the server has
// closed the connection, and at most a thousand times.
func every(d time.Duration, step func(n int) error) {
	for n := 0; n < 1000 && step(n) == nil; n++ {
		time.Sleep(d)
	}
}

// drip sends b once a second until the server has closed the connection.
func (c *client) drip(b byte) {
	every(time.Second, func(int) error { _, err := c.conn.Write([]byte{b}); return err })
}

// TestServer_Times checks how long a client can keep a connection.
func TestServer_Times(t *testing.T) {
	for name, row := range map[string]struct {
		client func(*client)
		want   time.Duration
	}{
		"silent": {func(*client) {}, pendingTime},
		"begins late, with a byte a second": {func(c *client) {
			time.Sleep(pendingTime - 3*time.Second)
			c.drip(frameNoop)
		}, pendingTime},
		"a token of a byte a second": {func(c *client) {
			_ = c.send(frameNoop|frameContextNext, nil)
			_, _ = c.conn.Write([]byte{frameContext, 0, 0, 1, 0})
			c.drip(0x60)
		}, pendingTime},
		"a token of a frame a second": {func(c *client) {
			token, _, _ := c.i.Next(nil)
			_ = c.send(frameNoop|frameContextNext, nil)
			every(time.Second, func(n int) error { return c.send(frameContext, token[n:n+1]) })
		}, pendingTime},
		"messages without a context": {func(c *client) {
			_ = c.send(frameNoop, nil)
			every(time.Second, func(int) error { return c.clear() })
		}, pendingTime},
		"no answer is read without a context": {func(c *client) {
			_ = c.send(frameNoop, nil)
			time.Sleep(time.Second)
			_ = c.send(frameData, nil)
		}, pendingTime},
		"a silent session": {func(c *client) {
			time.Sleep(time.Second)
			_ = c.login()
		}, time.Second + idle},
		"a session with ten messages": {func(c *client) {
			_ = c.login()
			for range 10 {
				time.Sleep(idle - time.Second)
				_ = c.message()
			}
		}, 10*(idle-time.Second) + idle},
		"a session with a byte a second": {func(c *client) {
			_ = c.login()
			time.Sleep(time.Second)
			_ = c.message()
			_, _ = c.conn.Write([]byte{frameData, 0, 0, 1, 0})
			c.drip(0)
		}, time.Second + idle},
		"a session that reads no answer": {func(c *client) {
			_ = c.login()
			time.Sleep(time.Second)
			_ = c.send(frameData, nil)
		}, time.Second + idle},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				begin := time.Now()
				conn, accepted := net.Pipe()
				var running sync.WaitGroup
				defer running.Wait()
				running.Go(func() { row.client(w.client(conn)) })
				w.server.ServeConn(t.Context(), accepted)
				if took := time.Since(begin); took != row.want {
					t.Errorf("it took %v, want %v\n%s", took, row.want, &w.log.b)
				}
			})
		})
	}
}

// termTime is the time at which the server receives SIGTERM.
const termTime = 10 * time.Second

// endings lists clients that are connected when the server receives SIGTERM, and the time
// that the server then takes to end.
var endings = map[string]struct {
	once   bool
	client func(*world)
	want   time.Duration
}{
	"no client": {false, func(*world) {}, 0},
	"a session that ends by itself": {false, func(w *world) {
		c := w.dial()
		_ = c.login()
		time.Sleep(termTime + 2*time.Second)
		if err := c.message(); err != nil {
			w.t.Error(err)
		}
		_ = c.send(frameNoop, nil)
	}, 2 * time.Second},
	"a silent client":                        {false, func(w *world) { w.dial() }, grace},
	"a silent client of a server with -once": {true, func(w *world) { w.dial() }, grace},
	"half a token":                           {false, func(w *world) { _ = unauthenticated[3](w.dial()) }, grace},
	"a login that would take longer": {false, func(w *world) {
		time.Sleep(termTime - time.Second)
		c := w.dial()
		token, _, _ := c.i.Next(nil)
		_ = c.send(frameNoop|frameContextNext, nil)
		every(time.Second/3, func(n int) error { return c.send(frameContext, token[n:n+1]) })
	}, grace},
	"a login in the time of grace": {false, func(w *world) {
		c := w.dial()
		time.Sleep(termTime + 3*time.Second)
		if err := c.login(); err != nil {
			w.t.Error(err)
		}
	}, grace},
	"a session with messages": {false, func(w *world) {
		c := w.dial()
		_ = c.login()
		every(time.Second/3, func(int) error { return c.message() })
	}, grace},
	"a session that reads no answer": {false, func(w *world) {
		c := w.dial()
		_ = c.login()
		_ = c.send(frameData, nil)
	}, grace},
}

// TestServer_End checks that all connections have ended grace after SIGTERM.
func TestServer_End(t *testing.T) {
	for name, row := range endings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.server.Once = row.once
				w.serve(w.net)
				begin := time.Now()
				var running sync.WaitGroup
				defer running.Wait()
				running.Go(func() { row.client(w) })
				time.Sleep(termTime)
				w.term()
				if err := <-w.ended; err != nil {
					t.Error(err)
				}
				if took := time.Since(begin) - termTime; took != row.want {
					t.Errorf("it took %v, want %v\n%s", took, row.want, &w.log.b)
				}
			})
		})
	}
}
