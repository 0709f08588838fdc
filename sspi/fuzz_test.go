package sspi_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/gosspi/kerberos/authenticator"
	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/keytab"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// FuzzAccept passes whole tokens to an acceptor, twice on one context. Every result must be
// a success for the client of the seeds or an error that blames the token. A second context
// must find a replay in an accepted token.
func FuzzAccept(f *testing.F) {
	realm := krbtest.NewRealm("EXAMPLE.COM")
	keys := realm.Service(service)
	for _, token := range seedTokens(realm) {
		f.Add(token, []byte{})
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		a, err := sspi.NewAcceptor(sspi.Config{
			Keys: keys, Time: realm.Now, Rand: realm,
			Replay: authenticator.NewMemoryCache(0, authenticator.AcceptOlder),
		})
		if err != nil {
			t.Fatal(err)
		}
		c := a.NewContext(sspi.ContextConfig{AcceptDelegation: true})
		for i, token := range [][]byte{first, second} {
			token = slices.Clip(bytes.Clone(token))
			_, peer, err := c.Accept(context.Background(), token)
			if (peer != nil) != (err == nil) {
				t.Fatalf("token %d: %v, %v", i, peer, err)
			}
			if peer != nil && peer.Client.String() != "alice@EXAMPLE.COM" {
				t.Fatalf("token %d: accepted %v", i, peer.Client)
			}
			switch reason := status.ReasonOf(err); {
			case err == sspi.ErrContinue:
			case i == 0 && (reason == status.ReasonContextState || reason == status.ReasonInvalidHandle),
				reason == status.ReasonInternal, reason == status.ReasonArgument, reason == status.ReasonReplayCacheFailed, reason == status.ReasonNoKey:
				t.Fatalf("token %d: %v", i, err)
			}
		}
		if c.Peer() == nil {
			return
		}
		again := a.NewContext(sspi.ContextConfig{})
		_, _, err = again.Accept(context.Background(), first)
		if err == sspi.ErrContinue { // a fragment, or the request for the list of mechanisms
			_, _, err = again.Accept(context.Background(), second)
		}
		if status.ReasonOf(err) != status.ReasonReplay {
			t.Fatalf("the same tokens again: %v", err)
		}
	})
}

// seedTokens returns first tokens of every kind.
func seedTokens(realm *krbtest.Realm) [][]byte {
	tokens := [][]byte{{}, []byte("NTLMSSP\x00"), []byte("NEGOEXTS"), {0x60, 0}, {0x6e, 0x80}}
	for _, e := range []keytab.EType{17, 18, 19, 20} {
		ticket := realm.Ticket("alice", service)
		ticket.SealWith(realm.Key(service, e, 0))
		ticket.Part.Key = realm.NewKey(e)
		tokens = append(tokens, ticket.APReq().Token())
	}
	for _, change := range []func(*krbtest.APReq){
		oneWay, dce, late,
		func(q *krbtest.APReq) { q.OID = krbtest.OIDMSKerberos },
		func(q *krbtest.APReq) { q.Target, q.BindingAware = service, true },
		func(q *krbtest.APReq) { q.NoChecksum = true },
		func(q *krbtest.APReq) { q.Flags |= 1; q.Cred = q.Forward().Bytes() },
	} {
		q := realm.Ticket("alice", service).APReq()
		change(q)
		tokens = append(tokens, q.Token())
	}
	return tokens
}
