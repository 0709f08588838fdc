package sspihttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestHTTP_6_Refused lists the responses that Authenticate writes itself. No row returns a
// request, so no row can be served by mistake.
func TestHTTP_6_Refused(t *testing.T) {
	no := func(*http.Request, *sspi.Peer) error { return sspihttp.ErrFallback }
	teapot := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, row := range []struct {
		name   string
		change func(*sspihttp.Config)
		field  func(*testing.T, *site) string
		code   int
		header string // WWW-Authenticate, or "..." for a header with a token
	}{
		{"no field", nil, func(*testing.T, *site) string { return "" }, 401, "Negotiate"},
		{"another scheme", nil, func(*testing.T, *site) string { return "Basic YTpi" }, 401, "Negotiate"},
		{"rubbish", nil, func(*testing.T, *site) string { return "Negotiate YII=" }, 401, "..."},
		{"rubbish, Optional", func(c *sspihttp.Config) { c.Optional = true }, func(*testing.T, *site) string { return "Negotiate YII=" }, 401, "..."},
		{"NTLM", nil, func(*testing.T, *site) string { return "Negotiate " + ntlm }, 401, "Negotiate"},
		{"a leg of DCE style", nil, func(t *testing.T, s *site) string {
			return next(t, s.client(t, "alice", sspitest.Options{DCEStyle: true}), "")
		}, 401, "..."},
		{"Authorize refuses", func(c *sspihttp.Config) { c.Authorize = no }, alice, 403, "..."},
		{"Fallback", func(c *sspihttp.Config) { c.Authorize, c.Fallback = no, teapot }, alice, http.StatusTeapot, "..."},
		{"Sessions fails", func(c *sspihttp.Config) { c.Sessions = &store{err: context.DeadlineExceeded} }, alice, 500, "..."},
		{"anonymous", nil, func(t *testing.T, s *site) string {
			return s.login(t, "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", sspitest.Options{})
		}, 403, "..."},
	} {
		s := build(t, row.change)
		ctx := s.m.ConnContext(t.Context(), nil)
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil)
		if field := row.field(t, s); field != "" {
			r.Header.Set("Authorization", field)
		}
		passed, ok := s.m.Authenticate(w, r)
		if got := w.Result(); passed != nil || ok || got.StatusCode != row.code || !matches(got.Header.Values("WWW-Authenticate"), row.header) {
			t.Errorf("%s: %v, %v, %d, %q", row.name, passed, ok, got.StatusCode, got.Header)
		}
	}
}

func alice(t *testing.T, s *site) string {
	t.Helper()
	return s.login(t, "alice", sspitest.Options{})
}

// matches reports whether a response has exactly one challenge: want or, if want is "...",
// a challenge with a token.
func matches(got []string, want string) bool {
	if len(got) != 1 {
		return false
	}
	return got[0] == want || want == "..." && len(got[0]) > len("Negotiate ")
}

// TestHTTP_6_SecurityContext checks that the security context of a request that passed
// Authenticate is open until the context of the request ends, and no longer.
func TestHTTP_6_SecurityContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, func(cfg *sspihttp.Config) { cfg.Context.AcceptDelegation = true })
		field := s.login(t, "alice", sspitest.Options{Delegate: true})
		ctx, end := context.WithCancel(t.Context())
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil)
		r.Header.Set("Authorization", field)
		passed, ok := s.m.Authenticate(w, r)
		if !ok || passed == r {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		c := sspihttp.SecurityContext(passed.Context())
		if d := c.Delegated(); d == nil || len(d.Tickets) != 1 {
			t.Errorf("delegated: %v", d)
		}
		if p, _ := sspihttp.Peer(r.Context()); p != nil {
			t.Error("Authenticate changed the request that it was given")
		}
		end()
		synctest.Wait()
		if _, err := c.SessionKey(); status.ReasonOf(err) != status.ReasonInvalidHandle {
			t.Errorf("after the request: %v", err)
		}
	})
}

// TestHTTP_6_EndlessContext checks that a request whose context never ends is served
// without a security context, which nothing would close.
func TestHTTP_6_EndlessContext(t *testing.T) {
	s := build(t, nil)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", alice(t, s))
	for range 2 { // a second time, as a router that dispatches a rewritten request
		w := httptest.NewRecorder()
		passed, ok := s.m.Authenticate(w, r)
		if !ok {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if p, _ := sspihttp.Peer(passed.Context()); p == nil || p.Client.Name() != "alice" || sspihttp.SecurityContext(passed.Context()) != nil {
			t.Errorf("%v, %v", p, sspihttp.SecurityContext(passed.Context()))
		}
		r = passed
	}
	if s.count() != 1 {
		t.Errorf("%d records", s.count())
	}
}

// TestHTTP_6_Panic checks that a panic in a function of Config leaves no security context
// open, and that the token of the request has its record.
func TestHTTP_6_Panic(t *testing.T) {
	var login *sspi.Context
	s := build(t, func(cfg *sspihttp.Config) {
		cfg.Authorize = func(*http.Request, *sspi.Peer) error { return sspihttp.ErrFallback }
		cfg.Page = func(_ http.ResponseWriter, r *http.Request, _ int) {
			login = sspihttp.SecurityContext(r.Context())
			panic(http.ErrAbortHandler)
		}
	})
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set("Authorization", alice(t, s))
	func() {
		defer func() { _ = recover() }()
		s.m.Authenticate(httptest.NewRecorder(), r)
		t.Error("Authenticate returned")
	}()
	if login != nil || s.count() != 1 || s.last(t).Outcome != forbidden {
		t.Errorf("%v, %d records", login, s.count())
	}
}

// TestHTTP_6_Ended checks that Authenticate ends the login of a request that does not pass:
// later requests with the context of that request are not served as its client.
func TestHTTP_6_Ended(t *testing.T) {
	var kept context.Context
	s := build(t, func(cfg *sspihttp.Config) {
		cfg.Authorize = func(r *http.Request, _ *sspi.Peer) error {
			if r.URL.Path == "/" {
				return sspihttp.ErrFallback
			}
			return nil
		}
		cfg.Fallback = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { kept = r.Context() })
	})
	field := alice(t, s)
	get := func(ctx context.Context, path string) (*http.Request, int) {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", path, nil)
		r.Header.Set("Authorization", field)
		passed, _ := s.m.Authenticate(w, r)
		return passed, w.Code
	}
	if passed, code := get(context.Background(), "/"); passed != nil || code != 200 {
		t.Errorf("Fallback: %v, %d", passed != nil, code)
	}
	if passed, code := get(kept, "/later"); passed != nil || code != 500 {
		t.Errorf("after Fallback: %v, %d", passed != nil, code)
	}
}
