package main

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestServer_HalfOpen: a thousand clients that stop on their way in, at every place
// where one can, keep nobody out and do not pile up.
func TestServer_HalfOpen(t *testing.T) {
	w := serve(t, allowEncryption)
	token := w.token("alice", sspitest.Options{})
	for n := range 1000 {
		p := w.dial()
		switch n % 5 {
		case 0: // nothing
		case 1:
			p.write([]byte{0, 0})
		case 2:
			p.ask(&pgproto3.GSSEncRequest{}, 'G')
		case 3:
			p.ask(&pgproto3.GSSEncRequest{}, 'G')
			p.write(packet(token)[:len(token)/2])
		case 4:
			p.startup("alice")
			expect[*pgproto3.AuthenticationGSS](p)
		}
	}
	w.login("alice")
	w.server.lobby.mu.Lock()
	defer w.server.lobby.mu.Unlock()
	if n := len(w.server.lobby.guests); n > maxHandshakes {
		t.Errorf("%d connections wait to be logged in, at most %d should", n, maxHandshakes)
	}
}

// TestServer_Gone: clients that leave on their way in.
func TestServer_Gone(t *testing.T) {
	w := serve(t, allowEncryption)
	token := w.token("alice", sspitest.Options{})
	for n := range 10 {
		p := w.dial()
		switch n % 5 {
		case 1:
			p.write([]byte{0, 0})
		case 2:
			p.ask(&pgproto3.GSSEncRequest{}, 'G')
		case 3:
			p.ask(&pgproto3.GSSEncRequest{}, 'G')
			p.write(packet(token)[:len(token)/2])
		case 4:
			p.startup("alice")
			expect[*pgproto3.AuthenticationGSS](p)
		}
		p.conn.Close()
	}
	w.login("alice")
	w.stop()
	if n := len(w.server.lobby.guests); n != 0 {
		t.Errorf("%d places are taken by clients that left", n)
	}
}

// TestServer_LoginTime: who does not log in is hung up on. With a clock of its own.
func TestServer_LoginTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, allowEncryption)
		begin := time.Now()
		silent, asked := w.pipe(), w.pipe()
		asked.startup("alice")
		expect[*pgproto3.AuthenticationGSS](asked)
		silent.closed()
		asked.closed()
		if took := time.Since(begin); took != loginTime {
			t.Errorf("it took %v, want %v", took, loginTime)
		}
	})
}

// TestServer_LoginTimeEnds: a session outlives the time for the login, but not that
// for its next message.
func TestServer_LoginTimeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, allowEncryption)
		p := w.pipe()
		p.login(w, "alice")
		time.Sleep(idleTime - time.Second)
		if row, _ := p.query("select current_user"); len(row) != 1 {
			t.Error("the session ended with the time for the login")
		}
		begin := time.Now()
		p.refused("57P05", "idle-session")
		if took := time.Since(begin); took != idleTime {
			t.Errorf("the session ended after %v, want %v", took, idleTime)
		}
	})
}

// pipe is a client whose connection the server handles.
func (w *world) pipe() *peer {
	ours, theirs := net.Pipe()
	go w.server.handle(w.t.Context(), &timed{Conn: theirs, grace: grace})
	return w.over(ours)
}

func TestServer_TooManySessions(t *testing.T) {
	w := serve(t, allowEncryption, func(s *server) { s.sessions = make(chan struct{}, 1) })
	first := w.login("alice")
	p := w.dial()
	p.startup("alice")
	p.gss(w.initiate("alice", sspitest.Options{}))
	p.refused("53300", "too many clients")
	first.send(&pgproto3.Terminate{})
	first.closed()
	w.sessionsLeft()
	w.login("alice")
}

// sessionsLeft waits until no place is taken: a client may see the end of its session
// before the server has counted it.
func (w *world) sessionsLeft() {
	for end := time.Now().Add(patience); len(w.server.sessions) > 0; {
		if time.Now().After(end) {
			w.t.Fatal("a session that ended keeps its place")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestServer_Stop: at the end sessions are told, and nothing is left.
func TestServer_Stop(t *testing.T) {
	w := serve(t, allowEncryption)
	clear, halfway := w.login("alice"), w.dial()
	sealed := w.dial()
	sealed.encrypt(w.initiate("alice", sspitest.Options{}))
	sealed.startup("alice")
	sealed.in()
	halfway.startup("alice")
	expect[*pgproto3.AuthenticationGSS](halfway)
	w.stop() // waits for every goroutine
	clear.refused("57P01", "administrator")
	sealed.refused("57P01", "administrator")
	halfway.closed()
	if conn, err := net.Dial("tcp", w.addr); err == nil {
		conn.Close()
		t.Error("the server still listens")
	}
}

// pipes is a listener whose connections have no buffer: what nobody reads blocks.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestServer_StopUnread: a client that does not take its answer does not keep the
// server from ending.
func TestServer_StopUnread(t *testing.T) {
	_, stop := stuck(t, 50*time.Millisecond, &pgproto3.Query{String: "select repeat('x', 1000000)"})
	stop()
}

// TestServer_StopPipelined: the answer that is under way is finished, and what waits
// behind it is not begun.
func TestServer_StopPipelined(t *testing.T) {
	query := &pgproto3.Query{String: "select repeat('x', 100000)"}
	p, stop := stuck(t, patience, query, query)
	if got := p.untilReady(); len(got) != 2 { // the first message of it was read
		t.Errorf("%d messages", len(got))
	}
	p.refused("57P01", "administrator")
	stop()
}

// stuck is a session in which the first answer is half written when the server is
// told to end. stop waits for that end.
func stuck(t *testing.T, grace time.Duration, messages ...pgproto3.FrontendMessage) (p *peer, stop func()) {
	t.Helper()
	w := serve(t, allowEncryption)
	s := newServer(w.server.acceptor, allowEncryption, w.server.log)
	s.realms = w.server.realms
	s.grace = grace
	l := make(pipes, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, &closeOnce{Listener: l}) }()
	stop = sync.OnceFunc(func() {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the server does not end")
		}
	})
	conn, other := net.Pipe()
	l <- other
	t.Cleanup(func() { cancel(); conn.Close(); stop() })
	p = &peer{t, conn, pgproto3.NewFrontend(conn, conn)}
	p.startup("alice")
	p.gss(w.initiate("alice", sspitest.Options{}))
	p.in()
	p.send(messages...)
	expect[*pgproto3.RowDescription](p)
	cancel()
	return p, stop
}

// closeOnce is a listener that may be closed again, as those of net may.
type closeOnce struct {
	net.Listener
	once sync.Once
}

func (c *closeOnce) Close() (err error) {
	c.once.Do(func() { err = c.Listener.Close() })
	return err
}

// TestServer_LobbyIsForLogins: who is logged in is not sent away to make room.
func TestServer_LobbyIsForLogins(t *testing.T) {
	w := serve(t, allowEncryption, func(s *server) { s.lobby.places = 1 })
	alice := w.login("alice")
	first := w.dial()
	first.ask(&pgproto3.SSLRequest{}, 'N')
	second := w.dial()
	second.ask(&pgproto3.SSLRequest{}, 'N')
	first.closed()
	if row, _ := alice.query("select current_user"); len(row) != 1 {
		t.Error("a session had to go")
	}
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

// TestServer_NoMoreFiles: strangers who open connections do not end the server, and who
// is in the lobby makes room.
func TestServer_NoMoreFiles(t *testing.T) {
	w := serve(t, allowEncryption)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(w.server.acceptor, allowEncryption, w.server.log)
	s.realms = w.server.realms
	ours, its := net.Pipe()
	s.lobby.enter(&timed{Conn: ours})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, &full{Listener: l, left: 3}) }()
	_ = its.SetReadDeadline(time.Now().Add(patience))
	if _, err := its.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("who was there first: %v", err)
	}
	w.addr = l.Addr().String()
	w.login("alice")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServer_ManyAtOnce(t *testing.T) {
	w := serve(t, requireEncryption)
	var wg sync.WaitGroup
	for range 20 {
		p, i := w.dial(), w.initiate("alice", sspitest.Options{})
		wg.Go(func() {
			if err := hurry(p, i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// hurry is a login and a query that fails with an error, for goroutines.
func hurry(p *peer, i *sspitest.Initiator) error {
	if _, err := p.conn.Write([]byte{0, 0, 0, 8, 4, 0xd2, 0x16, 0x30}); err != nil {
		return err
	}
	if _, err := readN(p.conn, 1); err != nil {
		return err
	}
	token, _, err := i.Next(nil)
	if err != nil {
		return err
	}
	if _, err := p.conn.Write(packet(token)); err != nil {
		return err
	}
	answer, err := readPacket(p.conn, make([]byte, maxToken), "the test")
	if err != nil {
		return err
	}
	if _, _, err := i.Next(answer); err != nil {
		return err
	}
	conn := &clientConn{Conn: p.conn, i: i}
	f := pgproto3.NewFrontend(conn, conn)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "alice"}})
	if err := f.Flush(); err != nil {
		return err
	}
	for {
		msg, err := f.Receive()
		if err != nil {
			return err
		}
		if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
			return nil
		}
	}
}

func readN(c net.Conn, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := c.Read(b)
	return b, err
}
