package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

const (
	service  = "postgres/db.example.com"
	patience = 30 * time.Second // the longest wait of a test, for loaded machines
)

// world is a realm and a server in it.
type world struct {
	t      *testing.T
	realm  *sspitest.Realm
	server *server
	addr   string
	log    *lines
	stop   func() // ends the server and waits for it
}

// lines is a log that a test may read while the server writes to it.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	new  chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	close(l.new)
	l.new = make(chan struct{})
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits for a line that contains all words.
func (l *lines) await(t *testing.T, words ...string) {
	t.Helper()
	end := time.After(patience)
	for {
		l.mu.Lock()
		text, changed := l.text.String(), l.new
		l.mu.Unlock()
	line:
		for line := range strings.Lines(text) {
			for _, w := range words {
				if !strings.Contains(line, w) {
					continue line
				}
			}
			return
		}
		select {
		case <-changed:
		case <-end:
			t.Fatalf("no line of the log has %q:\n%s", words, text)
		}
	}
}

// newWorld returns a world whose server does not run yet.
func newWorld(t *testing.T, encrypt encryption) *world {
	t.Helper()
	w := &world{t: t, realm: sspitest.NewRealm("EXAMPLE.COM"), log: &lines{new: make(chan struct{})}}
	cfg, err := w.realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = slog.New(slog.NewTextHandler(w.log, nil))
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.server = newServer(acceptor, encrypt, cfg.Logger)
	w.server.realms = []string{"EXAMPLE.COM"}
	return w
}

// start returns a world whose server runs. It calls each change before the server starts.
func start(t *testing.T, encrypt encryption, change ...func(*server)) *world {
	t.Helper()
	w := newWorld(t, encrypt)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	for _, f := range change {
		f(w.server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(ctx, l) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the server does not end")
		}
	})
	t.Cleanup(w.stop)
	return w
}

// peer is a client of the wire protocol.
type peer struct {
	t    *testing.T
	conn net.Conn
	*pgproto3.Frontend
}

func (w *world) dial() *peer {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	return w.over(conn)
}

func (w *world) over(conn net.Conn) *peer {
	return &peer{w.t, conn, pgproto3.NewFrontend(conn, conn)}
}

// initiate returns the initiator of a new login of the user.
func (w *world) initiate(user string, o sspitest.Options) *sspitest.Initiator {
	w.t.Helper()
	i, err := w.realm.User(user).Initiate(service, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// token returns the first token of a new login.
func (w *world) token(user string, o sspitest.Options) []byte {
	w.t.Helper()
	token, _, err := w.initiate(user, o).Next(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// send sends messages.
func (p *peer) send(messages ...pgproto3.FrontendMessage) {
	p.t.Helper()
	for _, m := range messages {
		p.Send(m)
	}
	if err := p.Flush(); err != nil {
		p.t.Fatal(err)
	}
}

// startup sends the StartupMessage.
func (p *peer) startup(user string) {
	p.t.Helper()
	p.send(&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": user, "database": "db"},
	})
}

// expect reads a message, which must have the type M.
func expect[M pgproto3.BackendMessage](p *peer) M {
	p.t.Helper()
	msg, err := p.Receive()
	if err != nil {
		p.t.Fatalf("waiting for %T: %v", *new(M), err)
	}
	m, ok := msg.(M)
	if !ok {
		p.t.Fatalf("received %T %+v, want %T", msg, msg, m)
	}
	return m
}

// refused checks that the server sends an ErrorResponse with the severity FATAL, the code
// and the text, and closes the connection.
func (p *peer) refused(code, text string) {
	p.t.Helper()
	e := expect[*pgproto3.ErrorResponse](p)
	if e.Severity != "FATAL" || e.Code != code || !strings.Contains(e.Message, text) {
		p.t.Errorf("%s %s %q; want FATAL %s %q", e.Severity, e.Code, e.Message, code, text)
	}
	p.closed()
}

// closed checks that the server closes the connection without a message.
func (p *peer) closed() {
	p.t.Helper()
	var b [1]byte
	n, err := p.conn.Read(b[:])
	var timeout net.Error
	if n != 0 || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		p.t.Errorf("the connection is open: %d bytes, %v", n, err)
	}
}

// gss exchanges tokens in messages of PostgreSQL's protocol.
func (p *peer) gss(i *sspitest.Initiator) {
	p.t.Helper()
	expect[*pgproto3.AuthenticationGSS](p)
	token, done, err := i.Next(nil)
	for {
		if err != nil {
			p.t.Fatal(err)
		}
		if token != nil {
			p.send(&pgproto3.GSSResponse{Data: token})
		}
		if done {
			return
		}
		token, done, err = i.Next(expect[*pgproto3.AuthenticationGSSContinue](p).Data)
	}
}

// in reads the messages that the server sends after a successful login.
func (p *peer) in() {
	p.t.Helper()
	expect[*pgproto3.AuthenticationOk](p)
	p.untilReady()
}

func (p *peer) untilReady() (messages []pgproto3.BackendMessage) {
	p.t.Helper()
	for {
		msg, err := p.Receive()
		if err != nil {
			p.t.Fatal(err)
		}
		if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
			return messages
		}
		if row, ok := msg.(*pgproto3.DataRow); ok { // Receive reuses the memory of row
			values := make([][]byte, len(row.Values))
			for i, v := range row.Values {
				values[i] = bytes.Clone(v)
			}
			msg = &pgproto3.DataRow{Values: values}
		}
		messages = append(messages, msg)
	}
}

// query sends a query and returns the row of its result, or the code of its error.
func (p *peer) query(sql string) (row []string, code string) {
	p.t.Helper()
	p.send(&pgproto3.Query{String: sql})
	for _, msg := range p.untilReady() {
		switch msg := msg.(type) {
		case *pgproto3.DataRow:
			for _, v := range msg.Values {
				row = append(row, string(v))
			}
		case *pgproto3.ErrorResponse:
			code = msg.Code
		}
	}
	return row, code
}

// login logs in without encryption.
func (w *world) login(user string) *peer {
	w.t.Helper()
	p := w.dial()
	p.login(w, user)
	return p
}

func (p *peer) login(w *world, user string) {
	p.t.Helper()
	p.startup(user)
	p.gss(w.initiate(user, sspitest.Options{}))
	p.in()
}

// ask sends a request, which the server must answer with the byte want.
func (p *peer) ask(m pgproto3.FrontendMessage, want byte) {
	p.t.Helper()
	p.send(m)
	var b [1]byte
	if _, err := io.ReadFull(p.conn, b[:]); err != nil || b[0] != want {
		p.t.Fatalf("the answer to %T is %q, %v; want %q", m, b, err, want)
	}
}

// encrypt requests GSSENC and establishes the context.
func (p *peer) encrypt(i *sspitest.Initiator) {
	p.t.Helper()
	p.ask(&pgproto3.GSSEncRequest{}, 'G')
	token, done, err := i.Next(nil)
	for {
		if err != nil {
			p.t.Fatal(err)
		}
		if token != nil {
			p.write(packet(token))
		}
		if done {
			break
		}
		token, done, err = i.Next(p.packet())
	}
	p.conn = &clientConn{Conn: p.conn, i: i}
	p.Frontend = pgproto3.NewFrontend(p.conn, p.conn)
}

func packet(token []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...)
}

func (p *peer) packet() []byte {
	p.t.Helper()
	token, err := readPacket(p.conn, make([]byte, maxToken), "the test")
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// clientConn is the client's side of a gssConn. It wraps messages with sspitest.
type clientConn struct {
	net.Conn
	i       *sspitest.Initiator
	pending []byte
	longest int // bytes of the longest packet that Read received
}

func (c *clientConn) Read(b []byte) (int, error) {
	for len(c.pending) == 0 {
		token, err := readPacket(c.Conn, make([]byte, maxToken), "the test")
		if err != nil {
			return 0, err
		}
		c.longest = max(c.longest, len(token)+4)
		message, sealed, err := c.i.Unwrap(token)
		if err != nil || !sealed {
			return 0, errors.Join(err, errors.New("the packet is not sealed"))
		}
		c.pending = message
	}
	n := copy(b, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

func (c *clientConn) Write(b []byte) (int, error) {
	const chunk = 16000
	for rest := b; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
		token, err := c.i.Wrap(rest[:min(chunk, len(rest))], true)
		if err != nil {
			return 0, err
		}
		if _, err := c.Conn.Write(packet(token)); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
