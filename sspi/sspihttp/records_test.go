package sspihttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestLOG_2_HTTP checks that each login and each refusal has one record, whatever decided
// it, with the client's address and the attributes of the request, and that a request
// without credentials for Negotiate has none.
func TestLOG_2_HTTP(t *testing.T) { eachWay(t, testLOG_2_HTTP) }

func testLOG_2_HTTP(t *testing.T, by way) {
	no := errors.New("not on the list")
	deny := func(cfg *sspihttp.Config) { cfg.Authorize = func(*http.Request, *sspi.Peer) error { return no } }
	typed := func(cfg *sspihttp.Config) {
		cfg.Authorize = func(_ *http.Request, p *sspi.Peer) error { _, err := p.User("OTHER.EXAMPLE"); return err }
	}
	optional := func(cfg *sspihttp.Config) { cfg.Optional = true }
	fallback := func(cfg *sspihttp.Config) {
		cfg.Authorize = func(*http.Request, *sspi.Peer) error { return sspihttp.ErrFallback }
		cfg.Fallback = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	}
	broken := func(cfg *sspihttp.Config) { cfg.Sessions = &store{err: no} }
	login := func(o sspitest.Options) func(*testing.T, *site) []string {
		return func(t *testing.T, s *site) []string { return []string{s.login(t, "alice", o)} }
	}
	fixed := func(fields ...string) func(*testing.T, *site) []string {
		return func(*testing.T, *site) []string { return fields }
	}
	again := func(t *testing.T, s *site) []string {
		field := s.login(t, "alice", sspitest.Options{})
		s.get(t, field)
		s.told = nil
		return []string{field}
	}
	for _, c := range []struct {
		name   string
		change func(*sspihttp.Config)
		fields func(*testing.T, *site) []string
		code   int
		want   sspihttp.Outcome // Challenged: no record
		reason status.Reason
	}{
		{"nothing", nil, fixed(), 401, sspihttp.Challenged, 0},
		{"another scheme", nil, fixed("Basic YTpi"), 401, sspihttp.Challenged, 0},
		{"nothing, Optional", optional, fixed(), 200, sspihttp.Challenged, 0},
		{"another scheme, Optional", optional, fixed("Basic YTpi"), 200, sspihttp.Challenged, 0},
		{"login", nil, login(sspitest.Options{}), 200, sspihttp.Accepted, 0},
		{"login, Optional", optional, login(sspitest.Options{SPNEGO: true}), 200, sspihttp.Accepted, 0},
		{"NTLM as a scheme", nil, fixed("NTLM " + ntlm), 401, sspihttp.Refused, status.ReasonNTLM},
		{"NTLM as a scheme, Optional", optional, fixed("NTLM " + ntlm), 401, sspihttp.Refused, status.ReasonNTLM},
		{"NTLM", nil, fixed("Negotiate " + ntlm), 401, sspihttp.Refused, status.ReasonNTLM},
		{"Kerberos as a scheme", nil, fixed("Kerberos YII="), 401, sspihttp.Refused, status.ReasonUnsupportedMechanism},
		{"not base64", nil, fixed("Negotiate !!!"), 401, sspihttp.Refused, status.ReasonMalformedToken},
		{"not base64, Optional", optional, fixed("Negotiate !!!"), 401, sspihttp.Refused, status.ReasonMalformedToken},
		{"no token", nil, fixed("Negotiate"), 401, sspihttp.Refused, status.ReasonMalformedToken},
		{"two fields", nil, fixed("Basic YTpi", "Negotiate YIIB"), 401, sspihttp.Refused, status.ReasonMalformedToken},
		{"too long", nil, fixed("Negotiate " + strings.Repeat("A", 95_000)), 401, sspihttp.Refused, status.ReasonTokenTooLong},
		{"cut", nil, fixed("Negotiate YIIBAgYGKwYBBQUC"), 401, sspihttp.Refused, status.ReasonMalformedToken},
		{"replay", nil, again, 401, sspihttp.Refused, status.ReasonReplay},
		{"expired", nil, login(sspitest.Options{EndTime: time.Now().Add(-time.Hour)}), 401, sspihttp.Refused, status.ReasonTicketExpired},
		{"wrong clock", nil, login(sspitest.Options{ClockOffset: time.Hour, RetrySkew: true}), 401, sspihttp.Continued, status.ReasonClockSkew},
		{"Authorize says no", deny, login(sspitest.Options{}), 403, forbidden, status.ReasonNotAuthorized},
		{"Authorize says no, with a Reason", typed, login(sspitest.Options{}), 403, forbidden, status.ReasonNotAuthorized},
		{"Fallback", fallback, login(sspitest.Options{}), http.StatusTeapot, forbidden, status.ReasonNotAuthorized},
		{"Sessions.Load fails", broken, fixed(), 500, sspihttp.Refused, status.ReasonInternal},
		{"Sessions.Save fails", broken, login(sspitest.Options{}), 500, forbidden, status.ReasonInternal},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := by.open(t, c.change)
			fields := c.fields(t, s)
			conn := s.dial(t)
			conn.get(t, fields...).check(t, c.name, c.code, "")
			if c.want == sspihttp.Challenged {
				if s.count() != 0 {
					t.Fatalf("%+v", s.told)
				}
				return
			}
			r := s.last(t)
			if s.count() != 1 || r.Outcome != c.want || status.ReasonOf(r.Err) != c.reason || (r.Peer != nil) != (c.want == sspihttp.Accepted || c.want == forbidden) {
				t.Errorf("%d records, the last %+v", s.count(), r)
			}
			code := map[bool]string{true: status200or(c.code)}[c.want != sspihttp.Accepted && c.name != "Fallback"]
			if r.event.Remote.String() != conn.LocalAddr().String() || r.attrs["http.request.method"] != "GET" || r.attrs["url.path"] != "/" ||
				r.attrs["network.protocol.version"] != "1.1" || r.attrs["http.response.status_code"] != code ||
				(r.attrs["kerberos.served_by"] == "fallback") != (c.name == "Fallback") {
				t.Errorf("%v, %v", r.event.Remote, r.attrs)
			}
		})
	}
}

func status200or(code int) string {
	return map[int]string{401: "401", 403: "403", 500: "500"}[code]
}

// TestLOG_2_HTTPLater checks that there is a record if Authorize refuses a client later,
// also for a request without credentials.
func TestLOG_2_HTTPLater(t *testing.T) { eachWay(t, testLOG_2_HTTPLater) }

func testLOG_2_HTTPLater(t *testing.T, by way) {
	banned := false
	s := by.build(t, func(cfg *sspihttp.Config) {
		cfg.PerConnectionWithoutProxy = true
		cfg.Authorize = func(*http.Request, *sspi.Peer) error {
			if banned {
				return errors.New("gone")
			}
			return nil
		}
	})
	ctx := s.m.ConnContext(t.Context(), nil)
	s.via(t, ctx, s.login(t, "alice", sspitest.Options{}), nil).check(t, "login", 200, "")
	s.via(t, ctx, "", nil).check(t, "reused", 200, "")
	banned = true
	s.via(t, ctx, "", nil).check(t, "banned", 403, "")
	if r := s.last(t); s.count() != 2 || r.Outcome != forbidden || r.Peer.Client.String() != "alice@EXAMPLE.COM" || r.attrs["http.response.status_code"] != "403" {
		t.Errorf("%d records, the last %+v", s.count(), r)
	}
}

// TestLOG_2_HTTPAbandoned checks that the end of an exchange by another client's token is
// not recorded as a refusal of that client.
func TestLOG_2_HTTPAbandoned(t *testing.T) { eachWay(t, testLOG_2_HTTPAbandoned) }

func testLOG_2_HTTPAbandoned(t *testing.T, by way) {
	s := by.build(t, nil)
	ctx := s.m.ConnContext(t.Context(), nil)
	s.via(t, ctx, s.login(t, "alice", sspitest.Options{DCEStyle: true, SPNEGO: true}), nil).check(t, "begin", 401, "")
	s.via(t, ctx, s.login(t, "bob", sspitest.Options{SPNEGO: true}), nil).check(t, "bob", 200, "bob@EXAMPLE.COM, 0 bytes")
	if r := s.last(t); s.count() != 1 || r.Outcome != sspihttp.Accepted {
		t.Errorf("%d records, the last %+v", s.count(), r)
	}
}

// TestLOG_2_HTTPPanic checks that a request that ends without a decision is not recorded as
// accepted.
func TestLOG_2_HTTPPanic(t *testing.T) { eachWay(t, testLOG_2_HTTPPanic) }

func testLOG_2_HTTPPanic(t *testing.T, by way) {
	s := by.build(t, func(cfg *sspihttp.Config) {
		cfg.Authorize = func(*http.Request, *sspi.Peer) error { panic(http.ErrAbortHandler) }
	})
	func() {
		defer func() { _ = recover() }()
		s.via(t, t.Context(), s.login(t, "alice", sspitest.Options{}), nil)
	}()
	if r := s.last(t); s.count() != 1 || r.Outcome != forbidden || status.ReasonOf(r.Err) != status.ReasonInternal {
		t.Errorf("%d records, the last %+v", s.count(), r)
	}
}

// TestLOG_2_HTTPNeedsConnection checks that an exchange that cannot continue has one
// record, whose cause says why the exchange needs another request.
func TestLOG_2_HTTPNeedsConnection(t *testing.T) { eachWay(t, testLOG_2_HTTPNeedsConnection) }

func testLOG_2_HTTPNeedsConnection(t *testing.T, by way) {
	s := by.build(t, nil)
	for name, o := range several {
		s.told = nil
		s.via(t, t.Context(), s.login(t, "alice", o), nil).check(t, name, 401, "")
		r := s.last(t)
		skew := errors.Is(r.Err, &status.Error{Reason: status.ReasonClockSkew})
		if s.count() != 1 || status.ReasonOf(r.Err) != status.ReasonUnsupported || skew != (name == "wrong clock") {
			t.Errorf("%s: %d records, the last %+v", name, s.count(), r)
		}
	}
}

// TestLOG_2_HTTPStrangers checks that the log line quotes and truncates parts of the
// request that a client can choose, and omits the query.
func TestLOG_2_HTTPStrangers(t *testing.T) {
	var log bytes.Buffer
	realm := newRealm(t)
	cfg, err := realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := sspihttp.New(sspihttp.Config{Acceptor: acceptor})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/%1b%5d0;x%07/%e2%80%ae"+strings.Repeat("a", 5000)+"?password=secret", nil)
	r.RemoteAddr = "@"
	r.Header.Set("Authorization", "NTLM")
	m.Wrap(http.HandlerFunc(greet)).ServeHTTP(httptest.NewRecorder(), r)
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, &log)
	}
	path, _ := line["url.path"].(string)
	if !strings.Contains(path, "x1b") || strings.ContainsAny(path, "\x1b\x07\u202e") || len(path) > 600 || strings.Contains(log.String(), "secret") {
		t.Errorf("%s", &log)
	}
}

// TestLOG_2_Step checks that Step reports, once, a refusal that happens before the acceptor
// sees a token.
func TestLOG_2_Step(t *testing.T) {
	realm := newRealm(t)
	cfg, err := realm.Config(service)
	if err != nil {
		t.Fatal(err)
	}
	var told []record
	cfg.OnEvent = func(_ context.Context, e sspi.Event) { told = append(told, recordOf(e)) }
	acceptor, err := sspi.NewAcceptor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for field, n := range map[string]int{
		"": 0, "Basic YTpi": 0, "Negotiate": 1, "Negotiate !!!": 1, "NTLM": 1, "Negotiate " + ntlm: 1, "Negotiate YIIBAgYGKwYBBQUC": 1,
	} {
		told = nil
		c := acceptor.NewContext(sspi.ContextConfig{})
		res := sspihttp.Step(t.Context(), c, field)
		c.Close()
		if len(told) != n || n == 1 && told[0].Err != res.Err {
			t.Errorf("%q: %+v, and %v", field, told, res.Err)
		}
	}
}
