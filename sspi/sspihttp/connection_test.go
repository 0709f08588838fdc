package sspihttp_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// several are options of clients whose login needs more than one request.
var several = map[string]sspitest.Options{
	"DCE style":           {DCEStyle: true},
	"DCE style in SPNEGO": {DCEStyle: true, SPNEGO: true},
	"wrong clock":         {ClockOffset: time.Hour, RetrySkew: true},
}

// TestConnection_SeveralLegs checks that an exchange continues with the next request of its
// connection.
func TestConnection_SeveralLegs(t *testing.T) { eachWay(t, testConnection_SeveralLegs) }

func testConnection_SeveralLegs(t *testing.T, by way) {
	for name, o := range several {
		s := by.open(t, nil)
		c, i := s.dial(t), s.client(t, "alice", o)
		a := c.get(t, next(t, i, ""))
		a.check(t, name, 401, "")
		if retry := name == "wrong clock"; retry != (s.count() == 1) || retry && s.last(t).Outcome != sspihttp.Continued {
			t.Errorf("%s: %d records", name, s.count())
		}
		c.get(t, next(t, i, a.token(t))).check(t, name, 200, "alice@EXAMPLE.COM, 0 bytes")
		c.get(t).check(t, name+", afterwards", 401, "")
	}
}

// TestConnection_SecondLegElsewhere checks that the second token on another connection is
// refused, and that the exchange can continue on its own connection.
func TestConnection_SecondLegElsewhere(t *testing.T) { eachWay(t, testConnection_SecondLegElsewhere) }

func testConnection_SecondLegElsewhere(t *testing.T, by way) {
	for _, name := range []string{"DCE style", "DCE style in SPNEGO"} {
		s := by.open(t, nil)
		c, i := s.dial(t), s.client(t, "alice", several[name])
		second := next(t, i, c.get(t, next(t, i, "")).token(t))
		s.get(t, second).check(t, name+", elsewhere", 401, "")
		if res := s.last(t); res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) == status.ReasonNone {
			t.Errorf("%s: record %+v", name, res)
		}
		c.get(t, second).check(t, name+", where it belongs", 200, "alice@EXAMPLE.COM, 0 bytes")
	}
}

// TestConnection_Interrupted checks that a request that does not continue the exchange ends
// it, whatever its header is, and that the client can begin again. A request of another
// client, on the connection of a proxy, is served.
func TestConnection_Interrupted(t *testing.T) { eachWay(t, testConnection_Interrupted) }

func testConnection_Interrupted(t *testing.T, by way) {
	for name, between := range map[string]func(s *site) (field string, code int){
		"nothing":        func(*site) (string, int) { return "", 401 },
		"another scheme": func(*site) (string, int) { return "Basic YTpi", 401 },
		"rubbish":        func(*site) (string, int) { return "Negotiate %", 401 },
		"another login":  func(s *site) (string, int) { return s.login(t, "bob", sspitest.Options{}), 200 },
		"a browser's":    func(s *site) (string, int) { return s.login(t, "bob", sspitest.Options{SPNEGO: true}), 200 },
	} {
		for style, o := range several {
			s := by.open(t, nil)
			c, i := s.dial(t), s.client(t, "alice", o)
			second := next(t, i, c.get(t, next(t, i, "")).token(t))
			field, code := between(s)
			a := c.get(t, field)
			a.check(t, name+", "+style, code, "")
			if code == 200 && a.body != "bob@EXAMPLE.COM, 0 bytes" {
				t.Errorf("%s, %s: %q", name, style, a.body)
			}
			if style != "wrong clock" { // the second token of that client is a whole login
				c.get(t, second).check(t, "after "+name, 401, "")
			}
			c.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "again", 200, "alice@EXAMPLE.COM, 0 bytes")
		}
	}
}

// TestConnection_Pipelined checks that requests which a client sends before it has read the
// answer are served in order, each by its own token.
func TestConnection_Pipelined(t *testing.T) {
	s := open(t, nil)
	c, i := s.dial(t), s.client(t, "alice", sspitest.Options{DCEStyle: true})
	c.send(t, next(t, i, ""))
	c.send(t)                                          // ends the exchange
	c.send(t, s.login(t, "bob", sspitest.Options{}))   // belongs to another client
	c.send(t, s.login(t, "carol", sspitest.Options{})) // and to a third one
	first := c.receive(t)
	first.check(t, "first", 401, "")
	c.receive(t).check(t, "no login", 401, "")
	c.receive(t).check(t, "bob", 200, "bob@EXAMPLE.COM, 0 bytes")
	c.receive(t).check(t, "carol", 200, "carol@EXAMPLE.COM, 0 bytes")
	c.get(t, next(t, i, first.token(t))).check(t, "too late", 401, "")
}

// TestConnection_NotInstalled checks that only logins of one request work without
// ConnContext.
func TestConnection_NotInstalled(t *testing.T) { eachWay(t, testConnection_NotInstalled) }

func testConnection_NotInstalled(t *testing.T, by way) {
	s := by.build(t, nil)
	s.srv.Config.ConnContext = nil
	s.srv.Start()
	for name, o := range several {
		c := s.dial(t)
		a := c.get(t, s.login(t, "alice", o))
		a.check(t, name, 401, "")
		if res := s.last(t); res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) != status.ReasonUnsupported ||
			!strings.Contains(res.Err.Error(), "ConnContext") || !slices.Equal(a.authenticate, []string{"Negotiate"}) {
			t.Errorf("%s: %q, record %+v", name, a.authenticate, res)
		}
		c.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "one leg", 200, "alice@EXAMPLE.COM, 0 bytes")
	}
}

// TestConnection_HTTP2 checks that logins of one request work over HTTP/2, and that longer
// ones are refused with a Reason.
func TestConnection_HTTP2(t *testing.T) { eachWay(t, testConnection_HTTP2) }

func testConnection_HTTP2(t *testing.T, by way) {
	s := by.build(t, func(cfg *sspihttp.Config) { cfg.PerConnectionWithoutProxy = true })
	s.srv.EnableHTTP2 = true
	s.srv.StartTLS()
	get := func(field string) answer {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if field != "" {
			r.Header.Set("Authorization", field)
		}
		res, err := s.srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a := read(t, res)
		if a.proto != "HTTP/2.0" {
			t.Fatal(a.proto)
		}
		return a
	}
	a := get(s.login(t, "alice", sspitest.Options{SPNEGO: true}))
	a.check(t, "one leg", 200, "alice@EXAMPLE.COM, 0 bytes")
	a.token(t)
	get("").check(t, "the connection is nobody's", 401, "")
	for name, o := range several {
		get(s.login(t, "alice", o)).check(t, name, 401, "")
		if res := s.last(t); status.ReasonOf(res.Err) != status.ReasonUnsupported || !strings.Contains(res.Err.Error(), "HTTP/2") {
			t.Errorf("%s: record %+v", name, res)
		}
	}
}

// TestPerConnection checks that, after a login, requests without a token belong to the same
// client on this connection, and on no other.
func TestPerConnection(t *testing.T) { eachWay(t, testPerConnection) }

func testPerConnection(t *testing.T, by way) {
	var banned atomic.Bool
	s := by.open(t, func(cfg *sspihttp.Config) {
		cfg.PerConnectionWithoutProxy = true
		cfg.Authorize = func(_ *http.Request, p *sspi.Peer) error {
			if p.Client.Name() == "mallory" || banned.Load() {
				return sspihttp.ErrFallback
			}
			return nil
		}
	})
	c := s.dial(t)
	c.get(t).check(t, "before", 401, "")
	for range 2 {
		c.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "login", 200, "alice@EXAMPLE.COM, 0 bytes")
		c.get(t).check(t, "after", 200, "alice@EXAMPLE.COM, 0 bytes")
		c.get(t, "Basic YTpi").check(t, "another scheme", 200, "alice@EXAMPLE.COM, 0 bytes")
		s.get(t).check(t, "another connection", 401, "")
	}
	c.get(t, s.login(t, "bob", sspitest.Options{})).check(t, "another client", 200, "bob@EXAMPLE.COM, 0 bytes")
	c.get(t).check(t, "after", 200, "bob@EXAMPLE.COM, 0 bytes")
	c.get(t, "Negotiate %").check(t, "rubbish", 401, "")
	c.get(t).check(t, "after rubbish", 401, "")
	c.get(t, s.login(t, "mallory", sspitest.Options{})).check(t, "who may not", 403, "Forbidden\n")
	c.get(t).check(t, "after who may not", 401, "")
	i := s.client(t, "carol", sspitest.Options{DCEStyle: true})
	c.get(t, next(t, i, c.get(t, next(t, i, "")).token(t))).check(t, "two legs", 200, "carol@EXAMPLE.COM, 0 bytes")
	c.get(t).check(t, "after two legs", 200, "carol@EXAMPLE.COM, 0 bytes")
	banned.Store(true)
	c.get(t).check(t, "who may not any more", 403, "Forbidden\n")
}

// TestConnection_TwoMiddlewares checks that two Middlewares do not share the exchanges of a
// connection.
func TestConnection_TwoMiddlewares(t *testing.T) { eachWay(t, testConnection_TwoMiddlewares) }

func testConnection_TwoMiddlewares(t *testing.T, by way) {
	s := by.build(t, func(cfg *sspihttp.Config) { cfg.PerConnectionWithoutProxy = true })
	other := by.build(t, func(cfg *sspihttp.Config) { cfg.PerConnectionWithoutProxy = true })
	one, two := by(s.m, http.HandlerFunc(greet)), by(other.m, http.HandlerFunc(greet))
	ctx := s.m.ConnContext(t.Context(), nil)
	if other.m.ConnContext(ctx, nil) != ctx {
		t.Error("a second ConnContext hides the first's place")
	}
	get := func(h http.Handler, field string) answer {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil)
		r.Header.Set("Authorization", field)
		h.ServeHTTP(w, r)
		return read(t, w.Result())
	}
	get(one, s.login(t, "alice", sspitest.Options{})).check(t, "one", 200, "alice@EXAMPLE.COM, 0 bytes")
	get(two, "").check(t, "two", 401, "")
	i := s.client(t, "alice", sspitest.Options{DCEStyle: true})
	second := next(t, i, get(one, next(t, i, "")).token(t))
	get(two, second).check(t, "two, with the second leg", 401, "")
	get(one, second).check(t, "one, after it", 401, "")
}
