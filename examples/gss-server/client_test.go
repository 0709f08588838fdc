package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

const service = "host/server.example.com"

// world is a server, its realm, and the network between the server and its clients. Tests
// use it in a bubble of synctest, whose clock measures durations exactly.
type world struct {
	t      *testing.T
	realm  *sspitest.Realm
	server *server
	net    *pipes
	log    *lines
	term   func() // ends the server as SIGTERM does
	ended  chan error
}

// newWorld returns a world whose server does not run yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, realm: sspitest.NewRealm("EXAMPLE.COM"), log: new(lines), ended: make(chan error, 1)}
	w.net = &pipes{queue: make(chan net.Conn, 1000), closed: make(chan struct{})}
	cfg, err := w.realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	var cred sspi.CredHandle
	code := sspi.AcquireCredentialsHandle("", sspi.Negotiate, sspi.SECPKG_CRED_INBOUND, nil, &cfg, nil, nil, &cred, nil)
	if code != status.SEC_E_OK {
		t.Fatal(code)
	}
	w.server = newServer(cred, slog.New(slog.NewTextHandler(w.log, nil)))
	return w
}

// serve starts the server. It ends with the test if no client is connected any more.
func (w *world) serve(l net.Listener) {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.term = cancel
	go func() { w.ended <- w.server.Serve(ctx, l) }()
}

// dial connects a client to the server that serve started.
func (w *world) dial() *client {
	conn, accepted := net.Pipe()
	w.net.queue <- accepted
	return w.client(conn)
}

// client returns a client of alice that uses conn.
func (w *world) client(conn net.Conn) *client {
	w.t.Helper()
	i, err := w.realm.User("alice").Initiate(service, sspitest.Options{SPNEGO: true})
	if err != nil {
		w.t.Error(err) // not Fatal, because the caller may be another goroutine
	}
	w.t.Cleanup(func() { conn.Close() })
	return &client{conn: conn, i: i}
}

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

// lines is a log that a test can read while the server writes it.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// has reports whether the log has a line with all of the words.
func (l *lines) has(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
line:
	for line := range strings.Lines(l.b.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue line
			}
		}
		return true
	}
	return false
}

// client is a client of alice. Its methods return errors, because it may run in a goroutine
// of its own.
type client struct {
	conn net.Conn
	i    *sspitest.Initiator
}

func (c *client) send(flags byte, body []byte) error {
	return writeFrame(c.conn, frame{flags: flags, body: body})
}

// ask sends a frame and returns the body of the answer, which must have the flags want.
func (c *client) ask(flags byte, body []byte, want byte) ([]byte, error) {
	if err := c.send(flags, body); err != nil {
		return nil, err
	}
	f, err := readFrame(c.conn, maxMessage)
	if err == nil && f.flags != want {
		err = fmt.Errorf("the server answers with flags %#02x, want %#02x", f.flags, want)
	}
	return f.body, err
}

// login establishes a context.
func (c *client) login() error {
	if err := c.send(frameNoop|frameContextNext, nil); err != nil {
		return err
	}
	token, done, err := c.i.Next(nil)
	for err == nil && !done {
		if token, err = c.ask(frameContext, token, frameContext); err == nil {
			token, done, err = c.i.Next(token)
		}
	}
	return err
}

// message sends a sealed message and verifies the signature in the answer.
func (c *client) message() error {
	hello := []byte("hello")
	token, err := c.i.Wrap(hello, true)
	if err != nil {
		return err
	}
	mic, err := c.ask(frameData|frameWrapped|frameEncrypted|frameSendMIC, token, frameMIC)
	if err != nil {
		return err
	}
	return c.i.VerifyMIC(hello, mic)
}

// clear sends a message as gss-client -na does.
func (c *client) clear() error {
	_, err := c.ask(frameData, []byte("hello"), frameNoop)
	return err
}

// gone waits until the server has closed the connection.
func (c *client) gone() error {
	_, err := io.Copy(io.Discard, c.conn)
	return err
}
