package sspi_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/internal/krbtest"
	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/status"
)

// TestPARSE_20_WholeTokens checks that WholeTokens refuses a truncated SPNEGO token at
// once, in each step, with a reject. Without WholeTokens the context waits for the rest.
func TestPARSE_20_WholeTokens(t *testing.T) {
	s := newSite(t)
	list := (&krbtest.NegTokenInit{Mechanisms: ntlmFirst}).Bytes()
	init, _, _ := s.client(onlyKerberos).Next(nil)
	response := (&krbtest.NegTokenResp{State: krbtest.NegIncomplete, Token: s.request().Token()}).Bytes()
	for _, row := range []struct{ before, token []byte }{{nil, init}, {list, response}} {
		for n := 1; n < len(row.token); n++ {
			c := s.acceptor.NewContext(sspi.ContextConfig{WholeTokens: true})
			waiting := s.acceptor.NewContext(sspi.ContextConfig{})
			if row.before != nil {
				s.step(t, c, row.before)
				s.step(t, waiting, row.before)
			}
			reply, _, err := c.Accept(context.Background(), row.token[:n])
			if status.ReasonOf(err) != status.ReasonMalformedToken || !bytes.Equal(reply, rejection) || !strings.Contains(err.Error(), "SPNEGO token") {
				t.Fatalf("%d bytes of %d: %x, %v", n, len(row.token), reply, err)
			}
			if c.Err() == nil {
				t.Fatalf("%d bytes of %d: the acceptor expects another token", n, len(row.token))
			}
			s.step(t, waiting, row.token[:n])
		}
	}
	if n := s.replay.stores.Load(); n != 0 {
		t.Errorf("%d authenticators claimed", n)
	}
}

// TestPARSE_20_WholeTokensServed checks that WholeTokens accepts each kind of client.
func TestPARSE_20_WholeTokensServed(t *testing.T) {
	for name, row := range everyNegotiation {
		s := newSite(t)
		n := s.retrying(row.mechanisms, row.change)
		c := s.acceptor.NewContext(sspi.ContextConfig{WholeTokens: true})
		if _, err := negotiate(n, c); err != nil || c.Peer() == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		talk(t, c, n.Kerberos)
	}
	s := newSite(t)
	if _, peer, err := s.acceptor.NewContext(sspi.ContextConfig{WholeTokens: true}).Accept(context.Background(), s.request().Token()); err != nil || peer == nil {
		t.Errorf("raw Kerberos: %v", err)
	}
}
