package sspihttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

func TestNew_Argument(t *testing.T) {
	acceptor, err := sspitest.NewRealm("EXAMPLE.COM").Acceptor(service)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]sspihttp.Config{
		"no Acceptor":     {},
		"no such package": {Acceptor: acceptor, Context: sspi.ContextConfig{Package: "NTLM"}},
	} {
		if m, err := sspihttp.New(cfg); m != nil || status.ReasonOf(err) != status.ReasonArgument {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

// TestWrap checks the response to each kind of request.
func TestWrap(t *testing.T) { eachWay(t, testWrap) }

func testWrap(t *testing.T, by way) {
	for name, o := range map[string]sspitest.Options{
		"Kerberos": {}, "SPNEGO": {SPNEGO: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := by.open(t, nil)
			c := s.dial(t)
			a := c.get(t)
			a.check(t, "no login", 401, "Unauthorized\n")
			if len(a.authenticate) != 1 || a.authenticate[0] != "Negotiate" || s.count() != 0 {
				t.Errorf("no login: %q, %d records", a.authenticate, s.count())
			}
			i := s.client(t, "alice", o)
			field := next(t, i, "")
			a = c.get(t, field)
			a.check(t, "login", 200, "alice@EXAMPLE.COM, 0 bytes")
			next(t, i, a.token(t)) // the client verifies the server
			if res := s.last(t); res.Outcome != sspihttp.Accepted || res.Peer.Client.String() != "alice@EXAMPLE.COM" {
				t.Errorf("record %+v", res)
			}
			c.get(t).check(t, "no login, after one", 401, "")
			c.get(t, field).check(t, "the login again", 401, "")
			if res := s.last(t); res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) != status.ReasonReplay {
				t.Errorf("the login again: told %+v", res)
			}
			s.get(t, field).check(t, "the login on another connection", 401, "")
			if got := status.ReasonOf(s.last(t).Err); got != status.ReasonReplay {
				t.Errorf("the login on another connection: %v", got)
			}
			c.get(t, s.login(t, "bob", o)).check(t, "another client on the connection", 200, "bob@EXAMPLE.COM, 0 bytes")
		})
	}
}

// TestWrap_Refused checks requests that the Middleware refuses, and that the next valid
// client is accepted on the same connection.
func TestWrap_Refused(t *testing.T) { eachWay(t, testWrap_Refused) }

func testWrap_Refused(t *testing.T, by way) {
	s := by.open(t, nil)
	for _, c := range []struct {
		name   string
		fields []string
		reason status.Reason
	}{
		{"NTLM", []string{"Negotiate " + ntlm}, status.ReasonNTLM},
		{"NTLM as a scheme", []string{"NTLM " + ntlm}, status.ReasonNTLM},
		{"rubbish", []string{"Negotiate %%%%"}, status.ReasonMalformedToken},
		{"two fields", []string{s.login(t, "alice", sspitest.Options{}), s.login(t, "alice", sspitest.Options{})}, status.ReasonMalformedToken},
		{"two schemes", []string{"Basic YWxpY2U6c2VjcmV0", s.login(t, "alice", sspitest.Options{})}, status.ReasonMalformedToken},
		{"half a token", []string{s.login(t, "alice", sspitest.Options{SPNEGO: true})[:810]}, status.ReasonMalformedToken},
		{"too long", []string{"Negotiate " + strings.Repeat("A", 500_000)}, status.ReasonTokenTooLong},
	} {
		conn := s.dial(t)
		a := conn.get(t, c.fields...)
		a.check(t, c.name, 401, "Unauthorized\n")
		if len(a.authenticate) != 1 || !strings.HasPrefix(a.authenticate[0], "Negotiate") {
			t.Errorf("%s: %q", c.name, a.authenticate)
		}
		if res := s.last(t); res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) != c.reason {
			t.Errorf("%s: %v, %v", c.name, res.Outcome, res.Err)
		}
		conn.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "after "+c.name, 200, "alice@EXAMPLE.COM, 0 bytes")
	}
}

// TestWrap_Mebibyte checks that net/http refuses a token of 1 MiB with the default limit of
// headers, and that the Middleware refuses it with a higher limit.
func TestWrap_Mebibyte(t *testing.T) {
	field := negotiate(make([]byte, 1<<20))
	s := open(t, nil)
	s.get(t, field).check(t, "default", http.StatusRequestHeaderFieldsTooLarge, "")
	large := build(t, nil)
	large.srv.Config.MaxHeaderBytes = 4 << 20
	large.srv.Start()
	large.get(t, field).check(t, "large", 401, "")
	if got := status.ReasonOf(large.last(t).Err); got != status.ReasonTokenTooLong {
		t.Error(got)
	}
	for _, s := range []*site{s, large} {
		s.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "the next", 200, "")
	}
}

// TestWrap_ServersFault checks that the operator gets the details of an error of the
// server, and the client does not, because it cannot correct it.
func TestWrap_ServersFault(t *testing.T) { eachWay(t, testWrap_ServersFault) }

func testWrap_ServersFault(t *testing.T, by way) {
	broken := errors.New("a secret of the server")
	for name, c := range map[string]struct {
		change func(*sspi.Config)
		code   int
		reason status.Reason
	}{
		"no keys": {func(cfg *sspi.Config) {
			cfg.Keys = keytab.SourceFunc(func(context.Context) (*keytab.Table, error) { return nil, broken })
		}, 500, status.ReasonNoKey},
		"no service":      {func(cfg *sspi.Config) { cfg.Services = []string{"HTTP/other.example.com"} }, 500, status.ReasonNoKey},
		"no replay cache": {func(cfg *sspi.Config) { cfg.Replay = brokenCache{broken} }, 503, status.ReasonReplayCacheFailed},
	} {
		s := by.open(t, nil)
		cfg, err := s.realm.Config(service)
		if err != nil {
			t.Fatal(err)
		}
		var told error
		cfg.OnEvent = func(_ context.Context, e sspi.Event) { told = e.Err }
		c.change(&cfg)
		acceptor, err := sspi.NewAcceptor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor})
		if err != nil {
			t.Fatal(err)
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{}))
		by(m, http.HandlerFunc(greet)).ServeHTTP(w, r)
		a := read(t, w.Result())
		a.check(t, name, c.code, http.StatusText(c.code)+"\n")
		if len(a.authenticate) != 0 || status.ReasonOf(told) != c.reason {
			t.Errorf("%s: %q, %v", name, a.authenticate, told)
		}
	}
}

// brokenCache is a replay cache that returns err.
type brokenCache struct{ err error }

func (b brokenCache) Store(context.Context, authenticator.Record) (bool, error) { return false, b.err }

func TestWrap_Optional(t *testing.T) { eachWay(t, testWrap_Optional) }

func testWrap_Optional(t *testing.T, by way) {
	s := by.open(t, func(cfg *sspihttp.Config) { cfg.Optional = true })
	s.get(t).check(t, "no login", 200, "nobody, 0 bytes")
	s.get(t, "Basic YWxpY2U6c2VjcmV0").check(t, "another scheme", 200, "nobody, 0 bytes")
	s.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "login", 200, "alice@EXAMPLE.COM, 0 bytes")
	s.get(t, "Negotiate "+ntlm).check(t, "NTLM", 401, "")
	s.get(t, "NTLM "+ntlm).check(t, "NTLM as a scheme", 401, "")
	s.get(t, "Basic YWxpY2U6c2VjcmV0", "Basic YWxpY2U6c2VjcmV0").check(t, "two fields", 401, "")
}

// TestWrap_Concurrent checks that concurrent requests do not get each other's client.
func TestWrap_Concurrent(t *testing.T) { eachWay(t, testWrap_Concurrent) }

func testWrap_Concurrent(t *testing.T, by way) {
	s := by.build(t, func(cfg *sspihttp.Config) {
		cfg.PerConnectionWithoutProxy = true
		cfg.Bindings = func(r *http.Request) []sspi.ChannelBindings {
			return []sspi.ChannelBindings{{ApplicationData: []byte(r.Host)}}
		}
	})
	h := by(s.m, http.HandlerFunc(greet))
	var wg sync.WaitGroup
	for n := range 8 {
		user := fmt.Sprintf("user%d", n)
		wg.Go(func() {
			ctx := s.m.ConnContext(context.Background(), nil)
			for range 20 {
				o := sspitest.Options{SPNEGO: true, ChannelBindings: &sspi.ChannelBindings{ApplicationData: []byte(user)}}
				i, err := s.realm.User(user).Initiate(service, o)
				if err != nil {
					t.Error(err)
					return
				}
				token, _, err := i.Next(nil)
				if err != nil {
					t.Error(err)
					return
				}
				for _, field := range []string{negotiate(token), "", negotiate(token)} {
					w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "http://"+user+"/", nil)
					if field != "" {
						r.Header.Set("Authorization", field)
					}
					h.ServeHTTP(w, r)
					if w.Code == 200 && w.Body.String() != user+"@EXAMPLE.COM, 0 bytes" {
						t.Errorf("the request of %s was served as %s", user, w.Body)
					}
				}
			}
		})
	}
	wg.Wait()
	accepted := 0
	for _, res := range s.told {
		if res.Outcome == sspihttp.Accepted {
			accepted++
			if res.Peer.Binding != authenticator.BindingMatched {
				t.Errorf("%v: binding %d", res.Peer.Client, res.Peer.Binding)
			}
		}
	}
	if accepted != 8*20 || len(s.told) != 2*accepted {
		t.Errorf("%d accepted of %d records", accepted, len(s.told))
	}
}

// TestWrap_Nested checks that Peer returns the client of the innermost middleware, or none.
func TestWrap_Nested(t *testing.T) { eachWay(t, testWrap_Nested) }

func testWrap_Nested(t *testing.T, by way) {
	s := by.build(t, nil)
	inner := by.build(t, func(cfg *sspihttp.Config) { cfg.Optional = true })
	h := by(s.m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Authorization")
		by(inner.m, http.HandlerFunc(greet)).ServeHTTP(w, r)
	}))
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{}))
	h.ServeHTTP(w, r)
	read(t, w.Result()).check(t, "nested", 200, "nobody, 0 bytes")
}

// TestWrap_Authorize checks the response to authenticated clients that Authorize refuses.
func TestWrap_Authorize(t *testing.T) { eachWay(t, testWrap_Authorize) }

func testWrap_Authorize(t *testing.T, by way) {
	var refusal error
	var known bool
	notListed := errors.New("not on the list")
	s := by.open(t, func(cfg *sspihttp.Config) {
		cfg.Authorize = func(_ *http.Request, p *sspi.Peer) error {
			switch user, err := p.User("EXAMPLE.COM"); {
			case err != nil:
				return fmt.Errorf("%w: %v", sspihttp.ErrFallback, err)
			case user != "alice":
				return notListed
			}
			return nil
		}
		cfg.Fallback = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refusal = sspihttp.Refusal(r.Context())
			_, known = sspihttp.Peer(r.Context())
			fmt.Fprint(w, "log in otherwise")
		})
		cfg.Page = func(w http.ResponseWriter, r *http.Request, code int) {
			w.WriteHeader(code)
			fmt.Fprintf(w, "%d, %v", code, status.ReasonOf(sspihttp.Refusal(r.Context())))
		}
	})
	s.get(t).check(t, "no login", 401, "401, none")
	s.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "alice", 200, "alice@EXAMPLE.COM, 0 bytes")
	a := s.get(t, s.login(t, "bob", sspitest.Options{}))
	a.check(t, "bob", 403, "403, not-authorized")
	a.token(t) // the response authenticates the server in this case too
	if res := s.last(t); res.Outcome != forbidden || res.Peer.Client.String() != "bob@EXAMPLE.COM" || !errors.Is(res.Err, notListed) {
		t.Errorf("record %+v", res)
	}
	a = s.get(t, s.login(t, "alice@OTHER.EXAMPLE", sspitest.Options{}))
	a.check(t, "another realm", 200, "log in otherwise")
	a.token(t)
	if !errors.Is(refusal, sspihttp.ErrFallback) || known {
		t.Errorf("%v, known: %v", refusal, known)
	}
	if res := s.last(t); res.Outcome != forbidden || !errors.Is(res.Err, sspihttp.ErrFallback) {
		t.Errorf("record %+v", res)
	}
	if got := s.count(); got != 3 {
		t.Errorf("%d records for 3 logins", got)
	}
}

// TestWrap_NoFallback checks ErrFallback of a Config without Fallback.
func TestWrap_NoFallback(t *testing.T) { eachWay(t, testWrap_NoFallback) }

func testWrap_NoFallback(t *testing.T, by way) {
	s := by.open(t, func(cfg *sspihttp.Config) {
		cfg.Authorize = func(*http.Request, *sspi.Peer) error { return sspihttp.ErrFallback }
	})
	s.get(t, s.login(t, "alice", sspitest.Options{})).check(t, "login", 403, "Forbidden\n")
}

// TestWrap_Body checks that the Middleware does not read the body, and that the handler can
// read all of it.
func TestWrap_Body(t *testing.T) { eachWay(t, testWrap_Body) }

func testWrap_Body(t *testing.T, by way) {
	s := by.build(t, nil)
	h := by(s.m, http.HandlerFunc(greet))
	for _, field := range []string{"", "Negotiate " + ntlm, "Negotiate %"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/", untouched{t})
		if field != "" {
			r.Header.Set("Authorization", field)
		}
		h.ServeHTTP(w, r)
		read(t, w.Result()).check(t, field, 401, "")
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 20_000)))
	r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{}))
	h.ServeHTTP(w, r)
	read(t, w.Result()).check(t, "login", 200, "alice@EXAMPLE.COM, 20000 bytes")
}

// untouched is a body that fails the test if it is read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// TestSecurityContext checks that the security context is open while the handler runs, has
// the delegated credentials, and is closed after the handler has returned or panicked.
func TestSecurityContext(t *testing.T) {
	s := build(t, func(cfg *sspihttp.Config) { cfg.Context.AcceptDelegation = true })
	for _, panics := range []bool{false, true} {
		var kept *sspi.Context
		h := s.m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			kept = sspihttp.SecurityContext(r.Context())
			if _, err := kept.SessionKey(); err != nil {
				t.Error(err)
			}
			if d := kept.Delegated(); d == nil || len(d.Tickets) != 1 {
				t.Errorf("delegated: %v", d)
			}
			if p, _ := sspihttp.Peer(r.Context()); p.Flags&flags.ASC_RET_DELEGATE == 0 {
				t.Errorf("flags %v", p.Flags)
			}
			if panics {
				panic(http.ErrAbortHandler)
			}
		}))
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{Delegate: true}))
		func() {
			defer func() { _ = recover() }()
			h.ServeHTTP(httptest.NewRecorder(), r)
		}()
		if _, err := kept.SessionKey(); status.ReasonOf(err) != status.ReasonInvalidHandle {
			t.Errorf("after the handler: %v", err)
		}
	}
	ctx := context.Background()
	if p, ok := sspihttp.Peer(ctx); p != nil || ok || sspihttp.SecurityContext(ctx) != nil || sspihttp.Refusal(ctx) != nil {
		t.Error("a context without a middleware has a security context")
	}
}

// TestWrap_OtherChallenges checks that the Middleware keeps the challenge of another
// middleware.
func TestWrap_OtherChallenges(t *testing.T) { eachWay(t, testWrap_OtherChallenges) }

func testWrap_OtherChallenges(t *testing.T, by way) {
	s := by.build(t, nil)
	w := httptest.NewRecorder()
	w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
	by(s.m, http.HandlerFunc(greet)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Result().Header.Values("WWW-Authenticate"); len(got) != 2 || got[1] != "Negotiate" {
		t.Errorf("%q", got)
	}
}
