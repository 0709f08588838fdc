package sspihttp_test

import (
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

// ntlmFirst is a client that would rather have NTLM, and has Kerberos too: the login
// takes three requests with, and two without mutual authentication.
func ntlmFirst(realm *krbtest.Realm, mutual bool) *krbtest.Negotiation {
	q := realm.Ticket("alice", service).APReq()
	if !mutual {
		q.Flags &^= flags.GSS_C_MUTUAL_FLAG
	}
	n := q.Start().Negotiate()
	n.Mechanisms = [][]byte{krbtest.OIDNTLM, krbtest.OIDKerberos}
	return n
}

// negotiation makes a site of a realm that has such clients.
func negotiation(t *testing.T) (*site, *krbtest.Realm) {
	t.Helper()
	realm := krbtest.NewRealm("EXAMPLE.COM")
	acceptor, err := sspi.NewAcceptor(sspi.Config{
		Keys: realm.Service(service), Time: realm.Now,
		Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
	})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, func(cfg *sspihttp.Config) { cfg.Acceptor = acceptor }), realm
}

// answerTo is the client's next Authorization field.
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

// TestNegotiation_NTLMFirst: Kerberos is asked for, and the list of mechanisms is
// proven by both sides.
func TestNegotiation_NTLMFirst(t *testing.T) {
	s, realm := negotiation(t)
	c := s.dial(t)
	for mutual, legs := range map[bool]int{true: 3, false: 2} {
		n := ntlmFirst(realm, mutual)
		a := c.get(t, answerTo(t, n, ""))
		for range legs - 1 {
			a.check(t, "in between", http.StatusUnauthorized, "")
			if res := s.last(t); res.Outcome != sspihttp.Continued {
				t.Fatalf("told %+v", res)
			}
			a = c.get(t, answerTo(t, n, a.token(t)))
		}
		a.check(t, "the last", http.StatusOK, "alice@EXAMPLE.COM, 0 bytes")
		if !mutual { // the client waits for the server's MIC
			answerTo(t, n, a.token(t))
		}
	}
}

// TestNegotiation_Interleaved: a proxy that puts the requests of two clients on one
// connection spoils their logins, and never mixes them up.
func TestNegotiation_Interleaved(t *testing.T) {
	s, realm := negotiation(t)
	c := s.dial(t)
	one, two := ntlmFirst(realm, true), ntlmFirst(realm, true)
	first := c.get(t, answerTo(t, one, "")).token(t)
	c.get(t, answerTo(t, two, "")).check(t, "another begins", http.StatusUnauthorized, "")
	if res := s.last(t); res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) == status.ReasonNone {
		t.Errorf("another begins: told %+v", res)
	}
	c.get(t, answerTo(t, one, first)).check(t, "the first goes on", http.StatusUnauthorized, "")
	if res := s.last(t); res.Outcome != sspihttp.Refused {
		t.Errorf("the first goes on: told %+v", res)
	}
}
