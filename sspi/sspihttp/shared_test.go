package sspihttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// via sends a request with these fields over the connection with the context ctx.
func (s *site) via(t *testing.T, ctx context.Context, field string, header http.Header) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	for name, values := range header {
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
	if field != "" {
		r.Header.Set("Authorization", field)
	}
	w := httptest.NewRecorder()
	s.m.Wrap(http.HandlerFunc(greet)).ServeHTTP(w, r)
	return read(t, w.Result())
}

// TestHTTP_1_SharedConnection checks a proxy that sends the requests of several clients
// over one connection. By default each request needs credentials, whatever fields the proxy
// adds. With PerConnectionWithoutProxy, a field that proxies add ends the reuse of the
// connection's login.
func TestHTTP_1_SharedConnection(t *testing.T) {
	s := build(t, nil)
	ctx := s.m.ConnContext(t.Context(), nil)
	s.via(t, ctx, s.login(t, "alice", sspitest.Options{}), nil).check(t, "default, login", 200, "alice@EXAMPLE.COM, 0 bytes")
	s.via(t, ctx, "", nil).check(t, "default, a request of nobody", 401, "")

	for _, name := range []string{"Via", "via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-anything", "X-Real-IP"} {
		proxied := http.Header{}
		proxied.Set(name, "")
		for _, row := range []struct {
			what         string
			login, later http.Header
		}{
			{"with the login", proxied, nil}, {"later", nil, proxied}, {"always", proxied, proxied},
		} {
			what := name + " " + row.what
			s := build(t, func(cfg *sspihttp.Config) { cfg.PerConnectionWithoutProxy = true })
			ctx := s.m.ConnContext(t.Context(), nil)
			s.via(t, ctx, s.login(t, "alice", sspitest.Options{}), row.login).check(t, what+", login", 200, "alice@EXAMPLE.COM, 0 bytes")
			told := s.count()
			a := s.via(t, ctx, "", row.later)
			a.check(t, what+", nobody", 401, "Unauthorized\n")
			if res := s.last(t); status.ReasonOf(res.Err) != status.ReasonSharedConnection || s.count() != told+1 || len(a.authenticate) != 1 {
				t.Errorf("%s: %q, %d records, %+v", what, a.authenticate, s.count()-told, res)
			}
			s.via(t, ctx, "", nil).check(t, what+", nobody once more", 401, "")
			s.via(t, ctx, s.login(t, "bob", sspitest.Options{}), nil).check(t, what+", bob", 200, "bob@EXAMPLE.COM, 0 bytes")
			s.via(t, ctx, "", nil).check(t, what+", after bob", 401, "")
			if res := s.last(t); status.ReasonOf(res.Err) != status.ReasonSharedConnection {
				t.Errorf("%s, after bob: %+v", what, res)
			}
		}
	}
}

// TestHTTP_1_Session checks that a session authenticates the sender of a request on a
// shared connection.
func TestHTTP_1_Session(t *testing.T) {
	sessions := new(store)
	s := build(t, func(cfg *sspihttp.Config) {
		cfg.Sessions = sessions
		cfg.PerConnectionWithoutProxy = true
	})
	ctx := s.m.ConnContext(t.Context(), nil)
	s.via(t, ctx, s.login(t, "bob", sspitest.Options{}), nil).check(t, "bob", 200, "")
	s.via(t, ctx, s.login(t, "alice", sspitest.Options{}), http.Header{"Via": {"1.1 proxy"}}).check(t, "alice", 200, "")
	s.via(t, ctx, "", http.Header{"Cookie": {"session=0"}}).check(t, "the session of bob", 200, "bob@EXAMPLE.COM, 0 bytes")
	s.via(t, ctx, s.login(t, "alice", sspitest.Options{}), nil).check(t, "alice again", 200, "")
	s.via(t, ctx, "", nil).check(t, "no session", 401, "")
}

// TestHTTP_2_Peer checks that a request with a malformed Negotiate field is not served as
// the client of the connection, and that this holds for all requests after it.
func TestHTTP_2_Peer(t *testing.T) {
	for _, field := range []string{"Negotiate\tYIIB", "Negotiate,YIIB", "Negotiate=YIIB", "Negotiate: YIIB", "Negotiate  YIIB", "Negotiate", "\tNegotiate YIIB"} {
		s := build(t, func(cfg *sspihttp.Config) { cfg.PerConnectionWithoutProxy, cfg.Optional = true, true })
		ctx := s.m.ConnContext(t.Context(), nil)
		s.via(t, ctx, s.login(t, "alice", sspitest.Options{}), nil).check(t, "login", 200, "alice@EXAMPLE.COM, 0 bytes")
		s.via(t, ctx, "", nil).check(t, "reused", 200, "alice@EXAMPLE.COM, 0 bytes")
		s.via(t, ctx, field, nil).check(t, field, 401, "Unauthorized\n")
		s.via(t, ctx, "", nil).check(t, "after "+field, 200, "nobody, 0 bytes")
	}
}
