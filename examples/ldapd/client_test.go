package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspisasl"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

const (
	service   = "ldap/localhost"
	allLayers = sspisasl.NoLayer | sspisasl.Integrity | sspisasl.Confidentiality
	patience  = 30 * time.Second // the longest wait of a test, for loaded machines
)

// world is a realm and a server in it.
type world struct {
	realm *sspitest.Realm
	srv   *server
	addr  string
	log   *logs
	end   func() // ends the server and waits until its goroutines have ended
}

// logs is a log that a test may read while the server writes to it.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// testServer returns a new realm, a server in it that does not run yet, and its log.
func testServer(t *testing.T, layers sspisasl.Layer) (*sspitest.Realm, *server, *logs) {
	t.Helper()
	realm := sspitest.NewRealm("EXAMPLE.COM")
	cfg, err := realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	out := new(logs)
	cfg.Logger = slog.New(slog.NewTextHandler(out, nil))
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := newServer(cfg.Logger)
	srv.acceptor, srv.layers, srv.realms = acceptor, layers, []string{"EXAMPLE.COM"}
	return realm, srv, out
}

// start returns a world whose server runs on a loopback address. At the end of the test it
// ends the server, and waits until its goroutines have ended.
func start(t *testing.T, layers sspisasl.Layer, configure ...func(*server)) *world {
	t.Helper()
	realm, srv, out := testServer(t, layers)
	for _, c := range configure {
		c(srv)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	w := &world{realm: realm, srv: srv, addr: l.Addr().String(), log: out}
	w.end = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the server does not end")
		}
	})
	t.Cleanup(w.end)
	return w
}

// client is an LDAP client's side of a connection.
type client struct {
	t    *testing.T
	conn net.Conn
	id   int64
}

func (w *world) dial(t *testing.T) *client {
	t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: conn}
}

// next returns the bytes of the next request.
func (c *client) next(op *ber.Packet) []byte {
	c.id++
	return envelope(c.id, op)
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// response is a response of the server.
type response struct {
	id   int64
	op   ber.Tag
	code int64
	text string
	more map[ber.Tag]string // context-specific fields
	node *ber.Packet
}

func (c *client) read() (response, error) {
	p, err := ber.ReadPacket(c.conn)
	if err != nil {
		return response{}, err
	}
	r := response{id: p.Children[0].Value.(int64), node: p.Children[1], op: p.Children[1].Tag, more: map[ber.Tag]string{}}
	if r.op == opSearchResultEntry {
		return r, nil
	}
	r.code, r.text = r.node.Children[0].Value.(int64), text(r.node.Children[2])
	for _, m := range r.node.Children[3:] {
		r.more[m.Tag] = text(m)
	}
	return r, nil
}

func (c *client) must(want ber.Tag) response {
	c.t.Helper()
	r, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	if r.op != want || r.id != c.id {
		c.t.Fatalf("the answer is %+v, want operation %d to message %d", r, want, c.id)
	}
	return r
}

// ended checks that the server closes the connection without a further message.
func (c *client) ended() {
	c.t.Helper()
	if b, err := io.ReadAll(c.conn); len(b) > 0 || isTimeout(err) {
		c.t.Fatalf("%x, %v; want the end of the connection", b, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// disconnected checks that the server sends a Notice of Disconnection with the code, and
// closes the connection without a reset, which could discard the notice.
func (c *client) disconnected(code int64) {
	c.t.Helper()
	r, err := c.read()
	if err != nil || r.id != 0 || r.op != opExtendedResponse || r.code != code || r.more[responseName] != oidDisconnection {
		c.t.Fatalf("%+v, %v; want a notice of disconnection with %d", r, err, code)
	}
	if b, err := io.ReadAll(c.conn); len(b) > 0 || err != nil {
		c.t.Fatalf("%x, %v; want the end of the connection", b, err)
	}
}

func bindOp(version int, name string, auth *ber.Packet) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opBindRequest, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, version, ""))
	p.AppendChild(octets(name))
	p.AppendChild(auth)
	return p
}

// saslOp returns a BindRequest with SASL. Nil credentials are absent.
func saslOp(mechanism string, credentials []byte) *ber.Packet {
	auth := choice(authSASL, octets(mechanism))
	if credentials != nil {
		auth.AppendChild(octets(string(credentials)))
	}
	return bindOp(ldapVersion, "", auth)
}

// simple binds without SASL.
func (c *client) simple(name, password string) response {
	c.t.Helper()
	c.write(c.next(bindOp(ldapVersion, name, tagged(authSimple, password))))
	return c.must(opBindResponse)
}

func (c *client) sasl(mechanism string, credentials []byte) response {
	c.t.Helper()
	c.write(c.next(saslOp(mechanism, credentials)))
	return c.must(opBindResponse)
}

func extendedOp(oid string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opExtendedRequest, nil, "")
	p.AppendChild(tagged(0, oid))
	return p
}

func (c *client) whoAmI() string {
	c.t.Helper()
	c.write(c.next(extendedOp(oidWhoAmI)))
	r := c.must(opExtendedResponse)
	if id, ok := r.more[responseValue]; ok && r.code == success {
		return id
	}
	c.t.Fatalf("whoami: %+v", r)
	return ""
}

func searchOp(base string, scope int, filter *ber.Packet, attributes ...string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opSearchRequest, nil, "")
	p.AppendChild(octets(base))
	for _, n := range []struct {
		tag   ber.Tag
		value int
	}{{ber.TagEnumerated, scope}, {ber.TagEnumerated, 0}, {ber.TagInteger, 0}, {ber.TagInteger, 0}} {
		p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, n.tag, n.value, ""))
	}
	p.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""))
	p.AppendChild(filter)
	list := ber.NewSequence("")
	for _, a := range attributes {
		list.AppendChild(octets(a))
	}
	p.AppendChild(list)
	return p
}

// search sends a search and returns the attributes of the entry that it finds, or nil.
func (c *client) search(base string, scope int, filter *ber.Packet, attributes ...string) (map[string][]string, response) {
	c.t.Helper()
	c.write(c.next(searchOp(base, scope, filter, attributes...)))
	r, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	if r.op == opSearchResultDone {
		return nil, r
	}
	found := map[string][]string{}
	for _, a := range r.node.Children[1].Children {
		values := []string{}
		for _, v := range a.Children[1].Children {
			values = append(values, text(v))
		}
		found[text(a.Children[0])] = values
	}
	return found, c.must(opSearchResultDone)
}
