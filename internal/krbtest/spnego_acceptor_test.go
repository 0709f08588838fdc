package krbtest_test

import (
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/flags"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
)

// TestNegotiation_OurAcceptor checks that the client, whose other tests use a minimal
// acceptor, negotiates with the acceptor of this library in the same number of tokens, and
// that the sequence numbers continue after the mechListMICs.
func TestNegotiation_OurAcceptor(t *testing.T) {
	nothing := func(*krbtest.Negotiation) {}
	noToken := func(n *krbtest.Negotiation) { n.NoToken = true }
	sendMIC := func(n *krbtest.Negotiation) { n.SendMIC = true }
	for name, row := range map[string]struct {
		flags   flags.GSS
		offer   [][]byte
		prepare func(*krbtest.Negotiation)
		tokens  int // of the client
	}{
		"mutual":                       {krbtest.DefaultFlags, kerberosOnly, nothing, 1},
		"one-way":                      {oneWay, kerberosOnly, nothing, 1},
		"DCE style":                    {dce, kerberosOnly, nothing, 2},
		"mutual, NTLM second":          {krbtest.DefaultFlags, kerberosFirst, nothing, 1},
		"mutual, as Windows":           {krbtest.DefaultFlags, windows, nothing, 1},
		"one-way, as Windows":          {oneWay, windows, nothing, 1},
		"DCE style, as Windows":        {dce, windows, nothing, 2},
		"mutual, NTLM first":           {krbtest.DefaultFlags, ntlmFirst, nothing, 3},
		"one-way, NTLM first":          {oneWay, ntlmFirst, nothing, 2},
		"DCE style, NTLM first":        {dce, ntlmFirst, nothing, 3},
		"one-way, a MIC of the client": {oneWay, kerberosFirst, sendMIC, 1},
		"DCE style, one of the client": {dce, kerberosFirst, sendMIC, 2},
		"mutual, no optimistic token":  {krbtest.DefaultFlags, kerberosFirst, noToken, 2},
		"one-way, no optimistic token": {oneWay, ntlmFirst, noToken, 2},
	} {
		t.Run(name, func(t *testing.T) {
			realm := krbtest.NewRealm("EXAMPLE.COM")
			acceptor, err := sspi.NewAcceptor(sspi.Config{
				Keys: realm.Service(service), Time: realm.Now, Rand: realm,
				Replay: authenticator.NewMemoryCacheAt(0, authenticator.AcceptOlder, realm.Now()),
			})
			if err != nil {
				t.Fatal(err)
			}
			c := acceptor.NewContext(sspi.ContextConfig{RequireSPNEGO: true})
			q := realm.Ticket("alice", service).APReq()
			q.Flags = row.flags
			n := q.Start().Negotiate()
			n.Mechanisms = row.offer
			row.prepare(n)

			var peer *sspi.Peer
			tokens := 0
			token, done, err := n.Next(nil)
			for ; token != nil && err == nil; tokens++ {
				var reply []byte
				if reply, peer, err = c.Accept(t.Context(), token); err != nil && err != sspi.ErrContinue {
					t.Fatal(err)
				}
				token, err = nil, nil
				if len(reply) > 0 {
					token, done, err = n.Next(reply)
				}
			}
			if err != nil || !done || peer == nil || tokens != row.tokens {
				t.Fatalf("%d tokens, done %v, peer %v, %v", tokens, done, peer, err)
			}
			talk(t, n.Kerberos, c)
		})
	}
}
