package main

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestServer_HalfOpen checks that a client can log in while a thousand others have stopped at
// the different steps of a login, and that the number of these connections is limited.
func TestServer_HalfOpen(t *testing.T) {
	w := start(t, allowEncryption)
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
	if pending, _ := w.server.Count(); pending > maxPending {
		t.Errorf("%d pending connections, want at most %d", pending, maxPending)
	}
}

// TestServer_Gone closes connections at the different steps of a login.
func TestServer_Gone(t *testing.T) {
	w := start(t, allowEncryption)
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
	if pending, _ := w.server.Count(); pending != 0 {
		t.Errorf("%d connections are pending after the end", pending)
	}
}

// TestServer_LoginTime checks that the server closes connections without a login.
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

// TestServer_LoginTimeEnds checks that loginTime does not end a session, and that idleTime
// does.
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

// pipe returns a client on a net.Pipe, whose other end the server serves.
func (w *world) pipe() *peer {
	conn, accepted := net.Pipe()
	go w.server.ServeConn(w.t.Context(), accepted)
	return w.over(conn)
}

func TestServer_TooManySessions(t *testing.T) {
	w := start(t, allowEncryption, func(s *server) { s.MaxSessions = 1 })
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

// sessionsLeft waits until the server has no session: a client may see the end of its
// session before the server has counted it.
func (w *world) sessionsLeft() {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, sessions := w.server.Count(); sessions == 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatal("the server still counts a session that ended")
		}
	}
}

// TestServer_Stop checks that the server sends all sessions an error before it ends, and that
// no goroutine is left.
func TestServer_Stop(t *testing.T) {
	w := start(t, allowEncryption)
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

// pipes is a listener whose connections have no buffer: a Write blocks until the other side
// has read all of it.
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

// TestServer_StopUnread checks that a client that does not read its answer does not keep the
// server from ending.
func TestServer_StopUnread(t *testing.T) {
	_, stop := stuck(t, 50*time.Millisecond, &pgproto3.Query{String: "select repeat('x', 1000000)"})
	stop()
}

// TestServer_StopPipelined checks that the server finishes the answer that it has begun, and
// does not answer the next message in its buffer.
func TestServer_StopPipelined(t *testing.T) {
	query := &pgproto3.Query{String: "select repeat('x', 100000)"}
	p, stop := stuck(t, patience, query, query)
	if got := p.untilReady(); len(got) != 2 { // stuck has read the RowDescription
		t.Errorf("%d messages after the RowDescription, want 2", len(got))
	}
	p.refused("57P01", "administrator")
	stop()
}

// stuck returns a client to which the first answer is half written when the server is told
// to end. stop waits for the end of the server.
func stuck(t *testing.T, grace time.Duration, messages ...pgproto3.FrontendMessage) (p *peer, stop func()) {
	t.Helper()
	w := start(t, allowEncryption)
	s := newServer(w.server.acceptor, allowEncryption, w.server.log)
	s.realms = w.server.realms
	s.Grace = grace
	l := make(pipes, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, &closeOnce{Listener: l}) }()
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

// closeOnce is a listener whose Close may be called again, as that of a net.TCPListener.
type closeOnce struct {
	net.Listener
	once sync.Once
}

func (c *closeOnce) Close() (err error) {
	c.once.Do(func() { err = c.Listener.Close() })
	return err
}

// TestServer_SessionsStay checks that a new connection closes a pending connection and no
// session.
func TestServer_SessionsStay(t *testing.T) {
	w := start(t, allowEncryption, func(s *server) { s.MaxPending = 1 })
	alice := w.login("alice")
	first := w.dial()
	first.ask(&pgproto3.SSLRequest{}, 'N')
	second := w.dial()
	second.ask(&pgproto3.SSLRequest{}, 'N')
	first.closed()
	if row, _ := alice.query("select current_user"); len(row) != 1 {
		t.Error("the session was closed")
	}
}

func TestServer_ManyAtOnce(t *testing.T) {
	w := start(t, requireEncryption)
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

// hurry logs in and returns an error instead of failing the test, for goroutines.
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
