package sspihttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// store is a session store for one goroutine. Sessions of a real store have random
// identifiers.
type store struct {
	peers []*sspi.Peer
	err   error
}

func (s *store) Load(r *http.Request) (*sspi.Peer, error) {
	c, err := r.Cookie("session")
	if err != nil {
		return nil, s.err
	}
	i, err := strconv.Atoi(c.Value)
	if err != nil || i < 0 || i >= len(s.peers) {
		return nil, s.err
	}
	return s.peers[i], s.err
}

func (s *store) Save(w http.ResponseWriter, _ *http.Request, p *sspi.Peer) error {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: strconv.Itoa(len(s.peers)), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	s.peers = append(s.peers, p)
	return s.err
}

// TestSessions checks that the session authenticates the requests after a login.
func TestSessions(t *testing.T) { eachWay(t, testSessions) }

func testSessions(t *testing.T, by way) {
	sessions := new(store)
	banned := ""
	s := by.build(t, func(cfg *sspihttp.Config) {
		cfg.Sessions = sessions
		cfg.Authorize = func(_ *http.Request, p *sspi.Peer) error {
			if p.Client.Name() == banned {
				return errors.New("banned")
			}
			return nil
		}
	})
	h := by(s.m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (sspihttp.SecurityContext(r.Context()) == nil) != (r.Header.Get("Authorization") == "") {
			t.Error("the security context is that of the request's own login")
		}
		greet(w, r)
	}))
	get := func(cookie, field string) answer {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		if field != "" {
			r.Header.Set("Authorization", field)
		}
		h.ServeHTTP(w, r)
		return read(t, w.Result())
	}
	get("", "").check(t, "no session", 401, "")
	get("session=7", "").check(t, "a session that is none", 401, "")
	a := get("", s.login(t, "alice", sspitest.Options{}))
	a.check(t, "login", 200, "alice@EXAMPLE.COM, 0 bytes")
	if got := a.header.Get("Set-Cookie"); got != "session=0; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("cookie %q", got)
	}
	a = get("session=0", "")
	a.check(t, "session", 200, "alice@EXAMPLE.COM, 0 bytes")
	if len(a.authenticate) != 0 || s.count() != 1 {
		t.Errorf("session: %q, %d records", a.authenticate, s.count())
	}
	get("session=0", s.login(t, "bob", sspitest.Options{})).check(t, "a login in a session", 200, "bob@EXAMPLE.COM, 0 bytes")
	get("session=1", "").check(t, "its session", 200, "bob@EXAMPLE.COM, 0 bytes")
	get("session=0", "Negotiate %").check(t, "rubbish in a session", 401, "")

	banned = "alice"
	get("session=0", "").check(t, "banned", 403, "Forbidden\n")
	if res := s.last(t); res.Outcome != forbidden {
		t.Errorf("record %+v", res)
	}
	n := len(sessions.peers)
	get("", s.login(t, "alice", sspitest.Options{})).check(t, "banned, login", 403, "Forbidden\n")
	if len(sessions.peers) != n {
		t.Error("a session was begun for a client that may not")
	}

	sessions.err = errors.New("the store is down")
	for name, a := range map[string]answer{"Load": get("", ""), "Save": get("", s.login(t, "bob", sspitest.Options{}))} {
		a.check(t, name, 500, "Internal Server Error\n")
		if res := s.last(t); res.Outcome != forbidden || status.ReasonOf(res.Err) != status.ReasonInternal || !errors.Is(res.Err, sessions.err) {
			t.Errorf("%s: record %+v", name, res)
		}
	}
}

// TestSessions_PerConnection checks that the client of the connection has priority over the
// client of the session.
func TestSessions_PerConnection(t *testing.T) { eachWay(t, testSessions_PerConnection) }

func testSessions_PerConnection(t *testing.T, by way) {
	sessions := new(store)
	s := by.build(t, func(cfg *sspihttp.Config) {
		cfg.Sessions = sessions
		cfg.PerConnectionWithoutProxy = true
	})
	get := func(ctx context.Context, field string) answer {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil)
		r.Header.Set("Authorization", field)
		by(s.m, http.HandlerFunc(greet)).ServeHTTP(w, r)
		return read(t, w.Result())
	}
	ctx := s.m.ConnContext(t.Context(), nil)
	get(ctx, s.login(t, "alice", sspitest.Options{})).check(t, "login", 200, "alice@EXAMPLE.COM, 0 bytes")
	sessions.err = errors.New("the store is down")
	get(ctx, "").check(t, "after", 200, "alice@EXAMPLE.COM, 0 bytes")
	get(s.m.ConnContext(t.Context(), nil), "").check(t, "another connection", 500, "")
}
