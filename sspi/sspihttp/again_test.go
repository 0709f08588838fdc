package sspihttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestHTTP_4_Twice checks a request that passes one Middleware twice, whose token was
// accepted the first time. The second pass gives its handler the Peer and the security
// context of the first, and calls Authorize with the rewritten request.
func TestHTTP_4_Twice(t *testing.T) { eachWay(t, testHTTP_4_Twice) }

func testHTTP_4_Twice(t *testing.T, by way) {
	var asked []string
	sessions := new(store)
	s := by.build(t, func(cfg *sspihttp.Config) {
		cfg.Sessions = sessions
		cfg.Authorize = func(r *http.Request, _ *sspi.Peer) error {
			asked = append(asked, r.URL.Path)
			if r.URL.Path == "/secret" {
				return errors.New("nobody may")
			}
			return nil
		}
	})
	var contexts []*sspi.Context
	inner := by(s.m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := sspihttp.SecurityContext(r.Context())
		if _, err := c.SessionKey(); err != nil {
			t.Error(err)
		}
		contexts = append(contexts, c)
		greet(w, r)
	}))
	outer := by(s.m, http.StripPrefix("/app", inner))
	get := func(path string) answer {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{}))
		outer.ServeHTTP(w, r)
		return read(t, w.Result())
	}
	a := get("/app/page")
	a.check(t, "twice", 200, "alice@EXAMPLE.COM, 0 bytes")
	if len(a.authenticate) != 1 || len(sessions.peers) != 1 || len(contexts) != 1 {
		t.Errorf("%q, %d sessions, %d contexts", a.authenticate, len(sessions.peers), len(contexts))
	}
	get("/app/secret").check(t, "rewritten to what the client may not", 403, "Forbidden\n")
	if got := strings.Join(asked, " "); got != "/app/page /page /app/secret /secret" {
		t.Errorf("asked about %s", got)
	}
}

// TestHTTP_4_Fallback checks that a handler behind Config.Fallback can pass the request
// through the Middleware again.
func TestHTTP_4_Fallback(t *testing.T) { eachWay(t, testHTTP_4_Fallback) }

func testHTTP_4_Fallback(t *testing.T, by way) {
	var m *sspihttp.Middleware
	s := by.build(t, func(cfg *sspihttp.Config) {
		cfg.Authorize = func(r *http.Request, _ *sspi.Peer) error {
			if r.URL.Path == "/" {
				return sspihttp.ErrFallback
			}
			return nil
		}
		cfg.Fallback = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/guests"
			by(m, http.HandlerFunc(greet)).ServeHTTP(w, r)
		})
	})
	m = s.m
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{}))
	by(m, http.HandlerFunc(greet)).ServeHTTP(w, r)
	read(t, w.Result()).check(t, "fallback", 200, "alice@EXAMPLE.COM, 0 bytes")
}

// TestHTTP_4_AnotherRequest checks that only the authenticated request may pass again, and
// only while its handler runs.
func TestHTTP_4_AnotherRequest(t *testing.T) { eachWay(t, testHTTP_4_AnotherRequest) }

func testHTTP_4_AnotherRequest(t *testing.T, by way) {
	s := by.build(t, nil)
	h := by(s.m, http.HandlerFunc(greet))
	get := func(ctx context.Context, fields ...string) answer {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil)
		r.Header["Authorization"] = fields
		h.ServeHTTP(w, r)
		return read(t, w.Result())
	}
	var kept context.Context
	field := s.login(t, "alice", sspitest.Options{})
	outer := by(s.m, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = r.Context()
		get(kept, field).check(t, "the same", 200, "alice@EXAMPLE.COM, 0 bytes")
		get(kept).check(t, "no field", 401, "")
		get(kept, field, field).check(t, "two fields", 401, "")
		get(kept, "Negotiate YIIB").check(t, "another field", 401, "")
		get(kept, s.login(t, "bob", sspitest.Options{})).check(t, "another login", 200, "bob@EXAMPLE.COM, 0 bytes")
		get(t.Context(), field).check(t, "another context", 401, "")
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", field)
	outer.ServeHTTP(httptest.NewRecorder(), r)
	get(context.WithoutCancel(kept), field).check(t, "after the handler", 500, "")
	if res := s.last(t); status.ReasonOf(res.Err) != status.ReasonArgument || !strings.Contains(res.Err.Error(), "a token counts once") {
		t.Errorf("after the handler: %v", res.Err)
	}
}

// TestHTTP_4_TwoMiddlewares checks that a second Middleware refuses a request whose token
// the first has accepted, and that the error names the program's mistake and not a replay.
func TestHTTP_4_TwoMiddlewares(t *testing.T) { eachWay(t, testHTTP_4_TwoMiddlewares) }

func testHTTP_4_TwoMiddlewares(t *testing.T, by way) {
	s := by.build(t, nil)
	cfg, err := s.realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	cfg.OnEvent = func(_ context.Context, e sspi.Event) { told = append(told, recordOf(e).Err) }
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var both [2]*sspihttp.Middleware
	for i := range both {
		if both[i], err = sspihttp.New(sspihttp.Config{Acceptor: acceptor}); err != nil {
			t.Fatal(err)
		}
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{}))
	by(both[0], by(both[1], by(both[0], http.HandlerFunc(greet)))).ServeHTTP(w, r)
	read(t, w.Result()).check(t, "two", 500, "")
	if len(told) != 2 || told[0] != nil || status.ReasonOf(told[1]) != status.ReasonArgument || !strings.Contains(told[1].Error(), "another Middleware") {
		t.Errorf("%v", told)
	}
}

// TestHTTP_5_Anonymous checks that the Middleware refuses an anonymous client without
// Authorize, and that Authorize may admit it.
func TestHTTP_5_Anonymous(t *testing.T) { eachWay(t, testHTTP_5_Anonymous) }

func testHTTP_5_Anonymous(t *testing.T, by way) {
	realm := krbtest.NewRealm("EXAMPLE.COM")
	var told record
	acceptor, err := sspi.NewAcceptor(sspi.Config{
		Keys: realm.Service(service), Time: realm.Now, OnEvent: func(_ context.Context, e sspi.Event) { told = recordOf(e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		authorize func(*http.Request, *sspi.Peer) error
		code      int
	}{
		"no Authorize": {nil, 403}, "Authorize": {func(*http.Request, *sspi.Peer) error { return nil }, 200},
	} {
		m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor, Authorize: c.authorize})
		if err != nil {
			t.Fatal(err)
		}
		ticket := realm.Ticket("alice", service)
		ticket.Part.Flags = krbtest.TicketFlags(flags.TicketAnonymous)
		token, _, err := ticket.APReq().Start().Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", negotiate(token))
		by(m, http.HandlerFunc(greet)).ServeHTTP(w, r)
		read(t, w.Result()).check(t, name, c.code, "")
		if !told.Peer.Anonymous || (status.ReasonOf(told.Err) == status.ReasonNotAuthorized) != (c.code == 403) {
			t.Errorf("%s: %+v", name, told)
		}
	}
}
