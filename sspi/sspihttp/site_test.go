package sspihttp_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

const service = "HTTP/www.example.com"

// newRealm returns a realm that has the service.
func newRealm(t testing.TB) *sspitest.Realm {
	t.Helper()
	realm := sspitest.NewRealm("EXAMPLE.COM")
	if _, err := realm.Service(service); err != nil {
		t.Fatal(err)
	}
	return realm
}

// site is a web server in a realm. It greets authenticated clients, and keeps the records
// of its acceptor.
type site struct {
	realm *sspitest.Realm
	m     *sspihttp.Middleware
	srv   *httptest.Server

	mu   sync.Mutex
	told []record
}

// record is a record of an acceptor with its outcome.
type record struct {
	Outcome sspihttp.Outcome
	Peer    *sspi.Peer // also of a client that Authorize refused
	Err     error
	attrs   map[string]string
	event   sspi.Event
}

// forbidden is the outcome for an authenticated client that Authorize refused.
const forbidden sspihttp.Outcome = 99

func recordOf(e sspi.Event) record {
	r := record{Outcome: sspihttp.Accepted, Peer: e.Peer, attrs: make(map[string]string), event: e}
	for _, a := range e.Attrs {
		r.attrs[a.Key] = a.Value.String()
	}
	if e.Err == nil {
		return r
	}
	r.Err = e.Err
	switch {
	case e.Retry:
		r.Outcome = sspihttp.Continued
	case e.Denied != nil:
		r.Outcome, r.Peer = forbidden, e.Denied
	default:
		r.Outcome = sspihttp.Refused
	}
	return r
}

// keep implements OnEvent.
func (s *site) keep(_ context.Context, e sspi.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, recordOf(e))
}

// way is a function that puts a Middleware in front of a handler.
type way func(*sspihttp.Middleware, http.Handler) http.Handler

// authenticate uses Middleware.Authenticate, as a router without net/http middleware does.
// It ends the request's context as net/http does, also for requests of package httptest.
func authenticate(m *sspihttp.Middleware, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := context.WithCancel(r.Context())
		defer end()
		passed, ok := m.Authenticate(w, r.WithContext(ctx))
		if ok != (passed != nil) {
			panic("Authenticate returns a request if, and only if, it passes")
		}
		if ok {
			next.ServeHTTP(w, passed)
		}
	})
}

// eachWay runs a test with Middleware.Wrap and with Middleware.Authenticate.
func eachWay(t *testing.T, test func(t *testing.T, by way)) {
	t.Helper()
	t.Run("Wrap", func(t *testing.T) { test(t, (*sspihttp.Middleware).Wrap) })
	t.Run("Authenticate", func(t *testing.T) { test(t, authenticate) })
}

func build(t testing.TB, change func(*sspihttp.Config)) *site {
	t.Helper()
	return way((*sspihttp.Middleware).Wrap).build(t, change)
}

func open(t testing.TB, change func(*sspihttp.Config)) *site {
	t.Helper()
	return way((*sspihttp.Middleware).Wrap).open(t, change)
}

// build returns a site that does not run. change, if not nil, changes the Config.
func (by way) build(t testing.TB, change func(*sspihttp.Config)) *site {
	t.Helper()
	s := &site{realm: newRealm(t)}
	ac, err := s.realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	ac.OnEvent = s.keep
	acceptor, err := sspi.NewAcceptor(ac)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sspihttp.Config{Acceptor: acceptor}
	if change != nil {
		change(&cfg)
	}
	if s.m, err = sspihttp.New(cfg); err != nil {
		t.Fatal(err)
	}
	s.srv = httptest.NewUnstartedServer(by(s.m, http.HandlerFunc(greet)))
	s.srv.Config.ConnContext = s.m.ConnContext
	t.Cleanup(s.srv.Close)
	return s
}

// open returns a running site.
func (by way) open(t testing.TB, change func(*sspihttp.Config)) *site {
	t.Helper()
	s := by.build(t, change)
	s.srv.Start()
	return s
}

// greet writes the name of the client and the length of the body.
func greet(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	name := "nobody"
	if p, ok := sspihttp.Peer(r.Context()); ok {
		name = p.Client.String()
	}
	fmt.Fprintf(w, "%s, %d bytes", name, n)
}

// last returns the last record.
func (s *site) last(t testing.TB) record {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.told) == 0 {
		t.Fatal("there is no record")
	}
	return s.told[len(s.told)-1]
}

func (s *site) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.told)
}

// client returns a client with a ticket.
func (s *site) client(t testing.TB, user string, o sspitest.Options) *sspitest.Initiator {
	t.Helper()
	i, err := s.realm.User(user).Initiate(service, o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// next returns the client's answer to a WWW-Authenticate field, as an Authorization field.
func next(t testing.TB, i *sspitest.Initiator, authenticate string) string {
	t.Helper()
	var reply []byte
	if data, ok := strings.CutPrefix(authenticate, "Negotiate "); ok {
		var err error
		if reply, err = base64.StdEncoding.DecodeString(data); err != nil {
			t.Fatal(err)
		}
	}
	token, _, err := i.Next(reply)
	if err != nil {
		t.Fatal(err)
	}
	if token == nil {
		return ""
	}
	return negotiate(token)
}

func negotiate(token []byte) string { return "Negotiate " + base64.StdEncoding.EncodeToString(token) }

// login returns the first Authorization field of a new client.
func (s *site) login(t testing.TB, user string, o sspitest.Options) string {
	t.Helper()
	return next(t, s.client(t, user, o), "")
}

// answer is a response with its whole body.
type answer struct {
	code         int
	authenticate []string // the values of WWW-Authenticate
	header       http.Header
	body         string
	proto        string
}

func read(t testing.TB, res *http.Response) answer {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Values("WWW-Authenticate"), res.Header, string(b), res.Proto}
}

// token returns the WWW-Authenticate field. The response must have one, with a token.
func (a answer) token(t testing.TB) string {
	t.Helper()
	if len(a.authenticate) != 1 || !strings.HasPrefix(a.authenticate[0], "Negotiate ") {
		t.Fatalf("%d, WWW-Authenticate: %q", a.code, a.authenticate)
	}
	return a.authenticate[0]
}

// check compares the status code and, if body is not empty, the body.
func (a answer) check(t testing.TB, what string, code int, body string) {
	t.Helper()
	if a.code != code || body != "" && a.body != body {
		t.Errorf("%s: %d %q, want %d %q", what, a.code, a.body, code, body)
	}
}

// connection is an HTTP/1.1 connection to a site, on which the test sends requests itself.
type connection struct {
	net.Conn
	r *bufio.Reader
}

func (s *site) dial(t testing.TB) *connection {
	t.Helper()
	c, err := net.Dial("tcp", s.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &connection{c, bufio.NewReader(c)}
}

// send writes a request and does not read the answer.
func (c *connection) send(t testing.TB, fields ...string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("GET / HTTP/1.1\r\nHost: www.example.com\r\n")
	for _, f := range fields {
		if f != "" {
			b.WriteString("Authorization: " + f + "\r\n")
		}
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(c, b.String()); err != nil {
		t.Fatal(err)
	}
}

func (c *connection) receive(t testing.TB) answer {
	t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

// get sends a request and reads the answer.
func (c *connection) get(t testing.TB, fields ...string) answer {
	t.Helper()
	c.send(t, fields...)
	return c.receive(t)
}

// get sends a request on a new connection.
func (s *site) get(t testing.TB, fields ...string) answer {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	return c.get(t, fields...)
}

// newContext returns a context of the realm's acceptor, for tests of Step.
func newContext(t testing.TB, realm *sspitest.Realm, cc sspi.ContextConfig) *sspi.Context {
	t.Helper()
	acceptor, err := realm.Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	c := acceptor.NewContext(cc)
	t.Cleanup(c.Close)
	return c
}
