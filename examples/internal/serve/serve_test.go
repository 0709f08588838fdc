package serve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Limits of the server of the tests.
const (
	maxPending  = 4
	maxSessions = 2
	loginTime   = 30 * time.Second
	grace       = 5 * time.Second
)

// world is a server that echoes bytes, and the network between the server and its clients.
// A client that sends "+" first asks for a session, and gets "y" or "n".
type world struct {
	t      *testing.T
	server *Server
	net    *pipes
	log    bytes.Buffer
	term   func() // ends the server as SIGTERM does
	ended  chan error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, ended: make(chan error, 1)}
	w.net = &pipes{queue: make(chan net.Conn, 1000), closed: make(chan struct{})}
	w.server = &Server{
		Handle: echo, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		MaxPending: maxPending, MaxSessions: maxSessions, LoginTime: loginTime, Grace: grace,
	}
	return w
}

// echo is the handler of the tests. "+" admits the connection, and "-" demotes it.
func echo(_ context.Context, c *Conn) {
	b := make([]byte, 1)
	for {
		if _, err := c.Read(b); err != nil {
			_, _ = c.Write([]byte("!")) // the last message
			return
		}
		switch {
		case b[0] == '+' && c.Admit():
			_ = c.SetDeadline(time.Now().Add(time.Hour))
			b[0] = 'y'
		case b[0] == '+':
			b[0] = 'n'
		case b[0] == '-':
			c.Demote()
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// serve starts the server. It ends with the test if no client is connected any more.
func (w *world) serve(l net.Listener) {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.term = cancel
	go func() { w.ended <- w.server.Serve(ctx, l) }()
}

// dial connects a client with an address, and waits until the server has accepted it.
func (w *world) dial(addr string) client {
	conn, accepted := net.Pipe()
	w.t.Cleanup(func() { conn.Close() })
	w.net.queue <- from{accepted, addr}
	synctest.Wait()
	return client{w.t, conn}
}

// from is a connection from a client address.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr { return address(f.addr) }

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// pipes is a listener. Its connections have no buffer: a Write blocks until the other side
// has read all of it.
type pipes struct {
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.queue:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// client is the client's side of a connection.
type client struct {
	t    *testing.T
	conn net.Conn
}

// ask sends a byte and checks the answer.
func (c client) ask(b, want string) {
	c.t.Helper()
	got := make([]byte, 1)
	_ = c.conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(c.conn, b); err != nil {
		c.t.Errorf("%q is not read: %v", b, err)
	} else if _, err := io.ReadFull(c.conn, got); err != nil || string(got) != want {
		c.t.Errorf("the answer to %q is %q, %v; want %q", b, got, err, want)
	}
	_ = c.conn.SetDeadline(time.Time{})
}

// closed waits until the server has closed the connection.
func (c client) closed() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.conn); err != nil {
		c.t.Error(err)
	}
}

// count checks how many connections there are.
func (w *world) count(wantPending, wantSessions int) {
	w.t.Helper()
	synctest.Wait()
	if pending, sessions := w.server.Count(); pending != wantPending || sessions != wantSessions {
		w.t.Errorf("%d pending connections and %d sessions, want %d and %d", pending, sessions, wantPending, wantSessions)
	}
}

// TestServe_Pending checks that one more pending connection closes the oldest and no
// session.
func TestServe_Pending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		session, oldest := w.dial("192.0.2.1:1"), w.dial("192.0.2.1:2")
		session.ask("+", "y")
		second := w.dial("192.0.2.1:3")
		for range maxPending - 1 {
			w.dial("192.0.2.1:4")
		}
		oldest.closed()
		second.ask("x", "x")
		session.ask("x", "x")
		w.count(maxPending, 1)
	})
}

// TestServe_PendingShare checks that a client with many connections closes its own: the
// connections of other addresses stay pending.
func TestServe_PendingShare(t *testing.T) {
	for name, row := range map[string]struct{ other, flood string }{
		"IPv4":         {"192.0.2.1:1", "192.0.2.2:1"},
		"IPv6":         {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"},
		"IPv4 in IPv6": {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1"},
		"zone":         {"192.0.2.1:1", "[fe80::1%eth0]:1"},
		"no address":   {"192.0.2.1:1", "pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.serve(w.net)
				first, second := w.dial(row.other), w.dial(row.other)
				for range 3 * maxPending {
					w.dial(row.flood)
				}
				// Two addresses have two connections each. A third address closes the oldest.
				second.ask("x", "x")
				w.dial("198.51.100.1:1").ask("x", "x")
				first.closed()
				second.ask("x", "x")
				w.count(maxPending, 0)
			})
		})
	}
}

// TestClientOf checks which addresses count as one client.
func TestClientOf(t *testing.T) {
	for _, row := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:1", true},
		{"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
		{"pipe", "pipe", true},
		{"pipe", "192.0.2.1:1", false},
	} {
		if got := clientOf(address(row.a)) == clientOf(address(row.b)); got != row.same {
			t.Errorf("%s and %s are one client: %t, want %t", row.a, row.b, got, row.same)
		}
	}
}

// TestConn_Admit checks that the server has at most MaxSessions sessions, that an excess
// connection stays pending, and that the end of a session makes room for one.
func TestConn_Admit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
		a.ask("+", "y")
		b.ask("+", "y")
		a.ask("+", "y") // a is a session already
		c.ask("+", "n")
		w.count(1, 2)
		a.conn.Close()
		w.count(1, 1)
		c.ask("+", "y")
		w.count(0, 2)
		b.conn.Close()
		c.conn.Close()
		w.count(0, 0)
	})
}

// TestConn_Demote checks that a session becomes the newest pending connection, which makes
// room for a session and can be closed for a newer connection.
func TestConn_Demote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		a, b, c := w.dial("pipe"), w.dial("pipe"), w.dial("pipe")
		a.ask("+", "y")
		b.ask("+", "y")
		w.dial("pipe")
		w.dial("pipe")
		w.dial("pipe") // maxPending with c
		a.ask("-", "-")
		c.closed() // it was older
		w.count(maxPending, 1)
		a.ask("-", "-") // changes nothing
		w.count(maxPending, 1)
		for range maxPending {
			w.dial("pipe")
		}
		a.closed()
		b.ask("x", "x")
		w.count(maxPending, 1)
	})
}

// TestServe_NoLimits checks that a Server without limits serves no connection.
func TestServe_NoLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.MaxPending = 0
		w.serve(w.net)
		w.dial("pipe").closed()
		w.server.MaxPending, w.server.MaxSessions = 1, 0
		w.dial("pipe").ask("+", "n")
	})
}

// TestServe_LoginTime checks how long a connection stays pending.
func TestServe_LoginTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve(w.net)
		begin := time.Now()
		c := w.dial("pipe")
		c.ask("x", "x")
		time.Sleep(time.Second)
		c.ask("x", "x")
		c.closed()
		if took := time.Since(begin); took != loginTime {
			t.Errorf("it took %v, want %v", took, loginTime)
		}
	})
}

// full is a listener in a process that lacks file descriptors: fails are the numbers of
// failures before each connection.
type full struct {
	net.Listener
	fails []int
}

func (f *full) Accept() (net.Conn, error) {
	if len(f.fails) > 0 {
		if f.fails[0]--; f.fails[0] >= 0 {
			return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		}
		f.fails = f.fails[1:]
	}
	return f.Listener.Accept()
}

// TestServe_NoMoreFiles checks that Serve goes on when the process has no free file
// descriptor, and that it closes the oldest pending connections.
func TestServe_NoMoreFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var there []net.Conn
		for range 3 {
			conn, accepted := net.Pipe()
			defer conn.Close()
			w.server.add(accepted)
			there = append(there, conn)
		}
		begin := time.Now()
		w.serve(&full{Listener: w.net, fails: []int{2}})
		w.dial("pipe").ask("+", "y")
		if took := time.Since(begin); took != firstPause+2*firstPause {
			t.Errorf("it took %v", took)
		}
		for n, want := range []error{io.EOF, io.EOF, os.ErrDeadlineExceeded} {
			_ = there[n].SetReadDeadline(time.Now().Add(time.Second))
			if _, err := there[n].Read(make([]byte, 1)); !errors.Is(err, want) {
				t.Errorf("pending connection %d of 3: %v, want %v", n+1, err, want)
			}
		}
		if n := strings.Count(w.log.String(), "cannot accept"); n != 2 {
			t.Errorf("%d lines\n%s", n, &w.log)
		}
	})
}

// TestServe_NoMoreFilesAgain checks that the pauses are short again after an accepted
// connection.
func TestServe_NoMoreFilesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begin := time.Now()
		w.serve(&full{Listener: w.net, fails: []int{3, 1}})
		first, second := w.dial("pipe"), w.dial("pipe")
		first.closed() // for its file descriptor
		second.ask("x", "x")
		if took := time.Since(begin); took != (1+2+4+1)*firstPause {
			t.Errorf("it took %v", took)
		}
	})
}

// TestServe_NoMoreFilesLong checks that the pauses have a limit, and that the end of the
// server ends a pause.
func TestServe_NoMoreFilesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begin := time.Now()
		w.serve(&full{Listener: w.net, fails: []int{1000}})
		time.Sleep(maxPause * 100)
		synctest.Wait()
		if n := strings.Count(w.log.String(), "cannot accept"); n < 100 || n > 110 {
			t.Errorf("%d lines in %v", n, time.Since(begin))
		}
		end := time.Now()
		w.term()
		if err := <-w.ended; err != nil || !time.Now().Equal(end) {
			t.Errorf("%v after %v", err, time.Since(end))
		}
	})
}

// TestServe_NoMoreFiles_TCP repeats it with a real listener and no pending connection.
func TestServe_NoMoreFiles_TCP(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.serve(&full{Listener: l, fails: []int{2}})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // of a test that fails
	answer := make([]byte, 2)
	if _, err := io.WriteString(conn, "+x"); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "yx" {
		t.Errorf("%q, %v", answer, err)
	}
	conn.Close()
	w.term()
	if err := <-w.ended; err != nil {
		t.Error(err)
	}
}

// TestServe_NoPending closes a pending connection of a server that has none.
func TestServe_NoPending(t *testing.T) {
	var s Server
	s.freeFile()
	s.MaxPending = 1
	one, _ := net.Pipe()
	c := s.add(one)
	s.remove(c)
	s.remove(c)
	s.freeFile()
}
