package main

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// every does one thing after the other until that fails, which it does when the
// server has hung up. A thousand times are more than any server should take.
func every(d time.Duration, one func(n int) error) {
	for n := 0; n < 1000 && one(n) == nil; n++ {
		time.Sleep(d)
	}
}

// drip is every for single bytes.
func (c *client) drip(b byte) {
	every(time.Second, func(int) error { _, err := c.conn.Write([]byte{b}); return err })
}

// TestServer_Times: how long a client can stay.
func TestServer_Times(t *testing.T) {
	for name, row := range map[string]struct {
		client func(*client)
		want   time.Duration
	}{
		"silent": {func(*client) {}, guestTime},
		"begins late, with a byte a second": {func(c *client) {
			time.Sleep(guestTime - 3*time.Second)
			c.drip(frameNoop)
		}, guestTime},
		"a token of a byte a second": {func(c *client) {
			_ = c.send(frameNoop|frameContextNext, nil)
			_, _ = c.conn.Write([]byte{frameContext, 0, 0, 1, 0})
			c.drip(0x60)
		}, guestTime},
		"a token of a frame a second": {func(c *client) {
			token, _, _ := c.i.Next(nil)
			_ = c.send(frameNoop|frameContextNext, nil)
			every(time.Second, func(n int) error { return c.send(frameContext, token[n:n+1]) })
		}, guestTime},
		"messages without a context": {func(c *client) {
			_ = c.send(frameNoop, nil)
			every(time.Second, func(int) error { return c.clear() })
		}, guestTime},
		"no answer is read without a context": {func(c *client) {
			_ = c.send(frameNoop, nil)
			time.Sleep(time.Second)
			_ = c.send(frameData, nil)
		}, guestTime},
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
				ours, theirs := net.Pipe()
				var running sync.WaitGroup
				defer running.Wait()
				running.Go(func() { row.client(w.client(ours)) })
				w.server.handle(t.Context(), theirs)
				if took := time.Since(begin); took != row.want {
					t.Errorf("it took %v, want %v\n%s", took, row.want, &w.log.b)
				}
			})
		})
	}
}

// told is when the server is told to end.
const told = 10 * time.Second

// endings are what clients do at the end of a server, and how long that takes.
var endings = map[string]struct {
	once   bool
	client func(*world)
	want   time.Duration
}{
	"nobody": {false, func(*world) {}, 0},
	"one who leaves": {false, func(w *world) {
		c := w.dial()
		_ = c.login()
		time.Sleep(told + 2*time.Second)
		if err := c.message(); err != nil {
			w.t.Error(err)
		}
		_ = c.send(frameNoop, nil)
	}, 2 * time.Second},
	"a silent one": {false, func(w *world) { w.dial() }, grace},
	"the only one": {true, func(w *world) { w.dial() }, grace},
	"half a token": {false, func(w *world) { _ = strangers[3](w.dial()) }, grace},
	"a login that would take longer": {false, func(w *world) {
		time.Sleep(told - time.Second)
		c := w.dial()
		token, _, _ := c.i.Next(nil)
		_ = c.send(frameNoop|frameContextNext, nil)
		every(time.Second/3, func(n int) error { return c.send(frameContext, token[n:n+1]) })
	}, grace},
	"a login in the time of grace": {false, func(w *world) {
		c := w.dial()
		time.Sleep(told + 3*time.Second)
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
	// A second before the end it takes the place of a guest, which takes three seconds:
	// its handler begins when the server has been told to end.
	"one whose turn comes late": {false, func(w *world) {
		time.Sleep(told - time.Second)
		for range maxGuests {
			conn, _ := net.Pipe()
			w.server.lobby.enter(slow{conn})
		}
		w.dial()
	}, grace},
}

// slow is a connection that takes its time to be closed.
type slow struct{ net.Conn }

func (s slow) Close() error {
	time.Sleep(3 * time.Second)
	return s.Conn.Close()
}

// TestServer_End: there is one grace, for everybody, from when the server is told.
func TestServer_End(t *testing.T) {
	for name, row := range endings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.server.once = row.once
				w.serve(w.net)
				begin := time.Now()
				var running sync.WaitGroup
				defer running.Wait()
				running.Go(func() { row.client(w) })
				time.Sleep(told)
				w.term()
				if err := <-w.ended; err != nil {
					t.Error(err)
				}
				if took := time.Since(begin) - told; took != row.want {
					t.Errorf("it took %v, want %v\n%s", took, row.want, &w.log.b)
				}
			})
		})
	}
}
