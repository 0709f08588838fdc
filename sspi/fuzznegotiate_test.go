package sspi_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/internal/spnego"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// constant is an io.Reader that returns one constant byte in place of random bytes, so that
// an exchange can be repeated.
type constant struct{}

func (constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0x5a
	}
	return len(b), nil
}

// FuzzNegotiate passes three tokens to one context. The seeds are complete exchanges with
// valid MICs, which the fuzzer cannot make. If the acceptor accepts a client whose list
// does not begin with Kerberos, the list must be that of a seed.
func FuzzNegotiate(f *testing.F) {
	realm := krbtest.NewRealm("EXAMPLE.COM")
	keys := realm.Service(service)
	acceptor := func() *sspi.Acceptor {
		a, err := sspi.NewAcceptor(sspi.Config{
			Keys: keys, Time: realm.Now, Rand: constant{},
			Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
		})
		if err != nil {
			f.Fatal(err)
		}
		return a
	}
	var lists [][]byte
	for _, mechanisms := range [][][]byte{onlyKerberos, windowsOffers, ntlmFirst, {krbtest.OIDNegoEx, krbtest.OIDMSKerberos}} {
		for _, change := range []func(*krbtest.APReq){nothing, oneWay, dce, late} {
			q := realm.Ticket("alice", service).APReq()
			change(q)
			n := q.Start().Negotiate()
			n.Kerberos.RetrySkew = true
			n.Mechanisms = mechanisms
			tokens := record(f, n, acceptor())
			f.Add(tokens[0], tokens[1], tokens[2])
			lists = append(lists, (&krbtest.NegTokenInit{Mechanisms: mechanisms}).ListBytes())
		}
	}
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		c := acceptor().NewContext(sspi.ContextConfig{RequireSPNEGO: true})
		for _, token := range [][]byte{first, second, third} {
			_, peer, err := c.Accept(context.Background(), slices.Clip(bytes.Clone(token)))
			if (peer != nil) != (err == nil) {
				t.Fatalf("%v, %v", peer, err)
			}
			switch status.ReasonOf(err) {
			case status.ReasonInternal, status.ReasonArgument, status.ReasonReplayCacheFailed, status.ReasonNoKey:
				if err != sspi.ErrContinue {
					t.Fatal(err)
				}
			}
			if err != sspi.ErrContinue {
				break
			}
		}
		peer := c.Peer()
		if peer == nil {
			return
		}
		if peer.Client.String() != "alice@EXAMPLE.COM" {
			t.Fatalf("accepted %v", peer.Client)
		}
		init, err := spnego.ParseInit(first)
		if err != nil {
			return // the token was fragmented, or followed the acceptor's hints
		}
		if _, kerberosFirst := init.Choose(krbtest.OIDKerberos, krbtest.OIDMSKerberos); kerberosFirst {
			return
		}
		if !slices.ContainsFunc(lists, func(l []byte) bool { return bytes.Equal(l, init.MechTypes) }) {
			t.Fatalf("accepted with the list %x, which no seed has", init.MechTypes)
		}
	})
}

// record runs an exchange and returns the client's three tokens. A token that the exchange
// does not have is empty.
func record(t testing.TB, n *krbtest.Negotiation, a *sspi.Acceptor) (tokens [3][]byte) {
	t.Helper()
	c := a.NewContext(sspi.ContextConfig{})
	var reply []byte
	for i := 0; ; i++ {
		token, _, err := n.Next(reply)
		if err != nil {
			t.Fatal(err)
		}
		if token == nil {
			break
		}
		if i < len(tokens) { // the longest exchange has one more token
			tokens[i] = token
		}
		if reply, _, err = c.Accept(context.Background(), token); err != nil && err != sspi.ErrContinue {
			t.Fatal(err)
		}
		if len(reply) == 0 {
			break
		}
	}
	if c.Peer() == nil {
		t.Fatal("the acceptor refused a seed")
	}
	return tokens
}
