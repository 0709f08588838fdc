package sspihttp_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/status"
)

// ntlmFirst returns a client that prefers NTLM to Kerberos. Its login takes three requests
// with mutual authentication and two without.
func ntlmFirst(realm *krbtest.Realm, user string, mutual bool) *krbtest.Negotiation {
	q := realm.Ticket(user, service).APReq()
	if !mutual {
		q.Flags &^= flags.GSS_C_MUTUAL_FLAG
	}
	n := q.Start().Negotiate()
	n.Mechanisms = [][]byte{krbtest.OIDNTLM, krbtest.OIDKerberos}
	return n
}

// negotiation returns a site, and its realm, which can make such clients.
func negotiation(t *testing.T) (*site, *krbtest.Realm) {
	t.Helper()
	realm := krbtest.NewRealm("EXAMPLE.COM")
	var s *site
	acceptor, err := sspi.NewAcceptor(sspi.Config{
		Keys: realm.Service(service), Time: realm.Now,
		Replay:  authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
		OnEvent: func(ctx context.Context, e sspi.Event) { s.keep(ctx, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, func(cfg *sspihttp.Config) { cfg.Acceptor = acceptor })
	return s, realm
}

// answerTo returns the client's next Authorization field.
func answerTo(t *testing.T, n *krbtest.Negotiation, authenticate string) string {
	t.Helper()
	reply, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimPrefix(authenticate, "Negotiate"), " "))
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := n.Next(reply)
	if err != nil {
		t.Fatal(err)
	}
	return negotiate(token)
}

// TestNegotiation_NTLMFirst checks that the server requests Kerberos, and that both sides
// verify the list of mechanisms.
func TestNegotiation_NTLMFirst(t *testing.T) {
	s, realm := negotiation(t)
	c := s.dial(t)
	for mutual, legs := range map[bool]int{true: 3, false: 2} {
		n := ntlmFirst(realm, "alice", mutual)
		a := c.get(t, answerTo(t, n, ""))
		for range legs - 1 {
			a.check(t, "in between", http.StatusUnauthorized, "")
			a = c.get(t, answerTo(t, n, a.token(t)))
		}
		a.check(t, "the last", http.StatusOK, "alice@EXAMPLE.COM, 0 bytes")
		if !mutual { // the client waits for the server's MIC
			answerTo(t, n, a.token(t))
		}
	}
}

// TestNegotiation_Interleaved checks a proxy that sends the requests of two clients over
// one connection: it can break a login, but no client gets the identity of another.
func TestNegotiation_Interleaved(t *testing.T) {
	s, realm := negotiation(t)
	c := s.dial(t)
	one, two := ntlmFirst(realm, "alice", true), ntlmFirst(realm, "bob", true)
	first := c.get(t, answerTo(t, one, ""))
	second := c.get(t, answerTo(t, two, "")) // ends the exchange of the first client
	second.check(t, "another begins", http.StatusUnauthorized, "")
	first = c.get(t, answerTo(t, one, first.token(t))) // continues the exchange of the second client, because the two have sent equal tokens so far
	first.check(t, "the first goes on", http.StatusUnauthorized, "")
	c.get(t, answerTo(t, two, second.token(t))).check(t, "the second goes on", http.StatusUnauthorized, "")
	if res := s.last(t); res.Outcome != sspihttp.Refused || res.Peer != nil {
		t.Errorf("the second client continues: record %+v", res)
	}
	c.get(t, answerTo(t, one, first.token(t))).check(t, "the first comes too late", http.StatusUnauthorized, "")
	if res := s.last(t); res.Outcome != sspihttp.Refused || res.Peer != nil {
		t.Errorf("the first client continues too late: record %+v", res)
	}
}

// TestNegotiation_NotFinished checks that, behind a proxy, a client that begins a login and
// does not continue it does not prevent the login of another.
func TestNegotiation_NotFinished(t *testing.T) {
	s, realm := negotiation(t)
	c := s.dial(t)
	login := func() string {
		token, _, err := realm.Ticket("alice", service).APReq().Start().Negotiate().Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		return negotiate(token)
	}
	for range 3 {
		c.get(t, answerTo(t, ntlmFirst(realm, "mallory", true), "")).check(t, "mallory", http.StatusUnauthorized, "")
		c.get(t, login()).check(t, "alice", http.StatusOK, "alice@EXAMPLE.COM, 0 bytes")
	}
	// The server tries an initial token in a new exchange only, so that a token which it has
	// accepted before is a replay.
	field := login()
	c.get(t, field).check(t, "alice", http.StatusOK, "")
	c.get(t, answerTo(t, ntlmFirst(realm, "mallory", true), ""))
	c.get(t, field).check(t, "again", http.StatusUnauthorized, "")
	if res := s.last(t); status.ReasonOf(res.Err) != status.ReasonReplay {
		t.Errorf("again: record %+v", res)
	}
}
