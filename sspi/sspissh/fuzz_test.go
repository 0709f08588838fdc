package sspissh_test

import (
	"testing"

	"github.com/gosspi/kerberos/sspi/sspitest"
)

// FuzzServer calls one Server in any order, as two connections do that share it by mistake.
// On one of them alice logs in (small letters), on the other bob (capitals). In every order
// the Server may admit a login only on the connection for which its client made a MIC, once
// for each MIC, and on at most one of the two connections.
func FuzzServer(f *testing.F) {
	for _, ops := range []string{
		"abcd",         // alice logs in
		"abcdABCD",     // bob logs in after her
		"aAbBcCdD",     // both at the same time
		"aABbcCd",      // one is faster than the other
		"xabcdxyabzcd", // attempts that fail
		"abcdabcd",     // alice logs in twice
	} {
		f.Add([]byte(ops))
	}
	s := newSite(f)
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 24 {
			return
		}
		var err error
		if s.cfg.Acceptor, err = s.realm.Acceptor(service); err != nil { // the acceptor has its own replay cache
			t.Fatal(err)
		}
		server := s.server()
		alice := &half{site: s, server: server, conn: one}
		bob := &half{site: s, server: server, conn: two}
		for _, op := range ops {
			if op >= 'a' {
				alice.do(t, op)
			} else {
				bob.do(t, op+'a'-'A')
			}
		}
		if alice.allowed > 0 && bob.allowed > 0 {
			t.Fatalf("%q: two connections logged in on one server", ops)
		}
	})
}

// half is one of the two connections, and its state.
type half struct {
	*site
	server *gssServer
	conn   metadata

	client          *sspitest.Initiator // the client whose token was accepted last, or nil
	mic             []byte
	signed, allowed int
}

func (h *half) do(t *testing.T, op byte) {
	field := h.conn.field()
	switch op {
	case 'a':
		h.accept(t)
	case 'b':
		if h.client != nil {
			h.mic, _ = h.client.GetMIC(field)
		}
		if h.server.VerifyMIC(field, h.mic) == nil {
			h.signed++
		}
	case 'c':
		if _, err := h.server.AllowLogin(h.conn, h.conn.user+"@"+realmName); err == nil {
			h.allowed++
		}
		if h.allowed > h.signed {
			t.Fatalf("%s logged in without a MIC", h.conn.user)
		}
	case 'd':
		if err := h.server.DeleteSecContext(); err != nil {
			t.Fatal(err)
		}
	case 'x':
		if _, _, _, err := h.server.AcceptSecContext(field); err == nil {
			t.Fatal("rubbish is a token")
		}
	case 'y':
		if h.server.VerifyMIC(field[1:], h.mic) == nil {
			t.Fatal("rubbish is what a MIC is over")
		}
	case 'z':
		if h.server.VerifyMIC(field, field) == nil {
			t.Fatal("rubbish is a MIC")
		}
	}
}

// accept passes the client's token to the Server, and the reply to the client.
func (h *half) accept(t *testing.T) {
	c, err := h.realm.User(h.conn.user).Initiate(service, sspitest.Options{Flags: openSSH})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := c.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, _, more, err := h.server.AcceptSecContext(token)
	if more {
		t.Fatal("the acceptor expects a second token")
	}
	if err != nil {
		return
	}
	if _, _, err := c.Next(reply); err != nil {
		t.Fatal(err)
	}
	h.client = c
}
